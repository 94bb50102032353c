"""An iterable of any kind as an async iterable."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable
from typing import Any

from forebay._core.scheduling.hook_runner import is_awaitable


def async_iterable(source: Any) -> AsyncIterable[Any]:
    if isinstance(source, AsyncIterable):
        return source
    if isinstance(source, (str, bytes, bytearray, memoryview)):
        return _each([source])
    return _each(source)


async def _each(items: Iterable[Any]) -> AsyncIterator[Any]:
    iterator = iter(items)
    try:
        for item in iterator:
            yield await item if is_awaitable(item) else item
    finally:
        close = getattr(iterator, "close", None)
        if close is not None:
            close()
