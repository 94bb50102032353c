"""share() and broadcast(): one source for many consumers, each at its own pace, through one bounded buffer."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Generic, Self

from forebay._core.data.high_water_mark import get_default_high_water_mark
from forebay._core.representation import count, represent
from forebay._core.usage_errors import checked_source
from forebay.errors import AbortError, InvalidArgTypeError, StreamDestroyedError
from forebay.streams.generics import Out_co
from forebay.streams.operators.operator_stream import checked_int
from forebay.streams.readable import Readable
from forebay.streams.reading.puller import Puller

if TYPE_CHECKING:
    from typing import TypeVar

    from forebay.streams.generics import Items

    _A = TypeVar("_A")


class Shared(Generic[Out_co]):
    """A source and its consumers; made by `share` and `broadcast`.

    ``subscribe()`` returns a new Readable over the source. The buffer keeps every chunk until each consumer has taken it. So
    the slowest consumer sets the pace: the source is not read while `buffered` is at the high-water mark. A late consumer
    starts at the oldest chunk in the buffer. A destroyed consumer no longer counts. Without a consumer the chunks are kept.

    ``async with share(source) as shared`` cancels it at the end of the block.
    """

    def __init__(self, source: Any, high_water_mark: int | None, eager: bool) -> None:
        if not isinstance(source, Readable):
            source = Readable.from_(source)
        self._objects: bool = source.readable_object_mode or source.readable_encoding is not None
        if high_water_mark is None:
            high_water_mark = max(get_default_high_water_mark(self._objects), 1)
        #: The bytes (objects, for a source of objects or text) that may be kept; one chunk may go beyond.
        self.high_water_mark: int = checked_int("high_water_mark", high_water_mark, 1)
        self._source = source
        self._eager = eager
        self._chunks: deque[Any] = deque()
        # What each of them counts for: its owner may change its length meanwhile.
        self._sizes: deque[int] = deque()
        # The number of the first chunk in the buffer, counted from the first of the source.
        self._first = 0
        self._size = 0
        # In order; and how many stand at a position, and which of them want a chunk, so that a chunk costs the same
        # however many there are.
        self._consumers: dict[_Consumer[Out_co], None] = {}
        self._standing: dict[int, int] = {}
        self._waiting: dict[_Consumer[Out_co], None] = {}
        self._puller: Puller | None = None
        self._fetching = False
        self._error: BaseException | None = None
        self._ended = False
        if eager:
            self._fetch()

    def __repr__(self) -> str:
        return represent(self, lambda: f"of {self._source!r}", lambda: count(self.consumers, "consumer"))

    @property
    def buffered(self) -> int:
        """The size of the chunks in the buffer: bytes, or objects."""
        return self._size

    @property
    def consumers(self) -> int:
        """The number of consumers."""
        return len(self._consumers)

    def subscribe(self) -> Readable[Out_co]:
        """Return a new Readable of the source's chunks, from the oldest chunk in the buffer.

        Returns:
            The stream.

        Raises:
            StreamDestroyedError: The source was cancelled.
        """
        if isinstance(self._error, AbortError):
            raise StreamDestroyedError("subscribe() after cancel()")
        consumer: _Consumer[Out_co] = _Consumer(self, self._objects)
        self._consumers[consumer] = None
        self._stand(consumer, self._first)
        return consumer

    def cancel(self, error: BaseException | None = None) -> None:
        """Stop reading the source and destroy every consumer.

        Args:
            error: The error of the consumers. None is AbortError.
        """
        if self._error is None:
            self._error = AbortError()
            self._error.__cause__ = error
        self._first += len(self._chunks)
        self._chunks.clear()
        self._sizes.clear()
        self._size = 0
        self._reader().leave()
        for consumer in list(self._consumers):
            consumer.destroy(error if error is not None else self._error)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        if not self._ended or self._consumers:
            self.cancel(error if isinstance(error, Exception) else None)

    # ---- the source

    def _reader(self) -> Puller:
        if self._puller is None:
            puller = Puller(self._source, self._fetch)
            # Code that the garbage collector ran meanwhile may have made one.
            if self._puller is None:
                self._puller = puller
            else:
                puller.release()
        return self._puller

    def _fetch(self) -> None:
        """Read the source as far as there is room and a consumer wants data."""
        puller = self._reader()
        if self._fetching:
            return
        if self._ended or self._error is not None:
            # Those that were not told for lack of memory.
            self._serve_waiting()
            return
        self._fetching = True
        try:
            while self._size < self.high_water_mark and (self._eager or self._waiting):
                chunk = None if puller.source.destroyed else puller.read()
                if chunk is None:
                    break
                size = 1 if self._objects else len(chunk)
                self._chunks.append(chunk)
                self._sizes.append(size)
                self._size += size
                self._serve_waiting()
        finally:
            self._fetching = False
        if puller.error is not None:
            self._error = puller.error
        elif puller.ended:
            self._ended = True
            puller.leave()
        else:
            return
        self._serve_waiting()

    # ---- the consumers

    def _serve_waiting(self) -> None:
        for consumer in list(self._waiting):
            if consumer in self._waiting:
                try:
                    self._serve(consumer)
                except MemoryError as error:
                    consumer.destroy(error)

    def _serve(self, consumer: _Consumer[Out_co]) -> None:
        """Give a consumer the buffered chunks, as far as it wants them."""
        if consumer not in self._consumers:
            return
        self._waiting[consumer] = None
        chunks = self._chunks
        while consumer in self._waiting and not consumer.destroyed:
            index = consumer.position - self._first
            if 0 <= index < len(chunks):
                chunk = chunks[index]
                self._stand(consumer, consumer.position + 1)
                if index == 0:
                    self._trim()
                if not consumer.push(chunk):
                    self._waiting.pop(consumer, None)
                elif consumer in self._consumers:
                    self._waiting[consumer] = None
            elif self._error is not None:
                consumer.destroy(self._error)
            elif self._ended:
                self._waiting.pop(consumer, None)
                consumer.push(None)
            else:
                return

    def _stand(self, consumer: _Consumer[Out_co], position: int) -> None:
        """Note the position of a consumer: the number of the chunk that it takes next; -1 for none."""
        standing = self._standing
        if consumer.position >= 0:
            standing[consumer.position] -= 1
            if not standing[consumer.position]:
                del standing[consumer.position]
        if position >= 0:
            standing[position] = standing.get(position, 0) + 1
        consumer.position = position

    def _trim(self) -> None:
        """Drop the chunks that every consumer has taken."""
        while self._consumers and self._chunks and self._first not in self._standing:
            self._size -= self._sizes.popleft()
            self._first += 1
            # Release it last, because that may run foreign code.
            self._chunks.popleft()

    def _left(self, consumer: _Consumer[Out_co]) -> None:
        if consumer in self._consumers:
            del self._consumers[consumer]
            self._waiting.pop(consumer, None)
            self._stand(consumer, -1)
            self._trim()
            self._fetch()


class _Consumer(Readable[Out_co]):
    def __init__(self, shared: Shared[Out_co], objects: bool) -> None:
        self._shared = shared
        self.position = -1
        super().__init__(object_mode=objects, high_water_mark=1)

    def _read(self, size: int) -> None:
        shared = self._shared
        shared._serve(self)
        shared._fetch()

    def _destroy(self, error: BaseException | None) -> None:
        self._shared._left(self)


def share(source: Items[_A], *, high_water_mark: int | None = None) -> Shared[_A]:
    """Let many consumers read one source; see `Shared`.

    The source is read when the fastest consumer wants more and the buffer is below the mark.

    Args:
        source: A Readable, or what ``Readable.from_`` takes.
        high_water_mark: The size of the buffer: bytes, or objects for a source of objects or text. None is 64 KiB
            (16 objects). One chunk may go beyond it.

    Returns:
        The `Shared` source.

    Raises:
        InvalidArgTypeError: ``source`` is not a source.
        OutOfRangeError: The mark is below 1.
    """
    return Shared(_checked(source), high_water_mark, False)


def broadcast(source: Items[_A], *, high_water_mark: int | None = None) -> Shared[_A]:
    """Let many consumers read one source that starts at once, up to the mark, even without a consumer.

    Args:
        source: As for `share`.
        high_water_mark: As for `share`.

    Returns:
        The `Shared` source.

    Raises:
        InvalidArgTypeError: ``source`` is not a source.
        OutOfRangeError: The mark is below 1.
    """
    return Shared(_checked(source), high_water_mark, True)


def _checked(source: Any) -> Any:
    if isinstance(source, Shared):
        raise InvalidArgTypeError(f"a source must be a stream, got {source!r}: use its subscribe()")
    return checked_source(source)
