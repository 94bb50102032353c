# cython: nonecheck=True
"""From a socket to a socket by ``splice``: the bytes go through a kernel pipe and are never copied to the program.

Bytes in the kernel pipe count as written to the destination. Until that pipe is empty, only this path sends to the
destination's socket. Chunks that the program writes meanwhile are queued and sent afterwards.
"""

from __future__ import annotations

import errno
import fcntl
import os
from typing import TYPE_CHECKING, Any

from forebay._system.cleanup import close_descriptors
from forebay._system.pipes import enlarge
from forebay._system.syscalls import splice

if TYPE_CHECKING:
    from forebay._core.state.stream import Stream
    from forebay.net._channel import Channel

# A piece of fewer bytes counts as small.
_SMALL_BYTES = 16384
# After 64 small pieces in a row the bytes go through the stream again: for small pieces this costs no more, and the kernel
# pipe can be closed.
_SMALL_IN_A_ROW = 64
# Errors of a kernel that cannot splice between these two descriptors.
CANNOT = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM)


def open_pipe() -> tuple[int, int, int]:
    """Return a pipe for the path: its two ends and its size in bytes. Raises OSError."""
    ends = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    enlarge(ends[1])
    return ends[0], ends[1], fcntl.fcntl(ends[1], fcntl.F_GETPIPE_SZ)


class SocketToSocket:
    """The direct path from one socket's channel to another's.

    The pipe is empty while the source is read: the reading stops when the destination does not take everything at once.
    """

    _source: Any
    dest: Stream
    _into: Any
    _out: Any
    _read_end: int
    _write_end: int
    _size: int
    _held: int
    _small: int
    _owns: bool
    _left: bool
    _unfit: bool

    def __init__(self, source: Stream, dest: Stream, into: Channel, out: Channel) -> None:
        self._source = source
        self.dest = dest
        self._into = into
        self._out = out
        self._read_end = -1
        self._write_end = -1
        self._size = 0
        self._held = 0
        self._small = 0
        self._owns = False
        self._left = False
        self._unfit = False

    def take_over(self) -> bool:
        """Return whether the kernel path handles the arrived data."""
        out = self._out
        dest = self.dest
        if self._held:
            into = self._into
            into.hold()
            return True
        if (
            self._unfit
            or not out.idle
            or out.layer is not None
            or not dest._s_has_written_all()
            or not dest._s_takes_more()
        ):
            return False
        if self._read_end < 0:
            if not self._into.brisk:
                return False
            try:
                self._read_end, self._write_end, self._size = open_pipe()
            except OSError:
                self._unfit = True
                return False
            out.source_route = self
        return self._move()

    def _move(self) -> bool:
        into = self._into
        try:
            taken = splice(into.fd, self._write_end, self._size)
        except OSError as error:
            self._unfit = True
            if error.errno in CANNOT:
                return False
            into.read_failed(error)
            return True
        if taken <= 0:
            # This is the end, or a condition that only a receive can report.
            return False
        self._held = taken
        into.count_in(taken)
        source = self._source
        source._s_count_direct(taken, 1)
        dest = self.dest
        dest._s_count_written(taken, 1)
        self._pour()
        if self._held:
            into.hold()
        if taken >= _SMALL_BYTES:
            self._small = 0
        else:
            self._small += 1
            if self._small >= _SMALL_IN_A_ROW and not self._held:
                self._small = 0
                into.brisk = False
                self._close_pipe()
        return True

    def _pour(self) -> None:
        """Send the content of the pipe to the destination."""
        out = self._out
        while self._held:
            try:
                taken = splice(self._read_end, out.fd, self._held)
                if taken <= 0:
                    if not self._owns:
                        self._owns = True
                        out.acquire(self)
                    out.wait_writable()
                    return
            except OSError as error:
                self._drop()
                out.note_fault(error)
                dest = self.dest
                dest._s_fail(error, False)
                return
            self._held -= taken
            out.count_out(taken)
        if self._owns:
            self._owns = False
            out.release()

    def writable(self) -> None:
        """Send more: the destination accepts data."""
        self._pour()
        if not self._held:
            self._through()

    def stop(self) -> None:
        """Do nothing: a writer that wants the destination has to wait until the pipe is empty."""

    def leave(self) -> None:
        """Leave the path. The content of the pipe still arrives."""
        self._left = True
        if self._held == 0:
            self._through()
        else:
            into = self._into
            into.resume()

    def dest_gone(self) -> None:
        """Drop the content of the pipe: the destination is destroyed."""
        self._drop()
        into = self._into
        into.resume()

    def _drop(self) -> None:
        self._held = 0
        self._owns = False
        self._unfit = True
        self._close_pipe()

    def _through(self) -> None:
        if self._left:
            self._close_pipe()
        into = self._into
        into.resume()

    def _close_pipe(self) -> None:
        if self._read_end >= 0:
            if self._out.source_route is self:
                self._out.source_route = None
            read_end, write_end = self._read_end, self._write_end
            self._read_end = self._write_end = -1
            close_descriptors(read_end, write_end)
