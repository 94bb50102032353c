# cython: language_level=3
"""Rows for an ``async for`` in a driver, compiled; the twin, with the documentation, is src/forebay/sql/_drivers/row_feed.py."""

cimport cython
from cpython.object cimport PyTypeObject

cdef extern from *:
    """
    typedef struct {
        PyObject_HEAD
        PyObject *rows;         /* a list */
        Py_ssize_t at;
        PyObject *stop;         /* a StopIteration */
    } forebay_feed;

    /* The next row, or NULL if the list has no more. The list may have shrunk, and the collector may have put None in its place. */
    static PyObject *forebay_feed_row(forebay_feed *feed) {
        PyObject *row;
        if (!PyList_CheckExact(feed->rows) || feed->at >= PyList_GET_SIZE(feed->rows)) return NULL;
        row = PyList_GET_ITEM(feed->rows, feed->at);
        Py_INCREF(row);
        feed->at++;
        return row;
    }

    /* A row as the value of a StopIteration, which is used again if no one else holds it. */
    static PyObject *forebay_feed_next(PyObject *self) {
        forebay_feed *feed = (forebay_feed *)self;
        PyObject *stop, *old, *row = forebay_feed_row(feed);
        if (row == NULL) return NULL;
        stop = feed->stop;
        if (Py_REFCNT(stop) == 1 && Py_IS_TYPE(stop, (PyTypeObject *)PyExc_StopIteration)) {
            Py_INCREF(stop);
            old = ((PyStopIterationObject *)stop)->value;
            ((PyStopIterationObject *)stop)->value = row;
            Py_XDECREF(old);
        } else {
            stop = PyObject_CallOneArg(PyExc_StopIteration, row);
            Py_DECREF(row);
            if (stop == NULL) return NULL;
        }
        PyErr_SetObject(PyExc_StopIteration, stop);
        Py_DECREF(stop);
        return NULL;
    }

    #if PY_VERSION_HEX < 0x030C0000
    static PySendResult forebay_feed_send(PyObject *self, PyObject *arg, PyObject **result) {
        (void)arg;
        *result = forebay_feed_row((forebay_feed *)self);
        if (*result == NULL) {
            *result = Py_None;
            Py_INCREF(Py_None);
        }
        return PYGEN_RETURN;
    }
    #endif

    /* Slots of our own: a method of the class would add a traceback to every StopIteration. */
    static void forebay_feed_install(PyTypeObject *type) {
    #if PY_VERSION_HEX < 0x030C0000
        type->tp_as_async->am_send = forebay_feed_send;
    #endif
        type->tp_iternext = forebay_feed_next;
    }
    """
    void forebay_feed_install(PyTypeObject *type)


@cython.final
cdef class RowFeed:
    # The fields of forebay_feed.
    cdef list _rows
    cdef Py_ssize_t _at
    cdef object _stop
    cdef object _more

    def __cinit__(self, more):
        self._rows = []
        self._stop = StopIteration()
        self._more = more

    def __aiter__(self):
        return self

    def __anext__(self):
        return self if self._at < len(self._rows) else self._first()

    async def _first(self):
        """Return the first row of the next list."""
        # Release the rows of the last list.
        self._rows = []
        self._stop = StopIteration()
        rows = await self._more()
        while rows is not None and not rows:
            rows = await self._more()
        if rows is None:
            raise StopAsyncIteration
        self._rows = rows
        self._at = 1
        return rows[0]

    def __await__(self):
        return self

    def __iter__(self):
        return self

    def __next__(self):
        raise StopIteration


forebay_feed_install(<PyTypeObject *>RowFeed)
