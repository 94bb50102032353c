cimport cython

cimport forebay.asyncio._compiled.class_versions as versions

cdef int PENDING
cdef int DONE
cdef int CANCELLED

cdef class Waiter:
    cdef public bint _asyncio_future_blocking
    cdef object _loop
    cdef int _state                         # PENDING, ...
    cdef object _error                      # the exception of result()
    cdef object _callback                   # the callback of the task, and its context
    cdef object _context
    cdef bint _taken                        # the coroutine has continued

    @cython.final
    cdef object resume(self)
    @cython.final
    cdef object _tell(self)
    @cython.final
    cdef object _take(self)

cdef object _running_task
cdef object _RESULT
cdef unsigned int _flat_version

@cython.locals(version=cython.uint, flat=bint)
cdef bint _runs_flat(object loop) except -1
