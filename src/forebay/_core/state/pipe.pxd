cimport cython

cimport forebay._core.state.constants as k
cimport forebay._core.scheduling.calls as calls
from forebay._core.listeners cimport Listener
from forebay._core.state.stream cimport Stream
from forebay._core.scheduling.ticks cimport current_queue

cdef Py_ssize_t _MOST_UNPIPE_LISTENERS
cdef Py_ssize_t _pipes_made

cdef class PipeListener(Listener):
    cdef Pipe _pipe
    cdef int _on
    cdef object _take(self, Pipe pipe)

@cython.locals(listener=PipeListener)
cdef PipeListener _listener(Pipe pipe, int on)

cdef class Pipe(Listener):
    cdef Stream _source
    cdef Stream _dest
    cdef bint _end                  # the source's end ends the destination
    cdef bint _leaving              # unpipe() was called for this pipe
    cdef bint _gone
    cdef bint _own_write            # the destination's class overrides write()
    cdef bint _detour               # ... or postponed chunks wait for a tick; see _write
    cdef list _late                 # the postponed chunks
    cdef Py_ssize_t _number         # in the order of pipe()
    cdef PipeListener _on_end
    cdef PipeListener _on_unpipe
    cdef PipeListener _on_drain     # added when the destination is full for the first time
    cdef PipeListener _on_error
    cdef PipeListener _on_close
    cdef PipeListener _on_finish
    cdef object _connect(self)
    cdef bint _write(self, object chunk) except -1
    cdef object _write_late(self)
    cdef object _wait(self)
    cdef bint _holds_others_up(self) except -1
    cdef bint _forget_wait(self) except -1
    cdef object _drained(self)
    cdef object _source_ended(self)
    cdef object _broken(self, object error)
    cdef object _failed(self, object error)
    cdef object _cleanup(self)
    cdef object _unpipe(self)

@cython.locals(link=Pipe)
cpdef object pipe(Stream source, Stream dest, bint end, bint own_write)
@cython.locals(link=Pipe)
cpdef object unpipe(Stream source, Stream dest)
cdef object _part(Pipe link)
cdef list _in_order(dict pipes)
@cython.locals(pipe=Pipe)
cpdef object _number_of(object link)
@cython.locals(link=Pipe)
cpdef object sole_destination(Stream source)
