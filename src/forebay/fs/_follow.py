"""Follow: the bytes of a file that grows, over truncation and rotation, as ``tail -F`` gives them."""

from __future__ import annotations

import asyncio
import os
import stat
from functools import partial
from typing import NamedTuple, Self

from forebay._core.abort import AbortSignal
from forebay._core.state.completion import Completion
from forebay._system.cleanup import close_descriptors
from forebay._system.open_file import named
from forebay._system.paths import StrPath
from forebay._system.worker_pool import SerialExecutor
from forebay.errors import InvalidArgTypeError, InvalidArgValueError, OutOfRangeError
from forebay.fs._arguments import check_source
from forebay.streams.readable import Readable

__all__ = ["Follow"]

_BLOCK_BYTES = 256 * 1024


class _Step(NamedTuple):
    """What one look at the file gives: data, and the name of an event or ""."""

    data: bytes
    event: str


class _Tail:
    """The file itself. All methods are for a worker thread."""

    def __init__(self, path: str | bytes) -> None:
        self._path = path
        self._fd = -1
        self._key = (0, 0)
        self._offset = 0

    def begin(self, at_end: bool) -> None:
        """Open the file, if it is there. One that comes later is new from its beginning on."""
        self._open(at_end)

    def step(self) -> _Step:
        """Return the next bytes, if there are any; otherwise open the file that has taken the place of this one."""
        if self._fd < 0 and not self._open(False):
            return _Step(b"", "")
        data = self._read()
        if data:
            return _Step(data, "")
        if os.fstat(self._fd).st_size < self._offset:
            self._offset = 0
            return _Step(self._read(), "truncate")
        if not self._was_replaced():
            return _Step(b"", "")
        # The last bytes may have been written between the read and the look.
        data = self._read()
        if data:
            return _Step(data, "")
        self.close()
        return _Step(self._read() if self._open(False) else b"", "rotate")

    def _open(self, at_end: bool) -> bool:
        try:
            fd = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):
                raise InvalidArgValueError(f"follow() needs a regular file, got {os.fsdecode(self._path)!r}")
        except BaseException:
            close_descriptors(fd)
            raise
        self._fd = fd
        self._key = (status.st_dev, status.st_ino)
        self._offset = status.st_size if at_end else 0
        return True

    def _read(self) -> bytes:
        data = os.pread(self._fd, _BLOCK_BYTES, self._offset)
        self._offset += len(data)
        return data

    def _was_replaced(self) -> bool:
        try:
            status = os.stat(self._path)
        except FileNotFoundError:
            # The new file may come soon.
            return False
        return (status.st_dev, status.st_ino) != self._key

    def close(self) -> None:
        """Close the file."""
        fd, self._fd = self._fd, -1
        close_descriptors(fd)

    def __del__(self) -> None:
        # The loop was closed before the stream was.
        self.close()


class Follow(Readable[bytes]):
    """A Readable of the bytes that are appended to a file; `follow` makes it and describes its arguments.

    Events, beside those of `Readable`: 'truncate' when the file has become shorter, before the bytes of its new content, and
    'rotate' when another file has taken its place, before that file's bytes. ``bytes_read`` counts the bytes that came.
    """

    def __init__(
        self,
        path: StrPath,
        *,
        start: str = "end",
        interval: float = 0.1,
        high_water_mark: int | None = None,
        signal: AbortSignal | None = None,
    ) -> None:
        name, _ = check_source(path, None)
        assert name is not None
        if start not in ("end", "beginning"):
            raise InvalidArgValueError(f"start must be 'end' or 'beginning', got {start!r}")
        if isinstance(interval, bool) or not isinstance(interval, (int, float)):
            raise InvalidArgTypeError(f"interval must be a number of seconds, got {interval!r}")
        if not 0 < interval < float("inf"):
            raise OutOfRangeError(f"interval must be more than 0 seconds and finite, got {interval}")
        #: The path, as it was given.
        self.path = path
        self.bytes_read = 0
        self._name = name
        self._interval = interval
        self._at_end = start == "end"
        self._stopping = False
        self._looking = False
        self._timer: asyncio.TimerHandle | None = None
        self._tail = _Tail(name)
        loop = asyncio.get_running_loop()
        self._executor = SerialExecutor(loop, self._tail.close)
        super().__init__(high_water_mark=high_water_mark, signal=signal)

    def stop(self) -> Self:
        """End the stream after the bytes that the file has now. Return the stream."""
        self._stopping = True
        if self._timer is not None:
            self._look()
        return self

    # ---- hooks

    def _construct(self) -> Completion:
        done = Completion()

        def opened(_: None, error: BaseException | None) -> None:
            if error is not None:
                done.reject(self._named(error))
            else:
                done.resolve()

        # What is appended from now on belongs to the stream.
        self._executor.submit(partial(self._tail.begin, self._at_end), opened)
        return done

    def _read(self, size: int) -> None:
        if not self._looking:
            self._look()

    def _destroy(self, error: BaseException | None) -> Completion:
        self._cancel_timer()
        done = Completion()

        def closed(_: None, close_error: BaseException | None) -> None:
            failure = error if error is not None else close_error
            if failure is None:
                done.resolve()
            else:
                done.reject(failure)

        self._executor.finish(self._tail.close, closed)
        return done

    # ---- looking

    def _look(self) -> None:
        self._cancel_timer()
        self._looking = True
        self._executor.submit(self._tail.step, partial(self._looked, self._stopping))

    def _looked(self, last: bool, step: _Step | None, error: BaseException | None) -> None:
        self._looking = False
        if self.destroyed:
            return
        if step is None:
            self.destroy(self._named(error) if error is not None else None)
        elif step.data or step.event:
            self._give(step)
        elif last:
            self.push(None)
        elif self._stopping:
            self._look()
        else:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._interval, self._look)

    def _give(self, step: _Step) -> None:
        if step.event:
            self.emit(step.event)
        if step.data:
            self.bytes_read += len(step.data)
            self.push(step.data)
        elif not self.destroyed:
            self._look()

    def _named(self, error: BaseException) -> BaseException:
        return named(error, self._name) if isinstance(error, OSError) else error

    def _cancel_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
