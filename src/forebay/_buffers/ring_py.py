"""RingBuffer in pure Python: the twin of the compiled `forebay._buffers.ring`, with the same rules.

The ring allocates one block of memory, the slab, of twice its capacity. It stores each byte at two
places in the slab, `capacity` bytes apart. So the free bytes, and the filled bytes, are always one
contiguous piece of the slab, and the ring never moves a byte. `ext/forebay/_buffers/ring.pyx` has a
diagram and the invariants.

One lock guards the cursors. A call releases it during a system call. Code that runs in the middle of
a call must not use the same ring: a signal handler, or a `__del__` that the garbage collector runs.
Such a use raises RuntimeError. The compiled ring has no such limit.

The bytes under a view that is still in use are pinned: they must not be overwritten. To know whether a
view is in use, the ring makes one ctypes array over the slab for each view, and holds it weakly. The
array lives as long as the view, its slices and other buffers taken from it. A producer that waits for
pinned space checks it again every millisecond. A memoryview cannot take the place of the array: up to
CPython 3.12.5 the process crashes if the garbage collector clears a memoryview that has exports
(gh-77894).
"""

import ctypes
import os
import sys
import threading
import time
import weakref
from collections import deque
from io import BytesIO
from typing import Any, NoReturn, SupportsIndex, final

from forebay._buffers.arguments import descriptor_of, size_of

_MAX_CAPACITY = sys.maxsize >> 2
_PIN_POLL_SECONDS = 0.001
_IO_MAX = 0x7FFFF000
_WRITABLE = 1  # PyBUF_WRITABLE

_forks = 0


def _forked() -> None:
    global _forks
    _forks += 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


def _seconds(timeout: float | None) -> float | None:
    if timeout is None:
        return None
    if not isinstance(timeout, (int, float)) or isinstance(timeout, bool):
        raise TypeError(f"timeout must be None or seconds, not {type(timeout).__name__} ({timeout!r})")
    if not timeout >= 0:
        raise ValueError(f"timeout must be 0 or more seconds, not {timeout}")
    return timeout if timeout < 1e9 else None


def _buffer(source: Any, name: str, writable: bool = False) -> memoryview:
    try:
        view = memoryview(source)
    except TypeError:
        hint = "; encode it first" if isinstance(source, str) else ""
        raise TypeError(f"{name} must be a bytes-like object, not {type(source).__name__}{hint}") from None
    if not view.c_contiguous:
        way = "a bytearray" if writable else f"bytes({name})"
        raise BufferError(f"{name} must be contiguous; pass {way}")
    if view.itemsize != 1:
        raise TypeError(f"{name} has items of {view.itemsize} bytes; pass memoryview({name}).cast('B')")
    if writable and view.readonly:
        kind = type(source).__name__
        raise TypeError(f"{name} must be writable, and this {kind} is not; pass a bytearray")
    return view


class _Turn:
    """The lock of a ring. One call holds it at a time: what runs in the middle of a call must not use the ring.

    A lock alone would admit a call of the same thread, such as one in a `__del__` that the collector runs.
    """

    __slots__ = ("_changed", "_holder", "lock")

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._changed = threading.Condition(self.lock)
        self._holder = 0

    def __enter__(self) -> None:
        if self._holder == threading.get_ident():
            raise RuntimeError("this RingBuffer is in the middle of a call, which has let something else run")
        self.lock.acquire()
        self._holder = threading.get_ident()

    def __exit__(self, *error: object) -> None:
        self._holder = 0
        self.lock.release()

    def wait(self, timeout: float | None) -> None:
        self._holder = 0
        self._changed.wait(timeout)
        self._holder = threading.get_ident()

    def notify_all(self) -> None:
        self._changed.notify_all()


