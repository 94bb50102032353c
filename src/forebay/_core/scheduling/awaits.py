"""An awaitable that is done, and one step of a coroutine, for the backend that is not compiled."""

from __future__ import annotations

from collections.abc import Coroutine, Generator
from contextvars import Context
from typing import Any


class Ready:
    """``await Ready(value)`` is ``value``. One await for each object."""

    __slots__ = ("_value",)

    def __init__(self, value: Any = None) -> None:
        self._value = value

    def __await__(self) -> Generator[Any, None, Any]:
        return self._value
        yield


def step(coroutine: Coroutine[Any, Any, Any], context: Context | None) -> tuple[bool, Any]:
    """Run a coroutine to where it suspends or returns, inside ``context``: whether it returned, and what it gave."""
    try:
        return False, coroutine.send(None) if context is None else context.run(coroutine.send, None)
    except StopIteration as stop:
        return True, stop.value
