cimport cython

cimport forebay._core.scheduling.calls as calls

cdef class Operation:
    cdef object __weakref__
    cdef readonly object _error
    cdef readonly object _loop
    cdef readonly object _value
    cdef bint _is_done
    cdef readonly bint _handled     # the error needs no report: the program retrieved it, or expects it
    cdef list _callbacks
    cdef list _futures              # the futures of the waiting tasks
    cpdef object _settle(self, object error, object value=*)
    @cython.locals(futures=list, woken=Py_ssize_t)
    cdef object _wake_all(self)
    @cython.locals(callbacks=list, told=Py_ssize_t)
    cdef object _tell_all(self)
    cdef object _wake(self, object future)
    cdef object _tell(self, object callback)
    cdef object _check_done(self)
    cpdef object _abandoned(self)
    cdef bint _has_waiters(self) except -1
