# cython: language_level=3
"""The compiled Fifo; what it is for stands in its pure-Python twin. The short methods are in the .pxd, to be inlined."""

cimport cython
from cpython.list cimport PyList_GET_SIZE


@cython.final
cdef class Fifo:
    def __cinit__(self):
        self._slots = [None] * 8

    cdef int appendleft(self, object item) except -1:
        if self.size == PyList_GET_SIZE(self._slots):
            self._grow()
        self._head = (self._head - 1) & (PyList_GET_SIZE(self._slots) - 1)
        self._slots[self._head] = item
        self.size += 1
        return 0

    cdef int replace_first(self, object item) except -1:
        self._slots[self._head] = item
        return 0

    cdef int clear(self) except -1:
        self._slots = [None] * 8
        self._head = 0
        self.size = 0
        return 0

    cdef int _grow(self) except -1:
        cdef list slots = self._slots
        self._slots = slots[self._head :] + slots[: self._head] + [None] * len(slots)
        self._head = 0
        return 0
