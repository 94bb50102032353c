# cython: language_level=3
"""The awaitable operations of asyncio's streams, for Python 3.11.

There an `await` takes the result of an object with the slot am_send as it is. A coroutine of Python costs three times as
much; a coroutine of Cython, or an iterator, ends with a StopIteration, which costs more. Later versions do not ask
for am_send, and use the coroutine functions of `forebay.asyncio`, which here do what is not common.
"""

cimport cython
from cpython.exc cimport PyErr_WriteUnraisable
from cpython.object cimport PyObject, PyTypeObject
from cpython.ref cimport Py_INCREF, Py_XDECREF

cimport forebay.asyncio._compiled.class_versions as versions
from forebay._system.reuse cimport REUSE

from types import CoroutineType
from warnings import warn

from forebay.asyncio._compiled.overrides import READLINE as READLINE_METHOD
from forebay.asyncio._compiled.overrides import READUNTIL as READUNTIL_METHOD
from forebay.asyncio._compiled.overrides import WAIT as WAIT_METHOD

cdef extern from *:
    """
    static int forebay_attempt_send(PyObject *, PyObject *, PyObject **);

    static PyObject *forebay_attempt_next(PyObject *self) {
        PyObject *value = NULL, *stop;
        int outcome = forebay_attempt_send(self, Py_None, &value);
        if (outcome == PYGEN_NEXT) return value;
        if (outcome == PYGEN_ERROR) return NULL;
        if (value != Py_None) {
            stop = PyObject_CallOneArg(PyExc_StopIteration, value);
            if (stop != NULL) {
                PyErr_SetObject(PyExc_StopIteration, stop);
                Py_DECREF(stop);
            }
        }
        Py_DECREF(value);
        return NULL;
    }

    static PySendResult forebay_attempt_am_send(PyObject *self, PyObject *arg, PyObject **result) {
        return (PySendResult)forebay_attempt_send(self, arg, result);
    }

    static int forebay_attempt_unused(PyObject *);
    static void forebay_attempt_warn(PyObject *);
    static int forebay_attempt_keep(PyObject *);
    static destructor forebay_attempt_free;

    static void forebay_attempt_dealloc(PyObject *self) {
        if (forebay_attempt_unused(self)) {
            PyObject *type, *value, *traceback;
            PyErr_Fetch(&type, &value, &traceback);
            forebay_attempt_warn(self);
            PyErr_Restore(type, value, traceback);
        }
        if (!forebay_attempt_keep(self)) forebay_attempt_free(self);
    }

    static PyObject *forebay_attempt_refuse(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
        PyErr_Format(PyExc_TypeError, "cannot create '%.100s' instances", type->tp_name);
        return NULL;
    }

    /* Slots of our own. A method of the class would add a traceback to every StopIteration; __dealloc__ would put
       the exception under way aside each time, and __del__ be called only once for a place on the freelist. */
    static void forebay_attempt_install(PyTypeObject *type) {
        type->tp_as_async->am_send = forebay_attempt_am_send;
        type->tp_iternext = forebay_attempt_next;
        type->tp_new = forebay_attempt_refuse;  /* one without a stream has nothing to do */
        type->tp_vectorcall = NULL;
        forebay_attempt_free = type->tp_dealloc;
        type->tp_dealloc = forebay_attempt_dealloc;
    }
    """
    void forebay_attempt_install(PyTypeObject *type)

cdef extern from "Python.h":
    void PyObject_GC_Track(PyObject *thing) noexcept
    void PyObject_GC_UnTrack(PyObject *thing) noexcept
    ctypedef enum PySendResult:
        PYGEN_RETURN
        PYGEN_ERROR
        PYGEN_NEXT
    PySendResult PyIter_Send(object coroutine, object value, PyObject **result) except PYGEN_ERROR

cdef enum:
    READ
    READLINE
    READUNTIL
    READEXACTLY
    NEXT
    DRAIN
    READLINE_BY  # a readline with options

