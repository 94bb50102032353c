# cython: language_level=3, boundscheck=False, wraparound=False
"""RingBuffer: a bounded byte ring for one producer thread and one consumer thread.

Cursors count bytes since the ring was made and never wrap back to zero:

              freed        tail              head        freed + capacity
    ------------+------------+-----------------+-----------------+
     given back |   pinned   |     filled      |      free       |
    ------------+------------+-----------------+-----------------+

Byte i of the stream lies at i modulo `image` in two adjacent images of one memory, so that any run
of up to `image` bytes is contiguous wherever it starts, and nothing is ever moved:

    base                    base + image            base + 2 * image
     +-----------------------+-----------------------+
     | c d e . . . . . . a b | c d e . . . . . . a b |
     +-----------------------+-----------------------+
                         ^ read_at: "abcde" in one piece

Large rings have one shared memory mapped twice. Small ones, and systems that cannot map so, have a
slab of twice the size, where the producer copies what it wrote into the other image before it
publishes it. The rest of the code does not see the difference.

Invariants:
1. freed <= tail <= head <= freed + capacity.
2. The bytes in [head, freed + capacity) belong to the producer, in both images; those in
   [freed, head) do not change.
3. Only the producer stores head. Only the consumer stores tail. freed is tail, or the start of the
   oldest live view if that is less; the consumer, or the thread that releases that view, stores it.
4. A cursor is stored with release order after the bytes were copied, and the other side loads it
   with acquire order before it touches them. No single function writes through one image and reads
   the same byte through the other: the compiler may take the two for different bytes.

Threads: every store to a cursor, pin, flag or role happens with the GIL held, and on a free-threaded
interpreter inside the ring's critical section, which is released at the same points: while a call
sleeps, and around system calls and long copies. Only these and loads of the other side's cursor run
outside. Two things rest on this: the list of pins needs no lock of its own, and a waiter's flag, set
before the waiter lets go, cannot be missed by a later store of the cursor. A method that asks an
argument for its buffer does so before it enters the section. No section is entered twice, because
that would leave the first one for a moment.
"""

cimport cython
from cpython.buffer cimport PyBUF_FORMAT, PyBUF_ND, PyBUF_STRIDES, PyBUF_WRITABLE, PyBuffer_Release
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.exc cimport PyErr_CheckSignals
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.memoryview cimport PyMemoryView_FromObject
from cpython.pythread cimport NOWAIT_LOCK, PyThread_acquire_lock, PyThread_allocate_lock, PyThread_free_lock
from libc.errno cimport EINTR

from forebay._buffers.arguments cimport descriptor_of, size_of

from os import strerror

if ring_watch_forks():
    raise MemoryError("no room to register a fork handler")


@cython.final
@cython.no_gc  # it refers to a ring, and a ring refers to nothing
cdef class _WriteDoor:
    """What write_view() asks for a buffer: the ring itself exports its filled part."""

    cdef RingBuffer ring

    def __getbuffer__(self, Py_buffer *view, int flags):
        cdef RingBuffer ring = self.ring
        if ring is None:
            raise BufferError("this object belongs to no ring; call write_view()")
        with cython.critical_section(ring):
            if not ring._write_exports:
                ring._offered = ring._room(ring._capacity)
                ring._offered_at = ring._write_at
            # While a view lives the offer does not grow: what it has committed stays out of reach.
            ring._export(view, ring._offered_at, ring._offered, False, flags)
            if ring._offered:
                view.internal = &ring._write_exports
                ring._write_exports += 1


