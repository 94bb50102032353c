# cython: language_level=3
"""A call whose exception comes back as a value; what it is for stands in its pure-Python twin.

The calls themselves are in the .pxd, to be inlined.
"""

cimport cython

from penstock._leaving import heed

cdef extern from *:
    """
    /* The exception that is being raised, taken. */
    static PyObject *penstock_caught(void) {
        PyObject *type, *value, *traceback;
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
    error = penstock_caught()
    if not isinstance(error, Exception):
        heed(error)
    return Raised(error)
