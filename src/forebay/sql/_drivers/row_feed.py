"""Rows for an ``async for`` in a driver, taken from lists."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

__all__ = ["RowFeed"]


class RowFeed:
    """Iterate over the rows of one list after the other. ``await more()`` is the next list, or None at the end.

    Compiled, a row that is there costs its reader no coroutine.
    """

    def __init__(self, more: Callable[[], Coroutine[Any, Any, list[Any] | None]]) -> None:
        self._more = more

    async def __aiter__(self) -> AsyncIterator[Any]:
        while (rows := await self._more()) is not None:
            for row in rows:
                yield row
