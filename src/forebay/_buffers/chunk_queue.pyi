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
        """Add a chunk at the end.

        Args:
            buffer: A contiguous buffer of single bytes.

        Raises:
            TypeError: It is not a buffer of single bytes.
            BufferError: It is not contiguous.
            MemoryError: There is no memory; the queue is unchanged.
        """

    def appendleft(self, buffer: ReadableBuffer) -> None:
        """Add a chunk at the front.

        Args:
            buffer: As for `append`.

        Raises:
            TypeError, BufferError, MemoryError: As for `append`.
        """

    def append_copy(self, buffer: ReadableBuffer, n: int | None = None, first: int = 0) -> None:
        """Copy the first bytes of a buffer to the end.

        For a buffer that is used again, such as a receive buffer. Short pieces are joined to the last chunk while that is
        short too, so that many of them need little more than their bytes. Long pieces become chunks of at most 64 KiB.

        Args:
            buffer: As for `append`.
            n: The number of bytes. None means all.
            first: How many of them become one chunk, for a reader that will ask for exactly these.

        Raises:
            ValueError: The buffer has fewer bytes.
            TypeError, BufferError, MemoryError: As for `append`.
        """

    def extend(self, iterable: Iterable[ReadableBuffer]) -> None:
        """Append every buffer of an iterable, in order.

        If one of them raises, or the iterable raises, those before it stay in the queue.

        Args:
            iterable: An iterable of buffers.

        Raises:
            TypeError: The argument is itself a buffer.
        """

    def popleft(self) -> ReadableBuffer:
        """Take the front chunk.

        If nothing of it has been taken, this is the very object that was appended. The rest of a chunk that is partly taken is
        `bytes` for a `bytes` object (one copy), and a read-only `memoryview` for any other, also for a `memoryview` that was
        released in the queue.

        Returns:
            The chunk.

        Raises:
            IndexError: The queue is empty.
        """

    def read(self, n: int) -> bytes:
        """Take n bytes, or all if there are fewer; `b""` from an empty queue.

        If the front chunk is a whole `bytes` object of just that size, that object is returned. Otherwise there is one copy.

        Args:
            n: The number of bytes.

        Returns:
            The bytes.
        """

    def read_view(self, n: int) -> memoryview:
        """Take up to n bytes of the front chunk without a copy, as a read-only view.

        The view keeps the chunk alive. It is empty if the queue is.

        Args:
            n: The most bytes.

        Returns:
            The view.
        """

    def peek(self, n: int) -> bytes:
        """Return what `read(n)` would return, and leave it in the queue.

        Args:
            n: The number of bytes.
        """

    def views(self, n: int) -> list[memoryview]:
        """Return read-only views of the next n bytes (or all if there are fewer), one for each chunk.

        Nothing is copied or taken: `consume()` does that. A view keeps its chunk alive and exported, so it is valid as long as
        you hold it, even after the chunk has left the queue.

        Args:
            n: The number of bytes.
        """

    def consume(self, n: int) -> None:
        """Drop n bytes from the front.

        Args:
            n: The number of bytes.

        Raises:
            ValueError: There are fewer.
        """

    def find(self, sub: ReadableBuffer, start: int = 0) -> int:
        """Return the offset from the front of the first `sub` at or after `start`, or -1.

        Boundaries between chunks do not matter. An empty `sub` is found at `start`, as in `bytes.find`. Takes linear time in the
        searched bytes.

        Args:
            sub: The bytes to find.
            start: The offset at which the search starts.
        """

    def read_until(self, sub: ReadableBuffer, max: int) -> bytes | None:
        """Take the bytes up to and including the first `sub`, or return `None` if it has not arrived yet.

        A call that returned `None` is resumed by the next one for the same `sub`: asking again after each `append()` takes linear
        time in all. Bytes that have been searched are not searched again, so do not change a mutable chunk in the queue.

        Args:
            sub: The bytes to find.
            max: The most bytes before `sub`.

        Returns:
            The bytes with `sub` at their end, or None.

        Raises:
            ValueError: There are more bytes before `sub`. Nothing is taken, so you can call again with a larger `max`.
        """

    def readinto(self, buf: WriteableBuffer) -> int:
        """Fill a writable buffer from the front; return the number of bytes moved (0: the queue is empty).

        Args:
            buf: A writable one-dimensional buffer of single bytes.

        Returns:
            The number of bytes moved.

        Raises:
            TypeError: It is not such a buffer.
        """

    def writev_to(self, fd: FileDescriptorLike) -> int:
        """Write from the front to a file descriptor with one gather write; return the bytes it took.

        One `writev` is made, for up to IOV_MAX chunks and 1 GiB. The bytes that the kernel took leave the queue after the call:
        after a short write, or an error, the next call continues there. With an empty queue there is no call, and 0 is returned.
        An interrupted call is repeated after the signal handlers have run.

        Args:
            fd: An int or an object with `fileno()`.

        Returns:
            The number of bytes that the kernel took.

        Raises:
            BlockingIOError: The descriptor would block.
            OSError: The kernel reports another error.
            ValueError: The number is not a descriptor.
        """

    def pwritev_to(self, fd: FileDescriptorLike, offset: int) -> int:
        """Write as `writev_to()` does, at an offset of a file, whose position does not change.

        Args:
            fd: As for `writev_to`.
            offset: The offset in bytes.

        Returns:
            The number of bytes that the kernel took.
        """

    def clear(self) -> None:
        """Drop every chunk."""

    @property
    def nbytes(self) -> int:
        """The number of bytes queued."""

    def __len__(self) -> int: ...
    def __reduce__(self) -> NoReturn: ...
