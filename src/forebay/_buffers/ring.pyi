from typing import Protocol, SupportsIndex, final

from typing_extensions import Buffer

class _HasFileno(Protocol):
    def fileno(self) -> int: ...

@final
class RingBuffer:
    """A bounded ring of bytes between one producer and one consumer.

    The two may be one thread or two, and two need no lock. The first thread that writes becomes the
    producer (`write`, `write_view`, `commit`, `recv_from`, `wait_writable`), the first that reads the
    consumer (`read`, `peek`, `readinto`, `skip`, `consume`, `find`, `read_view`, `send_to`,
    `wait_readable`, and a buffer of the ring itself). A call from another thread raises
    `RuntimeError`; `release_producer()` and `release_consumer()` hand a role over. Everything else
    may be called from any thread::

        def producer() -> None:
            for line in lines:
                rest = memoryview(line)
                while rest:
                    ring.wait_writable()
                    rest = rest[ring.write(rest) :]
            ring.close()

        def consumer() -> None:
            while ring.wait_readable():
                chunk = ring.read(65536)
                if not chunk:  # closed and empty
                    break
                handle(chunk)

    **Views.** What `read_view()`, `write_view()` and `memoryview(ring)` return is one contiguous
    piece, not a copy, and the bytes under a view stay as they are until it and all that was sliced
    from it is released. Bytes that were consumed under a view are *pinned*: their space counts as
    full, `free + len(ring)` is then less than `capacity`, and a writer finds less room or none. While
    a `write_view()` lives, `write()`, `recv_from()` and `close()` raise `BufferError`. Release views
    soon, best by `with ring.read_view() as view:`.

    **Sizes** are integers of 0 or more: `TypeError` for a bool or a float, `ValueError` out of range.
    Data is any contiguous buffer of single bytes; `array('I')` needs `memoryview(a).cast('B')`.

    **Fork.** The ring belongs to the process that made it: large rings are memory that a forked child
    shares. Reading or writing it in the child raises `RuntimeError`.

    The plain-Python ring has the same rules, with three limits: it exports no buffer of itself before
    Python 3.12, it must not be used in a signal handler, and `wait_writable()` notices the release of
    a view up to a millisecond late.

    `capacity` is the most bytes it holds, 1 or more; `MemoryError` if there is no memory for it.
    """

    def __new__(cls, capacity: SupportsIndex) -> RingBuffer: ...
    def write(self, data: Buffer, /) -> int:
        """Copy in as much of data as fits; return the number of bytes taken, 0 if the ring is full.

        Args:
            data: A contiguous buffer of single bytes.

        Returns:
            The number of bytes taken.

        Raises:
            ValueError: The ring is closed.
            BufferError: A `write_view()` is in use.
        """

    def write_view(self) -> memoryview:
        """Return a writable memoryview of the free part, to be filled from its start.

        `commit(n)` then makes its first n bytes readable; before or after the view is released, and in
        several steps if wanted. A later `write()` or `recv_from()` takes the offer back. A second view
        taken while the first lives shows what of the first is not committed.
        """

    def commit(self, n: SupportsIndex, /) -> None:
        """Make the first n bytes of `write_view()` readable.

        Args:
            n: The number of bytes.

        Raises:
            ValueError: The view had fewer bytes.
        """

    def recv_from(self, fd: int | _HasFileno, /) -> int:
        """Read once, by read(2), from fd into the free part; return the number of bytes, 0 at end of file.

        Other threads run meanwhile. A read that a signal interrupts is tried again after the handler has run.

        Args:
            fd: An int or an object with `fileno()`.

        Returns:
            The number of bytes read.

        Raises:
            BufferError: The ring is full, so that 0 always means the end.
            BlockingIOError: A non-blocking fd has no data.
            OSError: The kernel reports another error.
        """

    def read(self, n: SupportsIndex, /) -> bytes:
        """Consume up to n bytes and return them; b"" if the ring is empty.

        Args:
            n: The most bytes.

        Returns:
            The bytes.
        """

    def peek(self, n: SupportsIndex, /) -> bytes:
        """Return up to n bytes without consuming them.

        Args:
            n: The most bytes.
        """

    def readinto(self, buf: Buffer, /) -> int:
        """Consume as many bytes as fit into buf and return their number.

        Args:
            buf: A writable buffer.

        Returns:
            The number of bytes consumed.
        """

    def skip(self, n: SupportsIndex, /) -> int:
        """Consume up to n bytes and return their number.

        Args:
            n: The most bytes.

        Returns:
            The number of bytes consumed.
        """

    def consume(self, n: SupportsIndex, /) -> None:
        """Consume exactly n bytes, usually after looking at them in a view.

        Args:
            n: The number of bytes.

        Raises:
            ValueError: There are fewer. Nothing is consumed.
        """

    def find(self, sub: Buffer, start: SupportsIndex = 0) -> int:
        """Return the offset from the first readable byte of the first sub at or after start, or -1.

        Args:
            sub: The bytes to find.
            start: The offset at which the search starts.
        """

    def read_view(self) -> memoryview:
        """Return a read-only memoryview of the filled part as it is now.

        It does not grow with later writes, and `consume(n)` does not shrink it.
        """

    def send_to(self, fd: int | _HasFileno, /) -> int:
        """Write the filled part once, by write(2), to fd; consume and return the number of bytes that the kernel took.

        Other threads run meanwhile. Returns 0 without a system call if the ring is empty. After an error nothing is consumed.

        Args:
            fd: An int or an object with `fileno()`.

        Returns:
            The number of bytes that the kernel took.

        Raises:
            BlockingIOError: A non-blocking fd takes no data.
            OSError: The kernel reports another error.
        """

    def wait_readable(self, timeout: float | None = None) -> bool:
        """Wait until there are bytes or the ring is closed; return False after a timeout.

        Polls for a few microseconds, then sleeps until the producer wakes it. After True, `read()` returns b"" only at the end of
        the stream.

        Args:
            timeout: Seconds. None means no limit.

        Returns:
            Whether there are bytes or the end; False after a timeout.
        """

    def wait_writable(self, timeout: float | None = None) -> bool:
        """Wait until there is room or the ring is closed; return False after a timeout.

        Also waits for views to be released. After a close, writing raises `ValueError`.

        Args:
            timeout: Seconds. None means no limit.

        Returns:
            Whether there is room or the ring is closed; False after a timeout.
        """

    def close(self) -> None:
        """End the stream: writing raises `ValueError`, what is in the ring can still be read, waiters wake.

        Usually the producer's last call; a consumer that gives up may call it to stop the producer, of
        whose running `write` or `recv_from` bytes may still arrive. Closing twice does nothing. Raises
        `BufferError` while a `write_view()` is in use. Memory is freed with the ring, not here.
        """

    def release_producer(self) -> None:
        """Let the next thread that writes be the producer.

        Any thread may call this, as the old one may have ended; `RuntimeError` while it is in a call.
        """

    def release_consumer(self) -> None:
        """Let the next thread that reads be the consumer, as `release_producer()` does."""

    @property
    def capacity(self) -> int:
        """Most bytes the ring can hold."""

    @property
    def free(self) -> int:
        """The number of bytes that can be written now: the capacity less the filled and the viewed bytes."""

    @property
    def is_full(self) -> bool:
        """Whether nothing can be written now."""

    @property
    def closed(self) -> bool:
        """Whether `close()` was called."""

    def __len__(self) -> int: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...
