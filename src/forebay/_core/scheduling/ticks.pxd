cimport cython

cimport forebay._core.scheduling.calls as calls
cimport forebay._core.scheduling.constants as k
from forebay._core.scheduling.fifo cimport Fifo

cdef Py_ssize_t _MANY_SLOTS

cdef class Ticked:
    cdef object _s_run_tick(self, int op, object arg)

cdef class TickQueue:
    cdef object _loop
    cdef Fifo _fifo             # target, op, argument: three slots for each tick
    cdef bint _scheduled        # the loop will call `drain`, or is running it
    cdef bint _running          # inside a tick
    cdef bint _debug            # the loop is in debug mode
    cdef object _thread         # the identifier of the loop's thread
    cdef object relieve(self)
    cpdef bint settle(self) except -1
    cpdef object drain(self)
    @cython.locals(fifo=Fifo, op=int, ticked=Ticked)
    cdef object _run_all(self)
    @cython.locals(fifo=Fifo)
    cdef object add(self, object target, int op, object arg)

cdef TickQueue _last

cpdef object running_loop()

@cython.locals(last=TickQueue, queue=TickQueue, made=TickQueue)
cpdef TickQueue current_queue()