@cython.final
cdef class RingBuffer:
    """RingBuffer(capacity)\n--\n\nA bounded ring of bytes between one producer and one consumer, which may be two threads."""

    def __cinit__(self, capacity):
        cdef size_t size = size_of(capacity, "capacity")
        if size == 0:
            raise ValueError("capacity must be 1 or more, not 0")
        if size > <size_t> (PY_SSIZE_T_MAX >> 2):
            raise ValueError(f"capacity must be at most {PY_SSIZE_T_MAX >> 2}, not {capacity}")
        self._capacity = self._image_bytes = size
        self._forks = ring_forks
        self._reader_lock = PyThread_allocate_lock()
        self._writer_lock = PyThread_allocate_lock()
        if size > SLAB_BYTES:
            self._base = ring_map(&self._image_bytes)
            self._mapped = self._base != NULL
        if self._base == NULL:
            # Zeroed: write_view() shows this memory before anything is written there.
            self._base = <char *> PyMem_RawCalloc(2, size)
        if self._base == NULL or self._reader_lock == NULL or self._writer_lock == NULL:
            raise MemoryError(f"no memory for a ring of {size} bytes")
        PyThread_acquire_lock(self._reader_lock, NOWAIT_LOCK)
        PyThread_acquire_lock(self._writer_lock, NOWAIT_LOCK)

    def __dealloc__(self):
        # No view is left: each holds a reference to the ring.
        if self._mapped:
            ring_unmap(self._base, self._image_bytes)
        else:
            PyMem_RawFree(self._base)
        if self._reader_lock != NULL:
            PyThread_free_lock(self._reader_lock)
        if self._writer_lock != NULL:
            PyThread_free_lock(self._writer_lock)

    # Roles

    cdef int _be_producer(self) except -1:
        if self._producer != this_thread() or self._forks != ring_forks:
            self._take_role("producer", &self._producer)
        return 0

    cdef int _be_consumer(self) except -1:
        if self._consumer != this_thread() or self._forks != ring_forks:
            self._take_role("consumer", &self._consumer)
        return 0

    cdef int _take_role(self, str role, unsigned long *thread) except -1:
        if self._forks != ring_forks:
            raise RuntimeError("this RingBuffer was made before fork() and is the parent's; make a new one")
        if thread[0]:
            raise RuntimeError(
                f"a RingBuffer has one {role}: it is thread {thread[0]} and this call is from thread "
                f"{this_thread()}; call release_{role}() to hand the role over"
            )
        thread[0] = this_thread()
        return 0

    @cython.critical_section
    def release_producer(self):
        """Let the next thread that writes be the producer; any thread may call this between writes."""
        if self._producing:
            raise RuntimeError("the producer is inside a call; release its role when that has returned")
        self._producer = 0

    @cython.critical_section
    def release_consumer(self):
        """Let the next thread that reads be the consumer; any thread may call this between reads."""
        if self._consuming:
            raise RuntimeError("the consumer is inside a call; release its role when that has returned")
        self._consumer = 0

    # Cursors

    cdef int _check_writable(self) except -1:
        self._be_producer()
        if self._closed:
            raise ValueError("write to a closed RingBuffer")
        return 0

    cdef int _check_unlent(self) except -1:
        self._check_writable()
        if self._write_exports:
            raise BufferError("a write_view() of this ring is in use; release it first, or commit() to it")
        self._offered = 0  # what write_view() showed is about to be overwritten
        return 0

    cdef size_t _room(self, size_t wanted) noexcept:
        cdef size_t room = self._capacity - (self._head - self._freed_seen)
        if room < wanted:
            self._freed_seen = load(&self._freed)
            room = self._capacity - (self._head - self._freed_seen)
        return room

    cdef size_t _filled(self, size_t wanted) noexcept:
        cdef size_t filled = self._head_seen - self._tail
        if filled < wanted:
            self._head_seen = load(&self._head)
            filled = self._head_seen - self._tail
        return filled

    cdef void _mirror(self, size_t at, size_t n) noexcept:
        """Before the n bytes written at `at` are published: make them the same in both images."""
        if not self._mapped:
            ring_mirror(self._base, self._image_bytes, at, n)

    cdef void _publish(self, size_t n) noexcept:
        self._write_at += n
        if self._write_at >= self._image_bytes:
            self._write_at -= self._image_bytes
        store(&self._head, self._head + n)
        _wake(&self._reader_waits, self._reader_lock)

    cdef void _advance(self, size_t n) noexcept:
        self._read_at += n
        if self._read_at >= self._image_bytes:
            self._read_at -= self._image_bytes
        self._tail += n
        self._give_back()

    cdef void _give_back(self) noexcept:
        store(&self._freed, self._tail if self._oldest_pin == NULL else self._oldest_pin.start)
        if self._writer_waits and self._ready(False):
            _wake(&self._writer_waits, self._writer_lock)

    # Producer

    @cython.critical_section
    cdef Py_ssize_t put(self, const char *data, Py_ssize_t n) except -1:
        self._check_unlent()
        cdef size_t size = max(n, 0)
        cdef size_t taken = min(size, self._room(size))
        if taken:
            _copy(self._base + self._write_at, data, taken, &self._producing)
            self._mirror(self._write_at, taken)
            self._publish(taken)
        return taken

    def write(self, data, /):
        """Copy in as much of data as fits and return the number of bytes taken."""
        cdef Py_buffer source
        if PyBytes_CheckExact(data):
            return self.put(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))
        _buffer(data, "data", False, &source)
        try:
            return self.put(<const char *> source.buf, source.len)
        finally:
            PyBuffer_Release(&source)

    @cython.critical_section
    def write_view(self):
        """Return a writable memoryview of the free part; commit(n) makes its first n bytes readable."""
        self._check_writable()
        cdef _WriteDoor door = _WriteDoor.__new__(_WriteDoor)
        door.ring = self
        return PyMemoryView_FromObject(door)

    @cython.critical_section
    def commit(self, n, /):
        """Make the first n bytes that write_view() showed readable."""
        cdef size_t size = size_of(n, "n")
        self._check_writable()
        if size > self._offered:
            raise ValueError(f"commit({n}) is more than the {self._offered} bytes that write_view() offered")
        self._mirror(self._offered_at, size)
        self._offered_at += size
        self._offered -= size
        self._publish(size)

    @cython.critical_section
    def recv_from(self, fd, /):
        """One read(2) from fd into the free part; return the bytes read, 0 at end of file."""
        cdef int handle = descriptor_of(fd)
        cdef size_t room
        cdef Py_ssize_t got
        while True:
            # Anew in each round: a signal handler may have used the ring.
            self._check_unlent()
            room = self._room(self._capacity)
            if room == 0:
                raise BufferError("the ring is full; read from it or release its views, see wait_writable()")
            self._producing = True
            with nogil:
                got = ring_read(handle, self._base + self._write_at, room)
            self._producing = False
            if got >= 0:
                self._mirror(self._write_at, got)
                self._publish(got)
                return got
            if got != -EINTR:
                raise OSError(-got, strerror(-got))
            PyErr_CheckSignals()

    # Consumer

    cdef bytes _copy_out(self, size_t n):
        cdef bytes result = PyBytes_FromStringAndSize(NULL, n)
        if n:  # b"" is shared, and not to be written
            _copy(PyBytes_AS_STRING(result), self._base + self._read_at, n, &self._consuming)
        return result

    @cython.critical_section
    def read(self, n, /):
        """Consume up to n bytes and return them."""
        cdef size_t size = size_of(n, "n")
        self._be_consumer()
        size = min(size, self._filled(size))
        cdef bytes result = self._copy_out(size)
        self._advance(size)
        return result

    @cython.critical_section
    def peek(self, n, /):
        """Return up to n bytes without consuming them."""
        cdef size_t size = size_of(n, "n")
        self._be_consumer()
        return self._copy_out(min(size, self._filled(size)))

    @cython.critical_section
    cdef Py_ssize_t take(self, char *target, Py_ssize_t n) except -1:
        self._be_consumer()
        cdef size_t size = max(n, 0)
        size = min(size, self._filled(size))
        if size:
            _copy(target, self._base + self._read_at, size, &self._consuming)
            self._advance(size)
        return size

    def readinto(self, buf, /):
        """Consume as many bytes as fit into buf and return their number."""
        cdef Py_buffer target
        _buffer(buf, "buf", True, &target)
        try:
            return self.take(<char *> target.buf, target.len)
        finally:
            PyBuffer_Release(&target)

    @cython.critical_section
    def skip(self, n, /):
        """Consume up to n bytes and return their number."""
        cdef size_t size = size_of(n, "n")
        self._be_consumer()
        size = min(size, self._filled(size))
        self._advance(size)
        return size

    @cython.critical_section
    def consume(self, n, /):
        """Consume exactly n bytes."""
        cdef size_t size = size_of(n, "n")
        self._be_consumer()
        if size > self._filled(size):
            raise ValueError(f"consume({n}) is more than the {self._filled(0)} bytes in the ring; see skip()")
        self._advance(size)

    def find(self, sub, start=0):
        """Return the offset of the first sub at or after start, or -1."""
        cdef Py_buffer needle
        cdef size_t begin = size_of(start, "start")
        _buffer(sub, "sub", False, &needle)
        try:
            return self._find(<char *> needle.buf, needle.len, begin)
        finally:
            PyBuffer_Release(&needle)

    @cython.critical_section
    cdef Py_ssize_t _find(self, const char *sub, size_t n, size_t begin) except -2:
        self._be_consumer()
        cdef size_t filled = self._filled(self._capacity)
        if begin > filled or n > filled - begin:
            return -1
        cdef Py_ssize_t at = ring_find(self._base + self._read_at + begin, filled - begin, sub, n)
        return at if at < 0 else at + <Py_ssize_t> begin

    def read_view(self):
        """Return a read-only memoryview of the filled part."""
        return PyMemoryView_FromObject(self)

    @cython.critical_section
    def send_to(self, fd, /):
        """One write(2) of the filled part to fd; consume and return what the kernel took."""
        cdef int handle = descriptor_of(fd)
        cdef size_t filled
        cdef Py_ssize_t sent
        while True:
            self._be_consumer()
            filled = self._filled(self._capacity)
            if filled == 0:
                return 0
            self._consuming = True
            with nogil:
                sent = ring_write(handle, self._base + self._read_at, filled)
            self._consuming = False
            if sent >= 0:
                self._advance(sent)
                return sent
            if sent != -EINTR:
                raise OSError(-sent, strerror(-sent))
            PyErr_CheckSignals()

    # Views

    cdef int _export(self, Py_buffer *view, size_t at, size_t n, bint readonly, int flags) except -1:
        # shape and strides point into the view itself, as PyBuffer_FillInfo() does it; that one is
        # not used because it would drop the None that Cython keeps in view.obj meanwhile.
        view.buf = self._base + at
        view.len = n
        view.itemsize = 1
        view.readonly = readonly
        view.ndim = 1
        view.format = BYTE_FORMAT if flags & PyBUF_FORMAT else NULL
        view.shape = &view.len if flags & PyBUF_ND else NULL
        view.strides = &view.itemsize if (flags & PyBUF_STRIDES) == PyBUF_STRIDES else NULL
        view.suboffsets = NULL
        view.internal = NULL
        view.obj = self
        return 0

    @cython.critical_section
    def __getbuffer__(self, Py_buffer *view, int flags):
        if flags & PyBUF_WRITABLE:
            raise BufferError("the buffer of a RingBuffer is read-only; write through write_view()")
        self._be_consumer()
        cdef size_t filled = self._filled(self._capacity)
        cdef Pin *pin = self._newest_pin
        if filled and (pin == NULL or pin.start != self._tail):
            pin = &self._own_pin if self._own_pin.exports == 0 else <Pin *> PyMem_Malloc(sizeof(Pin))
            if pin == NULL:
                raise MemoryError("no memory to pin a view of the ring")
            pin.start, pin.exports = self._tail, 0
            _append_pin(pin, &self._oldest_pin, &self._newest_pin)
        self._export(view, self._read_at, filled, True, flags)
        if filled:
            pin.exports += 1
            view.internal = pin

    @cython.critical_section
    def __releasebuffer__(self, Py_buffer *view):
        # Called in whichever thread drops the last reference to a view.
        cdef Pin *pin = <Pin *> view.internal
        if pin == NULL:
            return
        if view.internal == &self._write_exports:
            self._write_exports -= 1
            return
        pin.exports -= 1
        if pin.exports:
            return
        _remove_pin(pin, &self._oldest_pin, &self._newest_pin)
        self._give_back()
        if pin != &self._own_pin:
            PyMem_Free(pin)

    # Waiting and closing

    cdef bint _ready(self, bint reading) noexcept nogil:
        if load_flag(&self._closed):
            return True
        if reading:
            return load(&self._head) != self._tail
        return self._head - load(&self._freed) < self._capacity

    @cython.critical_section
    cdef bint _wait(self, bint reading, object timeout) except -1:
        cdef long long left = _nanoseconds(timeout)
        cdef long long deadline = ring_now_ns() + left if left > 0 else left  # -1: none, 0: do not wait
        cdef int spins, got
        cdef PyThread_type_lock lock = self._reader_lock if reading else self._writer_lock
        cdef bint *waits = &self._reader_waits if reading else &self._writer_waits
        cdef bint *busy = &self._consuming if reading else &self._producing
        while True:
            if reading:
                self._be_consumer()
            else:
                self._be_producer()
            if self._ready(reading):
                return True
            if deadline >= 0:
                left = deadline - ring_now_ns() if deadline else 0
                if left <= 0:
                    return False
            waits[0] = busy[0] = True
            with nogil:
                got = spins = 0
                while spins < SPINS and not self._ready(reading):
                    pause()
                    spins += 1
                if spins == SPINS:
                    left = left // 1000 + 1 if deadline >= 0 else LONGEST_SLEEP_US
                    got = PyThread_acquire_lock_timed(lock, left, 1)
            busy[0] = False
            if waits[0]:
                waits[0] = False
            elif got != 1:
                # The other side posted after we had stopped looking: take the post, or the next wait would.
                PyThread_acquire_lock(lock, NOWAIT_LOCK)
            if got == INTERRUPTED:
                PyErr_CheckSignals()

    def wait_readable(self, timeout=None):
        """Wait until there are bytes or the ring is closed; False if timeout seconds passed first."""
        return self._wait(True, timeout)

    def wait_writable(self, timeout=None):
        """Wait until there is room or the ring is closed; False if timeout seconds passed first."""
        return self._wait(False, timeout)

    @cython.critical_section
    def close(self):
        """End the stream: no more writes. The bytes in the ring can still be read."""
        if self._write_exports:
            raise BufferError("a write_view() of this ring is in use; release it before close()")
        store_flag(&self._closed, 1)
        _wake(&self._reader_waits, self._reader_lock)
        _wake(&self._writer_waits, self._writer_lock)

    # Figures, open to every thread

    @property
    def closed(self):
        """Whether close() was called."""
        return self._closed != 0

    @property
    def capacity(self):
        """Most bytes the ring can hold."""
        return self._capacity

    @property
    @cython.critical_section
    def free(self):
        """The number of bytes that can be written now: the capacity less the filled and the viewed bytes."""
        return self._capacity - (self._head - self._freed)

    @property
    @cython.critical_section
    def is_full(self):
        """Whether nothing can be written now."""
        return self._head - self._freed == self._capacity

    @cython.critical_section
    def __len__(self):
        return self._head - self._tail

    def __repr__(self):
        state = ", closed" if self._closed else ""
        return f"<RingBuffer {len(self)} of {self._capacity} bytes{state}>"
