"""Hand items from one task to another, one at a time."""

from __future__ import annotations

import asyncio
from typing import Any

__all__ = ["Handoff"]

_NOTHING = object()
_END = object()


class Handoff:
    """A place for one item between a task that puts and a task that gets."""

    def __init__(self) -> None:
        self._item: Any = _NOTHING
        self._ended = False
        self._error: BaseException | None = None
        # The task that puts waits for `_used`, until its item is used up; the task that gets waits for `_given`.
        self._used: asyncio.Future[None] | None = None
        self._given: asyncio.Future[None] | None = None

    async def put(self, item: Any) -> None:
        """Hand an item over, and return when the other task comes for the next one.

        Raises the error with which the other task has ended.
        """
        self._offer(item)
        self._used = asyncio.get_running_loop().create_future()
        await self._used
        if self._ended:
            self._raise_end()

    def finish(self) -> None:
        """Hand over the end. The item before has been used up. Raises as `put` does."""
        self._offer(_END)

    async def get(self) -> Any:
        """Wait for the next item. Return None at the end, or if the other task has ended."""
        if self._item is _NOTHING:
            _wake(self._used)
        while self._item is _NOTHING:
            if self._ended:
                return None
            self._given = asyncio.get_running_loop().create_future()
            await self._given
        item, self._item = self._item, _NOTHING
        return None if item is _END else item

    def end(self, error: BaseException | None) -> None:
        """Note that one of the tasks is done. The other one is not kept waiting."""
        self._ended = True
        self._error = error
        _wake(self._used)
        _wake(self._given)

    def _offer(self, item: Any) -> None:
        if self._ended:
            self._raise_end()
        self._item = item
        _wake(self._given)

    def _raise_end(self) -> None:
        raise self._error or RuntimeError("the driver has ended the COPY before its data")


def _wake(waiter: asyncio.Future[None] | None) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)
