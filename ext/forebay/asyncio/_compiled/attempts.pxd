cimport cython

from forebay.asyncio._compiled.reader_core cimport ANY, COUNT, SEPARATOR, ReaderCore
from forebay.asyncio._compiled.writer_core cimport WriterCore
from forebay.asyncio._compiled.waiter cimport PENDING, Waiter

cdef class Attempt:
    cdef object _stream         # the reader or writer of the operation
    cdef int _kind              # which operation
    cdef Py_ssize_t _n          # its arguments: a number of bytes,
    cdef object _first          # or two others
    cdef object _second
    cdef Waiter _waiter         # the Waiter after a first attempt without a result
    cdef object _inner          # the coroutine for the rare cases
    cdef bint _started
    cdef int _end_wait(self) except -1

cdef class LazyReader(ReaderCore):
    @cython.final
    cdef bint _is_left(self, int kind) except -1
    @cython.final
    cdef object _leave(self, Attempt call)
    @cython.final
    cdef object _wait_for(self, Attempt call)
    @cython.final
    cdef void _waits_no_more(self) noexcept

cdef class LazyWriter(WriterCore):
    pass
