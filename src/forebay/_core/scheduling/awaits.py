"""A finished awaitable, and one step of a coroutine, for the pure-Python backend."""

from __future__ import annotations

from collections.abc import Coroutine, Generator
from contextvars import Context
from typing import Any


class Ready:
    """An awaitable whose result is ``value``. It can be awaited once."""

    __slots__ = ("_value",)

    def __init__(self, value: Any = None) -> None:
        self._value = value

    def __await__(self) -> Generator[Any, None, Any]:
        return self._value
        yield


def step(coroutine: Coroutine[Any, Any, Any], context: Context | None) -> tuple[bool, Any]:
    """Run a coroutine until it suspends or returns, inside ``context``. Return whether it returned, and its value."""
    try:
        return False, coroutine.send(None) if context is None else context.run(coroutine.send, None)
    except StopIteration as stop:
        return True, stop.value
