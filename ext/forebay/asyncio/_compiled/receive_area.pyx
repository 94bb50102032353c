# cython: language_level=3
"""The memory that a loop receives into, compiled; the twin, with the documentation, is src/forebay/asyncio/_compiled/receive_area.py."""

cimport cython
from cpython.bytearray cimport PyByteArray_AS_STRING, PyByteArray_FromStringAndSize
from cpython.bytes cimport PyBytes_AS_STRING
from cpython.exc cimport PyErr_CheckSignals
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF
from libc cimport errno

from os import strerror

from forebay._buffers.chunk_memory cimport COPY_BYTES, new_bytes
from forebay._buffers.chunk_queue cimport ChunkQueue
from forebay._tls.records cimport Records

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

    def __init__(self, Py_ssize_t size):
        self._size = size

    cpdef object view(self):
        return self._view if self._view is not None else self._made()

    cdef object _made(self):
        # Not zeroed: a loop that receives little touches little of it. Made late: many loops receive nothing into it.
        self._memory = PyByteArray_FromStringAndSize(NULL, self._size)
        self._view = memoryview(self._memory)
        return self._view

    cdef int copy_onto(self, ChunkQueue queue, Py_ssize_t n, Py_ssize_t first) except -1:
        self.view()
        if not 0 <= n <= self._size:
            raise ValueError(f"nbytes is {n}, but the buffer has {self._size} bytes")
        return queue._append_parts(PyByteArray_AS_STRING(self._memory), n, first if first <= n else 0)

    cdef Py_ssize_t receive_onto(self, ChunkQueue queue, int fd, Py_ssize_t first, bint brief) except? -2:
        # Into objects that can be handed out, not into the area: one that is filled costs no copy. Those that are not
        # come first when the next is asked for.
        cdef PyObject* room[PIECES]
        cdef iovec entries[PIECES]
        cdef Py_ssize_t taken, left
        cdef int have = 0, index = 0
        cdef bytes piece
        try:
            while have < PIECES:
                piece = new_bytes(COPY_BYTES)
                Py_INCREF(piece)  # the reference that `room` owns
                room[have] = <PyObject*>piece
                entries[have].iov_base = PyBytes_AS_STRING(piece)
                entries[have].iov_len = COPY_BYTES
                have += 1
            taken = _received(fd, entries, PIECES, brief)
            if taken < 0:
                return -1
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

    cdef Py_ssize_t receive(self, int fd, bint brief) except? -2:
        cdef iovec entry
        self.view()
        entry.iov_base = PyByteArray_AS_STRING(self._memory)
        entry.iov_len = self._size
        return _received(fd, &entry, 1, brief)

    cdef int feed(self, Records records, Py_ssize_t start, Py_ssize_t stop) except -1:
        self.view()
        if not 0 <= start <= stop <= self._size:
            raise ValueError(f"nbytes is {stop}, but the buffer has {self._size} bytes")
        return records.feed_memory(PyByteArray_AS_STRING(self._memory) + start, stop - start)


cdef Py_ssize_t _received(int fd, const iovec* entries, int count, bint brief) except? -2:
    """Receive. Return the number of bytes, or -1 without data."""
    cdef Py_ssize_t taken
    cdef int error
    while True:
        if brief:
            taken = readv(fd, entries, count)
            error = errno.errno
        else:
            with nogil:
                taken = readv(fd, entries, count)
                error = errno.errno
        if taken >= 0:
            return taken
        if error == errno.EAGAIN:
            return -1
        if error != errno.EINTR:
            raise OSError(error, strerror(error))
        PyErr_CheckSignals()
