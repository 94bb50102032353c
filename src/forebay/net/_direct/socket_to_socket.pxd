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
    cdef int _read_end          # the read end of the pipe, -1 if there is no pipe
    cdef int _write_end
    cdef Py_ssize_t _size       # the capacity of the pipe in bytes
    cdef Py_ssize_t _held       # the bytes in the pipe
    cdef int _small             # number of small pieces in a row
    cdef bint _owns             # owns the destination, which waits until the pipe is empty
    cdef bint _left             # the source has left the direct path
    cdef bint _unfit            # a system call has failed, so the path is not used again
    cpdef bint take_over(self) except -1
    cdef bint _move(self) except -1
    cdef object _pour(self)
    cdef object _drop(self)
    cdef object _through(self)
    cdef object _close_pipe(self)
