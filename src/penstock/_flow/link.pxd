cimport cython
from penstock._flow.events cimport Listener
from penstock._flow.stream cimport Stream
from penstock._flow.ticks cimport current_queue

cdef int _TICK_SOURCE_ENDED
cdef int _ON_END
cdef int _ON_UNPIPE
cdef int _ON_DRAIN
cdef int _ON_ERROR
cdef int _ON_CLOSE
cdef int _ON_FINISH

cdef class PipeListener(Listener):
    cdef Pipe _pipe
    cdef int _on

@cython.locals(listener=PipeListener)
cdef PipeListener _listener(Pipe pipe, int on)

cdef class Pipe(Listener):
    cdef Stream _source
    cdef Stream _dest
    cdef bint _end                  # the source's end ends the destination
    cdef bint _leaving              # unpipe() was called for this one
    cdef bint _gone
    cdef bint _own_write            # the destination's class has a write() of its own
    cdef PipeListener _on_end
    cdef PipeListener _on_unpipe
    cdef PipeListener _on_drain     # made when the destination is full for the first time
    cdef PipeListener _on_error
    cdef PipeListener _on_close
    cdef PipeListener _on_finish
    cdef object _connect(self)
    cdef object _wait(self)
    cdef object _drained(self)
    cdef object _source_ended(self)
    cdef object _failed(self, object error)
    cdef object _cleanup(self)
    cdef object _unpipe(self)

@cython.locals(link=Pipe, pipes=list)
cpdef object pipe(Stream source, Stream dest, bint end, bint own_write)
@cython.locals(link=Pipe, index=Py_ssize_t, pipes=list)
cpdef object unpipe(Stream source, Stream dest)
@cython.locals(link=Pipe, pipes=list)
cpdef object sole_destination(Stream source)
