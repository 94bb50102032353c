"""`ChunkQueue`: an unbounded queue of buffers, by reference, addressed by the byte."""

from collections.abc import Iterable
from typing import NoReturn, final

from _typeshed import FileDescriptorLike, ReadableBuffer, WriteableBuffer

__all__ = ["ChunkQueue"]

@final
class ChunkQueue:
    """An unbounded queue of buffers, held by reference and addressed by the byte.

    Chunks go in at either end; bytes are read, searched and written from the front, whatever the
    boundaries between chunks. A chunk is never copied on the way in: the queue refers to it, and a mutable
    one (`bytearray`, `array`, a writable `memoryview`) stays exported while it is queued, so it cannot be
    resized. Its bytes should be left alone as well: what is read is what they are at that time. A
    `memoryview` itself may be released as soon as it is in the queue; its memory stays.

    A chunk is any one-dimensional contiguous buffer with items of one byte. An empty one is ignored: it
    takes no place, and `len()` does not count it.

    Every call takes time in proportion to the bytes and chunks that it moves, so that a queue of many tiny
    chunks, or many tiny reads of a large one, cost linear time. `len()` is the number of chunks, `nbytes`
    the number of bytes; a queue is true while something is in it.

    Sizes are ints from 0 up: a negative one raises `ValueError`, a `bool` or `float` `TypeError`. A call
    that raises has taken nothing from the queue; the one exception is a `MemoryError` for the very number
    that `writev_to()` or `readinto()` would return, when the bytes have been moved already.

    **Threads.** A queue is for one thread at a time, with one exception: `writev_to()` and `pwritev_to()`
    let other threads run while the kernel copies. During that time `append()`, `extend()`, and what only
    looks (`peek()`, `views()`, `find()`, `nbytes`, `len()`) are possible; every other call raises
    `BufferError`. The same holds for signal handlers.
    """

    def __init__(self) -> None: ...
    def append(self, buffer: ReadableBuffer) -> None:
        """Put a chunk at the end.

        Raises `TypeError` for what is not a buffer of single bytes, `BufferError` where it is not
        contiguous, `MemoryError`; the queue is then as it was.
        """

    def appendleft(self, buffer: ReadableBuffer) -> None:
        """Put a chunk in front of all others. Raises what `append()` does."""

    def append_copy(self, buffer: ReadableBuffer, n: int | None = None, first: int = 0) -> None:
        """Copy the first n bytes of a buffer to the end, or all of it where n is not given.

        For a buffer that is used again, as the one that data is received into. Short pieces are joined to the
        last chunk while that is short too, so that many of them take little more than their bytes; long ones
        become chunks of at most 64 KiB. ``first`` bytes, where given, become one chunk, for a reader who will ask for
        just these. Raises `ValueError` where the buffer has fewer bytes, and what
        `append()` does.
        """

    def extend(self, iterable: Iterable[ReadableBuffer]) -> None:
        """Append every buffer of an iterable, in order.

        Where one of them is refused, or the iterable raises, those before it stay in the queue. A buffer
        given instead of an iterable of buffers raises `TypeError`.
        """

    def popleft(self) -> ReadableBuffer:
        """Take the front chunk.

        This is the very object that was appended, where nothing of it has been taken. Of a chunk that is
        partly taken it is the rest: `bytes` of a `bytes` object (one copy), a read-only `memoryview` of any
        other; so it is, too, of a `memoryview` that was released in the queue. Raises `IndexError` where the
        queue is empty.
        """

    def read(self, n: int) -> bytes:
        """Take n bytes, or all where there are fewer; `b""` where there are none.

        Where the front chunk is a whole `bytes` object of just that size, it is returned itself; otherwise
        the bytes are copied once.
        """

    def read_view(self, n: int) -> memoryview:
        """Take up to n bytes without a copy: a read-only view of the front chunk, and of no more than that.

        The view keeps the chunk alive. It is empty where the queue is.
        """

    def peek(self, n: int) -> bytes:
        """What `read(n)` would return; it stays in the queue."""

    def views(self, n: int) -> list[memoryview]:
        """Read-only views of the next n bytes (or of all where there are fewer), one for each chunk.

        Nothing is copied, nothing taken: `consume()` does that. A view keeps its chunk alive and exported,
        so it is good for as long as it is held, also when the chunk has left the queue.
        """

    def consume(self, n: int) -> None:
        """Drop n bytes from the front. Raises `ValueError` where there are fewer."""

    def find(self, sub: ReadableBuffer, start: int = 0) -> int:
        """The offset from the front of the first `sub` at or after `start`, or -1.

        Boundaries between chunks do not matter. An empty `sub` is found at `start`, as in `bytes.find`.
        Takes linear time in the bytes searched.
        """

    def read_until(self, sub: ReadableBuffer, max: int) -> bytes | None:
        """Take the bytes up to and including the first `sub`, or return `None` where it is not there yet.

        `max` is the most bytes that may come before `sub`. Once it is certain that there are more,
        `ValueError` is raised and names the limit; nothing is taken, so a call with a larger one may follow.

        A call that returned `None` is resumed by the next one for the same `sub`: asking again after each
        `append()` takes linear time in all. Bytes that have been searched are not looked at again, which is
        one more reason to leave a mutable chunk alone while it is queued.
        """

    def readinto(self, buf: WriteableBuffer) -> int:
        """Fill a writable buffer from the front; return the number of bytes moved (0: the queue is empty).

        Raises `TypeError` where `buf` is read-only, or not a one-dimensional buffer of single bytes.
        """

    def writev_to(self, fd: FileDescriptorLike) -> int:
        """Write from the front to a file descriptor with one gather write; return the bytes it took.

        `fd` is an int or an object with `fileno()`. One `writev` is made, for up to IOV_MAX chunks and
        1 GiB. What the kernel took leaves the queue after the call, and nothing else does: after a short
        write, or any error, the next call goes on where this one stopped. With an empty queue no call is
        made, and 0 returned. An interrupted call is repeated once the signal handlers have run.

        Raises `BlockingIOError` where the descriptor would block, other `OSError`s as the kernel tells,
        `ValueError` for a number that is no descriptor.
        """

    def pwritev_to(self, fd: FileDescriptorLike, offset: int) -> int:
        """As `writev_to()`, at an offset of a file, whose position stays as it is."""

    def clear(self) -> None:
        """Drop every chunk."""

    @property
    def nbytes(self) -> int:
        """The number of bytes queued."""

    def __len__(self) -> int: ...
    def __bool__(self) -> bool: ...
    def __reduce__(self) -> NoReturn: ...
