"""Readable.from_(): a Readable over an iterable or an awaitable."""

from __future__ import annotations

from asyncio import Future, sleep
from collections.abc import AsyncIterable, Iterable
from typing import TYPE_CHECKING, Any

from forebay._core.scheduling.hook_runner import is_awaitable
from forebay._core.state import constants as k
from forebay._core.usage_errors import hint
from forebay.errors import InvalidArgTypeError, NullChunkError
from forebay.streams.blocking.file_objects import file_source, is_file
from forebay.streams.blocking.job import close_iterator
from forebay.streams.readable import Readable

if TYPE_CHECKING:
    from forebay._core.abort import AbortSignal


def from_iterable(
    source: Any,
    high_water_mark: int | None = None,
    object_mode: bool = True,
    encoding: str | None = None,
    signal: AbortSignal | None = None,
    auto_destroy: bool = True,
    emit_close: bool = True,
    unknown: dict[str, Any] | None = None,
) -> Readable:
    options = {
        "high_water_mark": high_water_mark,
        "object_mode": object_mode,
        "encoding": encoding,
        "signal": signal,
        "auto_destroy": auto_destroy,
        "emit_close": emit_close,
        **(unknown or {}),
    }
    if isinstance(source, (str, bytes, bytearray, memoryview)):
        return Whole(source, options)
    if is_file(source):
        # A file knows whether it gives bytes or text.
        return file_source(source, **{**options, "object_mode": None})
    if isinstance(source, AsyncIterable):
        return FromAsync(aiter(source), options)
    # A Future is iterable too, for the sake of ``await``.
    if is_awaitable(source):
        return FromAsync(_one(source), options)
    if isinstance(source, Iterable):
        return FromIterator(iter(source), options)
    raise InvalidArgTypeError(
        f"from_() needs an iterable, an async iterable or an awaitable, got {source!r}{hint(source)}"
    )


async def _one(awaitable: Any) -> Any:
    value = await awaitable
    if value is not None:
        yield value


def _defaults(options: dict[str, Any]) -> dict[str, Any]:
    if options["high_water_mark"] is None:
        options["high_water_mark"] = 1
    return options


class Whole(Readable):
    """A stream of text or bytes as one chunk."""

    def __init__(self, chunk: Any, options: Any) -> None:
        self._whole = chunk
        Readable.__init__(self, **options)

    def _read(self, size: Any) -> None:
        self.push(self._whole)
        self.push(None)


def _null() -> Any:
    return NullChunkError(
        "from_(): the iterable gave None, which marks the end of a stream and cannot be a chunk"
    )


class FromIterator(Readable):
    """A stream over an iterator. It reads as far as there is room."""

    _items: Any
    _plain: Any
    _pulling: bool

    def __init__(self, iterator: Any, options: Any) -> None:
        self._items = iterator
        self._plain = None
        self._pulling = False
        Readable.__init__(self, **_defaults(options))

    def _r_call_read(self) -> None:
        # A push may flow on and ask for more before it returns.
        if self._pulling:
            return
        self._pulling = True
        try:
            for item in self._items:
                kind = type(item)
                if kind is not self._plain:
                    if item is None:
                        raise _null()
                    if kind is Future and item.done() and not item.cancelled():
                        item = item.result()
                        if item is None:
                            raise _null()
                    elif is_awaitable(item):
                        # Stays pulling until the task that awaits is through.
                        self._s_hook_returned(k.HOOK_READ, _Later(self._awaited(item)))
                        return
                    else:
                        self._plain = kind
                if not self._r_push(item, None) or self._s_is_late():
                    self._pulling = False
                    return
        except Exception as error:
            self._pulling = False
            self._s_fail(error, False)
            return
        self._r_push_eof()

    async def _awaited(self, item: Any) -> None:
        try:
            while True:
                value = await item
                if value is None:
                    raise _null()
                if self.destroyed:
                    return
                more = self.push(value)
                if not more:
                    return
                try:
                    item = next(self._items)
                except StopIteration:
                    self.push(None)
                    return
                if item is None:
                    raise _null()
                if not is_awaitable(item):
                    item = _done(item)
        finally:
            self._pulling = False

    def _destroy(self, error: Any) -> None:
        close_iterator(self._items, error)


async def _done(value: Any) -> Any:
    return value


class _Later:
    """Await a coroutine whose first step runs in a task: read() never waits, and 'close' comes after destroy() has returned."""

    def __init__(self, started: Any) -> None:
        self._started = started

    def __await__(self) -> Any:
        return self._started.__await__()

    def close(self) -> None:
        self._started.close()


class FromAsync(Readable):
    """A stream over an async iterator. One task reads it as far as there is room."""

    def __init__(self, items: Any, options: Any) -> None:
        self._items = items
        self._pulling = False
        Readable.__init__(self, **_defaults(options))

    def _read(self, size: Any) -> Any:
        return _Later(self._pull())

    async def _pull(self) -> None:
        if self._pulling or self.destroyed:
            return
        self._pulling = True
        try:
            items = self._items
            while True:
                try:
                    item = await anext(items)
                except StopAsyncIteration:
                    self.push(None)
                    return
                if item is None:
                    raise _null()
                if not self.push(item):
                    return
        finally:
            self._pulling = False

    def _destroy(self, error: Any) -> Any:
        return _Later(self._close_items(error))

    async def _close_items(self, error: Any) -> None:
        items = self._items
        # A step that is under way was cancelled; it has to leave the generator first.
        while self._pulling:
            await sleep(0)
        if error is not None and hasattr(items, "athrow"):
            try:
                await items.athrow(error)
            except StopAsyncIteration:
                return
            except BaseException as raised:
                if raised is not error:
                    raise
                return
        close = getattr(items, "aclose", None)
        if close is not None:
            await close()
