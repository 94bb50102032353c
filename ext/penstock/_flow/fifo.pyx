# cython: language_level=3, boundscheck=False, wraparound=False
"""The compiled Fifo; what it is for stands in its pure-Python twin. The short methods are in the .pxd, to be inlined."""

cimport cython
from cpython.list cimport PyList_GET_SIZE
from cpython.object cimport PyObject


@cython.final
cdef class Fifo:
    def __cinit__(self):
        self._slots = [None] * 8

    cdef int replace_first(self, object item) except -1:
        self._slots[self._head] = item
        return 0

    cdef int _make_room(self, Py_ssize_t count) except -1:
        cdef list slots
        while self.size + count > PyList_GET_SIZE(self._slots):
            # Whoever makes a list may run the garbage collector, and that may run anything: look anew.
            slots = [None] * (2 * PyList_GET_SIZE(self._slots))
            if PyList_GET_SIZE(slots) > PyList_GET_SIZE(self._slots):
                self._move_to(slots)
        return 0

    cdef int _move_to(self, list slots) except -1:
        """Go on in other slots, which all hold None; the old ones get their None."""
        cdef PyObject **source = penstock_items(self._slots)
        cdef PyObject **target = penstock_items(slots)
        cdef Py_ssize_t mask = PyList_GET_SIZE(self._slots) - 1, index, at
        for index in range(self.size):
            at = (self._head + index) & mask
            source[at], target[index] = target[index], source[at]
        self._head = 0
        self._slots = slots
        return 0

    cdef int _give_back(self) except -1:
        try:
            slots = [None] * 8
        except MemoryError:
            return 0
        if self.size == 0:
            self._head = 0
            self._slots = slots
        return 0
