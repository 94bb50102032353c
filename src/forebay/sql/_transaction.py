"""transaction(): several streams in one transaction."""

from __future__ import annotations

import asyncio
from types import TracebackType

from forebay._core.representation import represent
from forebay.errors import ConnectionBusyError, InvalidArgTypeError, InvalidStateError
from forebay.sql._adapters import find_source
from forebay.sql._arguments import check_choice
from forebay.sql._connection_use import CLEANUP_SECONDS
from forebay.sql._session import Session
from forebay.sql._source import Claim, Source

__all__ = ["Transaction"]

_ISOLATIONS = (None, "read_uncommitted", "read_committed", "repeatable_read", "serializable")


class Transaction:
    """A transaction that streams take part in; `transaction` makes it. Use it with ``async with``, and as a ``connection``.

    The end of the block commits. An exception in the block rolls back. ``connection_state`` is "open" in the block, then
    "usable" or "discarded".
    """

    def __init__(self, connection: object, isolation: str | None, readonly: bool) -> None:
        check_choice("isolation", isolation, _ISOLATIONS)
        if not isinstance(readonly, bool):
            raise InvalidArgTypeError(f"readonly must be True or False, got {readonly!r}")
        self._source = find_source(connection)
        self._isolation = isolation
        self._readonly = readonly
        self._session: Session | None = None
        self._claim: Claim | None = None
        self.connection_state = "open"

    def __repr__(self) -> str:
        return represent(self, lambda: "open" if self._session is not None else self.connection_state)

    async def __aenter__(self) -> Transaction:
        if self._session is not None:
            raise InvalidStateError("the transaction is open already")
        if self._source.connection is not None:
            self._claim = Claim(self._source.connection, "transaction")
            await self._claim.taken()
        try:
            self._session = await self._source.acquire()
            await self._session.begin(self._isolation, self._readonly)
        except BaseException:
            await self._give_back(False)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        session = self._session
        assert session is not None
        usable = False
        try:
            async with asyncio.timeout(None if error is None else CLEANUP_SECONDS):
                claim = Claim.holder(self)
                if error is None and claim is not None and not claim.ending:
                    raise ConnectionBusyError(
                        "the transaction was not committed and its connection is closed: a stream of it was still open at "
                        "its end; wait for the stream's 'close' event inside the block"
                    )
                last = Claim(self, "the end of the transaction")
                await last.taken()
                try:
                    if error is None:
                        await session.commit()
                    else:
                        await session.rollback()
                    usable = await session.is_usable()
                except Exception:
                    # A commit that fails also ends the transaction, unless the database is busy.
                    usable = not session.in_transaction() and await session.is_usable()
                    raise
                finally:
                    last.give_back()
        except TimeoutError:
            if error is None:
                raise
        finally:
            await self._give_back(usable)

    async def _give_back(self, usable: bool) -> None:
        session, self._session = self._session, None
        self.connection_state = "usable" if usable else "discarded"
        try:
            if session is not None:
                await self._source.release(session, usable)
        finally:
            if self._claim is not None:
                self._claim.give_back()

    def _forebay_source(self) -> Source:
        return _PartSource(self)

    def _open_session(self) -> Session:
        if self._session is None:
            raise InvalidStateError("the transaction is not open; use it inside `async with`")
        return self._session


class _PartSource(Source):
    """The connection of a transaction, for one of its streams."""

    def __init__(self, transaction: Transaction) -> None:
        self.connection = transaction
        self._transaction = transaction

    async def acquire(self) -> Session:
        """See `Source.acquire`."""
        return self._transaction._open_session()

    async def release(self, session: Session, usable: bool) -> None:
        """See `Source.release`."""
        if not usable:
            session.terminate()