cdef bytes NEWLINE = b"\n"
cdef str ERROR = "error"
cdef tuple _NAMES = ("read", "readline", "readuntil", "readexactly", "__anext__", "drain", "readline")
cdef tuple _CLASSES = ("StreamReader",) * 5 + ("StreamWriter", "StreamReader")

# The methods that a read calls: where one of them is overridden, it is left to the coroutine function.
cdef int CALLED_BY_LINE = READUNTIL_METHOD | WAIT_METHOD
cdef int CALLED_BY_NEXT = READLINE_METHOD | READUNTIL_METHOD | WAIT_METHOD
cdef int CALLED_WAITING = WAIT_METHOD


@cython.final
cdef class Attempt:
    """A coroutine that makes one attempt after another, and waits between them.

    What is not common, every error among it, it leaves to the coroutine function of `forebay.asyncio`. As with every
    coroutine, nothing happens before it is awaited, and one that never is gives a warning.
    """

    def __await__(self):
        return self

    def __iter__(self):
        return self

    def __next__(self):
        raise NotImplementedError  # the slot is replaced below

    def send(self, value):
        """Continue, as the method of a coroutine does."""
        cdef PyObject *result = NULL
        cdef int outcome = attempt_send(<PyObject *>self, <PyObject *>value, &result)
        given = <object>result
        Py_XDECREF(result)  # `given` has its own reference
        if outcome == PYGEN_NEXT:
            return given
        raise StopIteration(given)

    def throw(self, kind, value=None, traceback=None):
        """Raise an exception where the coroutine waits."""
        inner = self._inner
        self._started = True
        self._end_wait()
        if inner is not None:
            try:
                return inner.throw(kind if value is None else value)
            except BaseException:
                self._inner = None
                raise
        if isinstance(kind, BaseException):
            error = kind
        elif isinstance(value, BaseException):
            error = value
        else:
            error = kind() if value is None else kind(value)
        raise error if traceback is None else error.with_traceback(traceback)

    def close(self):
        """End the coroutine where it waits."""
        inner, self._inner = self._inner, None
        self._started = True
        self._end_wait()
        if inner is not None:
            inner.close()

    @property
    def __name__(self):
        return _NAMES[self._kind]

    @property
    def __qualname__(self):
        return f"{_CLASSES[self._kind]}.{_NAMES[self._kind]}"

    @property
    def __class__(self):
        return CoroutineType

    @property
    def cr_await(self):
        """The awaited coroutine or future, or None."""
        return self._inner if self._waiter is None else self._waiter

    @property
    def cr_code(self):
        """The code of the coroutine function that does the same."""
        return getattr(type(self._stream), f"_await_{self.__name__}").__code__

    @property
    def cr_frame(self):
        """The frame of the coroutine for rare cases, or of one that was made for this purpose; None at the end."""
        if self._inner is not None:
            return getattr(self._inner, "cr_frame", None)
        if self._started and self._waiter is None:
            return None
        arguments = (self._stream, 1) if self._kind == READ or self._kind == READEXACTLY else (self._stream,)
        other = getattr(type(self._stream), f"_await_{self.__name__}")(*arguments)
        frame = other.cr_frame
        other.close()
        return frame

    @property
    def cr_running(self):
        """Whether it is running. It always runs to its end."""
        return getattr(self._inner, "cr_running", False)

    @property
    def cr_suspended(self):
        """Whether it waits."""
        return self._waiter is not None or getattr(self._inner, "cr_suspended", False)

    @property
    def cr_origin(self):
        """Where it was called; not noted."""
        return None

    def __repr__(self):
        return f"<coroutine object {self.__qualname__} at {id(self):#x}>"

    cdef int _end_wait(self) except -1:
        if self._waiter is not None:
            self._waiter = None
            (<LazyReader>self._stream)._waits_no_more()
        return 0


cdef bint attempt_unused "forebay_attempt_unused"(PyObject *me) noexcept:
    # The object has no references left, and must not get any.
    if (<Attempt>me)._waiter is not None:
        (<LazyReader>(<Attempt>me)._stream)._waits_no_more()
    return not (<Attempt>me)._started


