from forebay._buffers.chunk_queue cimport ChunkQueue

cdef class Window:
    cdef char* at
    cdef Py_ssize_t size

cdef class Records:
    cdef readonly object tls        # the SSL object
    cdef readonly object incoming   # the memory of received records
    cdef readonly object outgoing   # the memory of records to be sent
    cdef object _read               # methods of the SSL object, and of the memory
    cdef object _write
    cdef object _pending
    cdef object _feed
    cdef object _take
    cdef Window _window             # what `read` writes into; None if it returns bytes
    cdef object _error              # what the next read raises: it came after plain bytes
    cdef bint _left                 # the last read may have left plain bytes in the SSL object
    cdef bint _stalled              # the last read asked for more than was fed
    cdef bint _over                 # nothing more will be fed
    cdef readonly bint ended        # the peer has announced its end

    cpdef object feed(self, object data)
    cpdef object feed_end(self)
    cdef int feed_memory(self, char* data, Py_ssize_t size) except -1
    cpdef object seal(self, object data)
    cpdef bytes take(self, Py_ssize_t most=*)
    cpdef bytes read_block(self)
    cpdef bint is_due(self) except -1
    cpdef bint holds_output(self) except -1
    cdef Py_ssize_t read_onto(self, ChunkQueue queue, Py_ssize_t most, Py_ssize_t first) except -1
    cdef Py_ssize_t _fill(self, char* target, Py_ssize_t size) except -1
    cdef Py_ssize_t _read_into(self, char* target, Py_ssize_t size) except -1
