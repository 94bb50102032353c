cimport cython

cimport forebay._core.state.constants as k
from forebay._core.listeners cimport Listener
from forebay._core.scheduling.operation cimport Operation
from forebay._core.state.stream cimport Stream
from forebay._core.scheduling.ticks cimport current_queue, running_loop

cdef class FinishedListener(Listener):
    cdef Finished _handle
    cdef int _on
    cdef object _event
    cdef FinishedListener _before

@cython.locals(listener=FinishedListener)
cdef FinishedListener _listener(Finished handle, int on)

cdef class Finished(Operation):
    cdef Stream _stream
    cdef object _signal
    cdef bint _cleanup
    cdef bint _readable         # the watch waits for the readable side
    cdef bint _writable
    cdef bint _awaits_close
    cdef bint _read_done
    cdef bint _write_done
    cdef FinishedListener _last # the last of the linked listeners
    cdef object _start(
        self, Stream stream, object readable, object writable, bint error, object signal, bint cleanup
    )
    cdef object _begin(self, Stream stream, object readable, object writable)
    cdef object _watch(self, Stream stream, bint error)
    @cython.locals(listener=FinishedListener)
    cdef object _listen(self, Stream stream, object event, int on)
    cdef object _on_tick(self, int op)
    cdef bint _still_readable(self) except -1
    cdef bint _still_writable(self) except -1
    cdef object _happened(self, int on, object arg)
    @cython.locals(stream=Stream)
    cdef object _take(self, int on, object arg)
    cdef object _stream_closed(self, Stream stream)
    cpdef object _on_abort(self)
    cdef object _report(self, object error)
    @cython.locals(listener=FinishedListener, stream=Stream)
    cdef object _forget(self)

@cython.locals(watch=Finished)
cdef Finished _started(
    Stream stream, object readable, object writable, bint error, object signal, bint cleanup
)
