# cython: language_level=3, boundscheck=False, wraparound=False
"""The memory of the chunks of a `ChunkQueue`, for the queue and for those that copy into one."""

cimport cython
from cpython.bytes cimport PyBytes_CheckExact, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.object cimport PyObject

from forebay._system.reuse cimport REUSE


cdef enum:
    COPY_BYTES = 65536  # largest chunk made by copying: malloc maps larger ones, and that costs page faults
    POOLED_BYTES = 480  # shorter bytes objects come from pymalloc


cdef struct ChunkRef:
    const char* data    # the first byte that has not been taken
    Py_ssize_t size     # bytes left, never 0
    PyObject* keeper    # strong: the exact `bytes` object, or the pin that holds the exported buffer


cdef struct ChunkSpan:
    ChunkRef* refs      # a circular array
    Py_ssize_t mask     # its length in entries - 1
    Py_ssize_t head     # index of the front chunk
    Py_ssize_t count    # chunks
    Py_ssize_t nbytes   # the sum of their sizes


@cython.final
cdef class Pin:
    cdef object owner       # the very object that was appended
    cdef object held        # of a memoryview: another one of the same memory
    cdef Py_buffer view     # view.obj is NULL until the buffer has been got, None where `held` keeps it
    cdef PyObject* next     # where several leave a queue together, the one that is dropped after it


cdef Pin pin_buffer(str name, object owner)
cdef bytes bytes_of(str name, object value)
cdef bint is_released(object owner)
cdef object view_of(ChunkRef* ref, Py_ssize_t size)
cdef bytes _recent_bytes(Py_ssize_t n)


cdef inline ChunkRef* chunk_at(ChunkSpan* chunks, Py_ssize_t index) noexcept nogil:
    return &chunks.refs[(chunks.head + index) & chunks.mask]


cdef inline bint is_whole_bytes(ChunkRef* ref) noexcept:
    return PyBytes_CheckExact(<object>ref.keeper) and ref.size == PyBytes_GET_SIZE(<object>ref.keeper)


cdef inline bytes new_bytes(Py_ssize_t n):
    """Uninitialised bytes. The memory of a recent result without references is used again."""
    if not REUSE or n < POOLED_BYTES or n > COPY_BYTES:
        return PyBytes_FromStringAndSize(NULL, n)
    return _recent_bytes(n)
