cimport cython

cimport forebay._core.state.constants as k
cimport forebay._core.scheduling.calls as calls
cimport forebay._core.scheduling.this_thread as this_thread
from forebay._core.scheduling.hook_runner cimport HookRunner, Unfinished, is_awaitable
from forebay._core.scheduling.ticks cimport TickQueue, current_queue
from forebay._core.state.completion cimport Completion, HookOwner

cdef class Lifecycle(HookOwner):
    cdef unsigned char _s_readable     # the stream has a readable side
    cdef unsigned char _s_writable
    cdef unsigned char _s_destroyed
    cdef unsigned char _s_closed           # _destroy is done; 'close' follows on the next tick
    cdef unsigned char _s_close_emitted
    cdef unsigned char _s_error_emitted
    cdef unsigned char _s_constructed
    cdef unsigned char _s_construct_called
    cdef unsigned char _s_auto_destroy
    cdef unsigned char _s_emit_close
    cdef unsigned char _s_half_open      # allow_half_open
    cdef unsigned char _s_checks         # calls check their thread and loop: made in a loop in debug mode, or without the GIL
    cdef unsigned char _s_runner_kind    # the kind of hook whose calls _s_runner runs; 0 for none
    cdef HookRunner _s_runner            # the one of the last async hook
    cdef object _s_errored                 # the first error, or None
    cdef TickQueue _s_queue                # the queue of the loop in which the stream is used
    cdef dict _s_kept                    # values that few streams have; see _s_keep
    cdef object _s_keep(self, object name, object value)
    cdef object _s_keep_first(self, object name, object value)
    cdef object _s_make_kept(self)
    cdef object _s_find(self, object name)
    cdef object _s_hook(self, object option, object method)
    cdef object _s_join_loop(self)
    cdef bint _s_is_late(self) except -1
    cdef object _s_check_started(self)
    @cython.locals(queue=TickQueue)
    cdef object _s_check_loop(self, object what)
    cdef bint _s_fail_at_end(self) except -1
    cdef object _s_tell_error(self, object error)
    cdef object _s_hook_error(self, object name, object hook, object error)
    @cython.locals(queue=TickQueue)
    cdef object _s_start(self, object construct, object destroy, bint auto_destroy, bint emit_close, object signal)
    cdef object _s_destroy_stream(self, object error)
    cdef object _s_before_destroy(self)
    cdef object _s_call_destroy(self, object error)
    cdef object _s_after_destroy(self, object error)
    cdef object _s_after_construct(self)
    cdef object _s_emit_error(self, object error)
    cdef object _s_fail(self, object error, bint deferred)
    @cython.locals(done=Completion)
    cdef object _s_hook_returned(self, int kind, object result)
    @cython.locals(done=Completion, runner=HookRunner, raised=calls.Raised)
    cdef object _s_run_hook(self, int kind, object awaitable)
    cdef object _s_hook_waits(self, int kind, object awaitable)
    @cython.locals(runner=HookRunner, runners=dict)
    cdef HookRunner _s_choose_runner(self, int kind)
    @cython.locals(runners=dict)
    cdef object _s_stop_runners(self, bint all_of_them)
    cdef object _s_release(self)
    cdef object _s_drop_listeners(self)
