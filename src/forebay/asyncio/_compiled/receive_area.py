"""The memory that a loop receives into, for the backend that is not compiled."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from forebay._buffers import ChunkQueue
    from forebay._tls.records import Records


class Area:
    """Memory that a loop receives into for all its connections: between two callbacks nothing is in it."""

    def __init__(self, size: int) -> None:
        self._memory = memoryview(bytearray(size))

    def view(self) -> memoryview:
        """Return the memory, for writing."""
        return self._memory

    def copy_onto(self, queue: ChunkQueue, n: int, first: int) -> None:
        """Copy the first ``n`` bytes to the end of a queue. If ``first`` is not above ``n``, that many become one chunk."""
        if not 0 <= n <= len(self._memory):
            raise ValueError(f"nbytes is {n}, but the buffer has {len(self._memory)} bytes")
        queue.append_copy(self._memory, n, first if first <= n else 0)

    def receive_onto(self, queue: ChunkQueue, fd: int, first: int, brief: bool) -> int:
        """Receive onto the end of a queue. Return the number of bytes, 0 at the end, -1 without data. Raises OSError.

        ``first`` is as in `copy_onto`. ``brief``: little is expected, for which other threads need not get their turn.
        """
        try:
            n = os.readv(fd, [self._memory])
        except BlockingIOError:
            return -1
        self.copy_onto(queue, n, first)
        return n

    def receive(self, fd: int, brief: bool) -> int:
        """Receive into the memory. Return as `receive_onto` does."""
        try:
            return os.readv(fd, [self._memory])
        except BlockingIOError:
            return -1

    def feed(self, records: Records, start: int, stop: int) -> None:
        """Hand over bytes from ``start`` to ``stop``, which are records or parts of records."""
        if not 0 <= start <= stop <= len(self._memory):
            raise ValueError(f"nbytes is {stop}, but the buffer has {len(self._memory)} bytes")
        records.feed(self._memory[start:stop])
