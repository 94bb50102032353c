# cython: language_level=3, boundscheck=False, wraparound=False
"""The compiled Fifo; the pure-Python twin describes it. The short methods are in the .pxd, to be inlined."""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.list cimport PyList_Append, PyList_GET_SIZE
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.string cimport memcpy


cdef Py_ssize_t grown(Py_ssize_t slots, Py_ssize_t needed) noexcept:
    while slots < needed:
        slots *= 2
    return slots


@cython.final
cdef class Fifo:
    def __cinit__(self):
        self._slots = [None] * 8

    cdef object take_bytes(self, Py_ssize_t offset, Py_ssize_t count):
        # Bytes are neither tracked by the collector nor finalized, so nothing here runs anybody's code.
        cdef PyObject **slots = forebay_items(self._slots)
        cdef Py_ssize_t mask = PyList_GET_SIZE(self._slots) - 1, end = offset + count, whole = 0, size
        cdef PyObject *item
        while True:
            if whole == self.size:
                return None
            item = slots[(self._head + whole) & mask]
            if not PyBytes_CheckExact(<object>item):
                return None
            size = PyBytes_GET_SIZE(<object>item)
            if end < size:
                break
            whole += 1
            end -= size
            if end == 0:
                break
        taken = PyBytes_FromStringAndSize(NULL, count)
        cdef char *target = PyBytes_AS_STRING(taken)
        while whole:
            whole -= 1
            item = slots[self._head]
            size = PyBytes_GET_SIZE(<object>item) - offset
            memcpy(target, PyBytes_AS_STRING(<object>item) + offset, size)
            target += size
            offset = 0
            Py_INCREF(None)
            slots[self._head] = <PyObject *>None
            Py_DECREF(<object>item)
            self._head = (self._head + 1) & mask
            self.size -= 1
        if end:
            memcpy(target, PyBytes_AS_STRING(<object>slots[self._head]) + offset, end - offset)
        self.cut = end
        return taken

    cdef Py_ssize_t put_items(self, list items, Py_ssize_t at, Py_ssize_t end) noexcept:
        cdef Py_ssize_t first = at
        cdef PyObject *item
        while at < end and at < PyList_GET_SIZE(items):
            item = forebay_items(items)[at]
            if <object>item is None:
                break
            self.put(<object>item)
            at += 1
        return at - first

    cdef Py_ssize_t put_pairs(self, list items, Py_ssize_t at, Py_ssize_t end) noexcept:
        cdef Py_ssize_t first = at
        cdef PyObject *item
        while at < end and at < PyList_GET_SIZE(items):
            item = forebay_items(items)[at]
            if <object>item is None:
                break
            self.put(<object>item)
            # A free slot holds None.
            self.size += 1
            at += 1
        return at - first

    cdef int take_items(self, list items, Py_ssize_t count) except -1:
        cdef PyObject **slots
        cdef Py_ssize_t at = PyList_GET_SIZE(items)
        # This list is the caller's alone. Its growth allocates no container, so that no foreign code runs.
        while count > 0 and self.size > 0:
            count -= 1
            slots = forebay_items(self._slots)
            PyList_Append(items, <object>slots[self._head])
            Py_DECREF(<object>slots[self._head])
            Py_INCREF(None)
            slots[self._head] = <PyObject *>None
            self._head = (self._head + 1) & (PyList_GET_SIZE(self._slots) - 1)
            self.size -= 1
        self.trim()
        return 0

    cdef list take_pairs(self, list second):
        cdef Py_ssize_t count = -1, mask, at
        cdef PyObject **slots
        cdef PyObject **target
        cdef list taken = None
        while 2 * count != self.size:
            count = self.size >> 1
            # This may run the garbage collector, and with it foreign code.
            taken = [None] * count
        slots = forebay_items(self._slots)
        target = forebay_items(taken)
        mask = PyList_GET_SIZE(self._slots) - 1
        for at in range(count):
            slots[self._head], target[at] = target[at], slots[self._head]
            self._head = (self._head + 1) & mask
            if <object>slots[self._head] is not None:
                PyList_Append(second, <object>slots[self._head])
                Py_DECREF(<object>slots[self._head])
                Py_INCREF(None)
                slots[self._head] = <PyObject *>None
            self._head = (self._head + 1) & mask
            self.size -= 2
        self.trim()
        return taken

    cdef int replace_first(self, object item) except -1:
        self._slots[self._head] = item
        return 0

    cdef int _make_room(self, Py_ssize_t count) except -1:
        cdef list slots
        while self.size + count > PyList_GET_SIZE(self._slots):
            # Making a list may run the garbage collector and with it foreign code: check again.
            slots = [None] * grown(PyList_GET_SIZE(self._slots), self.size + count)
            if PyList_GET_SIZE(slots) > PyList_GET_SIZE(self._slots):
                self._move_to(slots)
        return 0

    cdef int _move_to(self, list slots) except -1:
        """Go on in other slots, which all hold None; the old ones get their None."""
        cdef PyObject **source = forebay_items(self._slots)
        cdef PyObject **target = forebay_items(slots)
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
