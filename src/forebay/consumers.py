"""Consumers: read a whole stream as one value, or line by line.

They take a Readable, an iterable or an async iterable, of bytes or of text. Use them as ``from forebay import consumers``
and ``await consumers.text(stream)``; some have the names of builtins.
"""

from __future__ import annotations

import builtins
import codecs
import json as _json
from collections import deque
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Generic, Self, overload

from forebay._core.representation import represent
from forebay.errors import InvalidArgTypeError, OutOfRangeError, UnknownEncodingError
from forebay.streams.generics import Buffer, TypeVar
from forebay.streams.operators.operator_stream import checked_int
from forebay.streams.readable import Readable

__all__ = ["Lines", "bytes", "json", "lines", "text"]

#: bytes or str, as the source gives them.
Line_co = TypeVar("Line_co", covariant=True, default=Any)

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Iterable
    from typing import AnyStr, Protocol, TypeAlias

    _bytes: TypeAlias = builtins.bytes
    Bytes: TypeAlias = Buffer | AsyncIterable[Buffer] | Iterable[Buffer]
    Text: TypeAlias = str | Buffer | AsyncIterable[str | Buffer] | Iterable[str | Buffer]

    class _LinesStage(Protocol):
        def __call__(self, items: AsyncIterable[AnyStr], /) -> Lines[AnyStr]: ...


_LINE_LIMIT = 1 << 20


async def text(
    source: Text, encoding: str = "utf8", *, errors: str = "strict", limit: int | None = None
) -> str:
    """Read all of ``source`` as text. Characters may be split between chunks.

    Args:
        source: A Readable, an iterable or an async iterable, of bytes or of text.
        encoding: The encoding of the bytes.
        errors: That of ``bytes.decode``.
        limit: The most to take: bytes, or characters of a source of text. None means no limit. If there is more, the
            source is destroyed.

    Returns:
        The text. The await raises the error that the source fails with.

    Raises:
        UnknownEncodingError: The encoding is unknown.
        OutOfRangeError: The source holds more than ``limit``.
        UnicodeDecodeError: The bytes are not in the encoding.
    """
    try:
        decoder = codecs.getincrementaldecoder(encoding)(errors)
    except LookupError:
        raise UnknownEncodingError(f"unknown encoding {encoding!r}") from None
    parts: list[str] = []

    def take(chunk: Any) -> int:
        part = chunk if isinstance(chunk, str) else decoder.decode(_checked(chunk))
        parts.append(part)
        return len(chunk)

    await _collect("text", source, take, limit)
    parts.append(decoder.decode(b"", True))
    return "".join(parts)


async def bytes(source: Bytes, *, limit: int | None = None) -> builtins.bytes:
    """Read all of ``source`` as bytes.

    Args:
        source: A Readable, an iterable or an async iterable of bytes.
        limit: The most bytes to take. None means no limit. If there is more, the source is destroyed.

    Returns:
        The bytes. The await raises the error that the source fails with.

    Raises:
        InvalidArgTypeError: The source gives text.
        OutOfRangeError: The source holds more than ``limit``.
    """
    parts: list[Any] = []

    def take(chunk: Any) -> int:
        if isinstance(chunk, str):
            raise InvalidArgTypeError("bytes() needs a source of bytes, and this one gives str; use text()")
        parts.append(_checked(chunk))
        return len(chunk)

    await _collect("bytes", source, take, limit)
    return parts[0] if len(parts) == 1 and type(parts[0]) is builtins.bytes else b"".join(parts)


async def json(source: Text, *, limit: int | None = None) -> Any:
    """Read the JSON value that ``source`` holds, in UTF-8, UTF-16 or UTF-32.

    Args:
        source: A Readable, an iterable or an async iterable, of bytes or of text.
        limit: As for `text`.

    Returns:
        The value. The await raises the error that the source fails with.

    Raises:
        ValueError: The data is not JSON.
        OutOfRangeError: The source holds more than ``limit``.
    """
    parts: list[Any] = []

    def take(chunk: Any) -> int:
        parts.append(chunk if isinstance(chunk, str) else _checked(chunk))
        return len(chunk)

    await _collect("json", source, take, limit)
    if any(isinstance(part, str) for part in parts):
        return _json.loads("".join(part if isinstance(part, str) else part.decode() for part in parts))
    return _json.loads(b"".join(parts))


@overload
def lines(
    source: AsyncIterable[AnyStr] | Iterable[AnyStr],
    *,
    keep_ends: bool = False,
    limit: int | None = _LINE_LIMIT,
) -> Lines[AnyStr]: ...
@overload
def lines(source: Bytes, *, keep_ends: bool = False, limit: int | None = _LINE_LIMIT) -> Lines[_bytes]: ...
@overload
def lines(*, keep_ends: bool = False, limit: int | None = _LINE_LIMIT) -> _LinesStage: ...
def lines(source: Any = ..., *, keep_ends: bool = False, limit: int | None = _LINE_LIMIT) -> Any:
    r"""Iterate over the lines of ``source``: ``async for line in lines(source)``.

    A line ends with ``\n`` or ``\r\n``; the last line may have no end. Lines are bytes or text, as the source gives them.
    Leaving the loop early destroys the stream. A line that is longer than ``limit`` raises OutOfRangeError and destroys
    the source.

    `lines` is also a stage: ``pipeline(source, lines, sink)``. Without a source it is a stage with options:
    ``lines(keep_ends=True)``. The sink gets the lines as objects, so give it ``object_mode=True`` unless the lines are bytes.

    Args:
        source: A Readable, an iterable or an async iterable, of bytes or of text.
        keep_ends: Whether the lines keep their ends.
        limit: The most bytes (characters) of a line without its end. None means no limit; the default is 1 MiB.

    Returns:
        The async iterator of lines, or the stage.
    """
    if limit is not None:
        checked_int("limit", limit, 0)
    if source is not ...:
        return Lines(source, keep_ends, limit)

    def stage(items: Any) -> Lines[Any]:
        return Lines(items, keep_ends, limit)

    stage.__qualname__ = "lines"
    return stage


