# cython: language_level=3
"""What asyncio does with exceptions, without them: an awaitable that is done, and one step of a coroutine."""

cimport cython
from cpython.object cimport PyObject, PyTypeObject
from cpython.ref cimport Py_XDECREF

cdef extern from *:
    """
    typedef struct { PyObject_HEAD PyObject *value; } forebay_ready;

    /* Python 3.11 asks am_send first, which hands the value over without a StopIteration. */
    #if PY_VERSION_HEX < 0x030C0000
    static PySendResult forebay_ready_send(PyObject *self, PyObject *arg, PyObject **result) {
        forebay_ready *ready = (forebay_ready *)self;
        (void)arg;
        /* The reference moves to the caller; the awaitable keeps None. */
        *result = ready->value;
        Py_INCREF(Py_None);
        ready->value = Py_None;
        return PYGEN_RETURN;
    }

    #endif

    /* The end of an iterator that returns a value; without one, NULL alone says so. */
    static PyObject *forebay_ready_next(PyObject *self) {
        forebay_ready *ready = (forebay_ready *)self;
        PyObject *value = ready->value, *stop;
        if (value == Py_None) return NULL;
        Py_INCREF(Py_None);
        ready->value = Py_None;
        stop = PyObject_CallOneArg(PyExc_StopIteration, value);
        Py_DECREF(value);
        if (stop != NULL) {
            PyErr_SetObject(PyExc_StopIteration, stop);
            Py_DECREF(stop);
        }
        return NULL;
    }

    /* Slots of our own: a method of the class would add a traceback to every StopIteration. */
    static void forebay_ready_install(PyTypeObject *type) {
    #if PY_VERSION_HEX < 0x030C0000
        type->tp_as_async->am_send = forebay_ready_send;
    #endif
        type->tp_iternext = forebay_ready_next;
    }
    """
    void forebay_ready_install(PyTypeObject *type)

cdef extern from "Python.h":
    ctypedef enum PySendResult:
        PYGEN_RETURN
        PYGEN_ERROR
        PYGEN_NEXT
    PySendResult PyIter_Send(object coroutine, object value, PyObject **result) except PYGEN_ERROR
    int PyContext_Enter(object context) except -1
    int PyContext_Exit(object context) except -1


@cython.final
@cython.freelist(16)
@cython.no_gc
cdef class Ready:
    """``await Ready(value)`` is ``value``. One await for each object."""

    def __cinit__(self, value=None):
        self._value = value

    def __await__(self):
        return self

    def __iter__(self):
        return self

    def __next__(self):
        raise StopIteration(self._value)


forebay_ready_install(<PyTypeObject *>Ready)


cpdef tuple step(object coroutine, object context):
    cdef PyObject *result = NULL
    cdef PySendResult outcome
    if context is not None:
        PyContext_Enter(context)
    try:
        outcome = PyIter_Send(coroutine, None, &result)
    finally:
        if context is not None:
            PyContext_Exit(context)
    try:
        return (outcome == PYGEN_RETURN, <object>result)
    finally:
        # The reference that PyIter_Send gave; the tuple has its own.
        Py_XDECREF(result)
