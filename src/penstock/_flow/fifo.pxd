cimport cython

cdef class Fifo:
    cdef list _slots            # power-of-two ring; free slots hold None
    cdef Py_ssize_t _head       # index of the oldest item
    cdef readonly Py_ssize_t size  # items held
    @cython.locals(capacity=Py_ssize_t)
    cdef int append(self, object item) except -1
    cdef int appendleft(self, object item) except -1
    cdef object popleft(self)
    cdef object first(self)
    cdef int replace_first(self, object item) except -1
    cdef int clear(self) except -1
    cdef int _grow(self) except -1
