"""Mailbox: chunks on their way from a thread to the loop's thread."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from sys import getsizeof
from time import monotonic
from typing import Any

from forebay._system.loop_watch import POLL_SECONDS, check_alive
from forebay.errors import NullChunkError

__all__ = ["MOST_OBJECTS", "FromMailbox", "Mailbox", "ReaderGone"]

#: The most objects that are read ahead if the program names no mark. They come in one wake-up of the loop.
MOST_OBJECTS = 1000
# A source that takes less time than this to fill the mailbox may fill a larger one: its objects are small.
_QUICK_SECONDS = 0.002
# About the bytes of objects that may wait, by the size of the last one.
_MOST_WAITING = 2 * 1024 * 1024


class ReaderGone(Exception):
    """Raised in the thread of a producer whose reader is gone."""


class Mailbox:
    """A bounded queue from one thread at a time to the loop's thread.

    The thread appends, then looks whether a reader sleeps. The loop notes the reader that sleeps, then looks once more for a
    chunk. The locks of the deques keep these orders also without the GIL, and one thread only takes the reader. ``by_size``
    counts bytes, otherwise objects count. Without ``fixed`` the limit starts with 1 and grows while the thread is quick.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, limit: int, *, by_size: bool, fixed: bool) -> None:
        self.loop = loop
        self._chunks: deque[Any] = deque()
        self._by_size = by_size
        self._most = max(limit, 1)
        self._fixed = fixed
        self._limit = self._most if fixed else 1
        # Each is changed in one thread only.
        self._put = 0
        self._taken = 0
        self._deliver: Callable[[], Callable[[], None] | None] = _none
        #: The method again, while the reader waits for a chunk: the thread then keeps the stream alive. Otherwise empty.
        self.sleeping: deque[Callable[[], None] | None] = deque()
        self._room = threading.Event()
        self._filled_since = monotonic()
        self._left: BaseException | None = None
        #: Whether the thread has ended, and with which error. The chunks before it come first.
        self.ended = False
        self.error: BaseException | None = None

    # ---- in the thread

    def put_all(self, chunks: Iterable[Any]) -> None:
        """Put each chunk, and wait for room where it is needed. Raises ReaderGone if the reader is gone."""
        append = self._chunks.append
        for chunk in chunks:
            if chunk is None:
                raise NullChunkError("None marks the end of a stream and cannot be a chunk")
            self._put += len(chunk) if self._by_size else 1
            append(chunk)
            if self.sleeping:
                self._wake()
            if self._left is not None or self.is_full():
                self._wait_for_room(chunk)

    def put(self, chunk: Any) -> None:
        """Put one chunk, without a wait. Call it in one thread at a time."""
        self._put += len(chunk) if self._by_size else 1
        self._chunks.append(chunk)
        if self.sleeping:
            self._wake()

    def is_full(self) -> bool:
        """Return whether a producer has to wait."""
        return self._put - self._taken >= self._limit

    def wait_a_moment(self, seconds: float) -> None:
        """Wait for room, at most some seconds, and at most until it is time to look at the loop again."""
        self._room.clear()
        if self.is_full() and self._left is None:
            self._room.wait(min(seconds, POLL_SECONDS))
            check_alive(self.loop)

    def _wait_for_room(self, last: Any) -> None:
        if not self._fixed:
            if getsizeof(last, 0) * self._limit > _MOST_WAITING:
                self._limit = max(1, self._limit // 2)
            elif monotonic() - self._filled_since < _QUICK_SECONDS:
                self._limit = min(2 * self._limit, self._most)
        while self._left is None and self.is_full():
            self.wait_a_moment(POLL_SECONDS)
        self._filled_since = monotonic()
        if self._left is not None:
            raise ReaderGone

    def end(self, error: BaseException | None) -> None:
        """Note the end of the thread."""
        self.error = error
        self.ended = True
        if self.sleeping:
            self._wake()

    def _wake(self) -> None:
        try:
            reader = self.sleeping.pop()
        except IndexError:
            # The loop has woken up in this moment.
            return
        if reader is None:
            return
        try:
            self.loop.call_soon_threadsafe(reader)
        except RuntimeError:
            check_alive(self.loop)
            raise

    # ---- on the loop's thread

    def deliver_to(self, deliver: Callable[[], None]) -> None:
        """Set the method that is called when there are chunks again. It does not keep an unread stream alive."""
        self._deliver = weakref.WeakMethod(deliver)

    def take(self) -> list[Any]:
        """Return all chunks. If there are none, and no end, note the reader that sleeps."""
        self.sleeping.clear()
        chunks = self._pop()
        if not chunks and not self.ended:
            self.sleeping.append(self._deliver())
            chunks = self._pop()
            if chunks or self.ended:
                self.sleeping.clear()
        if not self._room.is_set():
            self._room.set()
        return chunks

    def _pop(self) -> list[Any]:
        pop = self._chunks.popleft
        chunks = [pop() for _ in range(len(self._chunks))]
        self._taken += sum(map(len, chunks)) if self._by_size else len(chunks)
        return chunks

    def leave(self, error: BaseException | None) -> None:
        """Note that the reader takes no more chunks, and why."""
        self._left = error if error is not None else ReaderGone()
        self.sleeping.clear()
        self._room.set()

    @property
    def left(self) -> BaseException | None:
        """Why the reader takes no more chunks; None while it does."""
        return self._left


class FromMailbox:
    """The readable side of a stream whose chunks come from a mailbox."""

    _mailbox: Mailbox
    destroyed: bool
    push: Any
    push_many: Any
    readable_object_mode: Any
    destroy: Any

    # What was taken from the mailbox and not pushed yet.
    _taken: Iterator[Any] = iter(())
    _delivering = False
    _wanted = False

    def _read(self, size: int) -> None:
        self._deliver()

    def _deliver(self) -> None:
        """Push what there is, as far as there is room. The mailbox calls this when it has something again."""
        # A push may flow on and ask for more before it returns.
        if self._delivering:
            self._wanted = True
            return
        self._delivering = True
        took = False
        try:
            while not self.destroyed:
                self._wanted = False
                if not self._push_taken():
                    if not self._wanted:
                        return
                elif took:
                    # A thread may be as fast as its reader: the loop gets its turn.
                    self._mailbox.loop.call_soon(self._deliver)
                    return
                else:
                    took = self._take()
                    if not took:
                        return
        finally:
            self._delivering = False

    def _push_taken(self) -> bool:
        """Push while there is room. Return whether there is still room."""
        if not self.readable_object_mode:
            return all(map(self.push, self._taken))
        # All at once, with a mark of 1: the stream then asks again when all of them have been read, and not for each.
        chunks = list(self._taken)
        return not chunks or bool(self.push_many(chunks))

    def _take(self) -> bool:
        """Take what is in the mailbox. Return whether there is something to push."""
        mailbox = self._mailbox
        while True:
            over = mailbox.ended
            chunks = mailbox.take()
            if chunks:
                self._taken = iter(chunks)
                return True
            if over and mailbox.error is not None:
                self.destroy(mailbox.error)
            elif over:
                self.push(None)
            elif not mailbox.sleeping:
                # The thread has ended in this moment.
                continue
            return False

    def __del__(self) -> None:
        if hasattr(self, "_mailbox"):
            self._mailbox.leave(None)


def _none() -> None:
    return None
