cpdef Py_ssize_t mark(object name, object value, bint object_mode) except -1
