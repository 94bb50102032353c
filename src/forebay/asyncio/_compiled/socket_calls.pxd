cimport cython

from forebay._system.syscalls cimport gather, send

cdef class SocketCalls:
    cdef object _socket                     # the transport whose system calls this object makes, or None
    cdef int _fd                            # its descriptor, or -1

    @cython.final
    @cython.locals(size=Py_ssize_t, taken=Py_ssize_t)
    cdef int _send(self, object data) except -1
    @cython.final
    cdef int _send_pieces(self, list pieces) except -1

cpdef object frozen(object data)
