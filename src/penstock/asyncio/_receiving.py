"""The inner part of the readers and protocols: what runs for every piece of data.

A reader's bytes are in a `ChunkQueue`. A read that has to wait says for what, and is woken when that is there, not
for each piece that comes; where it is there already, no future is made.
"""

from asyncio import CancelledError, IncompleteReadError, LimitOverrunError, current_task

from penstock import _backend

ANY = 0
COUNT = 1
SEPARATOR = 2

PENDING = 0
DONE = 1
CANCELLED = 2

ERROR = "error"
_NEWLINE = b"\n"
#: Fed data below this many bytes is copied: a short piece joins others, a long one is kept as the object it is.
_COPIED_BYTES = 512
#: Bytes that are still received while the transport is being paused.
_LAST_BYTES = 1 << 12
#: Bytes that a backlog gives to the transport at once; larger chunks go as they are.
_PASSED_BYTES = 1 << 17


class _Waiter:
    """The future of one read: it can resume the task that awaits it at once, without a turn of the loop.

    A task takes any object for a future that has ``_asyncio_future_blocking`` and these methods. asyncio's own future
    tells the task by `call_soon`, so that what came waits for the next turn; a protocol's callback is as good a place to
    go on at, and `resume` does that.
    """

    def __init__(self, loop):
        self._asyncio_future_blocking = False
        self._loop = loop
        self._state = PENDING
        self._error = None
        self._callback = None
        self._context = None
        self._taken = False

    # ---- for the coroutine

    def __await__(self):
        return self

    def __iter__(self):
        return self

    def __next__(self):
        if self._state == PENDING:
            self._asyncio_future_blocking = True
            return self
        self.result()
        raise StopIteration

    # ---- for the task

    def get_loop(self):
        """The loop of the task."""
        return self._loop

    def add_done_callback(self, fn, *, context=None):
        """Call ``fn(self)`` when done; the task's, of which there is one."""
        assert self._callback is None, "a waiter is for one task"
        self._callback = fn
        self._context = context
        if self._state != PENDING:
            self._tell()

    def remove_done_callback(self, fn):
        """Forget the callback; how many there were."""
        found = int(self._callback is not None and self._callback == fn)
        if found:
            self._callback = None
        return found

    def done(self):
        """Whether there is nothing to wait for any more."""
        return self._state != PENDING

    def cancelled(self):
        """Whether the task was cancelled."""
        return self._state == CANCELLED

    def result(self):
        """None, or raise what the waiting ended with."""
        self._taken = True
        if self._error is not None:
            raise self._error

    def exception(self):
        """What the waiting ended with, or None."""
        if self._state == CANCELLED:
            raise self._error
        return self._error

    def cancel(self, msg=None):
        """End the waiting, as the task is cancelled."""
        if self._state != PENDING:
            return False
        self._state = CANCELLED
        self._error = CancelledError() if msg is None else CancelledError(msg)
        self._tell()
        return True

    # ---- for the reader

    def set_result(self, result):
        """End the waiting; the task goes on in the next turn."""
        self._state = DONE
        self._tell()

    def set_exception(self, error):
        """Let the task raise ``error``."""
        self._state = DONE
        self._error = error() if isinstance(error, type) else error
        self._tell()

    def _tell(self):
        if self._callback is not None:
            self._loop.call_soon(self._callback, self, context=self._context)

    def resume(self):
        """End the waiting; the task goes on here and now, if no other is running."""
        self._state = DONE
        if self._callback is None:
            return
        if self._context is None or current_task(self._loop) is not None:
            self._tell()
            return
        try:
            self._context.run(self._callback, self)
        except (SystemExit, KeyboardInterrupt) as error:
            # The task has it too. These end the loop, and not the connection that happened to wake the task.
            self._loop.call_soon(_raise, error)
        except RuntimeError:
            if self._taken:
                raise
            # The task's context is one that this runs in.
            self._tell()

    def __repr__(self):
        return f"<Waiter {('pending', 'done', 'cancelled')[self._state]}>"


def _raise(error):
    raise error


