cimport cython

from forebay._system.syscalls cimport has_error, receive
from forebay.net._send_queue cimport SendQueue

cdef Py_ssize_t _PIECE_BYTES
cdef int _MOST_PIECES
cdef int _CLOSING_STEPS

cdef class Channel(SendQueue):
    cdef object __weakref__
    cdef object _readers            # watches the descriptor for reading
    cdef bint _tells_once           # the loop reports an error once, and may then drop its watch
    cdef bint _wanted               # the stream wants more data
    cdef bint _reading              # the loop watches the descriptor for reading
    cdef bint _ended                # the peer has ended its side
    cdef int _pieces                # number of 64 KiB pieces of one receive
    cdef list _rest                 # received data that is not pushed yet; the next piece is last
    cdef readonly long long bytes_in
    cdef public object kernel_path
    cdef public object source_route
    cdef public bint brisk
    @cython.locals(step=int)
    cdef object _close_step(self, int step, object error)
    cpdef object hold(self)
    cpdef object resume(self)
    cpdef object read_failed(self, object error)
    cdef object _start_reading(self)
    cdef object _stop_reading(self)
    cpdef object on_readable(self)
    cdef object _receive(self)
    @cython.locals(size=Py_ssize_t)
    cdef object _take(self, bytes data)
    @cython.locals(size=Py_ssize_t, piece=bytes)
    cdef object _take_pieces(self, list pieces)
    @cython.locals(rest=list, more=bint)
    cdef object _give_rest(self)
    cpdef object _give_late(self)
    cpdef object count_in(self, Py_ssize_t size)
