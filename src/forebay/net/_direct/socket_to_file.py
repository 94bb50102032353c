"""A socket to a file by ``splice``: the loop's thread fills a pipe, a worker empties it into the file."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

from forebay._system.cleanup import close_descriptors
from forebay._system.direct_transfer import Hold
from forebay._system.open_file import OpenFile, named
from forebay._system.syscalls import splice
from forebay.fs._gather_write import Written
from forebay.fs._write_stream import WriteStream
from forebay.net._direct.socket_to_socket import CANNOT, open_pipe
from forebay.streams.duplex import Duplex

if TYPE_CHECKING:
    from forebay.net._channel import Channel

__all__ = ["SocketToFile"]

_COPY_BYTES = 64 * 1024


class SocketToFile:
    """The direct path from a socket's channel to a WriteStream."""

    def __init__(self, source: Duplex, dest: WriteStream, into: Channel) -> None:
        self._source = source
        self.dest = dest
        self._into = into
        self._ends: tuple[int, int, int] | None = None
        self._pouring = False
        self._left = False
        self._unfit = False
        self._hold = Hold(dest._executor.loop, into.resume)

    def take_over(self) -> bool:
        """Return whether the kernel path handles the arrived data."""
        dest = self.dest
        if self._pouring:
            self._into.hold()
            return True
        if self._unfit or not dest._takes_files or not (self._ends or self._into.brisk):
            return False
        if not dest._free:
            return dest._busy and self._put_off()
        self._hold.forget()
        if self._ends is None:
            try:
                self._ends = open_pipe()
            except OSError:
                self._unfit = True
                return False
        return self._move(*self._ends)

    def _put_off(self) -> bool:
        if not self._hold.begin(self.dest):
            return False
        self._into.hold()
        return True

    def _move(self, read_end: int, write_end: int, size: int) -> bool:
        into = self._into
        dest = self.dest
        try:
            taken = splice(into.fd, write_end, size)
        except OSError as error:
            self._unfit = True
            if error.errno in CANNOT:
                return False
            into.read_failed(error)
            return True
        if taken <= 0:
            return False
        into.count_in(taken)
        into.hold()
        self._pouring = True
        dest._acquire(self)
        dest._executor.submit(
            partial(_pour, read_end, dest._file, dest._position, taken), partial(self._poured, taken)
        )
        return True

    def _poured(self, size: int, poured: Written | None, error: BaseException | None) -> None:
        self._pouring = False
        # None means that no thread could be started, and nothing was written.
        nbytes, failure = poured or Written(0, OSError(str(error)))
        self._source._s_count_direct(size, 1)
        self.dest._release(nbytes, 1)
        if failure is not None:
            self._unfit = True
            self.dest.destroy(failure)
        if self._left or self._unfit:
            self._close_pipe()
        self._into.resume()

    def stop(self) -> None:
        """Do nothing: a writer that wants the file has to wait until the pipe is empty."""

    def leave(self) -> None:
        """Leave the path. The content of the pipe still arrives."""
        self._left = True
        self._hold.cancel()
        if not self._pouring:
            self._close_pipe()
        self._into.resume()

    def _close_pipe(self) -> None:
        ends, self._ends = self._ends, None
        if ends is not None:
            close_descriptors(*ends)


def _pour(pipe: int, file: OpenFile, at: int | None, size: int) -> Written:
    """Write ``size`` bytes from the pipe at the file's offset ``at``, or at its position, in a worker."""
    done = 0
    try:
        while done < size:
            try:
                count = os.splice(pipe, file.fd, size - done, offset_dst=None if at is None else at + done)
            except OSError as error:
                # The descriptor may be opened for appending, for example.
                if error.errno not in CANNOT:
                    raise
                count = 0
            if count == 0:
                _copy(pipe, file.fd, None if at is None else at + done, size - done)
                count = size - done
            done += count
    except OSError as error:
        return Written(done, named(error.with_traceback(None), file.path))
    return Written(done, None)


def _copy(pipe: int, fd: int, at: int | None, size: int) -> None:
    done = 0
    while done < size:
        data = memoryview(os.read(pipe, min(_COPY_BYTES, size - done)))
        while data:
            count = os.write(fd, data) if at is None else os.pwrite(fd, data, at + done)
            data = data[count:]
            done += count
