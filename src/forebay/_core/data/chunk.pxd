cimport cython

cpdef object byte_chunk(object chunk)
@cython.locals(plain=str)
cpdef object text_chunk(object text, object encoding)
cpdef Py_ssize_t mark(object name, object value, bint object_mode) except -1
