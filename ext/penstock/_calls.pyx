# cython: language_level=3
"""A call whose exception comes back as a value; what it is for stands in its pure-Python twin.

The calls themselves are in the .pxd, to be inlined.
"""

cimport cython

cdef extern from *:
    """
    /* The exception that is being raised, taken; NULL where it is none of Exception and goes on. */
    static PyObject *penstock_caught(void) {
        PyObject *type, *value, *traceback;
        if (!PyErr_ExceptionMatches(PyExc_Exception)) return NULL;
        PyErr_Fetch(&type, &value, &traceback);
        PyErr_NormalizeException(&type, &value, &traceback);
        if (traceback != NULL) PyException_SetTraceback(value, traceback);
        Py_XDECREF(type);
        Py_XDECREF(traceback);
        return value;
    }
    """
    object penstock_caught()


@cython.final
cdef class Raised:
    def __cinit__(self, error):
        self.error = error


cdef object caught():
    return Raised(penstock_caught())
