# cython: language_level=3, boundscheck=False, wraparound=False
"""What other compiled modules may use of `ChunkQueue`; the Python API is described in chunk_queue.pyi.

The members stand in the order of chunk_queue.pyx.
"""

cimport cython
from cpython.object cimport PyObject

from forebay._buffers.chunk_memory cimport ChunkRef, ChunkSpan


@cython.final
cdef class ChunkQueue:
    cdef object __weakref__
    cdef ChunkRef* _refs            # the circular array, NULL until the first chunk comes
    cdef Py_ssize_t _capacity       # its length in entries: 0 or a power of two
    cdef Py_ssize_t _head           # index of the front chunk in _refs
    cdef Py_ssize_t _count          # chunks queued
    cdef Py_ssize_t _total_bytes    # bytes queued: the sum of all sizes
    cdef int _busy                  # running writes; the front chunks must not move
    cdef object _sought             # bytes that _seek() looked for last, or None
    cdef Py_ssize_t _sought_from    # offset in bytes before which _sought does not begin

    # Public: append_copy() and readinto() of memory. They follow the same rules; take() returns the number of bytes.
    cdef int put(self, const char* data, Py_ssize_t n) except -1
    cdef Py_ssize_t take(self, char* target, Py_ssize_t n) except -1

    # Where n is a number of bytes to take, the caller has made sure that 0 <= n <= _total_bytes.
    # Those that take from the front or put there raise BufferError while a write is under way.
    cdef int _check_idle(self, str method) except -1
    cdef int _append(self, object chunk) except -1
    cdef int _appendleft(self, object chunk) except -1
    cdef int _append_copy(self, const char* data, Py_ssize_t n) except -1
    # The same. If `first` is not 0, the first `first` bytes become one chunk, which read() returns without a copy.
    cdef int _append_parts(self, const char* data, Py_ssize_t n, Py_ssize_t first) except -1
    cdef object _popleft(self)
    cdef bytes _read(self, Py_ssize_t n)
    # The bytes up to and with `sub` (not empty) where at most `limit` come before it and all that is inside of the
    # front chunk, and not all of it; else None, and a search is needed.
    cdef bytes _read_near(self, bytes sub, Py_ssize_t limit)
    cdef int _consume(self, Py_ssize_t n) except -1
    cdef void _copy_out(self, char* target, Py_ssize_t n) noexcept
    cdef ChunkRef* _copy_refs(self, Py_ssize_t n, Py_ssize_t* count) except? NULL
    # The offset of the first `sub` (length > 0) that lies inside [start, stop), or -1.
    cdef Py_ssize_t _search(self, const char* sub, Py_ssize_t length, Py_ssize_t start,
                            Py_ssize_t stop) except -2
    # The offset of the first `sub` (not empty) that ends by `stop`, or -1. Asked again for the same `sub`, it
    # goes on where it stopped.
    cdef Py_ssize_t _seek(self, bytes sub, Py_ssize_t stop) except -2
    # One writev, or pwritev if offset >= 0. Returns the bytes taken, or -1 if it would block. Unlike
    # writev_to() it makes no exception for that.
    cdef Py_ssize_t _writev(self, int fd, long long offset) except -2

    # Storage; these are for the queue itself.
    cdef ChunkRef* _at(self, Py_ssize_t index) noexcept
    cdef ChunkSpan _span(self) noexcept
    cdef bytes _split(self, ChunkRef* front, Py_ssize_t n)
    cdef bint _is_front(self, ChunkRef* ref) except -1
    cdef int _put(self, object chunk, bint in_front) except -1
    cdef int _reserve(self) except -1
    cdef PyObject* _unlink_front(self) noexcept
    cdef void _drop_bytes(self, Py_ssize_t n) noexcept
    cdef void _drop_all(self) noexcept