class ReaderCore:
    """The buffer of a `StreamReader`, and the reads that do not wait.

    Those return None where what they are asked for is not there yet, and ``b""`` at the end of the stream.
    """

    def _open(self, limit, loop):
        self._queue = _backend.ChunkQueue()
        self._limit = limit
        self._loop = loop
        self._eof = False
        self._paused = False
        self._skipping = False
        # In debug mode the loop is to see, and to time, every step of a task.
        self._deferred = loop.get_debug()
        self._exception = None
        self._transport = None
        self._waiter = None
        self._want = ANY
        self._want_bytes = 0
        self._want_separator = None

    # ---- data comes

    def feed_data(self, data):
        """Take in bytes that were received."""
        assert not self._eof, "feed_data after feed_eof"
        if not data:
            return
        if type(data) is bytes and len(data) > _COPIED_BYTES:
            self._queue._append(data)
        else:
            self._queue.append_copy(data)
        self._arrived()

    def _receive(self, area, n, pause):
        first = 0
        if self._want == COUNT and self._queue._total_bytes == 0 and self._want_bytes <= n:
            # What the waiting read wants becomes one chunk, which it is given as it is.
            first = self._want_bytes
        self._queue.append_copy(area, n, first)
        if self._waiter is None or self._is_due():
            if type(self._waiter) is _Waiter and not self._deferred:
                waiter = self._waiter
                self._waiter = None
                self._want = ANY
                if waiter._state == PENDING:
                    waiter.resume()
            else:
                self._wakeup_waiter()
            if pause and self._is_full():
                self._pause()
        return 0

    def _arrived(self):
        if self._waiter is None or self._is_due():
            self._wakeup_waiter()
            if self._is_full():
                self._pause()
        return 0

    def _is_full(self):
        """Whether the transport is to be paused. One read that needs more than there is keeps it going."""
        return (
            self._queue._total_bytes > 2 * self._limit
            and not self._paused
            and self._transport is not None
            and (self._waiter is None or self._is_due())
        )

    def _pause(self):
        try:
            self._transport.pause_reading()
        except NotImplementedError:
            # It cannot be paused: all is buffered. Forgotten, so as not to try again.
            self._transport = None
        else:
            self._paused = True
        return 0

    def _is_due(self):
        """Whether what the waiting read asked for is there, or cannot come."""
        if self._want == COUNT:
            return self._queue._total_bytes >= self._want_bytes
        if self._want == SEPARATOR:
            if self._queue._seek(self._want_separator, self._queue._total_bytes) >= 0:
                return True
            return self._queue._total_bytes + 1 - len(self._want_separator) > self._want_bytes
        return True

    def feed_eof(self):
        """Say that no more comes."""
        self._eof = True
        self._wakeup_waiter()

    def exception(self):
        """The exception that reads raise, or None."""
        return self._exception

    def set_exception(self, exc):
        """Let every read, and the one that waits, raise ``exc``."""
        self._exception = exc
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            if not waiter.cancelled():
                waiter.set_exception(exc)

    def set_transport(self, transport):
        """Name the transport that is paused when too much is buffered."""
        assert self._transport is None, "Transport already set"
        self._transport = transport

    def at_eof(self):
        """Whether all was read and no more comes."""
        return bool(self._eof and self._queue._total_bytes == 0)

    def _buffered(self):
        return self._queue._total_bytes

    def _peek(self, n):
        return self._queue.peek(n)

    def _view(self, n):
        view = self._queue.read_view(n)
        self._maybe_resume_transport()
        return view

    def _fill(self, buffer):
        n = self._queue.readinto(buffer)
        self._maybe_resume_transport()
        return n

    def _replace(self, data):
        self._queue.clear()
        self._queue._append(data)

    # ---- waiting

    def _wakeup_waiter(self):
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            self._want = ANY
            if not waiter.cancelled():
                waiter.set_result(None)

    def _wait(self, name, want, count, separator):
        """The future of what comes. Whoever awaits it calls `_end_wait` in the end."""
        if self._waiter is not None:
            raise RuntimeError(
                f"{name}() called while another coroutine is already waiting for incoming data"
            )
        assert not self._eof, "_wait after EOF"
        # With the transport paused nothing would come.
        if self._paused:
            self._paused = False
            self._transport.resume_reading()
        self._want = want
        self._want_bytes = count
        self._want_separator = separator
        self._waiter = _Waiter(self._loop)
        return self._waiter

    def _wait_for_any(self, name):
        return self._wait(name, ANY, 0, None)

    def _wait_for_bytes(self, name, n):
        return self._wait(name, COUNT, n, None)

    def _wait_for_separator(self, name, separator, limit):
        return self._wait(name, SEPARATOR, self._limit_of(limit), separator)

    def _end_wait(self):
        self._waiter = None
        self._want = ANY

    def _maybe_resume_transport(self):
        if self._paused and self._queue._total_bytes <= self._limit:
            self._paused = False
            self._transport.resume_reading()

    # ---- taking what is there

    def _take_some(self, n):
        queue = self._queue
        if queue._total_bytes == 0:
            return b"" if self._eof else None
        data = queue._read(min(n, queue._total_bytes))
        if self._paused:
            self._maybe_resume_transport()
        return data

    def _take_exactly(self, n):
        queue = self._queue
        if queue._total_bytes < n:
            if self._eof:
                raise IncompleteReadError(queue._read(queue._total_bytes), n)
            return None
        data = queue._read(n)
        if self._paused:
            self._maybe_resume_transport()
        return data

    def _take_until(self, separator, limit):
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

    def _take_until_any(self, separators, limit):
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

    def _take_line(self, limit, long_lines):
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

    def _take_long_line(self, length, ended, limit, long_lines):
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

    def _is_long(self, limit):
        """Whether what the next line has so far is longer than ``limit``."""
        if self._queue._total_bytes <= limit:
            return False
        at = self._queue._seek(_NEWLINE, self._queue._total_bytes)
        return at < 0 or at > limit

    def _skip_on(self):
        """Drop the rest of a long line, as far as it has come; whether that was all of it."""
        queue = self._queue
        at = queue._seek(_NEWLINE, queue._total_bytes)
        if at < 0:
            queue.consume(queue._total_bytes)
        else:
            queue.consume(at + 1)
            self._skipping = False
        self._maybe_resume_transport()
        return at >= 0

    # The same, for the coroutines that have waited.

    def _some(self, n):
        return self._take_some(n)

    def _exactly(self, n):
        return self._take_exactly(n)

    def _until(self, separator, limit):
        if type(separator) is list:
            return self._take_until_any(separator, self._limit_of(limit))
        return self._take_until(separator, self._limit_of(limit))

    def _line(self, limit, long_lines):
        return self._take_line(self._limit_of(limit), checked_long_lines(long_lines))

    def _limit_of(self, limit):
        if limit is None:
            return self._limit
        if isinstance(limit, bool) or not isinstance(limit, int):
            raise TypeError(f"limit must be an int or None, not {type(limit).__name__}")
        if limit <= 0:
            raise ValueError(f"limit must be above 0, not {limit}")
        return limit

    # ---- reads that never wait

    def read_nowait(self, n=-1):
        """Up to ``n`` bytes of what is there, or all of it; None where there is nothing, ``b""`` at the end."""
        if self._exception is not None:
            raise self._exception
        if n == 0:
            return b""
        return self._take_some(self._queue._total_bytes if n < 0 else n)

    def readexactly_nowait(self, n):
        """``n`` bytes, or None where fewer are there. Raises `asyncio.IncompleteReadError` at the end."""
        if n < 0:
            raise ValueError("readexactly size can not be less than zero")
        if self._exception is not None:
            raise self._exception
        return self._take_exactly(n)

    def readuntil_nowait(self, separator=b"\n", *, limit=None):
        """The bytes up to and with ``separator``, or None where it is not there. Raises what `readuntil` does."""
        separator = separator_of(separator)
        if self._exception is not None:
            raise self._exception
        return self._until(separator, limit)

    def readline_nowait(self):
        """The next line, or None where it is not whole yet; ``b""`` at the end. Raises ValueError as `readline` does."""
        if self._exception is not None:
            raise self._exception
        return self._take_line(self._limit, ERROR)

    def read_lines_nowait(self, max_lines=None, *, limit=None, long_lines=ERROR):
        """A list of the whole lines that are there, at most ``max_lines``; at the end also what follows the last."""
        if self._exception is not None:
            raise self._exception
        most = self._limit_of(limit)
        checked_long_lines(long_lines)
        left = -1 if max_lines is None else max_lines
        lines = []
        # The lines before one that is too long come first; the next call raises.
        while left != 0 and not (lines and self._is_long(most)):
            line = self._take_line(most, long_lines)
            if not line:
                break
            lines.append(line)
            left -= 1
        return lines

    def lines_nowait(self):
        """An iterator over the whole lines that are there, for a plain ``for``."""
        return _LineIterator(self)


