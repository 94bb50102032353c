# Included by chunk_queue.pyx: the pin that keeps a buffer exported, and the check of a buffer.


@cython.final
# No tp_clear: it would drop view.obj without PyBuffer_Release, and the exporter would stay locked. Every
# cycle through a pin passes a ChunkQueue or a memoryview, and these can be cleared.
@cython.no_gc_clear
@cython.auto_pickle(False)
cdef class _Pin:
    """Hold one exported buffer, and export it again, read-only and as plain bytes."""

    cdef object owner       # the very object that was appended
    cdef object held        # of a memoryview: another one of the same memory
    cdef Py_buffer view     # view.obj is NULL until the buffer has been got, None where `held` keeps it
    cdef PyObject* next     # where several leave a queue together, the one that is dropped after it

    def __dealloc__(self):
        PyBuffer_Release(&self.view)

    def __getbuffer__(self, Py_buffer* view, int flags):
        # The borrower's view.obj is this pin, which so outlives every view: nothing to count.
        PyBuffer_FillInfo(view, self, self.view.buf, self.view.len, 1, flags)


cdef _Pin _pin_buffer(str name, object owner):
    """Get the buffer of an argument, or raise with the argument's name and what to do instead."""
    cdef _Pin pin
    cdef Py_buffer* got
    cdef str kind = type(owner).__name__
    if isinstance(owner, str):
        raise TypeError(f"{name} must be a bytes-like object, not str: encode it, as in text.encode()")
    if not PyObject_CheckBuffer(owner):
        raise TypeError(f"{name} must be a bytes-like object, not {kind}")
    pin = _Pin.__new__(_Pin)
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


cdef bytes _bytes_of(str name, object value):
    cdef _Pin pin
    if PyBytes_CheckExact(value):
        return <bytes>value
    pin = _pin_buffer(name, value)
    return PyBytes_FromStringAndSize(<const char*>pin.view.buf, pin.view.len)


cdef bint _is_released(object owner):
    """Return whether an argument is a memoryview that was released."""
    if PyMemoryView_Check(owner):
        try:
            owner.nbytes
        except ValueError:
            return True
    return False
