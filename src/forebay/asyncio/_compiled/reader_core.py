"""The core of the readers: what runs for every piece of received data, and the reads that do not wait.

The bytes of a reader are in a `ChunkQueue`. A read that has to wait says what it needs. It is woken when that has
arrived, not for each piece. If the data has arrived already, no future is made.
"""

from __future__ import annotations

from asyncio import IncompleteReadError, LimitOverrunError
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import forebay._buffers as _buffers
from forebay._backend import backend
from forebay._core.scheduling import this_thread
from forebay.asyncio._compiled import class_versions as versions
from forebay.asyncio._compiled.arguments import NotInitializedError, checked_long_lines, separator_of
from forebay.asyncio._compiled.overrides import CALLED, FEED, overridden
from forebay.asyncio._compiled.waiter import Waiter

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Future

    from forebay._buffers.chunk_queue_py import ChunkQueue as Queue
    from forebay.asyncio._compiled.arguments import LongLines

ANY = 0
COUNT = 1
SEPARATOR = 2

ERROR: LongLines = "error"
_NEWLINE = b"\n"
# The version of the class that was looked at last, and what it overrides.
_last_version = 0
_last_own = 0

#: Fed data below this many bytes is copied: a short piece joins others, a long one is kept as the object it is.
_COPIED_BYTES = 512
_buffer_class: Any = None


def show_buffer_as(cls: type) -> None:
    """Set the class that stands for asyncio's private ``_buffer``."""
    global _buffer_class
    _buffer_class = cls


