"""Holes: parts of a file that are zeros and use no disk space. They are not read, and a copy keeps them.

A chunk that lies in a hole is one object for its size. `is_hole` recognises it at the other end, even behind stages that
pass chunks on. Zeros from any other source are ordinary bytes.
"""

from __future__ import annotations

import errno
import os
from typing import Any, Protocol

__all__ = ["File", "Holes", "hole_of", "is_hole", "leave_hole"]

_zeros: dict[int, bytes] = {}
# Sizes whose chunk is kept: streams have few different marks.
_MOST_SIZES = 16
_LARGEST = 1024 * 1024
_LARGEST_FILE = 2**63 - 1


def hole_of(size: int) -> bytes | None:
    """Return the chunk that is a hole of ``size`` bytes; None if there is no such chunk."""
    chunk = _zeros.get(size)
    if chunk is None and size <= _LARGEST and len(_zeros) < _MOST_SIZES:
        chunk = _zeros.setdefault(size, bytes(size))
    return chunk


def is_hole(chunk: Any) -> bool:
    """Return whether ``chunk`` comes from `hole_of`."""
    return type(chunk) is bytes and _zeros.get(len(chunk)) is chunk


class File(Protocol):
    """An open file. ``sparse``: it has holes, and its descriptor's position may be moved to find them."""

    fd: int
    regular: bool
    append: bool
    sparse: bool


class Holes:
    """The data and the holes of a file. It uses the descriptor's own position."""

    @staticmethod
    def of(file: File) -> Holes | None:
        """Return the holes of a file that uses less space than its length; None for other files."""
        return Holes(file.fd) if file.sparse and hasattr(os, "SEEK_DATA") else None

    def __init__(self, fd: int) -> None:
        self._fd = fd
        # The last examined part: its end, and the beginning of the data in it.
        self._at = self._data = self._end = 0

    def look(self, offset: int) -> tuple[int, int]:
        """Return the bytes of the hole at ``offset`` and of the data behind it. Either may be 0; at the end both are."""
        if not self._at <= offset < self._end:
            self._at = offset
            self._data, self._end = _part(self._fd, offset)
        return max(0, self._data - offset), self._end - max(offset, self._data)


def _part(fd: int, offset: int) -> tuple[int, int]:
    """Return where the next data begins and where it ends."""
    try:
        data = os.lseek(fd, offset, os.SEEK_DATA)
        return data, os.lseek(fd, data, os.SEEK_HOLE)
    except OSError as error:
        if error.errno != errno.ENXIO:
            # A read will report the error, whatever it is.
            return offset, _LARGEST_FILE
        # There is only a hole up to the end; or the file was truncated between the two calls.
        end = max(offset, os.fstat(fd).st_size)
        return end, end


def leave_hole(file: File, at: int | None, nbytes: int) -> bool:
    """Leave a hole at the end of ``file`` instead of writing zeros at ``at``, or at its own position if it is None.

    Return False if zeros have to be written: the file has data there, or its end is not known.
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
        # A write will report the error, whatever it is.
        return False
    return True
