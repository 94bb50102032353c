"""Move bytes from one file to another in a worker, inside the kernel if possible."""

from __future__ import annotations

import contextlib
import os
from time import monotonic
from typing import NamedTuple

from forebay._system.file_holes import File, Holes, leave_hole
from forebay._system.splice_pipe import SplicePipe, can_splice, is_same_file, may_share_blocks

__all__ = ["Moved", "Mover"]

_MIB = 1024 * 1024
#: The smallest and the largest number of bytes that one system call moves, so that a call is short.
_FIRST_CALL = _MIB
_LARGEST_CALL = 8 * _MIB
#: Bytes of the first read into a buffer; later reads are 1 MiB.
_FIRST_COPY = 16 * 1024
_LONG_CALL_SECONDS = 0.005
# After this number of slow steps through a pipe in a row, a transfer uses larger steps. In a program that computes, a thread may
# have to wait for the interpreter after every call.
_MOST_LONG_STEPS = 2
#: Seconds after which a worker returns, so that the loop's thread checks whether the direct path still applies.
_SLICE_SECONDS = 0.25
# More than this number of writes of 0 bytes in a row is a failure.
_MOST_RETRIES = 5


class Moved(NamedTuple):
    """The bytes of one transfer. ``failed`` means that a system call failed; using the file gives the error."""

    nbytes: int
    ended: bool
    failed: bool


class _Failed(Exception):
    def __init__(self, written: int) -> None:
        self.written = written


class Mover:
    """Move bytes from one regular file to another. Each transfer starts with the method that worked in the last one.

    ``copy_file_range`` comes first: it may share the blocks or have a server copy them. If it can only copy,
    `SplicePipe` needs less time. Reading and writing serve the rest (a descriptor that appends, a file without a size). If
    that fails too, the bytes that were read and not written are still in the source for the next reader. Holes of the source
    are skipped, and become holes at the end of the destination.
    """

    def __init__(self) -> None:
        self._in_kernel = hasattr(os, "copy_file_range")
        self._call = _FIRST_CALL
        self._splices = False
        self._asked = not can_splice
        self._pipe: SplicePipe | None = None
        self._long_steps = 0
        self._buffer: bytearray | None = None
        self._holes: Holes | None = None
        self._stopped = False

    def stop(self) -> None:
        """Return after the running system call. For the loop's thread."""
        self._stopped = True

    def resume(self) -> None:
        """Undo `stop`, before each transfer, on the loop's thread."""
        self._stopped = False

    def move(self, source: File, start: int, limit: int | None, dest: File, at: int | None) -> Moved:
        """Move up to ``limit`` bytes from the source's offset ``start`` to the destination's ``at`` (its position for
        None), until the end of the file, a failure, `stop`, or the end of a slice of time.
        """
        moved = 0
        began = monotonic()
        self._long_steps = 0
        self._holes = Holes.of(source)
        try:
            while not self._stopped:
                left = None if limit is None else limit - moved
                here = None if at is None else at + moved
                count = self._leave_hole(start + moved, left, dest, here)
                if not count:
                    size = self._size(start + moved, left)
                    count = self._step(source.fd, start + moved, dest.fd, here, size)
                moved += count
                if count == 0:
                    return Moved(moved, True, False)
                if monotonic() - began > _SLICE_SECONDS:
                    break
        except _Failed as failure:
            return Moved(moved + failure.written, False, True)
        except (MemoryError, OSError):
            return Moved(moved, False, True)
        finally:
            self._close_pipe()
        return Moved(moved, False, False)

    def _leave_hole(self, start: int, left: int | None, dest: File, at: int | None) -> int:
        """Skip the hole at ``start``. Return its length; 0 if there is none or it cannot be skipped."""
        if self._holes is None:
            return 0
        hole, _ = self._holes.look(start)
        size = hole if left is None else min(hole, left)
        if size and not leave_hole(dest, at, size):
            self._holes = None
            return 0
        return size

    def _size(self, start: int, left: int | None) -> int:
        """Return the bytes for the next system call, which ends where the next hole begins."""
        size = self._call if left is None else min(self._call, left)
        data = 0 if self._holes is None else self._holes.look(start)[1]
        return min(size, data) if data else size

    def _step(self, source: int, start: int, dest: int, at: int | None, size: int) -> int:
        """Move some bytes; return how many, 0 at the end of the source or of the requested part."""
        if size == 0:
            return 0
        if self._splices and self._long_steps < _MOST_LONG_STEPS:
            count = self._splice(source, start, dest, at, size)
            if count:
                return count
        if self._in_kernel:
            count = self._copy_range(source, start, dest, at, size)
            if count:
                return count
        return self._copy(source, start, dest, at, size)

    def _copy_range(self, source: int, start: int, dest: int, at: int | None, size: int) -> int:
        """Move some bytes by ``copy_file_range``; return 0 at its end."""
        began = monotonic()
        failed = False
        try:
            count = os.copy_file_range(source, dest, size, start, at)
        except OSError:
            count, failed = 0, True
        if count == 0:
            # The end, an error, or a file that is longer than its reported size, as in /proc: a read finds out.
            self._in_kernel = False
        elif monotonic() - began < _LONG_CALL_SECONDS:
            self._call = min(self._call * 2, _LARGEST_CALL)
        # If one call moves the whole file, the check costs more than it gains.
        if not self._asked and (failed or count == size):
            self._asked = True
            # Count the moved bytes before the result of the check.
            with contextlib.suppress(OSError):
                begin = os.lseek(dest, 0, os.SEEK_CUR) - count if at is None else at
                self._splices = not is_same_file(source, dest) and (
                    failed or not may_share_blocks(source, start, dest, begin)
                )
        return count

    def _splice(self, source: int, start: int, dest: int, at: int | None, size: int) -> int:
        """Move some bytes through the pipe; return 0 at its end."""
        began = monotonic()
        count = 0
        try:
            # The pipe lives for one transfer: it is made quickly, and an idle stream does not need it.
            self._pipe = self._pipe or SplicePipe()
            count, emptied = self._pipe.move(source, start, dest, at, size)
        except OSError:
            emptied = False
        if not (count and emptied):
            self._close_pipe()
            self._splices = False
        self._long_steps = self._long_steps + 1 if monotonic() - began > _LONG_CALL_SECONDS else 0
        return count

    def _close_pipe(self) -> None:
        pipe, self._pipe = self._pipe, None
        if pipe is not None:
            # An error of the close says nothing about the moved bytes.
            with contextlib.suppress(OSError):
                pipe.close()

    def _copy(self, source: int, start: int, dest: int, at: int | None, size: int) -> int:
        if self._buffer is None:
            # Usually only the end is missing, and allocating a new MiB for that is expensive.
            self._buffer = bytearray(_FIRST_COPY)
        done = 0
        retries = 0
        try:
            with memoryview(self._buffer) as room:
                count = _read_into(source, room[:size], start)
                filled = count == len(room)
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
        if filled and count < _MIB:
            with contextlib.suppress(MemoryError):
                self._buffer = bytearray(_MIB)
        return count


def _read_into(fd: int, room: memoryview, offset: int) -> int:
    if hasattr(os, "preadv"):
        return os.preadv(fd, [room], offset)
    os.lseek(fd, offset, os.SEEK_SET)
    data = os.read(fd, len(room))
    room[: len(data)] = data
    return len(data)