@final
class RingBuffer:
    """A bounded ring of bytes between one producer and one consumer, which may be two threads."""

    __slots__ = (
        "_born", "_capacity", "_closed", "_consumer", "_consuming", "_head", "_lent", "_offered",
        "_offered_at", "_pins", "_producer", "_producing", "_slab", "_tail", "_turn", "_waiters",
    )  # fmt: skip

    _born: int  # forks this process had seen when the ring was made
    _capacity: int
    _closed: bool
    _head: int  # bytes ever written
    _tail: int  # bytes ever consumed
    _offered: int  # bytes that commit() may still take
    _offered_at: int  # where in the slab write_view() showed them, in either image
    _lent: list[weakref.ref[Any]]  # the lenders of what write_view() gave, until they are seen to be gone
    _pins: deque[tuple[int, weakref.ref[Any]]]  # start and lender of each view of filled bytes, oldest first
    _producer: int  # thread, 0 for none yet
    _consumer: int
    _producing: bool  # a producer's call runs without the lock
    _consuming: bool
    _waiters: int
    _turn: _Turn
    _slab: memoryview

    # State is made here: a second __init__() finds nothing to reset.
    def __new__(cls, capacity: SupportsIndex) -> "RingBuffer":
        size = size_of(capacity, "capacity")
        if size == 0:
            raise ValueError("capacity must be 1 or more, not 0")
        if size > _MAX_CAPACITY:
            raise ValueError(f"capacity must be at most {_MAX_CAPACITY}, not {capacity}")
        self = super().__new__(cls)
        try:
            self._slab = memoryview(bytearray(2 * size))
        except MemoryError:
            raise MemoryError(f"no memory for a ring of {size} bytes") from None
        self._born = _forks
        self._capacity = size
        self._closed = self._producing = self._consuming = False
        self._head = self._tail = self._offered = self._offered_at = 0
        self._producer = self._consumer = self._waiters = 0
        self._lent = []
        self._pins = deque()
        self._turn = _Turn()
        return self

    def __init_subclass__(cls) -> None:
        raise TypeError(f"type '{__name__}.RingBuffer' is not an acceptable base type")

    def __reduce__(self) -> NoReturn:
        raise TypeError("no default __reduce__ due to non-trivial __cinit__")

    # Roles

    def _be_producer(self) -> None:
        if self._producer != threading.get_ident() or self._born != _forks:
            self._check_role("producer", self._producer)
            self._producer = threading.get_ident()

    def _be_consumer(self) -> None:
        if self._consumer != threading.get_ident() or self._born != _forks:
            self._check_role("consumer", self._consumer)
            self._consumer = threading.get_ident()

    def _check_role(self, role: str, thread: int) -> None:
        if self._born != _forks:
            raise RuntimeError("this RingBuffer was made before fork() and is the parent's; make a new one")
        if thread:
            raise RuntimeError(
                f"a RingBuffer has one {role}: it is thread {thread} and this call is from thread "
                f"{threading.get_ident()}; call release_{role}() to hand the role over"
            )

    def release_producer(self) -> None:
        """Let the next thread that writes be the producer; any thread may call this between writes."""
        with self._turn:
            if self._producing:
                raise RuntimeError("the producer is inside a call; release its role when that has returned")
            self._producer = 0

    def release_consumer(self) -> None:
        """Let the next thread that reads be the consumer; any thread may call this between reads."""
        with self._turn:
            if self._consuming:
                raise RuntimeError("the consumer is inside a call; release its role when that has returned")
            self._consumer = 0

    # Cursors; the lock is held

    def _check_writable(self) -> None:
        self._be_producer()
        if self._closed:
            raise ValueError("write to a closed RingBuffer")

    def _check_unlent(self) -> None:
        self._check_writable()
        if self._is_writing_lent():
            raise BufferError("a write_view() of this ring is in use; release it first, or commit() to it")
        self._offered = 0  # what write_view() showed is about to be overwritten

    def _lend(self, at: int, size: int) -> tuple[memoryview, weakref.ref[Any]]:
        """A view of a part of the slab, and what tells whether any of it is left."""
        lender = (ctypes.c_char * len(self._slab)).from_buffer(self._slab)
        return memoryview(lender).cast("B")[at : at + size], weakref.ref(lender)

    def _is_writing_lent(self) -> bool:
        self._lent = [lender for lender in self._lent if lender() is not None]
        return bool(self._lent)

    def _room(self) -> int:
        while self._pins and self._pins[0][1]() is None:
            self._pins.popleft()
        freed = self._pins[0][0] if self._pins else self._tail
        return self._capacity - (self._head - freed)

    def _free_part(self, size: int) -> memoryview:
        return self._slab[self._write_at() : self._write_at() + size]

    def _write_at(self) -> int:
        return self._head % self._capacity

    def _filled_part(self, size: int) -> memoryview:
        at = self._tail % self._capacity
        return self._slab[at : at + size]

    def _publish(self, at: int, size: int) -> None:
        """Make the size bytes written at `at` the same in both images, then readable."""
        slab, middle = self._slab, self._capacity
        if at < middle:
            first = min(size, middle - at)
            slab[middle + at : middle + at + first] = slab[at : at + first]
            slab[: size - first] = slab[middle : middle + size - first]
        else:
            slab[at - middle : at - middle + size] = slab[at : at + size]
        self._head += size
        if self._waiters:
            self._turn.notify_all()

    def _advance(self, size: int) -> None:
        self._tail += size
        if self._waiters:
            self._turn.notify_all()

    # Producer

    def write(self, data: Any, /) -> int:
        """Copy in as much of data as fits and return the number of bytes taken."""
        with _buffer(data, "data") as source, self._turn:
            self._check_unlent()
            size = min(source.nbytes, self._room())
            if size:
                plain = source.ndim == 1 and source.format == "B"
                self._free_part(size)[:] = source[:size] if plain else source.tobytes()[:size]
                self._publish(self._write_at(), size)
            return size

    def write_view(self) -> memoryview:
        """Return a writable memoryview of the free part; commit(n) makes its first n bytes readable."""
        with self._turn:
            self._check_writable()
            # While a view lives the offer does not grow: what it has committed stays out of reach.
            if not self._is_writing_lent():
                self._offered = self._room()
                self._offered_at = self._write_at()
            view, lender = self._lend(self._offered_at, self._offered)
            if self._offered:
                self._lent.append(lender)
            return view

    def commit(self, n: SupportsIndex, /) -> None:
        """Make the first n bytes that write_view() showed readable."""
        size = size_of(n, "n")
        with self._turn:
            self._check_writable()
            if size > self._offered:
                raise ValueError(
                    f"commit({n}) is more than the {self._offered} bytes that write_view() offered"
                )
            self._publish(self._offered_at, size)
            self._offered_at += size
            self._offered -= size

    def recv_from(self, fd: Any, /) -> int:
        """One read(2) from fd into the free part; return the bytes read, 0 at end of file."""
        handle = descriptor_of(fd)
        with self._turn:
            self._check_unlent()
            room = self._room()
            if not room:
                raise BufferError("the ring is full; read from it or release its views, see wait_writable()")
            target = self._free_part(min(room, _IO_MAX))
            self._producing = True
        got = 0
        try:
            with target:
                got = os.readv(handle, [target])
        finally:
            with self._turn:
                self._producing = False
                if got:
                    self._publish(self._write_at(), got)
        return got

    # Consumer

    def _take(self, size: int) -> int:
        self._be_consumer()
        return min(size, self._head - self._tail)

    def read(self, n: SupportsIndex, /) -> bytes:
        """Consume up to n bytes and return them."""
        size = size_of(n, "n")
        with self._turn:
            size = self._take(size)
            result = self._filled_part(size).tobytes()
            self._advance(size)
            return result

    def peek(self, n: SupportsIndex, /) -> bytes:
        """Return up to n bytes without consuming them."""
        size = size_of(n, "n")
        with self._turn:
            return self._filled_part(self._take(size)).tobytes()

    def readinto(self, buf: Any, /) -> int:
        """Consume as many bytes as fit into buf and return their number."""
        with _buffer(buf, "buf", writable=True) as target, self._turn:
            size = self._take(target.nbytes)
            if target.ndim == 1 and target.format == "B":
                target[:size] = self._filled_part(size)
            else:
                BytesIO(self._filled_part(size)).readinto(target)
            self._advance(size)
            return size

    def skip(self, n: SupportsIndex, /) -> int:
        """Consume up to n bytes and return their number."""
        size = size_of(n, "n")
        with self._turn:
            size = self._take(size)
            self._advance(size)
            return size

    def consume(self, n: SupportsIndex, /) -> None:
        """Consume exactly n bytes."""
        size = size_of(n, "n")
        with self._turn:
            filled = self._take(self._capacity)
            if size > filled:
                raise ValueError(f"consume({n}) is more than the {filled} bytes in the ring; see skip()")
            self._advance(size)

    def find(self, sub: Any, start: SupportsIndex = 0) -> int:
        """Return the offset of the first sub at or after start, or -1."""
        begin = size_of(start, "start")
        with _buffer(sub, "sub") as needle, self._turn:
            filled = self._filled_part(self._take(self._capacity)).tobytes()
            return filled.find(needle.tobytes(), begin)

    def read_view(self) -> memoryview:
        """Return a read-only memoryview of the filled part."""
        with self._turn:
            size = self._take(self._capacity)
            view, lender = self._lend(self._tail % self._capacity, size)
            if size:
                self._pins.append((self._tail, lender))
            return view.toreadonly()

    # Called by Python 3.12 and later; before that a Python class cannot export a buffer.
    def __buffer__(self, flags: int, /) -> memoryview:
        if flags & _WRITABLE:
            raise BufferError("the buffer of a RingBuffer is read-only; write through write_view()")
        return self.read_view()

    def send_to(self, fd: Any, /) -> int:
        """One write(2) of the filled part to fd; consume and return what the kernel took."""
        handle = descriptor_of(fd)
        with self._turn:
            source = self._filled_part(min(self._take(self._capacity), _IO_MAX))
            if not source.nbytes:
                return 0
            self._consuming = True
        sent = 0
        try:
            with source:
                sent = os.write(handle, source)
        finally:
            with self._turn:
                self._consuming = False
                if sent:
                    self._advance(sent)
        return sent

    # Waiting and closing

    def wait_readable(self, timeout: float | None = None) -> bool:
        """Wait until there are bytes or the ring is closed; False if timeout seconds passed first."""
        left = _seconds(timeout)
        deadline = None if left is None else time.monotonic() + left
        with self._turn:
            self._be_consumer()
            self._consuming = True
            try:
                while not self._closed and self._head == self._tail:
                    if not self._sleep(deadline, None):
                        return False
                return True
            finally:
                self._consuming = False

    def wait_writable(self, timeout: float | None = None) -> bool:
        """Wait until there is room or the ring is closed; False if timeout seconds passed first."""
        left = _seconds(timeout)
        deadline = None if left is None else time.monotonic() + left
        with self._turn:
            self._be_producer()
            self._producing = True
            try:
                while not self._closed and not self._room():
                    if not self._sleep(deadline, _PIN_POLL_SECONDS if self._pins else None):
                        return False
                return True
            finally:
                self._producing = False

    def _sleep(self, deadline: float | None, at_most: float | None) -> bool:
        left = at_most
        if deadline is not None:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                return False
            left = remaining if at_most is None else min(remaining, at_most)
        if left is not None:
            left = min(left, threading.TIMEOUT_MAX)
        self._waiters += 1
        try:
            self._turn.wait(left)
        finally:
            self._waiters -= 1
        return True

    def close(self) -> None:
        """End the stream: no more writes. The bytes in the ring can still be read."""
        with self._turn:
            if self._is_writing_lent():
                raise BufferError("a write_view() of this ring is in use; release it before close()")
            self._closed = True
            self._turn.notify_all()

    # Figures, open to every thread

    @property
    def closed(self) -> bool:
        """Whether close() was called."""
        return self._closed

    @property
    def capacity(self) -> int:
        """Most bytes the ring can hold."""
        return self._capacity

    @property
    def free(self) -> int:
        """The number of bytes that can be written now: the capacity less the filled and the viewed bytes."""
        with self._turn:
            return self._room()

    @property
    def is_full(self) -> bool:
        """Whether nothing can be written now."""
        return self.free == 0

    def __len__(self) -> int:
        with self._turn.lock:
            return self._head - self._tail

    def __repr__(self) -> str:
        state = ", closed" if self._closed else ""
        return f"<RingBuffer {len(self)} of {self._capacity} bytes{state}>"
