cimport cython

cimport forebay.asyncio._compiled.class_versions as versions

cdef int PENDING
cdef int DONE
cdef int CANCELLED

cdef class Waiter:
    cdef public bint _asyncio_future_blocking
    cdef object _loop
    cdef int _state                         # PENDING, ...
    cdef object _error                      # what result() raises
    cdef object _callback                   # the task's, and its context
    cdef object _context
    cdef bint _taken                        # the coroutine went on

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
