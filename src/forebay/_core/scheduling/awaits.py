"""A finished awaitable, and the first step of a coroutine, for the pure-Python backend."""

from __future__ import annotations

from asyncio import AbstractEventLoop, Task, current_task
from asyncio.tasks import _enter_task, _leave_task
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context
from typing import Any

from forebay._core.scheduling.calls import Raised
from forebay._core.scheduling.exit import heed


class Ready:
    """An awaitable whose result is ``value``. It can be awaited once."""

    __slots__ = ("_value",)

    def __init__(self, value: Any = None) -> None:
        self._value = value

    def __await__(self) -> Generator[Any, None, Any]:
        return self._value
        yield


class Suspended:
    """The result of `first_step` for a coroutine that waits for what it has yielded."""

    __slots__ = ("yielded",)

    def __init__(self, yielded: Any) -> None:
        self.yielded = yielded


def first_step(
    coroutine: Coroutine[Any, Any, Any], context: Context, loop: AbstractEventLoop, task: Task[Any]
) -> Any:
    """Run a coroutine until it suspends or returns, as a step of ``task``.

    Args:
        coroutine: The coroutine. It has not begun.
        context: The context of ``task``.
        loop: The running loop.
        task: The task that the coroutine takes for its own.

    Returns:
        What the coroutine returned, or a `Suspended`, or a `Raised`.
    """
    current = current_task(loop)
    if current is task:
        return _sent(coroutine.send)
    if current is not None:
        _leave_task(loop, current)
    _enter_task(loop, task)
    try:
        return context.run(_sent, coroutine.send)
    finally:
        _leave_task(loop, task)
        if current is not None:
            _enter_task(loop, current)


def _sent(send: Callable[[Any], Any]) -> Any:
    try:
        return Suspended(send(None))
    except StopIteration as stop:
        return stop.value
    except BaseException as error:
        heed(error)
        return Raised(error)
