cimport cython

cpdef object byte_chunk(object chunk)
@cython.locals(data=bytes)
cpdef Py_ssize_t size_of(object chunk) except -1
cpdef Py_ssize_t mark(object name, object value, bint object_mode) except -1
