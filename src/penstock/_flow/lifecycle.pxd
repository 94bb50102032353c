cimport cython

from penstock._flow.events cimport EventEmitter
from penstock._flow.runner cimport HookRunner, is_awaitable
from penstock._flow.ticks cimport TickQueue, current_queue

cdef int _TICK_CONSTRUCT
cdef int _TICK_CONSTRUCTED
cdef int _TICK_CLOSE
cdef int _TICK_ERROR
cdef int _CONSTRUCT
cdef int _DESTROY
cdef int _DESTROY_AWAITED

cdef class Completion:
    cdef Lifecycle _stream      # whose hook returned this; None until then
    cdef int _kind              # which hook
    cdef bint _settled
    cdef bint _again            # settled more than once before the hook returned
    cdef object _error
    cdef object _value
    cdef object _settle(self, object error, object value)
    cdef object _attach(self, Lifecycle stream, int kind)

cdef class Lifecycle(EventEmitter):
    cdef unsigned char _has_readable     # the stream has a readable side
    cdef unsigned char _has_writable
    cdef unsigned char _destroyed
    cdef unsigned char _closed           # _destroy is done; 'close' comes with the next tick
    cdef unsigned char _close_emitted
    cdef unsigned char _error_emitted
    cdef unsigned char _constructed
    cdef unsigned char _construct_called
    cdef unsigned char _auto_destroy
    cdef unsigned char _emit_close
    cdef object _errored                 # the first error, or None
    cdef object _destroy_error           # what destroy() was called with
    cdef TickQueue _queue                # of the loop in which the stream is used
    cdef object _construct_hook
    cdef object _destroy_hook
    cdef dict _runners                   # hook kind -> HookRunner, for async hooks
    cdef object _tick(self, int op, object arg)
    cdef object _start(self, object construct, object destroy, bint auto_destroy, bint emit_close, object signal)
    cdef object _destroy_stream(self, object error)
    cdef object _before_destroy(self)
    cdef object _call_destroy(self, object error)
    cdef object _after_destroy(self, object error)
    cdef object _after_construct(self)
    cdef object _emit_error(self, object error)
    cdef object _fail(self, object error, bint deferred)
    @cython.locals(done=Completion, runner=HookRunner)
    cdef object _hook_returned(self, int kind, object result)
    cdef object _complete(self, int kind, object error, object value)
    cdef object _completed_again(self, int kind, object error)
    cdef object _stop_runners(self, bint all_of_them)
    cdef object _release(self)
