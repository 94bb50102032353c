# cython: language_level=3
"""The memory that a loop receives into, compiled; the twin is src/penstock/asyncio/_area.py."""

cimport cython
from cpython.bytearray cimport PyByteArray_AS_STRING

from penstock._chunks cimport ChunkQueue


@cython.final
cdef class Area:
    """Memory that a loop receives into for all its connections: between two callbacks nothing is in it."""

    def __init__(self, size):
        self._memory = bytearray(size)
        self.view = memoryview(self._memory)

    cdef int copy_onto(self, ChunkQueue queue, Py_ssize_t n, Py_ssize_t first) except -1:
        """Copy the first n bytes to the end of a queue; the `first` of them, if so many there are, as one chunk."""
        if not 0 <= n <= len(self._memory):
            raise ValueError(f"nbytes is {n}, but the buffer has {len(self._memory)} bytes")
        return queue._append_parts(PyByteArray_AS_STRING(self._memory), n, first if first <= n else 0)