class ReaderCore:
    """The buffer of a `StreamReader`, and the reads that do not wait.

    These reads return None if the data has not arrived, and ``b""`` at the end of the stream.
    """

    _queue: Queue
    _limit: int
    _eof: bool
    _paused: bool
    _pausing: bool
    _skipping: bool
    _deferred: bool
    _exception: Any
    _transport: Any
    _loop: AbstractEventLoop
    _waiter: Any
    _want: int
    _want_bytes: int
    _want_separator: Any
    _version: int
    _own: int
    _patched: bool

    # Compiled, every object has these, also one whose class forgets super().__init__(): its reads raise AttributeError,
    # as without it. The queue stays the same one, for a call may be at work on it.
    def __cinit__(self) -> None:
        self._queue = _buffers.ChunkQueue()  # type: ignore[assignment]  # or the compiled one
        self._exception = NotInitializedError

    def _open(self, limit: int, loop: AbstractEventLoop) -> None:
        if backend == "python":
            self._queue = _buffers.ChunkQueue()  # type: ignore[assignment]  # or the compiled one
            self._patched = True
        else:
            self._queue.clear()
        self._limit = limit
        self._loop = loop
        self._eof = False
        self._paused = False
        self._pausing = False
        self._skipping = False
        # In debug mode the loop is to see, and to time, every step of a task.
        self._deferred = loop.get_debug()
        self._exception = None
        self._transport = None
        self._waiter = None
        self._want = ANY
        self._want_bytes = 0
        self._want_separator = None

    # ---- overrides in a class, and patches

    def __setattr__(self, name: Any, value: Any) -> None:
        if name in CALLED:
            self._patched = True
            self._version = 0
        versions.set_attribute(self, name, value)

    def _own_now(self) -> int:
        """Return which of the methods that this class calls itself are overridden."""
        version = versions.version_of(self)
        if version != 0 and version == self._version:
            return self._own
        return self._find_own(version)

    def _find_own(self, version: int) -> int:
        global _last_version, _last_own
        if version != 0 and version == _last_version and not self._patched:
            self._own = _last_own
            self._version = version
            return self._own
        own = overridden(self, self._patched)
        version = versions.version_of(self)
        self._own = own
        if not self._patched:
            self._version = version
            if not this_thread.FREE_THREADED:
                _last_version = version
                _last_own = own
        return own

    def _changed(self) -> int:
        return self._own_now()

    # ---- data comes

    def feed_data(self, data: Any) -> None:
        """Take received bytes.

        Args:
            data: A bytes-like object.
        """
        if self._loop is None:
            raise NotInitializedError
        assert not self._eof, "feed_data after feed_eof"
        if not data:
            return
        self._take_in(data)
        self._arrived()

    def _take_in(self, data: Any) -> int:
        if type(data) is bytes and len(data) > _COPIED_BYTES:
            self._queue._append(data)  # compiled: it stays the same queue
        else:
            self._queue.append_copy(data)
        return 0

    def _first_bytes(self) -> int:
        """Return how many of the next bytes should be one chunk: the size of the waiting read, which gets that object."""
        return self._want_bytes if self._want == COUNT and self._queue._total_bytes == 0 else 0

    def _came(self, pause: bool) -> int:
        """Let the waiting read continue if the received data completes it."""
        if self._waiter is None or self._is_due():
            if type(self._waiter) is Waiter and not self._deferred:
                waiter = self._waiter
                self._waiter = None
                self._want = ANY
                waiter.resume()
            else:
                self._wakeup_waiter()
            if self._is_full():
                if pause:
                    self._pause()
                else:
                    self._pausing = True
        return 0

    def _arrived(self) -> int:
        if self._waiter is None or self._is_due():
            if self._waiter is not None or self._own_now() & FEED:
                self._wakeup_waiter()
            if self._is_full():
                self._pause()
        return 0

    def _is_full(self) -> bool:
        """Return whether to pause the transport. A read that needs more than is buffered keeps the transport running."""
        return (
            self._queue._total_bytes > 2 * self._limit
            and not self._paused
            and self._transport is not None
            and (self._waiter is None or self._is_due())
        )

    def _pause(self) -> int:
        try:
            self._transport.pause_reading()
        except NotImplementedError:
            # It cannot be paused: all is buffered. Forgotten, so as not to try again.
            self._transport = None
        else:
            self._paused = True
        return 0

    def _pause_late(self) -> bool:
        """Pause the transport before more data is received if a pause is still due. Return whether it was."""
        if not self._pausing:
            return False
        self._pausing = False
        if self._paused or self._transport is None or self._queue._total_bytes <= self._limit:
            return False
        self._pause()
        return self._paused

    def _is_due(self) -> bool:
        """Return whether the data of the waiting read has arrived, or cannot arrive any more."""
        if self._want == COUNT:
            return self._queue._total_bytes >= self._want_bytes
        if self._want == SEPARATOR:
            queue = self._queue
            if queue._seek(self._want_separator, queue._total_bytes) >= 0:
                return True
            return self._queue._total_bytes + 1 - len(self._want_separator) > self._want_bytes
        return True

    def feed_eof(self) -> None:
        """Note the end of the data."""
        self._eof = True
        self._wakeup_waiter()

    def exception(self) -> Any:
        """Return the exception that reads raise, or None."""
        return self._exception

    def set_exception(self, exc: Exception) -> None:
        """Make every read, including the waiting one, raise an exception.

        Args:
            exc: The exception.
        """
        self._exception = exc
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            if not waiter.cancelled():
                waiter.set_exception(exc)

    def set_transport(self, transport: Any) -> None:
        """Set the transport that is paused when the buffer is full.

        Args:
            transport: The transport.
        """
        assert self._transport is None, "Transport already set"
        self._transport = transport

    def at_eof(self) -> bool:
        """Return whether everything was read and no more data will come."""
        return bool(self._eof and self._queue._total_bytes == 0)

    @property
    def _buffer(self) -> Any:
        return _buffer_class(self)

    @_buffer.setter
    def _buffer(self, data: Any) -> None:
        self._replace(bytes(data))

    def _buffered(self) -> int:
        return self._queue._total_bytes

    def _peek(self, n: int) -> bytes:
        return self._queue.peek(n)

    def _view(self, n: int) -> memoryview:
        view = self._queue.read_view(n)
        self._maybe_resume_transport()
        return view

    def _fill(self, buffer: Any) -> int:
        n = self._queue.readinto(buffer)
        self._maybe_resume_transport()
        return n

    def _replace(self, data: bytes) -> None:
        self._queue.clear()
        self._queue._append(data)  # compiled: it stays the same queue

    # ---- waiting

    def _wakeup_waiter(self) -> None:
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            self._want = ANY
            if not waiter.cancelled():
                waiter.set_result(None)

    def _wait(self, name: str, want: int, count: int, separator: Any) -> Future[None]:
        """Return the future of the next data. The awaiting code calls `_end_wait` in the end."""
        if self._waiter is not None:
            raise RuntimeError(
                f"{name}() called while another coroutine is already waiting for incoming data"
            )
        assert not self._eof, "_wait after EOF"
        # With the transport paused nothing would come.
        self._pausing = False
        if self._paused:
            self._paused = False
            self._transport.resume_reading()
        self._want = want
        self._want_bytes = count
        self._want_separator = separator
        self._waiter = Waiter(self._loop)
        return self._waiter  # type: ignore[no-any-return]  # a field is Any

    def _wait_for_any(self, name: str) -> Future[None]:
        return self._wait(name, ANY, 0, None)

    def _wait_for_bytes(self, name: str, n: int) -> Future[None]:
        return self._wait(name, COUNT, n, None)

    def _wait_for_separator(self, name: str, separator: bytes, limit: int | None) -> Future[None]:
        return self._wait(name, SEPARATOR, self._limit_of(limit), separator)

    def _end_wait(self) -> None:
        self._waiter = None
        self._want = ANY

    def _maybe_resume_transport(self) -> None:
        if self._paused and self._queue._total_bytes <= self._limit:
            self._paused = False
            self._transport.resume_reading()

    # ---- taking what is there

    def _take_some(self, n: int) -> bytes | None:
        queue = self._queue
        if queue._total_bytes == 0 and not self._eof:
            return None
        data = queue._read(min(n, queue._total_bytes))
        if self._paused:
            self._maybe_resume_transport()
        return data

    def _take_exactly(self, n: int) -> bytes | None:
        queue = self._queue
        if queue._total_bytes < n:
            if self._eof:
                raise IncompleteReadError(queue._read(queue._total_bytes), n)
            return None
        data = queue._read(n)
        if self._paused:
            self._maybe_resume_transport()
        return data

    def _take_until(self, separator: bytes, limit: int) -> bytes | None:
        queue = self._queue
        data = queue._read_near(separator, limit)
        if data is not None:
            if self._paused:
                self._maybe_resume_transport()
            return data
        size = len(separator)
        at = queue._seek(separator, queue._total_bytes)
        if at < 0:
            over = queue._total_bytes + 1 - size
            if over > limit:
                raise LimitOverrunError("Separator is not found, and chunk exceed the limit", over)
            if self._eof:
                raise IncompleteReadError(queue._read(queue._total_bytes), None)
            return None
        if at > limit:
            raise LimitOverrunError("Separator is found, but chunk is longer than limit", at)
        data = queue._read(at + size)
        if self._paused:
            self._maybe_resume_transport()
        return data

    def _take_until_any(self, separators: list[Any], limit: int) -> bytes | None:
        # The shortest first: of two that end at the same place it is the one that counts.
        queue = self._queue
        first = last = -1
        for separator in separators:
            at = queue.find(separator)
            if at >= 0:
                end = at + len(separator)
                if last < 0 or end < last:
                    first, last = at, end
        if last < 0:
            size = len(separators[len(separators) - 1])
            over = queue._total_bytes + 1 - size
            if over > limit and queue._total_bytes >= len(separators[0]):
                raise LimitOverrunError("Separator is not found, and chunk exceed the limit", over)
            if self._eof:
                raise IncompleteReadError(queue._read(queue._total_bytes), None)
            return None
        if first > limit:
            raise LimitOverrunError("Separator is found, but chunk is longer than limit", first)
        data = queue._read(last)
        if self._paused:
            self._maybe_resume_transport()
        return data

    def _take_line(self, limit: int, long_lines: str) -> bytes | None:
        queue = self._queue
        if self._skipping and not self._skip_on():
            return b"" if self._eof else None
        data = queue._read_near(_NEWLINE, limit)
        if data is not None:
            if self._paused:
                self._maybe_resume_transport()
            return data
        at = queue._seek(_NEWLINE, queue._total_bytes)
        if at < 0:
            total = queue._total_bytes
            if total > limit:
                return self._take_long_line(total, False, limit, long_lines)
            if self._eof:
                return queue._read(total)
            return None
        if at > limit:
            return self._take_long_line(at, True, limit, long_lines)
        data = queue._read(at + 1)
        if self._paused:
            self._maybe_resume_transport()
        return data

    def _take_long_line(self, length: int, ended: bool, limit: int, long_lines: str) -> bytes | None:
        queue = self._queue
        if long_lines == "split":
            data = queue._read(limit)
            self._maybe_resume_transport()
            return data
        queue.consume(length + ended)
        self._maybe_resume_transport()
        if long_lines == "skip":
            self._skipping = not ended
            return self._take_line(limit, long_lines)
        if ended:
            raise ValueError("Separator is found, but chunk is longer than limit")
        raise ValueError("Separator is not found, and chunk exceed the limit")

    def _is_long(self, limit: int) -> bool:
        """Return whether the part of the next line that has arrived is longer than ``limit``."""
        if self._queue._total_bytes <= limit:
            return False
        at = self._queue._seek(_NEWLINE, self._queue._total_bytes)  # compiled: it stays the same queue
        return at < 0 or at > limit

    def _skip_on(self) -> bool:
        """Drop the received part of a long line. Return whether that was the whole rest."""
        queue = self._queue
        at = queue._seek(_NEWLINE, queue._total_bytes)
        if at < 0:
            queue.consume(queue._total_bytes)
        else:
            queue.consume(at + 1)
            self._skipping = False
        self._maybe_resume_transport()
        return at >= 0

    # The same, for the coroutines that have waited: Python cannot call a C method, and one that both can call would look
    # for an override at every read.

    def _some(self, n: int) -> bytes | None:
        return self._take_some(n)

    def _exactly(self, n: int) -> bytes | None:
        return self._take_exactly(n)

    def _until(self, separator: Any, limit: int | None) -> bytes | None:
        if type(separator) is list:
            return self._take_until_any(separator, self._limit_of(limit))
        return self._take_until(separator, self._limit_of(limit))

    def _line(self, limit: int | None, long_lines: LongLines) -> bytes | None:
        return self._take_line(self._limit_of(limit), checked_long_lines(long_lines))

    def _limit_of(self, limit: Any) -> int:
        if limit is None:
            return self._limit
        if isinstance(limit, bool) or not isinstance(limit, int):
            raise TypeError(f"limit must be an int or None, not {type(limit).__name__}")
        if limit <= 0:
            raise ValueError(f"limit must be above 0, not {limit}")
        return limit

    # ---- reads that never wait

    def read_nowait(self, n: int = -1) -> bytes | None:
        """Return up to ``n`` bytes that have arrived; None if there are none, ``b""`` at the end.

        Args:
            n: The most bytes. A negative number reads all that have arrived.
        """
        if self._exception is not None:
            raise self._exception
        if n == 0:
            return b""
        return self._take_some(self._queue._total_bytes if n < 0 else n)

    def readexactly_nowait(self, n: int) -> bytes | None:
        """Return the next ``n`` bytes, or None if fewer have arrived.

        Args:
            n: The number of bytes.

        Raises:
            asyncio.IncompleteReadError: The stream ended before.
            ValueError: ``n`` is negative.
        """
        if n < 0:
            raise ValueError("readexactly size can not be less than zero")
        if self._exception is not None:
            raise self._exception
        return self._take_exactly(n)

    def readuntil_nowait(self, separator: Any = b"\n", *, limit: int | None = None) -> bytes | None:
        """Return what is up to and including ``separator``, or None if it has not arrived. Raises as `readuntil` does.

        Args:
            separator: Bytes, or a tuple of bytes.
            limit: The most bytes before the separator. None is the reader's limit.
        """
        if type(separator) is not bytes or not separator:
            separator = separator_of(separator)
        if self._exception is not None:
            raise self._exception
        return self._until(separator, limit)

    def _line_now(self, own: int) -> bytes | None:
        """Return the next line if it has arrived and none of the methods ``own`` is overridden; otherwise None."""
        if self._own_now() & own:
            return None
        if self._exception is not None:
            raise self._exception
        return self._take_line(self._limit, ERROR)

    def readline_nowait(self) -> bytes | None:
        """Return the next line, None if it is not complete, ``b""`` at the end. Raises ValueError as `readline` does."""
        if self._exception is not None:
            raise self._exception
        return self._take_line(self._limit, ERROR)

    def read_lines_nowait(
        self, max_lines: int | None = None, *, limit: int | None = None, long_lines: LongLines = "error"
    ) -> list[bytes]:
        """Return a list of the complete lines that have arrived; at the end also what follows the last.

        Args:
            max_lines: The most lines. None means no limit.
            limit: As for `readline`.
            long_lines: As for `readline`.
        """
        if self._exception is not None:
            raise self._exception
        most = self._limit_of(limit)
        checked_long_lines(long_lines)
        left = -1 if max_lines is None else max_lines
        lines: list[bytes] = []
        # The lines before one that is too long come first; the next call raises.
        while left != 0 and not (lines and self._is_long(most)):
            line = self._take_line(most, long_lines)
            if not line:
                break
            lines.append(line)
            left -= 1
        return lines

    def lines_nowait(self) -> Iterator[bytes]:
        """Return an iterator over the complete lines that have arrived, for a plain ``for``."""
        return _LineIterator(self)


if backend == "python":
    # There, every class and object is looked at each time.
    del ReaderCore.__setattr__


class _LineIterator:
    """The complete lines of a reader; see `ReaderCore.lines_nowait`."""

    _reader: Any

    def __init__(self, reader: Any) -> None:
        self._reader = reader

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        reader = self._reader
        if reader is None:
            raise StopIteration
        if reader._exception is not None:
            raise reader._exception
        line = reader._take_line(reader._limit, ERROR)
        if not line:
            raise StopIteration
        return line
