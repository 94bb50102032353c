cimport cython

cimport forebay._core.scheduling.constants as k
from forebay._core.state.stream cimport Stream
from forebay._core.scheduling.ticks cimport Ticked, TickQueue, current_queue

cdef int _MOST_ROUNDS
cdef object _ATTRIBUTE

cdef class Bursting:
    cdef Stream _stream
    cdef object _burst_over(self)

cdef class Burst(Ticked):
    cdef TickQueue _queue
    cdef list _members
    cdef bint _scheduled            # the tick is queued
    cdef int _rounds                # how often the tick has moved behind the other ticks
    @cython.locals(queue=TickQueue)
    cdef object add(self, Bursting member)
    @cython.locals(queue=TickQueue, member=Bursting, members=list)
    cdef object _s_run_tick(self, int op, object arg)

cpdef Burst current_burst(object loop)
