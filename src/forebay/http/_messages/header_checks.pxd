cimport cython

cdef dict _checked_names
cdef Py_ssize_t _MOST_CHECKED_NAMES

@cython.locals(lower=str)
cpdef str check_name(object name)
@cython.locals(text=str)
cpdef object check_value(object name, object value)
