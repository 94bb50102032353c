# cython: language_level=3, boundscheck=False, wraparound=False
"""`ChunkQueue`, compiled. The public documentation is in chunk_queue.pyi, the twin is chunk_queue_py.py.

    _refs   [ .. | ref 3 | ref 4 |  free  |  free  | ref 0 | ref 1 | ref 2 ]
                                                       ^ _head, _count = 5

    ref     data --------------------v            a chunk of which the front is taken
            memory      [ taken      | left ]     keeper holds the whole of it alive
                                     <-size->

Invariants, true whenever Python code can run:
- _total_bytes is the sum of the sizes; no size is 0; _count <= _capacity.
- each ref owns one reference to its keeper. The keeper of an exact `bytes` object is the object
  itself, for bytes never move; every other buffer has a `Pin`, which keeps it exported.
- while _busy > 0, that is while the kernel reads the front chunks, they stay: only appending is possible.

Any Python code (`__del__`, `__release_buffer__`), which may call this queue again, can run in two places: where a
keeper is dropped, and where an object is made that the garbage collector knows, as a view or a pin is. So a method
asks for its arguments first, then looks at the fields; it brings all of them in order, then drops; and what it makes of
the front chunk it makes of a copy of the ref, and looks whether that is still the front before it takes it.
Without the GIL each public method is a critical section, which is left in the same two places and while the kernel writes.
The methods that only this package calls are not locked: their queues belong to the thread of one loop.
"""

cimport cython
from cpython.buffer cimport PyObject_CheckBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF
from libc.string cimport memcpy, memmove

from forebay._buffers.arguments cimport descriptor_of, size_of
from forebay._buffers.chunk_memory cimport (
    COPY_BYTES, ChunkRef, ChunkSpan, Pin, bytes_of, is_released, is_whole_bytes, new_bytes, pin_buffer, view_of,
)
from forebay._buffers.chunk_search cimport locate, search_chunks
from forebay._buffers.gather_write cimport gather_write, taken_or_raise

cdef extern from "Python.h":
    const Py_ssize_t PY_SSIZE_T_MAX
    void Py_DECREF(PyObject* value) noexcept

    ctypedef int (*visitproc)(PyObject* value, void* arg) noexcept
    ctypedef int (*traverseproc)(PyObject* self, visitproc visit, void* arg) noexcept
    ctypedef int (*inquiry)(PyObject* self) noexcept
    ctypedef struct PyTypeObject:
        traverseproc tp_traverse
        inquiry tp_clear
    bint PyType_IS_GC(PyTypeObject* type)

cdef enum:
    FIRST_CAPACITY = 4          # entries of the first array, which an idle queue keeps
    KEPT_CAPACITY = 1024        # entries; a larger array is given back when the queue runs empty
    JOINED_PART = 512           # bytes: a longer copy becomes a separate chunk
    JOINED_BYTES = 4096         # size up to which a chunk takes such copies in
__all__ = ["ChunkQueue"]

