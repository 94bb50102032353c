"""System calls on descriptors that do not block, for the pure-Python backend.

"Would block" is a value here, not an exception.
"""

from __future__ import annotations

import errno
import os
import select
import sys
from typing import Any, Protocol

_PIECE_BYTES = 65536
_MOST_PIECES = 4


class Gathered(Protocol):
    """A `ChunkQueue`."""

    def writev_to(self, fd: int) -> int: ...


def receive(fd: int, pieces: int) -> bytes | list[bytes] | None:
    """Receive up to ``pieces`` (1 to 4) times 64 KiB from a socket, as bytes objects of at most 64 KiB each."""
    if pieces == 1:
        try:
            return os.read(fd, _PIECE_BYTES)
        except BlockingIOError:
            return None
    room = bytearray(min(pieces, _MOST_PIECES) * _PIECE_BYTES)
    try:
        taken = os.readv(fd, [room])
    except BlockingIOError:
        return None
    with memoryview(room) as view:
        if taken <= _PIECE_BYTES:
            return bytes(view[:taken])
        return [bytes(view[at : min(at + _PIECE_BYTES, taken)]) for at in range(0, taken, _PIECE_BYTES)]


def send(fd: int, chunk: Any) -> int:
    """Write one bytes-like chunk. Return the number of bytes taken, or -1 if it would block."""
    try:
        return os.write(fd, chunk)
    except BlockingIOError:
        return -1


def gather(queue: Gathered, fd: int) -> int:
    """Write from the front of a queue. Return the number of bytes taken, or -1 if it would block."""
    try:
        return queue.writev_to(fd)
    except BlockingIOError:
        return -1


def splice(source: int, dest: int, size: int) -> int:
    """Move up to ``size`` bytes; one end is a pipe. Return 0 at the end of the source, -1 if it would block."""
    if sys.platform != "linux":
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    # SPLICE_F_MOVE and SPLICE_F_NONBLOCK, which have names in Python 3.14 and later only.
    try:
        return os.splice(source, dest, size, flags=3)
    except BlockingIOError:
        return -1


def sendfile(dest: int, source: int, offset: int, size: int) -> int:
    """Send up to ``size`` bytes of a file. Return 0 at its end, -1 if it would block."""
    if sys.platform != "linux":
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    try:
        return os.sendfile(dest, source, offset, size)
    except BlockingIOError:
        return -1


def in_memory(fd: int, offset: int, size: int, step: int) -> int:
    """Return how many of ``size`` bytes of a file are in memory, as far as one byte in every ``step`` shows."""
    if not hasattr(os, "RWF_NOWAIT"):
        return 0
    byte = bytearray(1)
    known = 0
    while known < size:
        end = min(known + step, size)
        try:
            if not os.preadv(fd, [byte], offset + end - 1, os.RWF_NOWAIT):
                # The range is behind the end.
                return size
        except OSError:
            # The byte is not in memory, or the file system cannot say.
            break
        known = end
    return known


def has_error(fd: int) -> bool:
    """Return whether a socket has an error to report after all received data."""
    poll = select.poll()
    poll.register(fd, 0)
    return any(events & select.POLLERR for _, events in poll.poll(0))
