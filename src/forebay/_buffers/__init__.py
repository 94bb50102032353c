"""`RingBuffer` and `ChunkQueue`: compiled, and in pure Python where the backend is not compiled."""

from typing import TYPE_CHECKING

from forebay._backend import backend

if TYPE_CHECKING or backend == "c":
    from forebay._buffers.chunk_queue import ChunkQueue
    from forebay._buffers.ring import RingBuffer
else:
    from forebay._buffers.chunk_queue_py import ChunkQueue
    from forebay._buffers.ring_py import RingBuffer

__all__ = ["ChunkQueue", "RingBuffer"]
