cimport cython
from cpython.bytes cimport PyBytes_CheckExact, PyBytes_GET_SIZE
from cpython.list cimport PyList_GET_SIZE
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF

cdef extern from *:
    """
    #define penstock_items(list) (((PyListObject *)(list))->ob_item)
    #define PENSTOCK_KEPT_SLOTS 1024
    """
    const Py_ssize_t KEPT_SLOTS "PENSTOCK_KEPT_SLOTS"
    PyObject **penstock_items(list slots)

@cython.final
cdef class Fifo:
    cdef list _slots               # power-of-two ring; free slots hold None
    cdef Py_ssize_t _head          # index of the oldest item
    cdef readonly Py_ssize_t size  # items held
    cdef int appendleft(self, object item) except -1
    cdef int replace_first(self, object item) except -1
    cdef int clear(self) except -1
    cdef int _grow(self) except -1

    cdef inline int append(self, object item) except -1:
        if self.size == PyList_GET_SIZE(self._slots):
            self._grow()
        cdef PyObject **slot = (
            penstock_items(self._slots) + ((self._head + self.size) & (PyList_GET_SIZE(self._slots) - 1))
        )
        # A free slot holds a reference to None.
        Py_DECREF(<object>slot[0])
        Py_INCREF(item)
        slot[0] = <PyObject *>item
        self.size += 1
        return 0

    cdef inline object popleft(self):
        cdef PyObject **slot = penstock_items(self._slots) + self._head
        cdef object item = <object>slot[0]
        # The reference of the slot is dropped after `item` has its own.
        Py_INCREF(None)
        slot[0] = <PyObject *>None
        Py_DECREF(item)
        self._head = (self._head + 1) & (PyList_GET_SIZE(self._slots) - 1)
        self.size -= 1
        if self.size == 0 and PyList_GET_SIZE(self._slots) > KEPT_SLOTS:
            self.clear()
        return item

    cdef inline object first(self):
        return <object>penstock_items(self._slots)[self._head]

    cdef inline Py_ssize_t first_size(self) except -1:
        cdef PyObject *item = penstock_items(self._slots)[self._head]
        if PyBytes_CheckExact(<object>item):
            return PyBytes_GET_SIZE(<object>item)
        return len(<object>item)
