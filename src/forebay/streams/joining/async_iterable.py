"""An iterable of any kind as an async iterable, or as items that are written to a stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, Any

from forebay._core.scheduling.hook_runner import is_awaitable
from forebay._core.state.many import END, FULL, write_items
from forebay.streams.writable import Writable

if TYPE_CHECKING:
    from forebay._core.waiting.finished import Finished

__all__ = ["PlainItems", "async_iterable", "items_of", "writable_again", "write_each"]


def async_iterable(source: Any) -> AsyncIterable[Any]:
    """Return ``source`` if it is an async iterable, otherwise an async generator of its items."""
    return source if isinstance(source, AsyncIterable) else _each(items_of(source))


def items_of(source: Any) -> Any:
    """Return ``source`` if it is an async iterable, otherwise its `PlainItems`. Text and bytes are one item."""
    if isinstance(source, AsyncIterable):
        return source
    return PlainItems([source] if isinstance(source, (str, bytes, bytearray, memoryview)) else source)


class PlainItems:
    """The items of a plain iterable, each of which is awaited if it is awaitable."""

    def __init__(self, items: Iterable[Any]) -> None:
        self._items = items
        self._iterator: Iterator[Any] | None = None

    def __iter__(self) -> Iterator[Any]:
        if self._iterator is None:
            self._iterator = iter(self._items)
        return self._iterator

    async def aclose(self) -> None:
        """Close a generator that has begun."""
        close = getattr(self._iterator, "close", None)
        if close is not None:
            close()


async def _each(items: PlainItems) -> AsyncIterator[Any]:
    async with aclosing(items):
        for item in items:
            yield await item if is_awaitable(item) else item


async def write_each(
    items: PlainItems | AsyncIterator[Any],
    stream: Any,
    write: Callable[[Any], bool],
    failed: Callable[[Exception], object],
    drained: Callable[[], Awaitable[None]],
) -> None:
    """Write each item, and await ``drained()`` when ``write`` returns False.

    ``write`` writes an item to the stream, and passes its exception to ``failed``.
    """
    if not isinstance(items, PlainItems):
        async for item in items:
            if not write(item):
                await drained()
        return
    # An async generator over them would double the cost of an item.
    iterator = iter(items)
    many = isinstance(stream, Writable) and type(stream).write is Writable.write
    take: Callable[[], Any] = (
        partial(write_items, stream, iterator, failed) if many else partial(next, iterator, END)
    )
    while (plain := take()) is not END:
        if plain is FULL or not write(await plain if is_awaitable(plain) else plain):
            await drained()


async def writable_again(stream: Any, watch: Finished) -> None:
    """Wait for 'drain'. A stream that does not need it had many writes, and the loop has its turn."""
    if stream.destroyed or stream.errored is not None:
        await watch
    if stream.writable_need_drain:
        await stream.drain()
    else:
        await asyncio.sleep(0)
