"""Moving bytes from one file to another in a worker, inside the kernel where it can."""

from __future__ import annotations

import os
from time import monotonic

from penstock.direct import Moved
from penstock.fs._files import OpenFile

__all__ = ["Mover"]

_MIB = 1024 * 1024
#: Bytes that one system call moves: from the first to at most the last, so that a call does not last long.
_FIRST_CALL = _MIB
_LARGEST_CALL = 8 * _MIB
_LONG_CALL_SECONDS = 0.005
#: Seconds after which a worker comes back to have somebody look whether the bytes may still go this way.
_SLICE_SECONDS = 0.25
# Fruitless writes in a row, after which the file is taken to be broken.
_MOST_RETRIES = 5


class _Failed(Exception):
    def __init__(self, written: int) -> None:
        self.written = written


class Mover:
    """Moves bytes between two regular files, from trip to trip in the way that has worked so far.

    ``copy_file_range`` first, which on some file systems only shares the blocks. Whatever it cannot do (another file
    system, an append-only descriptor, a file without a size) is done by reading and writing. Where that fails too, the
    bytes that were read and not written are still in the source for whoever reads it next.
    """

    def __init__(self) -> None:
        self._in_kernel = hasattr(os, "copy_file_range")
        self._call = _FIRST_CALL
        self._buffer: bytearray | None = None
        self._stopped = False

    def stop(self) -> None:
        """Come back after the system call that is running. For the loop's thread."""
        self._stopped = True

    def resume(self) -> None:
        """Forget `stop`; before each trip, on the loop's thread."""
        self._stopped = False

    def move(self, source: OpenFile, start: int, limit: int | None, dest: OpenFile, at: int | None) -> Moved:
        """Move up to ``limit`` bytes from the source's offset ``start`` to the destination's ``at`` (its position for
        None), until the end of the file, a failure, `stop`, or the end of a slice of time.
        """
        moved = 0
        began = monotonic()
        try:
            while not self._stopped:
                size = self._call if limit is None else min(self._call, limit - moved)
                count = self._step(
                    source.fd, start + moved, dest.fd, None if at is None else at + moved, size
                )
                moved += count
                if count == 0:
                    return Moved(moved, True, False)
                if monotonic() - began > _SLICE_SECONDS:
                    break
        except _Failed as failure:
            return Moved(moved + failure.written, False, True)
        except MemoryError:
            return Moved(moved, False, True)
        return Moved(moved, False, False)

    def _step(self, source: int, start: int, dest: int, at: int | None, size: int) -> int:
        """Move something; return how much, 0 at the end of the source or of what was asked for."""
        if size == 0:
            return 0
        if self._in_kernel:
            began = monotonic()
            try:
                count = os.copy_file_range(source, dest, size, start, at)
            except OSError:
                count = 0
            if count:
                if monotonic() - began < _LONG_CALL_SECONDS:
                    self._call = min(self._call * 2, _LARGEST_CALL)
                return count
            # The end, or a file that is longer than it says, as those in /proc, or an error: reading tells which.
            self._in_kernel = False
        return self._copy(source, start, dest, at, min(size, _MIB))

    def _copy(self, source: int, start: int, dest: int, at: int | None, size: int) -> int:
        if self._buffer is None:
            self._buffer = bytearray(_MIB)
        done = 0
        retries = 0
        try:
            with memoryview(self._buffer) as room:
                count = _read_into(source, room[:size], start)
                while done < count:
                    data = room[done:count]
                    written = os.write(dest, data) if at is None else os.pwrite(dest, data, at + done)
                    retries = 0 if written else retries + 1
                    if retries > _MOST_RETRIES:
                        break
                    done += written
        except OSError:
            raise _Failed(done) from None
        if done < count:
            raise _Failed(done)
        return count


def _read_into(fd: int, room: memoryview, offset: int) -> int:
    if hasattr(os, "preadv"):
        return os.preadv(fd, [room], offset)
    os.lseek(fd, offset, os.SEEK_SET)
    data = os.read(fd, len(room))
    room[: len(data)] = data
    return len(data)
