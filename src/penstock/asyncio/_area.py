"""The memory that a loop receives into, for the backend that is not compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from penstock._backend import ChunkQueue


class Area:
    """Memory that a loop receives into for all its connections: between two callbacks nothing is in it."""

    def __init__(self, size: int) -> None:
        self.view = memoryview(bytearray(size))

    def copy_onto(self, queue: ChunkQueue, n: int, first: int) -> None:
        """Copy the first ``n`` bytes to the end of a queue; the ``first`` of them, if so many there are, as one chunk."""
        if not 0 <= n <= len(self.view):
            raise ValueError(f"nbytes is {n}, but the buffer has {len(self.view)} bytes")
        queue.append_copy(self.view, n, first if first <= n else 0)
