from forebay._core.state.stream cimport Stream
from forebay._system.syscalls cimport splice
from forebay.net._channel cimport Channel

cdef Py_ssize_t _SMALL_BYTES
cdef int _SMALL_IN_A_ROW

cdef class SocketToSocket:
    cdef Stream _source
    cdef readonly Stream dest
    cdef Channel _into
    cdef Channel _out
    cdef int _read_end          # of the pipe, -1 while there is none
    cdef int _write_end
    cdef Py_ssize_t _size       # what the pipe holds, in bytes
    cdef Py_ssize_t _held       # what is in it
    cdef int _small             # small pieces in a row
    cdef bint _owns             # the destination, which waits until the pipe is empty
    cdef bint _left             # the source goes another way
    cdef bint _unfit            # a system call has failed
    cpdef bint take_over(self) except -1
    cdef bint _move(self) except -1
    cdef object _pour(self)
    cdef object _drop(self)
    cdef object _through(self)
    cdef object _close_pipe(self)
