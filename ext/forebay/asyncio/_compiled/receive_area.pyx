# cython: language_level=3
"""The memory that a loop receives into, compiled; the twin, with the documentation, is src/forebay/asyncio/_compiled/receive_area.py."""

cimport cython
from cpython.bytearray cimport PyByteArray_AS_STRING
from cpython.bytes cimport PyBytes_AS_STRING
from cpython.exc cimport PyErr_CheckSignals
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF
from libc cimport errno

from os import strerror

from forebay._buffers.chunk_memory cimport COPY_BYTES, new_bytes
from forebay._buffers.chunk_queue cimport ChunkQueue

cdef extern from "Python.h":
    void Py_DECREF(PyObject* value) noexcept

cdef extern from "<sys/uio.h>" nogil:
    struct iovec:
        void* iov_base
        size_t iov_len
    Py_ssize_t readv(int fd, const iovec* entries, int count)

cdef enum:
    PIECES = 4      # of COPY_BYTES, that are received into at once: as many bytes as asyncio asks for


@cython.final
cdef class Area:
    """Memory that a loop receives into for all its connections: between two callbacks nothing is in it."""

    def __init__(self, size):
        self._memory = bytearray(size)
        self.view = memoryview(self._memory)

    cdef int copy_onto(self, ChunkQueue queue, Py_ssize_t n, Py_ssize_t first) except -1:
        if not 0 <= n <= len(self._memory):
            raise ValueError(f"nbytes is {n}, but the buffer has {len(self._memory)} bytes")
        return queue._append_parts(PyByteArray_AS_STRING(self._memory), n, first if first <= n else 0)

    cdef Py_ssize_t receive_onto(self, ChunkQueue queue, int fd, Py_ssize_t first, bint brief) except? -2:
        # Into objects that can be handed out, not into the area: one that is filled costs no copy. Those that are not
        # come first when the next is asked for.
        cdef PyObject* room[PIECES]
        cdef iovec entries[PIECES]
        cdef Py_ssize_t taken, left
        cdef int have = 0, index = 0, error
        cdef bytes piece
        try:
            while have < PIECES:
                piece = new_bytes(COPY_BYTES)
                Py_INCREF(piece)  # the reference that `room` owns
                room[have] = <PyObject*>piece
                entries[have].iov_base = PyBytes_AS_STRING(piece)
                entries[have].iov_len = COPY_BYTES
                have += 1
            while True:
                if brief:
                    taken = readv(fd, entries, PIECES)
                    error = errno.errno
                else:
                    with nogil:
                        taken = readv(fd, entries, PIECES)
                        error = errno.errno
                if taken >= 0:
                    break
                if error == errno.EAGAIN:
                    return -1
                if error != errno.EINTR:
                    raise OSError(error, strerror(error))
                PyErr_CheckSignals()
            left = taken
            while left >= COPY_BYTES:
                queue._append(<bytes>room[index])
                left -= COPY_BYTES
                index += 1
            if left:
                queue._append_parts(
                    PyBytes_AS_STRING(<bytes>room[index]), left, first if first <= left and index == 0 else 0
                )
            return taken
        finally:
            while have > 0:
                have -= 1
                Py_DECREF(room[have])