cdef void attempt_warn "forebay_attempt_warn"(PyObject *me) noexcept:
    cdef int kind = (<Attempt>me)._kind
    cdef str name = _NAMES[kind]
    try:
        warn(f"coroutine '{_CLASSES[kind]}.{name}' was never awaited", RuntimeWarning, stacklevel=2)
    except BaseException:
        # Where warnings are errors it is printed, as for every coroutine: nothing can be raised here.
        PyErr_WriteUnraisable(name)


# Attempts to use again. They have no references, and all their objects are None. Cython's own freelist would clear the
# memory, and set up the object and its fields anew, which makes it a tenth of the cost of a read.
cdef enum:
    MOST_KEPT = 64

cdef PyObject *_kept[MOST_KEPT]
cdef int _kept_count = 0


cdef inline Attempt _attempt_of(object stream, int kind):
    global _kept_count
    cdef Attempt self
    if _kept_count > 0:
        _kept_count -= 1
        self = <Attempt>_kept[_kept_count]  # its first reference
        self._started = False
        self._stream = stream
        self._kind = kind
        PyObject_GC_Track(<PyObject *>self)
        return self
    self = Attempt.__new__(Attempt)
    self._stream = stream
    self._kind = kind
    return self


cdef bint attempt_keep "forebay_attempt_keep"(PyObject *me) noexcept:
    """Keep an attempt without references for reuse. Return whether there was a place."""
    global _kept_count
    if not REUSE or _kept_count >= MOST_KEPT:
        return False
    PyObject_GC_UnTrack(me)
    # Each of these can run other code, which cannot reach the attempt any more.
    (<Attempt>me)._stream = None
    if (<Attempt>me)._first is not None:
        (<Attempt>me)._first = None
    if (<Attempt>me)._second is not None:
        (<Attempt>me)._second = None
    if (<Attempt>me)._waiter is not None:
        (<Attempt>me)._waiter = None
    if (<Attempt>me)._inner is not None:
        (<Attempt>me)._inner = None
    if _kept_count >= MOST_KEPT:
        PyObject_GC_Track(me)  # as the slot expects it
        return False
    _kept[_kept_count] = me
    _kept_count += 1
    return True


# Called in one place, so that the compiler puts it there.
cdef object _made(LazyReader reader, Attempt call):
    """Return the result, or None if the data has not arrived or the case is rare."""
    cdef int kind = call._kind
    cdef object line
    if kind == READLINE:
        return reader._take_line(reader._limit, ERROR)
    if kind == READEXACTLY:
        return reader._take_exactly(call._n) if call._n > 0 else None
    if kind == READ:
        return reader._take_some(call._n) if call._n > 0 else None
    if kind == READUNTIL:
        if type(call._first) is bytes and call._first and call._second is None:
            return reader._take_until(<bytes>call._first, reader._limit)
    elif kind == NEXT:
        line = reader._take_line(reader._limit, ERROR)
        if line is not None and not line:
            raise StopAsyncIteration
        return line
    return None


