"""Inbox: batches of chunks on their way from the loop's thread to a thread that iterates over them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

from forebay._core.state.completion import Completion
from forebay._system.loop_watch import POLL_SECONDS, check_alive

__all__ = ["Inbox"]


class Inbox:
    """One batch at a time. It is used up when the thread asks for the chunk behind its last one."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        # Set when there is a batch, the end or an error for the thread.
        self._given = threading.Event()
        self._batch: list[Any] | None = None
        self._used: Completion | None = None
        self._error: BaseException | None = None
        #: Whether the end was given.
        self.ended = False
        #: Whether the thread has come to the end.
        self.read_to_end = False

    # ---- on the loop's thread

    def give(self, batch: list[Any]) -> Completion:
        """Give the thread a batch. Done when it is used up."""
        used = self._used = Completion()
        self._batch = batch
        self._given.set()
        return used

    def end(self) -> Completion:
        """Tell the thread that no more will come. Done when the thread has come to the end."""
        used = self._used = Completion()
        self.ended = True
        self._given.set()
        return used

    def fail(self, error: BaseException) -> None:
        """Raise ``error`` in the thread when it asks for the next chunk. A batch that was given counts no more."""
        self._used = None
        self._error = error
        self._given.set()

    def refuse(self, error: BaseException | None) -> bool:
        """Settle the outstanding batch or end: the thread will take no more. Return whether there was one."""
        used, self._used = self._used, None
        if used is None:
            return False
        if error is None:
            used.resolve()
        else:
            used.reject(error)
        return True

    def _use_up(self, used: Completion) -> None:
        if self._used is used:
            self._used = None
            used.resolve()

    # ---- in the thread

    def items(self) -> Iterator[Any]:
        """Iterate over the chunks, and wait for them."""
        while True:
            while not self._given.wait(POLL_SECONDS):
                check_alive(self._loop)
            # First, so that what the loop sets from now on is seen.
            self._given.clear()
            if self._error is not None:
                raise self._error
            batch, used = self._batch, self._used
            self._batch = None
            if batch is None:
                if not self.ended:
                    continue
                self.read_to_end = True
                self._tell(used)
                return
            yield from batch
            self._tell(used)
            # A completion holds the stream.
            batch = used = None

    def _tell(self, used: Completion | None) -> None:
        if used is None:
            return
        try:
            self._loop.call_soon_threadsafe(self._use_up, used)
        except RuntimeError:
            check_alive(self._loop)
            raise
