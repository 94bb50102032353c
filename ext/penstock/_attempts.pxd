from penstock.asyncio._receiving cimport ReaderCore
from penstock.asyncio._sending cimport WriterCore

cdef class Attempt:
    cdef object _stream         # the reader or writer whose operation it is
    cdef int _kind              # which operation
    cdef object _first          # its arguments
    cdef object _second
    cdef object _inner          # the coroutine that waits, where the first attempt gave nothing
    cdef bint _started

cdef class LazyReader(ReaderCore):
    cdef object _attempt(self, int kind, object first, object second)

cdef class LazyWriter(WriterCore):
    pass
