cimport cython

from penstock.asyncio._receiving cimport ReaderCore
from penstock.asyncio._sending cimport WriterCore

cdef class Attempt:
    cdef object _stream         # the reader or writer whose operation it is
    cdef int _kind              # which operation
    cdef Py_ssize_t _n          # its arguments: a number of bytes,
    cdef object _first          # or two others
    cdef object _second
    cdef object _inner          # the coroutine that waits, where the first attempt gave nothing
    cdef bint _started

cdef class LazyReader(ReaderCore):
    @cython.final
    cdef object _attempt(self, Attempt call)

cdef class LazyWriter(WriterCore):
    pass
