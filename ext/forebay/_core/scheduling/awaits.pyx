# cython: language_level=3
"""What asyncio does with exceptions, without them: an awaitable that is done, and the first step of a coroutine."""

cimport cython
from cpython.object cimport PyObject, PyTypeObject
from cpython.ref cimport Py_XDECREF

from forebay._core.scheduling.calls cimport caught

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
    PySendResult PyIter_Send(object coroutine, object value, PyObject **result)
    int PyContext_Enter(object context) except -1
    int PyContext_Exit(object context) except -1
    PyObject *PyDict_GetItemWithError(object items, object key) except? NULL
    int PyDict_SetItem(object items, object key, object value) except -1
    int PyDict_DelItem(object items, object key) except -1


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


cdef object _swap_current_task
cdef dict _current_tasks
try:
    from asyncio.tasks import _swap_current_task

    _current_tasks = None
except ImportError:
    # Until Python 3.11 a dict holds the current task of each loop, and no function exchanges it.
    from asyncio.tasks import _current_tasks

    _swap_current_task = None


cdef object swap_task(object loop, object task):
    """Make ``task`` the current task of ``loop``, or None to have none. Return the one before."""
    cdef PyObject *found
    if _current_tasks is None:
        return _swap_current_task(loop, task)
    found = PyDict_GetItemWithError(_current_tasks, loop)
    before = None if found is NULL else <object>found
    if task is not None:
        PyDict_SetItem(_current_tasks, loop, task)
    elif before is not None:
        PyDict_DelItem(_current_tasks, loop)
    return before


@cython.final
cdef class Suspended:
    def __cinit__(self, yielded):
        self.yielded = yielded


cpdef object first_step(object coroutine, object context, object loop, object task):
    cdef PyObject *result = NULL
    cdef PySendResult outcome
    cdef bint inside
    before = swap_task(loop, task)
    try:
        inside = before is task
        if not inside:
            PyContext_Enter(context)
        try:
            outcome = PyIter_Send(coroutine, None, &result)
            if outcome == PYGEN_ERROR:
                return caught()
            value = <object>result
            Py_XDECREF(result)
        finally:
            if not inside:
                PyContext_Exit(context)
    finally:
        swap_task(loop, before)
    return value if outcome == PYGEN_RETURN else Suspended(value)
