cimport cython

cimport forebay._core.scheduling.calls as calls
cimport forebay._core.scheduling.constants as k
cimport forebay._core.scheduling.this_thread as this_thread
from forebay._core.scheduling.fifo cimport Fifo

cdef Py_ssize_t _MANY_SLOTS
cdef double _SLICE
cdef Py_ssize_t _FIRST_STEP
cdef Py_ssize_t _LONGEST_STEP
cdef double _SHORT
cdef double _LONG

cdef class Ticked:
    cdef object _s_run_tick(self, int op, object arg)
    cdef object _s_check_thread(self, object what)
    cdef object _s_cannot_tick(self, int op, object arg, object error)
    cdef bint _s_tick_failed(self, int op, object error) except -1

@cython.final
cdef class TickQueue:
    cdef object _loop
    cdef Fifo _fifo             # target, op, argument: three slots for each tick
    cdef bint _scheduled        # the loop will call `drain`, or is running it
    cdef bint _running          # inside a tick
    cdef bint _debug            # the loop is in debug mode
    cdef unsigned long _thread  # the identifier of the loop's thread
    cdef Py_ssize_t _left       # operations until the clock is read
    cdef Py_ssize_t _step       # operations between two looks at the clock
    cdef bint _measuring        # the loop has not had a turn since `_began`
    cdef bint _over             # the time is over: nothing goes on before the loop's turn
    cdef double _began
    cdef double _looked
    cdef bint is_here(self) except -1
    cdef bint _has_moved(self) except -1
    cpdef bint late(self) except -1
    @cython.locals(now=double)
    cdef bint _look(self) except -1
    cdef object _go_on(self)
    cdef object relieve(self)
    cpdef bint settle(self) except -1
    cpdef object drain(self)
    @cython.locals(fifo=Fifo, op=int, ticked=Ticked)
    cdef object _run_all(self)
    @cython.locals(fifo=Fifo)
    cdef object add(self, object target, int op, object arg)
    cpdef object _add_here(self, object target, int op, object arg)
    @cython.locals(fifo=Fifo, ticked=Ticked)
    cdef bint _prepare(self, object target, int op, object arg) except -1
    cdef object _schedule(self)
    cdef object _leave_rest(self)
    @cython.locals(ticked=Ticked)
    cdef object _failed(self, object target, int op, object error)

cdef TickQueue _last

cpdef bint fail(Ticked target, object error) except -1

cpdef object running_loop()

@cython.locals(last=TickQueue, queue=TickQueue, made=TickQueue)
cpdef TickQueue current_queue()