cdef int attempt_send "forebay_attempt_send"(PyObject *me, PyObject *arg, PyObject **result) except -1:
    cdef Attempt self = <Attempt>me
    cdef LazyReader reader
    cdef Waiter waiter
    cdef object value = None
    cdef bint tries = False
    cdef int outcome
    if not self._started:
        if <object>arg is not None:
            raise TypeError("can't send non-None value to a just-started coroutine")
        self._started = True
        if self._kind == DRAIN:
            if (<WriterCore>self._stream)._has_nothing_to_drain():
                Py_INCREF(None)  # the caller's reference
                result[0] = <PyObject *>None
                return PYGEN_RETURN
            self._inner = self._stream._await_drain()
        else:
            reader = <LazyReader>self._stream
            # The common case first: a class without overrides that has not changed since the last check.
            if (
                reader._own != 0 or reader._version == 0 or reader._version != versions.version_of(reader)
            ) and reader._is_left(self._kind):
                reader._leave(self)
            elif reader._exception is None:
                tries = True
            else:
                reader._leave(self)
    elif self._waiter is not None:
        waiter = self._waiter
        if waiter._state == PENDING:
            raise RuntimeError("await wasn't used with future")
        self._end_wait()
        waiter._take()
        tries = True
    elif self._inner is None:
        raise RuntimeError("cannot reuse already awaited coroutine")
    if tries:
        value = _made(<LazyReader>self._stream, self)
        if value is not None:
            Py_INCREF(value)  # the caller's reference
            result[0] = <PyObject *>value
            return PYGEN_RETURN
        self._waiter = (<LazyReader>self._stream)._wait_for(self)
    if self._waiter is not None:
        self._waiter._asyncio_future_blocking = True
        Py_INCREF(self._waiter)  # the caller's reference
        result[0] = <PyObject *>self._waiter
        return PYGEN_NEXT
    value = self._inner  # keeps it alive if it is closed from within
    try:
        outcome = PyIter_Send(value, <object>arg, result)
    except BaseException:
        self._inner = None
        raise
    if outcome != PYGEN_NEXT:
        self._inner = None
    return outcome


forebay_attempt_install(<PyTypeObject *>Attempt)


cdef class LazyReader(ReaderCore):
    """The reads of a `StreamReader` as attempts."""

    def read(self, n=-1):
        cdef Attempt call = _attempt_of(self, READ)
        call._n = n
        return call

    def readexactly(self, n):
        cdef Attempt call = _attempt_of(self, READEXACTLY)
        call._n = n
        return call

    def readline(self, *, limit=None, long_lines=ERROR):
        if limit is None and long_lines is ERROR:
            return _attempt_of(self, READLINE)
        cdef Attempt call = _attempt_of(self, READLINE_BY)
        call._first = limit
        call._second = long_lines
        return call

    def readuntil(self, separator=NEWLINE, *, limit=None):
        cdef Attempt call = _attempt_of(self, READUNTIL)
        call._first = separator
        if limit is not None:
            call._second = limit
        return call

    def __anext__(self):
        return _attempt_of(self, NEXT)

    cdef object _wait_for(self, Attempt call):
        """The future that a common case waits for; None after giving the call the coroutine that does the rest."""
        cdef int kind = call._kind
        if self._exception is None and not self._eof and not self._own_now() & CALLED_WAITING:
            if kind == READEXACTLY:
                if call._n > 0:
                    return self._wait("readexactly", COUNT, call._n, None)
            elif kind == READ:
                if call._n > 0:
                    return self._wait("read", ANY, 0, None)
            elif kind == READUNTIL:
                if type(call._first) is bytes and call._first and call._second is None:
                    return self._wait("readuntil", SEPARATOR, self._limit, call._first)
            elif kind == NEXT or kind == READLINE:
                return self._wait("readuntil", SEPARATOR, self._limit, NEWLINE)
        return self._leave(call)

    cdef bint _is_left(self, int kind) except -1:
        """Whether a call is left to the coroutine function, since methods that it calls are overridden."""
        if kind == READLINE:
            return self._own_now() & CALLED_BY_LINE != 0
        if kind == NEXT:
            return self._own_now() & CALLED_BY_NEXT != 0
        return False

    cdef object _leave(self, Attempt call):
        """Start the coroutine for a rare case. Return None."""
        cdef int kind = call._kind
        if kind == READEXACTLY:
            call._inner = self._await_readexactly(call._n)
        elif kind == READ:
            call._inner = self._await_read(call._n)
        elif kind == READUNTIL:
            call._inner = self._await_readuntil(call._first, limit=call._second)
        elif kind == NEXT:
            call._inner = self._await___anext__()
        elif kind == READLINE:
            call._inner = self._await_readline()
        else:
            call._inner = self._await_readline(limit=call._first, long_lines=call._second)
        return None

    cdef void _waits_no_more(self) noexcept:
        self._waiter = None
        self._want = ANY


cdef class LazyWriter(WriterCore):
    """`StreamWriter.drain` as an attempt."""

    def drain(self):
        return _attempt_of(self, DRAIN)
