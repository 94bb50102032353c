from forebay._buffers.chunk_queue cimport ChunkQueue
from forebay._tls.records cimport Records

cdef class Area:
    cdef Py_ssize_t _size
    cdef object _view               # writable, of the whole; None until the memory is needed
    cdef bytearray _memory          # the memory of the view, which prevents a move
    cpdef object view(self)
    cdef object _made(self)
    cdef int copy_onto(self, ChunkQueue queue, Py_ssize_t n, Py_ssize_t first) except -1
    cdef Py_ssize_t receive_onto(self, ChunkQueue queue, int fd, Py_ssize_t first, bint brief) except? -2
    cdef Py_ssize_t receive(self, int fd, bint brief) except? -2
    cdef int feed(self, Records records, Py_ssize_t start, Py_ssize_t stop) except -1
