from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable
from types import TracebackType
from typing import Any, Self, TypeVar

from forebay._core.abort import AbortSignal
from forebay._core.state.stream import Stream
from forebay.streams.duplex import Duplex
from forebay.streams.reading.batches import Batches
from forebay.streams.reading.iterator import ReadableIterator
from forebay.streams.writable import Writable

_W = TypeVar("_W", bound=Writable)

class Readable(Stream):
    """A source of data, pulled as far as its high-water mark and no further."""

    def __init__(
        self,
        *,
        read: Callable[[int], Any] | None = None,
        destroy: Callable[[BaseException | None], Any] | None = None,
        construct: Callable[[], Any] | None = None,
        high_water_mark: int | None = None,
        object_mode: bool = False,
        encoding: str | None = None,
        signal: AbortSignal | None = None,
        auto_destroy: bool = True,
        emit_close: bool = True,
    ) -> None: ...
    def push(self, chunk: Any, encoding: str | None = None) -> bool:
        """Hand a chunk to the readers; None marks the end. Return whether more is wanted before the next ``_read``."""

    def unshift(self, chunk: Any, encoding: str | None = None) -> bool:
        """Put a chunk that was read back to the front. Return as `push` does; an error after the 'end' event."""

    def read(self, size: int | None = None) -> Any:
        """Take what is buffered: one chunk, or ``size`` bytes or characters; None where that is not there."""

    def pause(self) -> Self:
        """Stop the flow of 'data' events; return the stream."""

    def resume(self) -> Self:
        """Let 'data' events flow, into nothing where there is no listener; return the stream."""

    def is_paused(self) -> bool:
        """Whether pause() was called last, or the stream does not flow."""

    def pipe(self, dest: _W, *, end: bool = True) -> _W:
        """Write all that comes to ``dest``, at its pace; return ``dest``, for ``a.pipe(b).pipe(c)``."""

    def unpipe(self, dest: Writable | None = None) -> Self:
        """Take the pipe to ``dest`` away, or all pipes; the stream pauses with the last one. Return the stream."""

    def set_encoding(self, encoding: str) -> Self:
        """From here on give ``str`` chunks, decoded from ``encoding``; return the stream."""

    def iterator(self, *, destroy_on_return: bool = True, drain_on_error: bool = False) -> ReadableIterator:
        """An async iterator over the chunks, for ``async with contextlib.aclosing(r.iterator()) as chunks``."""

    def __aiter__(self) -> AsyncIterator[Any]: ...
    @staticmethod
    def from_(source: Iterable[Any] | AsyncIterable[Any] | Awaitable[Any], **options: Any) -> Readable:
        """A Readable over an iterable, an async iterable or an awaitable; ``str`` and bytes are one chunk."""

    async def aclose(self) -> None:
        """Give the stream up and wait until it is closed: ``await stream.aclose()``."""

    async def __aenter__(self) -> Self: ...
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...
    @property
    def readable(self) -> bool:
        """Whether there may still be something to read."""

    @property
    def readable_length(self) -> int:
        """What is buffered: bytes, characters with an encoding, objects in object mode."""

    @property
    def readable_flowing(self) -> bool | None:
        """True while 'data' flows, False while it is held back, None before anybody has decided."""

    @property
    def readable_ended(self) -> bool:
        """Whether 'end' was emitted."""

    @property
    def readable_high_water_mark(self) -> int:
        """The mark: bytes, or objects in object mode. A larger ``read(size)`` raises it."""

    @property
    def readable_object_mode(self) -> bool:
        """Whether chunks are any objects."""

    @property
    def readable_encoding(self) -> str | None:
        """The encoding of the text chunks, or None."""

    @property
    def readable_did_read(self) -> bool:
        """Whether anything was ever read or emitted."""

    @property
    def readable_aborted(self) -> bool:
        """Whether the stream was destroyed or failed before its end."""

    # ---- operators

    def map(
        self,
        fn: Callable[[Any], Any],
        *,
        concurrency: int = 1,
        high_water_mark: int | None = None,
        signal: AbortSignal | None = None,
    ) -> Readable:
        """A Readable of ``fn(chunk)`` for every chunk, in order. Nothing is read before it is."""

    def filter(
        self,
        fn: Callable[[Any], Any],
        *,
        concurrency: int = 1,
        high_water_mark: int | None = None,
        signal: AbortSignal | None = None,
    ) -> Readable:
        """A Readable of the chunks for which ``fn(chunk)`` is true."""

    def tap(
        self,
        fn: Callable[[Any], Any],
        *,
        concurrency: int = 1,
        high_water_mark: int | None = None,
        signal: AbortSignal | None = None,
    ) -> Readable:
        """A Readable of the same chunks; ``fn(chunk)`` sees each as it passes."""

    def flat_map(
        self,
        fn: Callable[[Any], Any],
        *,
        concurrency: int = 1,
        high_water_mark: int | None = None,
        signal: AbortSignal | None = None,
    ) -> Readable:
        """A Readable of the items of the iterables that ``fn(chunk)`` gives."""

    def take(self, count: int, *, signal: AbortSignal | None = None) -> Readable:
        """A Readable of the first ``count`` chunks; this stream is destroyed after them."""

    def drop(self, count: int, *, signal: AbortSignal | None = None) -> Readable:
        """A Readable of all but the first ``count`` chunks."""

    async def to_list(self, *, signal: AbortSignal | None = None) -> list[Any]:
        """All chunks."""

    async def for_each(
        self,
        fn: Callable[[Any], Any],
        *,
        concurrency: int = 1,
        high_water_mark: int | None = None,
        signal: AbortSignal | None = None,
    ) -> None:
        """Call ``fn(chunk)`` for every chunk."""

    async def reduce(
        self, fn: Callable[[Any, Any], Any], initial: Any = ..., *, signal: AbortSignal | None = None
    ) -> Any:
        """``fn(result, chunk)`` for chunk after chunk, starting with ``initial`` or the first chunk."""

    async def some(
        self,
        fn: Callable[[Any], Any],
        *,
        concurrency: int = 1,
        high_water_mark: int | None = None,
        signal: AbortSignal | None = None,
    ) -> bool:
        """Whether ``fn(chunk)`` is true for a chunk."""

    async def every(
        self,
        fn: Callable[[Any], Any],
        *,
        concurrency: int = 1,
        high_water_mark: int | None = None,
        signal: AbortSignal | None = None,
    ) -> bool:
        """Whether ``fn(chunk)`` is true for all chunks."""

    async def find(
        self,
        fn: Callable[[Any], Any],
        *,
        concurrency: int = 1,
        high_water_mark: int | None = None,
        signal: AbortSignal | None = None,
    ) -> Any:
        """The first chunk for which ``fn(chunk)`` is true, or None."""

    def compose(self, *stages: Any) -> Duplex:
        """This stream through ``stages``, as one Duplex."""

    def batches(self) -> Batches:
        """An async iterator of lists of all chunks that are there."""

    def __or__(self, stage: Any) -> Any:
        """``source | stage | sink``: a `Chain`, and with a pure Writable at its end a started `Pipeline`."""

    def __ror__(self, source: Any) -> Any: ...
