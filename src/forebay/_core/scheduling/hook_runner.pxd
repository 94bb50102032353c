cimport cython

cimport forebay._core.scheduling.calls as calls
from forebay._core.scheduling.awaits cimport Suspended, first_step

cpdef bint is_awaitable(object value) except -1
cpdef bint is_coroutine_of(object function, object value) except -1

@cython.freelist(8)
cdef class Unfinished:
    cdef object awaitable

@cython.final
cdef class HookRunner:
    cdef object __weakref__
    cdef object _jobs               # a deque of (awaitable, Completion) that the task has not started
    cdef bint _busy                 # a call is in progress
    cdef object _idle               # the future that the task waits on between jobs
    cdef bint _stopped
    cdef bint _begun                # the task has run its first step
    cdef object _task
    cdef object _context            # the context of the task and of the first steps
    @cython.locals(raised=calls.Raised)
    cpdef object submit(self, object awaitable, object completion)
    @cython.locals(suspended=Suspended)
    cdef object run(self, object awaitable)
    cdef object queue(self, Unfinished unfinished, object completion)
