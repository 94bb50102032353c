cimport cython

cimport forebay._core.scheduling.calls as calls
cimport forebay._core.scheduling.this_thread as this_thread
from forebay._core.listeners cimport Handlers, Listener, Standin, function_of, matches
from forebay._core.scheduling.ticks cimport Ticked, current_queue, fail

cdef Py_ssize_t _MOST_IN_LIST

@cython.final
cdef class OnceListener(Standin):
    cdef EventEmitter _emitter
    cdef object _event
    cdef bint _fired
    cdef bint _take(self) except -1

# A long chain of streams that hold each other is deallocated without recursion.
@cython.trashcan(True)
cdef class EventEmitter(Ticked):
    cdef dict __dict__
    cdef object __weakref__
    cdef dict _s_events           # event -> a callable (most events have one), a list of callables, or Handlers; None before the first listener
    @cython.locals(many=Handlers, listeners=list)
    cdef object _s_add(self, object event, object fn, bint first)
    @cython.locals(once=OnceListener)
    cdef object _s_add_once(self, object event, object fn, bint first)
    @cython.locals(index=Py_ssize_t)
    cdef object _s_remove(self, object event, object fn)
    @cython.locals(index=Py_ssize_t, many=Handlers)
    cdef object _s_take_off(self, object event, object listener)
    @cython.locals(index=Py_ssize_t, many=Handlers)
    cdef object _s_remove_of_many(self, object event, object fn)
    @cython.locals(copy=Handlers)
    cdef object _s_replace_many(self, object event, Handlers many)
    cdef object _s_remove_at(self, object event, Handlers many, Py_ssize_t index)
    cdef object _s_store(self, object event, object handler)
    @cython.locals(once=OnceListener)
    cdef object _s_loosen_once(self)
    @cython.locals(many=Handlers)
    cdef Py_ssize_t _s_count(self, object event) except -1
    cdef bint _s_emit0(self, object event) except -1
    cdef bint _s_emit1(self, object event, object arg) except -1
    @cython.locals(index=Py_ssize_t, count=Py_ssize_t, fn=object)
    cdef object _s_tell_all(self, object event, list listeners, bint with_arg, object arg)
    cdef object _s_tell_many(self, object event, Handlers many, bint with_arg, object arg)
    @cython.locals(index=Py_ssize_t, listeners=list)
    cdef object _s_call_each(self, object event, object handler, tuple args)
    cdef object _s_added(self, object event)
    cdef object _s_removed(self, object event)
    cdef object _s_unlistened(self, object error)

@cython.locals(listener=Listener)
cdef object _tell0(EventEmitter emitter, object event, object fn)
@cython.locals(listener=Listener)
cdef object _tell1(EventEmitter emitter, object event, object fn, object arg)
@cython.locals(raised=calls.Raised)
cpdef object _returned(EventEmitter emitter, object event, object result)
cdef object _report(object emitter, object event, object error)
@cython.locals(once=OnceListener)
cdef object _call(object emitter, object fn, tuple args)
cdef object _settle(object emitter, object result)
@cython.locals(many=Handlers)
cdef list _all_of(object handler)
