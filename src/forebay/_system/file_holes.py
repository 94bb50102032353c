"""Holes: parts of a file that are zeros and take no room on the disk. They are not read, and are left in a copy.

A chunk that is all hole is one object for its size, which `is_hole` knows again at the other end, whatever stages have
handed it on. Zeros of anybody else's are bytes like all others.
"""

from __future__ import annotations

import errno
import os
from typing import Any

from forebay._system.open_file import OpenFile

__all__ = ["Holes", "hole_of", "is_hole", "leave_hole"]

_zeros: dict[int, bytes] = {}
# Sizes that are remembered: streams have few different marks.
_MOST_SIZES = 16
_LARGEST = 1024 * 1024
_LARGEST_FILE = 2**63 - 1


def hole_of(size: int) -> bytes | None:
    """The chunk that is a hole of ``size`` bytes; None for a size that has none."""
    chunk = _zeros.get(size)
    if chunk is None and size <= _LARGEST and len(_zeros) < _MOST_SIZES:
        chunk = _zeros.setdefault(size, bytes(size))
    return chunk


def is_hole(chunk: Any) -> bool:
    """Whether ``chunk`` is one that `hole_of` gave."""
    return type(chunk) is bytes and _zeros.get(len(chunk)) is chunk


class Holes:
    """Where a file has data and where it has none. It uses the descriptor's own position."""

    @staticmethod
    def of(file: OpenFile) -> Holes | None:
        """The holes of a file that takes less room than it is long; None for others."""
        return Holes(file.fd) if file.sparse and hasattr(os, "SEEK_DATA") else None

    def __init__(self, fd: int) -> None:
        self._fd = fd
        # The part that was looked at last: its end, and where in it the data begins.
        self._at = self._data = self._end = 0

    def look(self, offset: int) -> tuple[int, int]:
        """Bytes of the hole at ``offset``, and of the data behind it; the one or the other may be 0, at the end both."""
        if not self._at <= offset < self._end:
            self._at = offset
            self._data, self._end = _part(self._fd, offset)
        return max(0, self._data - offset), self._end - max(offset, self._data)


def _part(fd: int, offset: int) -> tuple[int, int]:
    """Where the next data begins and where it ends."""
    try:
        data = os.lseek(fd, offset, os.SEEK_DATA)
        return data, os.lseek(fd, data, os.SEEK_HOLE)
    except OSError as error:
        if error.errno != errno.ENXIO:
            # Whatever it is, reading meets it.
            return offset, _LARGEST_FILE
        # Nothing but hole, or the end; or the file was cut short between the two calls.
        end = max(offset, os.fstat(fd).st_size)
        return end, end


def leave_hole(file: OpenFile, at: int | None, nbytes: int) -> bool:
    """Leave a hole at the end of ``file`` instead of writing zeros at ``at``, or at its own position for None.

    False where zeros have to be written: something is there, or it is not for us to say where the end is.
    """
    if not file.regular or file.append:
        return False
    try:
        begin = os.lseek(file.fd, 0, os.SEEK_CUR) if at is None else at
        if os.fstat(file.fd).st_size > begin:
            return False
        os.ftruncate(file.fd, begin + nbytes)
        if at is None:
            os.lseek(file.fd, begin + nbytes, os.SEEK_SET)
    except OSError:
        # Whatever it is, writing meets it.
        return False
    return True
