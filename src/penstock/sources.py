"""Readable.from_(): a Readable over whatever can be iterated or awaited."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Iterable, Iterator
from typing import Any

from penstock._flow.runner import is_awaitable
from penstock.errors import InvalidArgTypeError, NullChunkError
from penstock.readable import Readable


def from_iterable(source: Any, options: dict[str, Any]) -> Readable:
    if isinstance(source, (str, bytes, bytearray, memoryview)):
        return _Whole(source, options)
    if isinstance(source, AsyncIterable):
        return _FromAsync(aiter(source), options)
    if isinstance(source, Iterable):
        return _FromIterator(iter(source), options)
    if is_awaitable(source):
        return _FromAsync(_one(source), options)
    raise InvalidArgTypeError(f"from_() needs an iterable, an async iterable or an awaitable, got {source!r}")


async def _one(awaitable: Awaitable[Any]) -> AsyncIterator[Any]:
    value = await awaitable
    if value is not None:
        yield value


def _defaults(options: dict[str, Any]) -> dict[str, Any]:
    return {"object_mode": True, "high_water_mark": 1, **options}


class _Whole(Readable):
    """Text or bytes: one chunk."""

    def __init__(self, chunk: Any, options: dict[str, Any]) -> None:
        self._whole = chunk
        super().__init__(**{"object_mode": True, **options})

    def _read(self, size: int) -> None:
        self.push(self._whole)
        self.push(None)


def _null() -> NullChunkError:
    return NullChunkError("from_(): the iterable gave None, which marks the end of a stream and cannot be a chunk")


class _FromIterator(Readable):
    """An iterator: pulled as far as there is room."""

    def __init__(self, iterator: Iterator[Any], options: dict[str, Any]) -> None:
        self._items = iterator
        self._pulling = False
        super().__init__(**_defaults(options))

    def _read(self, size: int) -> Any:
        if self._pulling:
            return None
        self._pulling = True
        items = self._items
        push = self.push
        while True:
            try:
                item = next(items)
            except StopIteration:
                push(None)
                return None
            except BaseException:
                self._pulling = False
                raise
            if item is None:
                raise _null()
            if is_awaitable(item):
                return self._awaited(item)
            if not push(item):
                self._pulling = False
                return None

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

    def _destroy(self, error: BaseException | None) -> None:
        _close(self._items, error)


async def _done(value: Any) -> Any:
    return value


def _close(items: Any, error: BaseException | None) -> None:
    """Close a generator, throwing the error into it where there is one; it may still clean up."""
    if error is not None and hasattr(items, "throw"):
        try:
            items.throw(error)
        except StopIteration:
            return
        except BaseException as raised:
            if raised is not error:
                raise
            return
    close = getattr(items, "close", None)
    if close is not None:
        close()


class _FromAsync(Readable):
    """An async iterator: pulled as far as there is room, by one task."""

    def __init__(self, items: AsyncIterator[Any], options: dict[str, Any]) -> None:
        self._items = items
        self._pulling = False
        super().__init__(**_defaults(options))

    async def _read(self, size: int) -> None:
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

    async def _destroy(self, error: BaseException | None) -> None:
        items: Any = self._items
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
