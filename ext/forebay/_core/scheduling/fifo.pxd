cimport cython
from cpython.bytes cimport PyBytes_CheckExact, PyBytes_GET_SIZE
from cpython.list cimport PyList_GET_SIZE
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF

cdef extern from *:
    """
    #define forebay_items(list) (((PyListObject *)(list))->ob_item)
    #define FOREBAY_KEPT_SLOTS 2048
    """
    const Py_ssize_t KEPT_SLOTS "FOREBAY_KEPT_SLOTS"
    PyObject **forebay_items(list slots)

@cython.final
cdef class Fifo:
    cdef list _slots               # power-of-two ring; free slots hold None
    cdef Py_ssize_t _head          # index of the oldest item
    cdef readonly Py_ssize_t size  # items held
    cdef readonly Py_ssize_t cut   # how much of the oldest item the last `take_bytes` took
    cdef object take_bytes(self, Py_ssize_t offset, Py_ssize_t count)
    cdef Py_ssize_t put_items(self, list items, Py_ssize_t at, Py_ssize_t end) noexcept
    cdef Py_ssize_t put_pairs(self, list items, Py_ssize_t at, Py_ssize_t end) noexcept
    cdef int take_items(self, list items, Py_ssize_t count) except -1
    cdef list take_pairs(self, list second)
    cdef int replace_first(self, object item) except -1
    cdef int _make_room(self, Py_ssize_t count) except -1
    cdef int _move_to(self, list slots) except -1
    cdef int _give_back(self) except -1

    cdef inline bint has_room(self, Py_ssize_t count) noexcept:
        return self.size + count <= PyList_GET_SIZE(self._slots)

    cdef inline int reserve(self, Py_ssize_t count) except -1:
        if self.size + count > PyList_GET_SIZE(self._slots):
            self._make_room(count)
        return 0

    cdef inline void put(self, object item) noexcept:
        cdef PyObject **slot = (
            forebay_items(self._slots) + ((self._head + self.size) & (PyList_GET_SIZE(self._slots) - 1))
        )
        # A free slot holds a reference to None.
        Py_DECREF(<object>slot[0])
        Py_INCREF(item)
        slot[0] = <PyObject *>item
        self.size += 1

    cdef inline void put_left(self, object item) noexcept:
        self._head = (self._head - 1) & (PyList_GET_SIZE(self._slots) - 1)
        cdef PyObject **slot = forebay_items(self._slots) + self._head
        Py_DECREF(<object>slot[0])
        Py_INCREF(item)
        slot[0] = <PyObject *>item
        self.size += 1

    cdef inline object popleft(self):
        cdef PyObject **slot = forebay_items(self._slots) + self._head
        cdef object item = <object>slot[0]
        # The reference of the slot is dropped after `item` has its own.
        Py_INCREF(None)
        slot[0] = <PyObject *>None
        Py_DECREF(item)
        self._head = (self._head + 1) & (PyList_GET_SIZE(self._slots) - 1)
        self.size -= 1
        self.trim()
        return item

    cdef inline int trim(self) except -1:
        if self.size == 0 and PyList_GET_SIZE(self._slots) > KEPT_SLOTS:
            self._give_back()
        return 0

    cdef inline object at(self, Py_ssize_t index):
        return <object>forebay_items(self._slots)[(self._head + index) & (PyList_GET_SIZE(self._slots) - 1)]

    cdef inline Py_ssize_t first_bytes(self) noexcept:
        cdef PyObject *item = forebay_items(self._slots)[self._head]
        if PyBytes_CheckExact(<object>item):
            return PyBytes_GET_SIZE(<object>item)
        return -1

    cdef inline object first(self):
        return <object>forebay_items(self._slots)[self._head]
