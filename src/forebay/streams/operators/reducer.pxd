cimport cython

cimport forebay._core.state.constants as state
cimport forebay.streams.operators.constants as k
from forebay._core.scheduling.hook_runner cimport is_awaitable
from forebay._core.state.stream cimport Stream


cdef class Operator:
    cdef int _kind
    cdef object _fn
    cdef Py_ssize_t _count      # of take and drop: how many are left; of find: the truth that is looked for
    cdef object _plain          # the type of the last result; known to be no awaitable

cdef class Reducer:
    cdef Stream _stream
    cdef list _steps
    cdef readonly object value
    cdef readonly bint stopped
    cdef bint _last             # nothing after the item under way is needed
    cdef Py_ssize_t _index      # of the step that awaits
    cdef object _item           # ... and the item that it is about
    @cython.locals(stream=Stream)
    cpdef object run(self)
    cpdef object resume(self, object result)
    @cython.locals(step=Operator, steps=list, kind=int)
    cdef object _apply(self, Py_ssize_t index, object item, object result, bint given)
