cimport cython

cimport forebay._core.scheduling.calls as calls
cimport forebay._core.state.constants as k
from forebay._core.data.chunk cimport byte_chunk, text_chunk
from forebay._core.scheduling.fifo cimport Fifo
from forebay._core.scheduling.ticks cimport current_queue
from forebay._core.state.readable_side cimport ReadableSide

cdef class WritableQueue(ReadableSide):
    cdef unsigned char _w_object             # object mode
    cdef unsigned char _w_writing            # a _write or _writev call is outstanding
    cdef unsigned char _w_flushing           # the buffered chunks are being handed over
    cdef unsigned char _w_keep_text          # decode_strings=False
    cdef int _w_corked
    cdef Fifo _w_buffer                      # chunk, callback: two slots for each write
    cdef Py_ssize_t _w_length                # bytes or objects queued and in flight
    cdef Py_ssize_t _w_writelen              # the part of _w_length in flight
    cdef Py_ssize_t _w_pending               # writes, and _final, that are not reported as done yet
    cdef object _w_callback                  # of the write in flight: a callable, or a list for a _writev; one field, mostly None
    cdef object _w_encoding                  # for str chunks; None refuses them
    cdef object _w_checked(self, object chunk, object encoding)
    @cython.locals(buffer=Fifo)
    cdef bint _w_has_room(self) except -1
    @cython.locals(buffer=Fifo)
    cdef object _w_put(self, object chunk, object callback)
    @cython.locals(buffer=Fifo)
    cdef object _w_make_room(self)
    @cython.locals(size=Py_ssize_t)
    cdef object _w_forget(self, object chunk)
    cdef object _w_run_callback(self, object callback, object error)
    cdef object _w_tell(self, object callback, object error)
    @cython.locals(buffer=Fifo, chunks=list, callbacks=list)
    cdef list _w_take_waiting(self)
    @cython.locals(buffer=Fifo)
    cdef object _w_fail_buffered(self)
    cdef object _w_fail_first(self, Fifo buffer)
    cdef object _w_run_end_callbacks(self, object error)
    cdef object _w_add_end_callback(self, object callback)
