# cython: language_level=3, boundscheck=False, wraparound=False
"""The memory of the chunks of a `ChunkQueue`: pins that keep a buffer exported, and bytes that are used again."""

cimport cython
from cpython.buffer cimport (
    PyBUF_FULL_RO, PyBuffer_FillInfo, PyBuffer_IsContiguous, PyBuffer_Release, PyObject_CheckBuffer,
    PyObject_GetBuffer,
)
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.memoryview cimport PyMemoryView_Check, PyMemoryView_FromObject, PyMemoryView_GET_BUFFER
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF

cdef extern from "Python.h":
    void Py_DECREF(PyObject* value) noexcept
    Py_ssize_t Py_REFCNT(PyObject* value) noexcept
    Py_ssize_t Py_SIZE(PyObject* value) noexcept

cdef extern from *:
    """
    /* A bytes object keeps the hash of what it had been. */
    static inline void forebay_forget_hash(PyObject *op) {
        /* Deprecated for readers; code that changes the bytes of an object that only it holds must reset it. */
        _Py_COMP_DIAG_PUSH
        _Py_COMP_DIAG_IGNORE_DEPR_DECLS
        ((PyBytesObject *)op)->ob_shash = -1;
        _Py_COMP_DIAG_POP
    }
    """
    void forget_hash "forebay_forget_hash"(PyObject* value)

cdef enum:
    RECENT = 2                  # long results whose memory may be used again: the one in hand and the one before
    RECENT_BLOCKS = 8           # the same for those of COPY_BYTES, several of which come at once


@cython.final
# No tp_clear: it would drop view.obj without PyBuffer_Release, and the exporter would stay locked. Every
# cycle through a pin passes a ChunkQueue or a memoryview, and these can be cleared.
@cython.no_gc_clear
@cython.auto_pickle(False)
cdef class Pin:
    """Hold one exported buffer, and export it again, read-only and as plain bytes."""

    def __dealloc__(self):
        PyBuffer_Release(&self.view)

    def __getbuffer__(self, Py_buffer* view, int flags):
        # The borrower's view.obj is this pin, which so outlives every view: nothing to count.
        PyBuffer_FillInfo(view, self, self.view.buf, self.view.len, 1, flags)


cdef Pin pin_buffer(str name, object owner):
    """Get the buffer of an argument, or raise with the argument's name and what to do instead."""
    cdef Pin pin
    cdef Py_buffer* got
    cdef str kind = type(owner).__name__
    if isinstance(owner, str):
        raise TypeError(f"{name} must be a bytes-like object, not str: encode it, as in text.encode()")
    if not PyObject_CheckBuffer(owner):
        raise TypeError(f"{name} must be a bytes-like object, not {kind}")
    pin = Pin.__new__(Pin)
    pin.owner = owner
    if PyMemoryView_Check(owner):
        # Not by an export of the memoryview: up to CPython 3.12.5 the process crashes where the collector clears a
        # memoryview that has one (gh-77894).
        pin.held = PyMemoryView_FromObject(owner)
        got = PyMemoryView_GET_BUFFER(pin.held)
    else:
        # FULL_RO and not SIMPLE, so that the reason for a refusal is known and can be told.
        PyObject_GetBuffer(owner, &pin.view, PyBUF_FULL_RO)
        got = &pin.view
    if got.itemsize != 1 or got.ndim != 1:
        raise TypeError(
            f"{name} ({kind}) must be one-dimensional with items of 1 byte, but has {got.ndim} "
            f"dimension(s) and items of {got.itemsize}: use memoryview(x).cast('B')"
        )
    if got.len and not PyBuffer_IsContiguous(got, b'C'):
        raise BufferError(f"{name} ({kind}) is not contiguous: use a copy, as in bytes(x)")
    if pin.held is not None:
        PyBuffer_FillInfo(&pin.view, None, got.buf, got.len, got.readonly, PyBUF_FULL_RO)
    return pin


cdef bytes bytes_of(str name, object value):
    cdef Pin pin
    if PyBytes_CheckExact(value):
        return <bytes>value
    pin = pin_buffer(name, value)
    return PyBytes_FromStringAndSize(<const char*>pin.view.buf, pin.view.len)


cdef bint is_released(object owner):
    """Return whether an argument is a memoryview that was released."""
    if PyMemoryView_Check(owner):
        try:
            len(owner)
        except ValueError:
            return True
    return False


cdef object view_of(ChunkRef* ref, Py_ssize_t size):
    """A view of a ref's first bytes. It holds the keeper; `ref` itself may be gone when this returns."""
    cdef Py_ssize_t begin, whole
    keeper = <object>ref.keeper
    if PyBytes_CheckExact(keeper):
        begin, whole = ref.data - PyBytes_AS_STRING(keeper), PyBytes_GET_SIZE(keeper)
    else:
        begin, whole = ref.data - <const char*>(<Pin>keeper).view.buf, (<Pin>keeper).view.len
    view = PyMemoryView_FromObject(keeper)
    return view if size == whole else view[begin:begin + size]


cdef PyObject* _recent[RECENT]          # the last results that were longer than what pymalloc has pools for
cdef PyObject* _blocks[RECENT_BLOCKS]   # the last ones of COPY_BYTES, the size in which much data comes
cdef int _next_recent = 0               # the index of the oldest
cdef int _next_block = 0

cdef bytes _recent_bytes(Py_ssize_t n):
    """Uninitialised bytes, from POOLED_BYTES to COPY_BYTES of them: where possible, in the memory of a recent result.

    For these sizes malloc and free cost more than a copy, all the more where they give memory back to the system.
    """
    global _next_recent, _next_block
    cdef PyObject* known
    cdef bytes result
    cdef int index
    if n < COPY_BYTES:
        result = _renewed(_recent, _next_recent, n)
        _next_recent = (_next_recent + 1) % RECENT
        return result
    # Always the first one that is free: the fewer are in use, the sooner they are in the cache of the processor.
    for index in range(RECENT_BLOCKS):
        known = _blocks[index]
        if known == NULL:
            return _renewed(_blocks, index, n)
        if Py_REFCNT(known) == 1:
            forget_hash(known)
            return <bytes>known
    _next_block = (_next_block + 1) % RECENT_BLOCKS
    return _renewed(_blocks, _next_block, n)


cdef bytes _renewed(PyObject** recent, int oldest, Py_ssize_t n):
    """A result of before that only `recent` refers to, or a new one in the place of the oldest."""
    cdef PyObject* known = recent[oldest]
    cdef bytes result
    if known != NULL and Py_REFCNT(known) == 1 and Py_SIZE(known) == n:
        forget_hash(known)
        return <bytes>known
    result = PyBytes_FromStringAndSize(NULL, n)
    Py_INCREF(result)  # the reference that `recent` owns
    recent[oldest] = <PyObject*>result
    if known != NULL:
        Py_DECREF(known)
    return result
