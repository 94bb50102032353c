cimport cython

cimport forebay._core.scheduling.calls as calls
cimport forebay._core.scheduling.this_thread as this_thread
cimport forebay._core.state.constants as k
from forebay._core.events cimport EventEmitter

cdef class HookOwner(EventEmitter):
    cdef object _s_tick(self, int op, object arg)
    cdef object _s_complete(self, int kind, object error, object value)
    cdef object _s_complete_later(self, int kind, object error, object value)
    cdef object _s_completed_again(self, int kind, object error)
    cdef object _s_hook_cancelled(self, int kind)
    cdef object _s_abandon_hook(self)

@cython.freelist(8)
cdef class Completion:
    cdef HookOwner _stream      # the stream whose hook returned this; None until then
    cdef int _kind              # the kind of hook
    cdef bint _settled
    cdef bint _again            # settled more than once before the hook returned
    cdef object _error
    cdef object _value
    cdef object _settle(self, object error, object value)
    cdef object _attach(self, HookOwner stream, int kind)