class _LineIterator:
    """The whole lines that a reader has; see `ReaderCore.lines_nowait`."""

    def __init__(self, reader):
        self._reader = reader

    def __iter__(self):
        return self

    def __next__(self):
        if self._reader._exception is not None:
            raise self._reader._exception
        line = self._reader._take_line(self._reader._limit, ERROR)
        if not line:
            raise StopIteration
        return line


class ProtocolCore:
    """What a `StreamReaderProtocol` does for every piece of data, in and out.

    A transport's buffer takes what it is given; one that is full costs more with every write (asyncio's of 3.12 and
    3.13 count all of it each time). So what is written meanwhile waits here, as it is, and goes on when the transport
    has room. Only where nobody else can write to the transport: their bytes would overtake these.
    """

    def _start(self, area, plain, pauses_late):
        self._area = area
        self._plain = plain
        self._pauses_late = pauses_late
        self._owns_transport = False
        self._backlog = None
        return 0

    def _set_up(self, area, plain, pauses_late):
        self._start(area, plain, pauses_late)

    def get_buffer(self, sizehint):
        """The memory that the loop receives into; shared by all connections of the loop."""
        if self._pauses_late and self._plain:
            reference = self._stream_reader_wr
            reader = None if reference is None else reference()
            if isinstance(reader, ReaderCore) and self._make_room(reader):
                return self._area[:_LAST_BYTES]
        return self._area

    def buffer_updated(self, nbytes):
        """``nbytes`` were received."""
        reference = self._stream_reader_wr
        reader = None if reference is None else reference()
        if self._plain and isinstance(reader, ReaderCore):
            self._deliver(reader, nbytes)
        else:
            self.data_received(bytes(self._area[:nbytes]))

    def _deliver(self, reader, n):
        reader._receive(self._area, n, not self._pauses_late)
        return 0

    def _make_room(self, reader):
        """Pause a full reader's transport; whether that was needed."""
        if not reader._is_full():
            return False
        reader._pause()
        return True

    # ---- writing

    def _holds(self):
        """Whether a write is to wait here."""
        return self._paused and self._owns_transport and not self._connection_lost

    def _hold(self, data):
        if self._backlog is None:
            self._backlog = _backend.ChunkQueue()
        self._backlog._append(data)
        return 0

    def _pass_on(self, everything):
        """Give the transport what waited: as much as it takes without pausing, or everything."""
        backlog = self._backlog
        if backlog is None:
            return 0
        while backlog._total_bytes and (everything or not self._paused):
            chunk = backlog.popleft()
            if len(chunk) < _PASSED_BYTES and backlog._total_bytes:
                # Small ones together, for each write is a system call, or an entry to keep.
                backlog._appendleft(chunk)
                chunk = backlog._read(min(_PASSED_BYTES, backlog._total_bytes))
            self._transport.write(chunk)
        if backlog._total_bytes == 0:
            self._backlog = None
        return 0

    def _share_transport(self):
        """Somebody else may write to the transport from here on: keep nothing back."""
        self._owns_transport = False
        self._pass_on(True)

    def pause_writing(self):
        """The transport's buffer is over its high-water mark."""
        self._paused = True

    def resume_writing(self):
        """The transport's buffer is below its low-water mark."""
        self._paused = False
        self._pass_on(False)
        if not self._paused:
            for waiter in self._drain_waiters:
                if not waiter.done():
                    waiter.set_result(None)

    def _drop_backlog(self):
        self._backlog = None


def separator_of(separator):
    """One separator as bytes, several as a list of bytes, the shortest first."""
    if type(separator) is bytes and separator:
        return separator
    if isinstance(separator, tuple):
        several = sorted([_separator_bytes(one) for one in separator], key=len)
        if not several:
            raise ValueError("Separator should contain at least one element")
        if not several[0]:
            raise ValueError("Separator should be at least one-byte string")
        return several if len(several) > 1 else several[0]
    one = _separator_bytes(separator)
    if not one:
        raise ValueError("Separator should be at least one-byte string")
    return one


def _separator_bytes(separator):
    if isinstance(separator, (bytes, bytearray, memoryview)):
        return bytes(separator)
    raise TypeError(
        f"separator must be a bytes-like object or a tuple of them, not {type(separator).__name__}"
    )


def checked_long_lines(long_lines):
    """The argument, where it is one of those that there are."""
    if long_lines in ("error", "skip", "split"):
        return long_lines
    raise ValueError(f"long_lines must be 'error', 'skip' or 'split', not {long_lines!r}")