class Lines(Generic[Line_co]):
    """The async iterator that `lines` returns."""

    def __init__(self, source: Any, keep_ends: bool, limit: int | None) -> None:
        self._chunks = aiter(_async_chunks(source))
        self._keep_ends = keep_ends
        self._limit = limit
        self._ready: deque[Any] = deque()
        # The beginning of a line whose end is not there yet, in pieces.
        self._open: list[Any] = []
        self._open_size = 0
        self._ended = False
        self._error: OutOfRangeError | None = None

    def __repr__(self) -> str:
        return represent(self, lambda: "ended" if self._ended else f"of {self._chunks!r}")

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Line_co:
        while not self._ready:
            if self._error is not None:
                error, self._error = self._error, None
                raise error
            if self._ended:
                raise StopAsyncIteration
            try:
                chunk = await anext(self._chunks)
            except StopAsyncIteration:
                self._ended = True
                if self._open_size:
                    self._ready.append(self._close_line(self._open[0][:0]))
            else:
                if not isinstance(chunk, str):
                    chunk = builtins.bytes(_checked(chunk))
                await self._split(chunk)
        line: Line_co = self._ready.popleft()
        return line

    async def _split(self, chunk: Any) -> None:
        newline = "\n" if isinstance(chunk, str) else b"\n"
        pieces = chunk.split(newline)
        last = pieces.pop()
        if pieces:
            first = self._close_line(pieces[0])
            if self._keep_ends:
                self._ready.append(first + newline)
                self._ready.extend([piece + newline for piece in pieces[1:]])
            else:
                end = "\r" if isinstance(chunk, str) else b"\r"
                self._ready.append(first.removesuffix(end))
                self._ready.extend([piece.removesuffix(end) for piece in pieces[1:]])
            limit = self._limit
            if limit is not None and max(map(len, self._ready)) > limit:
                await self._check_ready(newline, limit)
        if last:
            self._open.append(last)
            self._open_size += len(last)
            # A carriage return at the end may belong to the line's end.
            if self._limit is not None and self._open_size > self._limit + 1:
                await self._too_long()

    async def _check_ready(self, newline: Any, limit: int) -> None:
        end = "\r" if isinstance(newline, str) else b"\r"
        for index, line in enumerate(self._ready):
            if len(line.removesuffix(newline).removesuffix(end)) > limit:
                # The lines before it are good.
                while len(self._ready) > index:
                    self._ready.pop()
                await self._too_long()
                return

    def _close_line(self, rest: Any) -> Any:
        pieces, self._open = self._open, []
        self._open_size = 0
        if not pieces:
            return rest
        pieces.append(rest)
        return rest[:0].join(pieces)

    async def _too_long(self) -> None:
        await self.aclose()
        self._error = OutOfRangeError(f"lines(): a line is longer than limit={self._limit}")

    async def aclose(self) -> None:
        """Leave the iteration. A stream that has not ended is destroyed."""
        self._ended = True
        close = getattr(self._chunks, "aclose", None)
        if close is not None:
            await close()


async def _collect(name: str, source: Any, take: Any, limit: int | None) -> None:
    """Pass each chunk to ``take``, which returns its size, and check the limit."""
    if limit is None:
        if isinstance(source, Readable):
            await source.for_each(take)
        else:
            async for chunk in _async_chunks(source):
                take(chunk)
        return
    checked_int("limit", limit, 0)
    size = 0

    def count(chunk: Any) -> None:
        nonlocal size
        size += take(chunk)
        if size > limit:
            raise OutOfRangeError(f"{name}(): the source holds more than limit={limit}")

    await _collect(name, source, count, None)


def _checked(chunk: Any) -> Any:
    if isinstance(chunk, (builtins.bytes, bytearray)):
        return chunk
    if isinstance(chunk, memoryview):
        return builtins.bytes(chunk)
    raise InvalidArgTypeError(f"a consumer needs chunks of bytes or str, got {chunk!r:.80}")


def _async_chunks(source: Any) -> Any:
    if hasattr(type(source), "__aiter__"):
        return source
    if isinstance(source, (str, builtins.bytes, bytearray, memoryview)):
        return _each([source])
    if hasattr(type(source), "__iter__"):
        return _each(source)
    raise InvalidArgTypeError(
        f"a consumer needs a Readable, an iterable or an async iterable, got {source!r}"
    )


async def _each(items: Any) -> AsyncIterator[Any]:
    for item in items:
        yield item