@cython.final
cdef class ChunkQueue:
    """An unbounded queue of buffers, held by reference and addressed by the byte."""

    def __init__(self):
        pass  # Zeroed memory is an empty queue. This only refuses arguments, so it may run twice.

    @cython.critical_section
    def append(self, buffer):
        """Put a chunk at the end."""
        self._append(buffer)

    @cython.critical_section
    def appendleft(self, buffer):
        """Put a chunk in front of all others."""
        self._appendleft(buffer)

    @cython.critical_section
    def append_copy(self, buffer, n=None, first=0):
        """Copy the first n bytes of a buffer, or all of it, to the end; the first of them as one chunk."""
        cdef Pin pin = pin_buffer("buffer", buffer)
        cdef Py_ssize_t size = pin.view.len if n is None else size_of(n, "n")
        cdef Py_ssize_t part = size_of(first, "first")
        if size > pin.view.len:
            raise ValueError(f"n is {n}, but the buffer has only {pin.view.len} bytes")
        if part > size:
            raise ValueError(f"first is {first}, but only {size} bytes are to be copied")
        self._append_parts(<const char*>pin.view.buf, size, part)

    def extend(self, iterable):
        """Append every buffer of an iterable."""
        if PyObject_CheckBuffer(iterable):
            raise TypeError(
                f"iterable must yield buffers, but {type(iterable).__name__} is one itself: use append()"
            )
        for buffer in iterable:
            with cython.critical_section(self):
                self._append(buffer)

    @cython.critical_section
    def popleft(self):
        """Take the front chunk: the object itself, or the rest of it."""
        return self._popleft()

    @cython.critical_section
    def read(self, n):
        """Take up to n bytes."""
        cdef Py_ssize_t size = size_of(n, "n")
        return self._read(min(size, self._total_bytes))

    @cython.critical_section
    def read_view(self, n):
        """Take up to n bytes of the front chunk, as a read-only view."""
        cdef Py_ssize_t size = size_of(n, "n")
        cdef ChunkRef front
        while True:
            self._check_idle("read_view")
            if self._count == 0:
                return memoryview(b"")
            front = self._at(0)[0]
            keeper = <object>front.keeper
            view = view_of(&front, min(size, front.size))
            if self._is_front(&front):
                self._drop_bytes(min(size, front.size))
                return view

    @cython.critical_section
    def peek(self, n):
        """Up to n bytes, which stay in the queue."""
        cdef ChunkRef* front
        cdef bytes result
        cdef Py_ssize_t size = size_of(n, "n")
        size = min(size, self._total_bytes)
        if size == 0:
            return b""
        front = self._at(0)
        if front.size == size and is_whole_bytes(front):
            return <object>front.keeper
        result = PyBytes_FromStringAndSize(NULL, size)
        self._copy_out(PyBytes_AS_STRING(result), size)
        return result

    @cython.critical_section
    def views(self, n):
        """Read-only views of the next up to n bytes, which stay in the queue."""
        cdef Py_ssize_t size = size_of(n, "n")
        cdef Py_ssize_t count, index
        cdef ChunkRef* refs
        cdef list result = []
        # Copies, each with a reference: making a view may run the garbage collector and with it foreign code.
        refs = self._copy_refs(size, &count)
        try:
            for index in range(count):
                result.append(view_of(&refs[index], refs[index].size))
        finally:
            for index in range(count):
                Py_DECREF(refs[index].keeper)
            PyMem_Free(refs)
        return result

    @cython.critical_section
    def consume(self, n):
        """Drop n bytes from the front."""
        cdef Py_ssize_t size = size_of(n, "n")
        self._check_idle("consume")
        if size > self._total_bytes:
            raise ValueError(f"n is {n}, but only {self._total_bytes} bytes are queued")
        self._drop_bytes(size)

    @cython.critical_section
    def find(self, sub, start=0):
        """The offset of the first sub at or after start, or -1."""
        cdef bytes wanted = bytes_of("sub", sub)
        cdef Py_ssize_t begin = size_of(start, "start")
        if not wanted:
            return begin if begin <= self._total_bytes else -1
        return self._search(PyBytes_AS_STRING(wanted), len(wanted), begin, self._total_bytes)

    @cython.critical_section
    def read_until(self, sub, max):
        """Take the bytes up to and including sub. Return None if sub has not arrived."""
        cdef bytes wanted = bytes_of("sub", sub)
        cdef Py_ssize_t limit = size_of(max, "max")
        cdef Py_ssize_t length = len(wanted), stop, at
        if length == 0:
            raise ValueError("sub must not be empty")
        self._check_idle("read_until")
        stop = self._total_bytes
        if limit < stop - length:
            stop = limit + length
        at = self._seek(wanted, stop)
        if at < 0:
            if self._sought_from > limit:
                raise ValueError(f"sub ({wanted!r}) does not begin within the limit of {max} bytes (max)")
            return None
        return self._read(at + length)

    def readinto(self, buf):
        """Fill buf from the front; the number of bytes moved."""
        cdef Pin pin = pin_buffer("buf", buf)
        if pin.view.readonly:
            raise TypeError(f"buf ({type(buf).__name__}) is read-only: use a writable buffer, as bytearray is")
        self._check_idle("readinto")
        return self.take(<char*>pin.view.buf, pin.view.len)

    @cython.critical_section
    def writev_to(self, fd):
        """Write from the front with one writev; the number of bytes taken."""
        return taken_or_raise(self._writev(descriptor_of(fd), -1))

    @cython.critical_section
    def pwritev_to(self, fd, offset):
        """Write from the front with one pwritev at an offset of the file; the number of bytes taken."""
        cdef int number = descriptor_of(fd)
        return taken_or_raise(self._writev(number, size_of(offset, "offset")))

    @cython.critical_section
    def clear(self):
        """Drop every chunk."""
        self._check_idle("clear")
        self._drop_all()

    @property
    def nbytes(self):
        """Bytes queued."""
        return self._total_bytes

    def __len__(self):
        return self._count

    def __repr__(self):
        return f"<ChunkQueue chunks={self._count} nbytes={self._total_bytes}>"

    def __reduce__(self):
        raise TypeError("a ChunkQueue cannot be copied or pickled")

    def __dealloc__(self):
        self._drop_all()

    # --- for C callers

    @cython.critical_section
    cdef int put(self, const char* data, Py_ssize_t n) except -1:
        return self._append_copy(data, n) if n > 0 else 0  # nothing, too, would make the last chunk a copy of itself

    @cython.critical_section
    cdef Py_ssize_t take(self, char* target, Py_ssize_t n) except -1:
        self._check_idle("take")
        cdef Py_ssize_t size = max(min(n, self._total_bytes), 0)
        self._copy_out(target, size)
        self._drop_bytes(size)
        return size

    cdef int _check_idle(self, str method) except -1:
        if self._busy:
            raise BufferError(f"{method}() is not possible while a write of this ChunkQueue is under way")
        return 0

    cdef int _append(self, object chunk) except -1:
        return self._put(chunk, False)

    cdef int _appendleft(self, object chunk) except -1:
        self._check_idle("appendleft")
        return self._put(chunk, True)

    cdef int _append_copy(self, const char* data, Py_ssize_t n) except -1:
        cdef ChunkRef* last
        cdef PyObject* keeper
        cdef bytes joined
        cdef Py_ssize_t part
        if n <= JOINED_PART and self._count and not self._busy:
            last = self._at(self._count - 1)
            if last.size + n <= JOINED_BYTES and PyBytes_CheckExact(<object>last.keeper):
                joined = PyBytes_FromStringAndSize(NULL, last.size + n)
                memcpy(PyBytes_AS_STRING(joined), last.data, last.size)
                memcpy(PyBytes_AS_STRING(joined) + last.size, data, n)
                keeper = last.keeper
                last.data, last.size, last.keeper = PyBytes_AS_STRING(joined), last.size + n, <PyObject*>joined
                self._total_bytes += n
                Py_INCREF(joined)  # the reference that the ref owns, instead of the one to the old keeper
                Py_DECREF(keeper)  # last, for it may call back
                return 0
        while n > 0:
            part = min(n, COPY_BYTES)
            joined = new_bytes(part)
            memcpy(PyBytes_AS_STRING(joined), data, part)
            self._put(joined, False)
            data += part
            n -= part
        return 0

    cdef int _append_parts(self, const char* data, Py_ssize_t n, Py_ssize_t first) except -1:
        cdef bytes whole
        if first:
            whole = new_bytes(first)
            memcpy(PyBytes_AS_STRING(whole), data, first)
            self._put(whole, False)
        if first < n:
            self._append_copy(data + first, n - first)
        return 0

    cdef object _popleft(self):
        cdef ChunkRef front
        cdef object result
        while True:
            self._check_idle("popleft")
            if self._count == 0:
                raise IndexError("popleft() from an empty ChunkQueue")
            front = self._at(0)[0]
            keeper = <object>front.keeper
            if PyBytes_CheckExact(keeper):
                if front.size == PyBytes_GET_SIZE(keeper):
                    result = keeper
                else:
                    result = PyBytes_FromStringAndSize(front.data, front.size)
            elif front.size == (<Pin>keeper).view.len and not is_released((<Pin>keeper).owner):
                result = (<Pin>keeper).owner
            elif isinstance((<Pin>keeper).owner, bytes):
                result = PyBytes_FromStringAndSize(front.data, front.size)
            else:
                result = view_of(&front, front.size)
            if self._is_front(&front):
                self._drop_bytes(front.size)
                return result

    cdef bytes _read(self, Py_ssize_t n):
        cdef bytes result
        cdef ChunkRef* front
        if self._busy:
            self._check_idle("read")
        if n <= 0:
            return b""
        front = self._at(0)
        if n < front.size:
            return self._split(front, n)
        if front.size == n and is_whole_bytes(front):
            result = <bytes>front.keeper
        else:
            result = new_bytes(n)
            self._copy_out(PyBytes_AS_STRING(result), n)
        self._drop_bytes(n)
        return result

    cdef bytes _read_near(self, bytes sub, Py_ssize_t limit):
        cdef Py_ssize_t length = PyBytes_GET_SIZE(sub)
        cdef ChunkRef* front
        cdef const char* hit
        if self._count == 0 or self._busy:
            return None
        front = self._at(0)
        hit = locate(front.data, front.size, PyBytes_AS_STRING(sub), length)
        if hit == NULL or hit - front.data > limit or hit - front.data + length == front.size:
            return None
        return self._split(front, hit - front.data + length)

    cdef inline bytes _split(self, ChunkRef* front, Py_ssize_t n):
        """Take less than the whole front chunk."""
        cdef bytes result = new_bytes(n)
        memcpy(PyBytes_AS_STRING(result), front.data, n)
        front.data += n
        front.size -= n
        self._total_bytes -= n
        if self._sought_from:
            self._sought_from = max(0, self._sought_from - n)
        return result

    cdef int _consume(self, Py_ssize_t n) except -1:
        self._check_idle("consume")
        self._drop_bytes(n)
        return 0

    cdef void _copy_out(self, char* target, Py_ssize_t n) noexcept:
        cdef Py_ssize_t index = 0, part
        cdef ChunkRef* ref
        while n > 0:
            ref = self._at(index)
            part = min(n, ref.size)
            # memmove: readinto() may be given the very buffer that is queued.
            memmove(target, ref.data, part)
            target += part
            n -= part
            index += 1

    cdef ChunkRef* _copy_refs(self, Py_ssize_t n, Py_ssize_t* count) except? NULL:
        """The refs of the first up to n bytes, each with a reference to its keeper; the last one cut to fit."""
        cdef Py_ssize_t left = min(n, self._total_bytes), index = 0
        cdef ChunkRef* refs
        while left > 0:
            left -= min(left, self._at(index).size)
            index += 1
        count[0] = index
        if index == 0:
            return NULL
        refs = <ChunkRef*>PyMem_Malloc(index * sizeof(ChunkRef))
        if refs == NULL:
            raise MemoryError
        left = min(n, self._total_bytes)
        for index in range(count[0]):
            refs[index] = self._at(index)[0]
            refs[index].size = min(left, refs[index].size)
            left -= refs[index].size
            Py_INCREF(<object>refs[index].keeper)
        return refs

    cdef Py_ssize_t _search(self, const char* sub, Py_ssize_t length, Py_ssize_t start,
                            Py_ssize_t stop) except -2:
        cdef ChunkSpan chunks
        cdef ChunkRef* front
        cdef Py_ssize_t end
        cdef const char* hit
        # Mostly it lies in the front chunk, and needs no window.
        if self._count:
            front = self._at(0)
            end = min(front.size, stop)
            if start <= end - length:
                hit = locate(front.data + start, end - start, sub, length)
                if hit != NULL:
                    return hit - front.data
                start = end - length + 1
            if end == stop:
                return -1
        chunks = self._span()
        return search_chunks(&chunks, sub, length, start, stop)

    cdef Py_ssize_t _seek(self, bytes sub, Py_ssize_t stop) except -2:
        cdef Py_ssize_t length = PyBytes_GET_SIZE(sub), at
        if sub is not self._sought and sub != self._sought:
            self._sought = sub
            self._sought_from = 0
        at = self._search(PyBytes_AS_STRING(sub), length, self._sought_from, stop)
        if at < 0 and stop - length + 1 > self._sought_from:
            self._sought_from = stop - length + 1
        return at

    cdef Py_ssize_t _writev(self, int fd, long long offset) except -2:
        cdef ChunkSpan chunks
        cdef Py_ssize_t taken
        self._check_idle("writev_to" if offset < 0 else "pwritev_to")
        chunks = self._span()
        # The kernel reads the chunks' memory without the GIL: until it is done none may leave.
        self._busy += 1
        try:
            taken = gather_write(&chunks, fd, offset)
        finally:
            self._busy -= 1
        if taken > 0:
            self._drop_bytes(taken)
        return taken

    # --- storage

    cdef inline ChunkRef* _at(self, Py_ssize_t index) noexcept:
        return &self._refs[(self._head + index) & (self._capacity - 1)]

    cdef inline ChunkSpan _span(self) noexcept:
        return ChunkSpan(self._refs, self._capacity - 1, self._head, self._count, self._total_bytes)

    cdef inline bint _is_front(self, ChunkRef* ref) except -1:
        """Return whether the front chunk has not changed since its ref was copied; the caller holds its keeper."""
        cdef ChunkRef* front
        if self._count == 0 or self._busy:
            return False
        front = self._at(0)
        return front.keeper == ref.keeper and front.data == ref.data

    cdef int _put(self, object chunk, bint in_front) except -1:
        """The one way in: take a reference to a chunk, and count it."""
        cdef ChunkRef* ref
        cdef const char* data
        cdef Py_ssize_t size
        cdef object keeper
        if PyBytes_CheckExact(chunk):
            data, size, keeper = PyBytes_AS_STRING(chunk), PyBytes_GET_SIZE(chunk), chunk
        else:
            keeper = pin_buffer("buffer", chunk)
            data, size = <const char*>(<Pin>keeper).view.buf, (<Pin>keeper).view.len
            if in_front:
                # Getting a buffer may have run other code, or let another thread start to write.
                self._check_idle("appendleft")
        if size == 0:
            return 0
        if size > PY_SSIZE_T_MAX - self._total_bytes:
            raise OverflowError(f"a ChunkQueue holds at most {PY_SSIZE_T_MAX} bytes")
        self._reserve()
        if in_front:
            self._head = (self._head - 1) & (self._capacity - 1)
            ref = self._at(0)
            self._sought_from = 0
        else:
            ref = self._at(self._count)
        ref.data, ref.size, ref.keeper = data, size, <PyObject*>keeper
        Py_INCREF(keeper)  # the reference that the ref owns, until _unlink_front or _drop_all
        self._count += 1
        self._total_bytes += size
        return 0

    cdef int _reserve(self) except -1:
        """Make room for one more ref. On failure everything is as before."""
        cdef ChunkRef* refs
        cdef Py_ssize_t capacity, until_wrap
        if self._count < self._capacity:
            return 0
        capacity = 2 * self._capacity if self._capacity else FIRST_CAPACITY
        if <size_t>capacity > <size_t>PY_SSIZE_T_MAX // sizeof(ChunkRef):
            raise MemoryError
        refs = <ChunkRef*>PyMem_Malloc(capacity * sizeof(ChunkRef))
        if refs == NULL:
            raise MemoryError
        if self._count:  # the array is full: from the head to its end, then from its start to the head
            until_wrap = self._capacity - self._head
            memcpy(refs, self._refs + self._head, until_wrap * sizeof(ChunkRef))
            memcpy(refs + until_wrap, self._refs, self._head * sizeof(ChunkRef))
        PyMem_Free(self._refs)
        self._refs = refs
        self._capacity = capacity
        self._head = 0
        return 0

    cdef inline PyObject* _unlink_front(self) noexcept:
        """Take the front chunk out; the caller gets the reference to its keeper."""
        cdef ChunkRef* front = self._at(0)
        cdef PyObject* keeper = front.keeper
        self._total_bytes -= front.size
        self._sought_from = max(0, self._sought_from - front.size)
        self._count -= 1
        if self._count == 0 and self._capacity > KEPT_CAPACITY:
            PyMem_Free(self._refs)
            self._refs = NULL
            self._capacity = self._head = 0
        else:
            self._head = (self._head + 1) & (self._capacity - 1)
        return keeper

    cdef void _drop_bytes(self, Py_ssize_t n) noexcept:
        """The one way out, for n bytes from the front."""
        cdef ChunkRef* front
        cdef PyObject* keeper
        cdef PyObject* first = NULL     # the pins to be dropped, each with the next one
        cdef PyObject* last = NULL
        while n > 0:
            front = self._at(0)
            if n < front.size:
                front.data += n
                front.size -= n
                self._total_bytes -= n
                self._sought_from = max(0, self._sought_from - n)
                break
            n -= front.size
            keeper = self._unlink_front()
            if PyBytes_CheckExact(<object>keeper):
                Py_DECREF(keeper)  # runs no foreign code
            else:
                if last == NULL:
                    first = keeper
                else:
                    (<Pin>last).next = keeper
                last = keeper
        # Last, when the queue is in order, for they may call back.
        while first != NULL:
            keeper = first
            first = (<Pin>keeper).next
            (<Pin>keeper).next = NULL
            Py_DECREF(keeper)

    cdef void _drop_all(self) noexcept:
        # Detach the array first, so that code of the dropped chunks finds an empty queue.
        cdef ChunkRef* refs = self._refs
        cdef Py_ssize_t mask = self._capacity - 1, head = self._head, count = self._count, index
        self._refs = NULL
        self._capacity = self._head = self._count = 0
        self._total_bytes = self._sought_from = 0
        for index in range(count):
            Py_DECREF(refs[(head + index) & mask].keeper)
        PyMem_Free(refs)


# The refs are C structs, so Cython's tp_traverse does not see the keepers. These two wrap it. That the type
# has the garbage collector's flag at all comes from the attribute _sought being declared as `object`.

cdef traverseproc _traverse_attributes = NULL

cdef int _traverse_queue(PyObject* self, visitproc visit, void* arg) noexcept:
    cdef Py_ssize_t index
    cdef int result = _traverse_attributes(self, visit, arg)
    for index in range((<ChunkQueue>self)._count):
        if result:
            break
        result = visit((<ChunkQueue>self)._at(index).keeper, arg)
    return result


cdef int _clear_queue(PyObject* self) noexcept:
    # Leaves an empty queue that works, for code that still calls it while the cycle is taken apart.
    (<ChunkQueue>self)._drop_all()
    return 0


if not PyType_IS_GC(<PyTypeObject*>ChunkQueue):
    raise SystemError("ChunkQueue is invisible to the garbage collector")
_traverse_attributes = (<PyTypeObject*>ChunkQueue).tp_traverse
(<PyTypeObject*>ChunkQueue).tp_traverse = _traverse_queue
(<PyTypeObject*>ChunkQueue).tp_clear = _clear_queue
