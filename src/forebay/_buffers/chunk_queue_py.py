"""`ChunkQueue` in pure Python: the reference for the compiled one, and the version without a compiler.

The public documentation is in chunk_queue.pyi. Invariants: no chunk in the queue is used up; the bytes queued are
`_bytes_in - _bytes_out`; `_busy` is above 0 during a write, and then the front chunks stay and only appending is possible.

Making a view, a list or another container may run the garbage collector, and so any code, which may use the queue. So
`_settled` makes the objects that an operation needs from the front chunks, and then checks that these chunks are still in
front. The code that changes the queue afterwards makes no containers.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from struct import pack_into
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, final

from forebay._buffers.arguments import descriptor_of, size_of

if TYPE_CHECKING:
    from _typeshed import FileDescriptorLike, ReadableBuffer, WriteableBuffer

__all__ = ["ChunkQueue"]

_T = TypeVar("_T")

_MAX_ENTRIES = 1024  # buffers in one gather write, where the system allows as many
_MAX_WRITE_BYTES = 1 << 30  # in one call: macOS refuses sums over INT_MAX, Linux cuts them there
_JOINED_PART = 512  # bytes: a longer copy becomes a separate chunk
_JOINED_BYTES = 4096  # size up to which a chunk takes such copies in
_COPY_BYTES = 65536  # largest chunk made by copying: malloc maps larger ones, and that costs page faults
_FIRST_BLOCK_BYTES = 256  # how much a search joins and looks at first

try:
    _MAX_ENTRIES = min(max(os.sysconf("SC_IOV_MAX"), 16), _MAX_ENTRIES)
except (AttributeError, ValueError, OSError):
    _MAX_ENTRIES = 16  # what POSIX promises


class _Chunk:
    """One buffer in the queue: `view` keeps it exported, and is plain bytes."""

    __slots__ = ("next", "owner", "start", "view")

    def __init__(self, owner: Any, view: memoryview) -> None:
        self.owner = owner
        self.view = view
        self.start = 0  # the first byte that has not been taken
        self.next: _Chunk | None = None  # where several leave the queue together, the one that goes after it


def _view_of(name: str, owner: Any) -> memoryview:
    """Get the buffer of an argument, or raise with the argument's name and what to do instead."""
    kind = type(owner).__name__
    if isinstance(owner, str):
        raise TypeError(f"{name} must be a bytes-like object, not str: encode it, as in text.encode()")
    try:
        view = memoryview(owner)
    except TypeError:
        raise TypeError(f"{name} must be a bytes-like object, not {kind}") from None
    if view.itemsize != 1 or view.ndim != 1:
        raise TypeError(
            f"{name} ({kind}) must be one-dimensional with items of 1 byte, but has {view.ndim} "
            f"dimension(s) and items of {view.itemsize}: use memoryview(x).cast('B')"
        )
    if view.nbytes and not view.c_contiguous:
        raise BufferError(f"{name} ({kind}) is not contiguous: use a copy, as in bytes(x)")
    if view.format != "B":
        try:
            return view.cast("B")
        except (TypeError, ValueError):
            # The formats of ctypes, such as "<c", cannot be cast; all that is done here works on them too.
            pass
    return view


def _is_released(owner: Any) -> bool:
    """Return whether an argument is a memoryview that was released."""
    if isinstance(owner, memoryview):
        try:
            len(owner)
        except ValueError:
            return True
    return False


def _bytes_of(name: str, value: Any) -> bytes:
    return value if type(value) is bytes else bytes(_view_of(name, value))


