"""The C interface: ``from forebay cimport ChunkQueue, RingBuffer``. Only `put` and `take` of the two are public."""

from forebay._buffers.chunk_queue cimport ChunkQueue
from forebay._buffers.ring cimport RingBuffer
