cimport cython

cimport penstock._calls as calls
from penstock._flow.ticks cimport Ticked, current_queue

cdef object _DATA

cdef class Listener(Ticked):
    cdef object _notify0(self)
    cdef object _notify1(self, object arg)

cdef class OnceListener(Listener):
    cdef EventEmitter _emitter
    cdef object _event
    cdef object _fn
    cdef bint _fired
    cdef bint _take(self) except -1

cdef class EventEmitter(Ticked):
    cdef dict __dict__
    cdef object __weakref__
    cdef dict _s_events           # event -> a callable, or a list of several; None until the first listener
    cdef object _s_data_handler   # what _s_events holds for 'data'
    cdef Listener _s_data_listener  # ... where that is one of penstock's own
    cdef object _s_add(self, object event, object fn, bint first)
    cdef object _s_remove(self, object event, object fn)
    cdef object _s_take_off(self, object event, object listener)
    cdef object _s_store(self, object event, object handler)
    @cython.locals(once=OnceListener)
    cdef object _s_loosen_once(self)
    cdef Py_ssize_t _s_count(self, object event) except -1
    cdef bint _s_emit0(self, object event) except -1
    cdef bint _s_emit1(self, object event, object arg) except -1
    @cython.locals(fn=object)
    cdef object _s_call_all1(self, list handlers, object arg)
    cdef object _s_added(self, object event)
    cdef object _s_removed(self, object event)
    cdef object _s_unlistened(self, object error)

@cython.locals(listener=Listener)
cpdef object call0(object emitter, object fn)
@cython.locals(listener=Listener)
cpdef object call1(object emitter, object fn, object arg)
@cython.locals(once=OnceListener)
cdef bint _matches(object listener, object fn) except -1
@cython.locals(once=OnceListener)
cdef object _function(object listener)
cpdef object _settle(object emitter, object result)