@final
class ChunkQueue:
    """An unbounded queue of buffers, held by reference and addressed by the byte."""

    __slots__ = ("__weakref__", "_busy", "_bytes_in", "_bytes_out", "_chunks", "_sought", "_sought_from")

    _chunks: deque[_Chunk]
    # Two counters and not one, so that a thread that appends and a thread that takes never write to the same.
    _bytes_in: int
    _bytes_out: int
    _busy: int
    _sought: bytes | None  # what _seek() looked for last
    _sought_from: int  # the offset before which it does not begin

    # Not __init__: a second call of that must not empty the queue.
    def __new__(cls) -> ChunkQueue:
        self = super().__new__(cls)
        self._chunks = deque()
        self._bytes_in = self._bytes_out = self._busy = self._sought_from = 0
        self._sought = None
        return self

    def __init_subclass__(cls, **kwargs: Any) -> NoReturn:
        raise TypeError("type 'forebay.ChunkQueue' is not an acceptable base type")

    def append(self, buffer: ReadableBuffer) -> None:
        """Put a chunk at the end."""
        chunk = self._admit(buffer)
        if chunk is not None:
            total = self._bytes_in + chunk.view.nbytes  # first, so that only the last step can fail
            self._chunks.append(chunk)
            self._bytes_in = total

    def appendleft(self, buffer: ReadableBuffer) -> None:
        """Put a chunk in front of all others."""
        self._check_idle("appendleft")
        chunk = self._admit(buffer)
        if chunk is not None:
            total = self._bytes_out - chunk.view.nbytes
            self._chunks.appendleft(chunk)
            self._bytes_out = total
            self._sought_from = 0

    def append_copy(self, buffer: ReadableBuffer, n: int | None = None, first: int = 0) -> None:
        """Copy the first n bytes of a buffer, or all of it, to the end; the first of them as one chunk."""
        view = _view_of("buffer", buffer)
        size = view.nbytes if n is None else size_of(n, "n")
        part = size_of(first, "first")
        if size > view.nbytes:
            raise ValueError(f"n is {n}, but the buffer has only {view.nbytes} bytes")
        if part > size:
            raise ValueError(f"first is {first}, but only {size} bytes are to be copied")
        if part:
            self.append(bytes(view[:part]))
            view, size = view[part:], size - part
        if not size or self._join_to_last(view[:size]):
            return
        for at in range(0, size, _COPY_BYTES):
            self.append(bytes(view[at : min(size, at + _COPY_BYTES)]))

    def extend(self, iterable: Iterable[ReadableBuffer]) -> None:
        """Append every buffer of an iterable."""
        given: Any = iterable
        try:
            memoryview(given).release()
        except (TypeError, BufferError, ValueError):
            pass
        else:
            raise TypeError(
                f"iterable must yield buffers, but {type(iterable).__name__} is one itself: use append()"
            )
        for buffer in iterable:
            self.append(buffer)

    def popleft(self) -> ReadableBuffer:
        """Take the front chunk: the object itself, or the rest of it."""
        self._check_idle("popleft")
        front, rest = self._settled(self._rest_of_front)
        self._check_idle("popleft")
        self._drop_bytes(front.view.nbytes - front.start)
        return rest

    def read(self, n: int) -> bytes:
        """Take up to n bytes."""
        return self._read(size_of(n, "n"))

    def read_view(self, n: int) -> memoryview:
        """Take up to n bytes of the front chunk, as a read-only view."""
        size = size_of(n, "n")
        self._check_idle("read_view")
        view = self._settled(lambda: (self._views(size, 1) or [memoryview(b"")])[0])
        self._check_idle("read_view")
        self._drop_bytes(view.nbytes)
        return view

    def peek(self, n: int) -> bytes:
        """Up to n bytes, which stay in the queue."""
        size = size_of(n, "n")
        return self._settled(lambda: self._peek(size))

    def views(self, n: int) -> list[memoryview]:
        """Read-only views of the next up to n bytes, which stay in the queue."""
        size = size_of(n, "n")
        return self._settled(lambda: self._views(size))

    def consume(self, n: int) -> None:
        """Drop n bytes from the front."""
        size = size_of(n, "n")
        self._check_idle("consume")
        if size > self.nbytes:
            raise ValueError(f"n is {n}, but only {self.nbytes} bytes are queued")
        self._drop_bytes(size)

    def find(self, sub: ReadableBuffer, start: int = 0) -> int:
        """The offset of the first sub at or after start, or -1."""
        wanted = _bytes_of("sub", sub)
        begin = size_of(start, "start")
        if not wanted:
            return begin if begin <= self.nbytes else -1
        return self._settled(lambda: self._search(wanted, begin, self.nbytes))

    def read_until(self, sub: ReadableBuffer, max: int) -> bytes | None:
        """Take the bytes up to and including sub. Return None if sub has not arrived."""
        wanted = _bytes_of("sub", sub)
        limit = size_of(max, "max")
        if not wanted:
            raise ValueError("sub must not be empty")

        def taken() -> bytes | None:
            at = self._seek(wanted, min(self.nbytes, limit + len(wanted)))
            return None if at < 0 else self._peek(at + len(wanted))

        self._check_idle("read_until")
        result = self._settled(taken)
        if result is None:
            if self._sought_from > limit:
                raise ValueError(f"sub ({wanted!r}) does not begin within the limit of {max} bytes (max)")
            return None
        self._check_idle("read_until")
        self._drop_bytes(len(result))
        return result

    def readinto(self, buf: WriteableBuffer) -> int:
        """Fill buf from the front; the number of bytes moved."""
        target = _view_of("buf", buf)
        if target.readonly:
            raise TypeError(
                f"buf ({type(buf).__name__}) is read-only: use a writable buffer, as bytearray is"
            )
        self._check_idle("readinto")
        filled = self._settled(lambda: self._copy_out(target))
        self._check_idle("readinto")
        self._drop_bytes(filled)
        return filled

    def writev_to(self, fd: FileDescriptorLike) -> int:
        """Write from the front with one writev; the number of bytes taken."""
        number = descriptor_of(fd)
        self._check_idle("writev_to")

        def write(parts: list[memoryview]) -> int:
            return os.writev(number, parts) if hasattr(os, "writev") else os.write(number, parts[0])

        return self._write(write)

    def pwritev_to(self, fd: FileDescriptorLike, offset: int) -> int:
        """Write from the front with one pwritev at an offset of the file; the number of bytes taken."""
        number = descriptor_of(fd)
        place = size_of(offset, "offset")
        self._check_idle("pwritev_to")

        def write(parts: list[memoryview]) -> int:
            if hasattr(os, "pwritev"):
                return os.pwritev(number, parts, place)
            return os.pwrite(number, parts[0], place)

        return self._write(write)

    def clear(self) -> None:
        """Drop every chunk."""
        self._check_idle("clear")
        # Detach them first, so that code of the dropped chunks finds an empty queue.
        empty: deque[_Chunk] = deque()
        chunks = self._chunks
        self._chunks = empty
        self._bytes_out = self._bytes_in
        self._sought_from = 0
        for chunk in chunks:
            chunk.view.release()

    @property
    def nbytes(self) -> int:
        """Bytes queued."""
        return self._total_bytes

    def __len__(self) -> int:
        return len(self._chunks)

    def __repr__(self) -> str:
        return f"<ChunkQueue chunks={len(self)} nbytes={self.nbytes}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a ChunkQueue cannot be copied or pickled")

    # The names under which compiled modules reach the compiled queue; there the two are C calls.
    _append = append
    _appendleft = appendleft

    @property
    def _total_bytes(self) -> int:
        return self._bytes_in - self._bytes_out

    def _read(self, n: int) -> bytes:
        self._check_idle("read")
        result = self._settled(lambda: self._peek(n))
        self._check_idle("read")
        self._drop_bytes(len(result))
        return result

    def _read_near(self, sub: bytes, limit: int) -> bytes | None:
        """Return None: a search is needed. Only the compiled queue has this shortcut."""
        return None

    def _check_idle(self, method: str) -> None:
        if self._busy:
            raise BufferError(f"{method}() is not possible while a write of this ChunkQueue is under way")

    def _admit(self, owner: Any) -> _Chunk | None:
        view = memoryview(owner) if type(owner) is bytes else _view_of("buffer", owner)
        if not view.nbytes:
            view.release()
            return None
        if view.nbytes > sys.maxsize - self.nbytes:
            raise OverflowError(f"a ChunkQueue holds at most {sys.maxsize} bytes")
        return _Chunk(owner, view)

    def _join_to_last(self, part: memoryview) -> bool:
        """Add a short copy to the last chunk, if that chunk has room."""
        while part.nbytes <= _JOINED_PART and self._chunks and not self._busy:
            last = self._chunks[-1]
            start = last.start
            if last.view.nbytes - start + part.nbytes > _JOINED_BYTES or type(last.owner) is not bytes:
                break
            joined = self._admit(b"".join((last.owner[start:], part)))
            if joined is None:
                break
            if self._chunks and self._chunks[-1] is last and last.start == start and not self._busy:
                total = self._bytes_in + part.nbytes  # first, as in append()
                self._chunks[-1] = joined
                self._bytes_in = total
                last.view.release()
                return True
        return False

    def _settled(self, look: Callable[[], _T]) -> _T:
        """What `look` makes of the front chunks, which are what they were when it began, and of what is behind them."""
        while True:
            front = self._chunks[0] if self._chunks else None
            start = front.start if front is not None else 0
            # Another thread may be between the two steps of append(): the chunk is there, and not yet its size.
            end = self._bytes_in, len(self._chunks)
            try:
                result = look()
            except (IndexError, RuntimeError, ValueError):
                # Code that ran in between has changed the iteration, or the view of a chunk.
                if self._is_front(front, start) and end == (self._bytes_in, len(self._chunks)):
                    raise
            else:
                if self._is_front(front, start):
                    return result

    def _is_front(self, chunk: _Chunk | None, start: int) -> bool:
        if not self._chunks:
            return chunk is None
        return self._chunks[0] is chunk and chunk.start == start

    def _parts(self, limit: int) -> Iterator[memoryview]:
        """Views of the first `limit` bytes, one for each chunk."""
        for chunk in self._chunks:
            if limit <= 0:
                return
            part = chunk.view[chunk.start : chunk.start + limit]
            limit -= part.nbytes
            yield part

    def _views(self, size: int, most: int = sys.maxsize) -> list[memoryview]:
        return [part.toreadonly() for part in islice(self._parts(size), most)]

    def _rest_of_front(self) -> tuple[_Chunk, ReadableBuffer]:
        """The front chunk, and what popleft() makes of it."""
        if not self._chunks:
            raise IndexError("popleft() from an empty ChunkQueue")
        front = self._chunks[0]
        if not front.start and not _is_released(front.owner):
            return front, front.owner
        left = front.view[front.start :]
        return front, bytes(left) if isinstance(front.owner, bytes) else left.toreadonly()

    def _peek(self, size: int) -> bytes:
        if not self._chunks:
            return b""
        front = self._chunks[0]
        if type(front.owner) is bytes and front.start == 0 and len(front.owner) == min(size, self.nbytes):
            return front.owner
        return b"".join(self._parts(size))

    def _copy_out(self, target: memoryview) -> int:
        filled = 0
        for part in self._parts(target.nbytes):
            end = filled + part.nbytes
            if target.format == part.format == "B":
                target[filled:end] = part
            else:
                pack_into(f"{part.nbytes}s", target, filled, bytes(part))
            filled = end
        return filled

    def _drop_bytes(self, n: int) -> None:
        """Remove ``n`` bytes from the front, and release the chunks that are used up."""
        chunks = self._chunks
        count = 0
        start = 0
        left = n
        while left:
            front = chunks[count]
            size = front.view.nbytes - front.start
            if size > left:
                start = front.start + left
                break
            left -= size
            count += 1
        bytes_out = self._bytes_out + n
        sought_from = max(0, self._sought_from - n)
        first = last = None
        # From here on nothing is allocated: the step is taken whole, or a MemoryError came before it.
        while count:
            count -= 1
            front = chunks.popleft()
            if last is None:
                first = front
            else:
                last.next = front
            last = front
        if left:
            chunks[0].start = start
        self._bytes_out = bytes_out
        self._sought_from = sought_from
        # At once, and not when the collector comes, for the owners are locked until then; and last, because
        # they may call back.
        while first is not None:
            first.view.release()
            first = first.next

    def _write(self, write: Callable[[list[memoryview]], int]) -> int:
        parts = self._settled(self._parts_to_write)
        self._check_idle("writev_to")
        # The kernel reads the chunks' memory without the GIL: until it is done none may leave.
        self._busy += 1
        try:
            taken = write(parts) if parts else 0
        finally:
            self._busy -= 1
        self._drop_bytes(taken)
        return taken

    def _parts_to_write(self) -> list[memoryview]:
        return list(islice(self._parts(_MAX_WRITE_BYTES), _MAX_ENTRIES))

    def _seek(self, sub: bytes, stop: int) -> int:
        """The offset of the first `sub` that ends by `stop`, or -1; asked again, it goes on where it stopped."""

        def found() -> tuple[int, int]:
            end = min(stop, self.nbytes)
            return self._search(sub, self._sought_from if sub == self._sought else 0, end), end

        at, stop = self._settled(found)
        if sub != self._sought:
            self._sought = sub
            self._sought_from = 0
        if at < 0 and stop - len(sub) + 1 > self._sought_from:
            self._sought_from = stop - len(sub) + 1
        return at

    def _search(self, sub: bytes, start: int, stop: int) -> int:
        """Offset of the first `sub` that lies inside [start, stop), or -1; in linear time.

        Between two blocks the last len(sub) - 1 bytes are carried over, so that what straddles the boundary
        is seen.
        """
        carried = len(sub) - 1
        carry = b""
        for at, block in self._blocks(start, stop, max(_FIRST_BLOCK_BYTES, 2 * len(sub))):
            if carry:
                hit = (carry + block[:carried]).find(sub)
                if hit >= 0:
                    return at - len(carry) + hit
            hit = block.find(sub)
            if hit >= 0:
                return at + hit
            carry = (carry + block)[-carried:] if len(block) < carried else block[len(block) - carried :]
        return -1

    def _blocks(self, start: int, stop: int, least: int) -> Iterator[tuple[int, bytes]]:
        """The bytes [start, stop) as (offset, block), each block but the last at least `least` long.

        They double in size, so that a search costs what its result is far away, and not a whole large chunk.
        """
        origin = start
        gathered: list[memoryview] = []
        size = 0
        for at, chunk in self._located(start):
            if at >= stop:
                break
            begin = chunk.start + max(0, start - at)
            end = min(chunk.view.nbytes, chunk.start + stop - at)
            while begin < end:
                part = chunk.view[begin : min(end, begin + least - size)]
                gathered.append(part)
                begin += part.nbytes
                size += part.nbytes
                if size == least:
                    yield origin, b"".join(gathered)
                    origin += size
                    gathered, size = [], 0
                    least *= 2
        if gathered:
            yield origin, b"".join(gathered)

    def _located(self, start: int) -> Iterator[tuple[int, _Chunk]]:
        """The chunks from the one that holds offset `start`, each with its offset."""
        at = 0
        if start <= self.nbytes // 2:
            for chunk in self._chunks:
                size = chunk.view.nbytes - chunk.start
                if at + size > start:
                    yield at, chunk
                at += size
            return
        # From the tail: a search that resumes near it must not pass the whole queue.
        at = self.nbytes
        tail: list[tuple[int, _Chunk]] = []
        for chunk in reversed(self._chunks):
            at -= chunk.view.nbytes - chunk.start
            tail.append((at, chunk))
            if at <= start:
                break
        yield from reversed(tail)
