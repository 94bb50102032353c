cimport cython

cimport forebay._core.scheduling.calls as calls
from forebay._core.data.chunk cimport byte_chunk, text_chunk
from forebay._core.data.stalls cimport Stalls
from forebay._core.scheduling.fifo cimport Fifo
from forebay._core.state.lifecycle cimport Lifecycle

cdef class ReadableBuffer(Lifecycle):
    cdef unsigned char _r_object             # object mode
    cdef Fifo _r_buffer                      # unread chunks; made when a chunk has to wait for the first time
    cdef Py_ssize_t _r_offset                # how much of the first chunk was read (bytes or characters)
    cdef Py_ssize_t _r_length                # bytes, characters or objects in the buffer
    cdef Py_ssize_t _r_changes               # number of changes at the front of the buffer so far
    cdef object _r_decoder
    cdef Stalls _r_stalls                    # number and duration of stalls by full destinations
    cdef object _r_checked(self, object chunk, object encoding)
    cdef object _r_decode(self, object chunk)
    @cython.locals(buffer=Fifo)
    cdef Fifo _r_make_room(self)
    @cython.locals(buffer=Fifo, changes=Py_ssize_t)
    cdef Fifo _r_make_room_in_front(self)
    @cython.locals(buffer=Fifo, left=Py_ssize_t)
    cdef Py_ssize_t _r_first_left(self) except -1
    @cython.locals(buffer=Fifo, left=Py_ssize_t, changes=Py_ssize_t)
    cdef Py_ssize_t _r_measure_first(self) except -1
    @cython.locals(buffer=Fifo)
    cdef object _r_drop_first(self)
    @cython.locals(buffer=Fifo)
    cdef object _r_take(self, Py_ssize_t n)
    @cython.locals(
        buffer=Fifo, changes=Py_ssize_t, parts=list, whole=Py_ssize_t, left=Py_ssize_t, offset=Py_ssize_t, size=Py_ssize_t
    )
    cdef object _r_cut(self, Py_ssize_t n)
    cdef object _r_joined(self, list parts, Py_ssize_t offset)
    @cython.locals(buffer=Fifo, changes=Py_ssize_t, decoded=list, held=list)
    cdef object _r_set_encoding(self, object encoding)
    @cython.locals(buffer=Fifo, decoded=list, offset=Py_ssize_t, index=Py_ssize_t)
    cdef list _r_decoded(self, object decoder)
    @cython.locals(stalls=Stalls)
    cdef object _r_stall(self)
    @cython.locals(stalls=Stalls)
    cdef object _r_unstall(self)
