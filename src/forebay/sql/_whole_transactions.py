"""Connections without savepoints: a part of a transaction that is rolled back takes the whole transaction with it."""

from __future__ import annotations

import threading
from abc import abstractmethod
from time import monotonic

from forebay.errors import InvalidStateError
from forebay.sql._blocking import BlockingSession

__all__ = ["WholeTransactionSession"]

# An interrupted statement makes its whole transaction fail. So a statement gets this time to end by itself.
_PATIENCE_SECONDS = 1.0


class WholeTransactionSession(BlockingSession):
    """A session whose driver has no savepoints, or none that can be used after an error."""

    def __init__(self) -> None:
        super().__init__()
        # Whether a stream began the open transaction, and the number of levels in it.
        self._own = False
        self._depth = 0
        self._lost = False
        #: Whether the statement that runs is in a transaction of a program or of several streams.
        self.inside = False
        #: How many calls of statements are done.
        self.trips = 0
        # Held while the program's transaction is looked for, and during an interrupt.
        self._looking = threading.Lock()
        # The trip that an interrupt waits for, and until when.
        self._awaited = -1
        self._deadline = 0.0

    # ---- what a driver provides

    @abstractmethod
    def has_transaction(self) -> bool:
        """Whether the program has begun a transaction. Raises the driver's error if that has failed."""

    @abstractmethod
    def start(self, isolation: str | None, readonly: bool) -> None:
        """Begin a transaction."""

    @abstractmethod
    def finish(self, commit: bool) -> None:
        """Commit the transaction or roll it back."""

    @abstractmethod
    def check(self) -> None:
        """Run a statement that fails if the transaction has failed."""

    @abstractmethod
    def interrupt_now(self) -> None:
        """Stop the call that runs in the thread."""

    # ---- transactions

    def in_transaction(self) -> bool:
        """Whether a stream has begun a transaction."""
        return self._depth > 0

    def begin(self, isolation: str | None, readonly: bool) -> None:
        """See `Session.begin`."""
        if not self._depth:
            self._own = not self._look()
            if self._own:
                self.start(isolation, readonly)
        self._depth += 1

    def leave(self, commit: bool) -> None:
        """See `Session.commit` and `Session.rollback`."""
        self._depth -= 1
        if not commit:
            self._roll_back()
            return
        if self._lost:
            raise InvalidStateError(
                "the transaction was not committed: one of its streams failed or was left early, and "
                f"{self.driver} can only roll back all of it"
            )
        try:
            # Without this, the commit of a transaction that has failed would report no error.
            self.check()
        except Exception:
            self._roll_back()
            raise
        if not self._depth and self._own:
            self._own = False
            self.finish(True)

    def _roll_back(self) -> None:
        if not self._lost:
            self.finish(False)
        self._lost = self._depth > 0
        if not self._depth:
            self._own = False

    # ---- statements

    def _look(self) -> bool:
        """Look for a transaction of the program. An interrupt here would make that transaction fail."""
        with self._looking:
            return self.has_transaction()

    def begin_statement(self) -> None:
        """Note in which transaction the statement of a stream is going to run."""
        self.inside = self._depth > 0 or self._look()

    def interrupt(self) -> None:
        """See `BlockingSession.interrupt`. The caller tries again if the call goes on."""
        if not self._looking.acquire(blocking=False):
            return
        try:
            if not self.inside or self._has_had_time():
                self.interrupt_now()
        finally:
            self._looking.release()

    def _has_had_time(self) -> bool:
        """Whether the statement that runs has had the time to end by itself."""
        if self._awaited != self.trips:
            self._awaited = self.trips
            self._deadline = monotonic() + _PATIENCE_SECONDS
        return monotonic() >= self._deadline
