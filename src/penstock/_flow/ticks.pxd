cimport cython

from penstock._flow.fifo cimport Fifo

cdef int _CALL

cdef class Ticked:
    cdef object _run_tick(self, int op, object arg)

cdef class TickQueue:
    cdef object _loop
    cdef Fifo _fifo             # target, op, argument; three slots for each tick
    cdef bint _scheduled        # a drain is queued with the loop, or running
    @cython.locals(fifo=Fifo, op=int, ticked=Ticked)
    cpdef object drain(self)
    @cython.locals(fifo=Fifo)
    cdef object add(self, object target, int op, object arg)

cdef TickQueue _last

@cython.locals(last=TickQueue, queue=TickQueue)
cpdef TickQueue current_queue()
