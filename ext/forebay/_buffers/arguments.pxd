"""Checks of the arguments of `RingBuffer` and `ChunkQueue`."""

from cpython.long cimport PyLong_CheckExact
from cpython.object cimport PyObject
from libc.limits cimport INT_MAX


cdef extern from "Python.h":
    bint PyIndex_Check(object value)
    # With NULL for the error, a number that does not fit becomes the nearest one that does.
    Py_ssize_t PyNumber_AsSsize_t(object value, PyObject* overflow) except? -1


cdef inline Py_ssize_t size_of(object value, str name) except -1:
    """Return an argument that counts bytes. More than any memory has is as good as the largest number."""
    if not PyLong_CheckExact(value) and (isinstance(value, bool) or not PyIndex_Check(value)):
        raise TypeError(f"{name} must be an int, not {type(value).__name__} ({value!r})")
    cdef Py_ssize_t size = PyNumber_AsSsize_t(value, NULL)
    if size < 0:
        raise ValueError(f"{name} must be 0 or more, not {value}")
    return size


cdef inline int descriptor_of(object fd) except -1:
    """Return a file descriptor, or that of an object which has one."""
    cdef object number = fd
    cdef Py_ssize_t value
    if not isinstance(fd, int):
        fileno = getattr(fd, "fileno", None)
        if fileno is None:
            raise TypeError(f"fd must be an int or have a fileno() method, not {type(fd).__name__}")
        number = fileno()
    if isinstance(number, bool) or not isinstance(number, int):
        raise TypeError(f"fd must be an int or have a fileno() that returns one, not {type(number).__name__}")
    value = PyNumber_AsSsize_t(number, NULL)
    if not 0 <= value <= INT_MAX:
        raise ValueError(f"fd must be an open file descriptor, from 0 to {INT_MAX}, not {number}")
    return <int>value
