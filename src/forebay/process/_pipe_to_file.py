"""A pipe to a file by ``splice``: a worker moves what the pipe has, and the loop waits for more."""

from __future__ import annotations

import errno
import os
import threading
from functools import partial
from typing import Any, NamedTuple, Protocol

from forebay._system.cleanup import close_descriptors
from forebay._system.direct_transfer import Hold
from forebay._system.open_file import OpenFile, named
from forebay._system.pipes import PIPE_BYTES
from forebay.fs._write_stream import WriteStream
from forebay.streams.readable import Readable

__all__ = ["Inlet", "PipeToFile"]

# The name SPLICE_F_NONBLOCK is in Python 3.14 and later only.
_NONBLOCK = 2
#: Bytes after which a worker returns, so that the loop's thread checks whether the direct path still applies.
_MOST_BYTES = 64 * PIPE_BYTES
# Errors of a kernel that cannot splice to this file, such as one that is open for appending.
_CANNOT = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM)


class Inlet(Protocol):
    """The read end of a program's pipe, as the direct paths use it. It is an `Intake`."""

    fd: int
    nbytes: int

    def hold(self) -> None:
        """Stop reading."""

    def resume(self) -> None:
        """Read if the stream wants more."""

    def reached_end(self) -> None:
        """Note the end of the pipe."""


class _Poured(NamedTuple):
    nbytes: int
    ended: bool
    unfit: bool
    error: OSError | None


class PipeToFile:
    """The direct path from a program's pipe to a WriteStream."""

    def __init__(self, source: Readable[Any], dest: WriteStream, into: Inlet) -> None:
        self._source = source
        self.dest = dest
        self._into = into
        #: Whether a worker uses the pipe, as far as the loop's thread knows.
        self.busy = False
        self._pouring = False
        self._lock = threading.Lock()
        self._unfit = False
        self._stopped = False
        self._left_fd = -1
        self._hold = Hold(dest._executor.loop, into.resume)

    def take_over(self) -> bool:
        """Return whether the direct path handles the arrived data."""
        dest = self.dest
        if self._unfit or not (dest._takes_files or dest._file.discards):
            return False
        if dest._busy or not dest._takes_pipes:
            if not dest._busy or not self._hold.begin(dest):
                return False
            self._into.hold()
            return True
        self._hold.forget()
        self._into.hold()
        self.busy = self._pouring = True
        self._stopped = False
        dest._acquire(self)
        dest._executor.submit(partial(self._work, self._into.fd, dest._file, dest._position), self._poured)
        return True

    def stop(self) -> None:
        """Return the file soon."""
        self._stopped = True

    def leave(self, fd: int) -> None:
        """Close the pipe when no worker uses it."""
        self._hold.cancel()
        self._stopped = True
        with self._lock:
            if self._pouring:
                self._left_fd = fd
                return
        close_descriptors(fd)

    def __del__(self) -> None:
        # The loop was closed, and its worker never began.
        close_descriptors(self._left_fd)

    def _work(self, pipe: int, file: OpenFile, at: int | None) -> _Poured:
        """Do the work of a worker. The loop may be closed at its end, so it closes the pipe itself if that was left."""
        try:
            return self._pour(pipe, file, at)
        finally:
            with self._lock:
                self._pouring = False
                fd, self._left_fd = self._left_fd, -1
            close_descriptors(fd)

    def _pour(self, pipe: int, file: OpenFile, at: int | None) -> _Poured:
        """Move what the pipe has to the file's offset ``at``, or to its position."""
        done = 0
        try:
            while done < _MOST_BYTES and not self._stopped:
                here = None if at is None else at + done
                try:
                    count = os.splice(pipe, file.fd, PIPE_BYTES, offset_dst=here, flags=_NONBLOCK)
                except BlockingIOError:
                    break
                if count == 0:
                    return _Poured(done, True, False, None)
                done += count
        except OSError as error:
            if error.errno in _CANNOT:
                return _Poured(done, False, True, None)
            return _Poured(done, False, True, named(error.with_traceback(None), file.path))
        return _Poured(done, False, False, None)

    def _poured(self, poured: _Poured | None, error: BaseException | None) -> None:
        self.busy = self._pouring = False
        # None means that no thread could be started, and nothing was moved.
        nbytes, ended, unfit, failure = poured or _Poured(0, False, True, None)
        self._unfit = self._unfit or unfit
        into = self._into
        into.nbytes += nbytes
        chunks = 1 if nbytes else 0
        self._source._s_count_direct(nbytes, chunks)
        self.dest._release(nbytes, chunks)
        if failure is not None:
            self.dest.destroy(failure)
        if ended and into.fd >= 0:
            into.reached_end()
        else:
            into.resume()
