# cython: nonecheck=True
"""The loop of the operators that return a value: it takes buffered items and stops only to wait or to await."""

from __future__ import annotations

from asyncio import sleep
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from forebay._core.scheduling.hook_runner import is_awaitable
from forebay._core.state import constants as state
from forebay.streams.operators import constants as k
from forebay.streams.operators.operator_stream import null_result

if TYPE_CHECKING:
    from forebay._core.state.stream import Stream

#: No value.
MISSING = object()


class Operator:
    """One operator: what to do with an item."""

    _kind: int
    _fn: Any
    _count: int
    _plain: Any

    def __init__(self, kind: int, fn: Callable[..., Any] | None, count: int) -> None:
        self._kind = kind
        self._fn = fn
        self._count = count
        self._plain = None


class Reducer:
    """Reads ``stream`` through ``steps``, which begin with `value` as what they have.

    `run` takes what is there. Where a step's function has returned an awaitable it returns that, and goes on with
    `resume`. If there is no item, or no further item is needed (`stopped`), it returns None.
    """

    _stream: Any
    _steps: Any
    value: Any
    stopped: bool
    _last: bool
    _index: int
    _item: Any

    def __init__(self, stream: Stream, steps: list[Operator], value: Any, stopped: bool) -> None:
        self._stream = stream
        self._steps = steps
        self.value = value
        self.stopped = stopped
        self._last = False
        self._index = 0
        self._item = None

    def run(self) -> Awaitable[Any] | None:
        stream = self._stream
        while not self.stopped:
            if stream._s_queue is not None:
                # A loop over buffered data never returns to the event loop, and ticks would accumulate.
                stream._s_queue.relieve()
                if stream._r_length > stream._r_hwm and stream._s_queue.late():
                    # The loop has its turn first. There is no item to go on with.
                    self._index = len(self._steps)
                    return sleep(0)
            item = None if stream._s_destroyed else stream._r_read(state.READ_ANY)
            if item is None:
                return None
            pending: Awaitable[Any] | None = self._apply(0, item, None, False)
            if pending is not None:
                return pending
        return None

    def resume(self, result: Any) -> Awaitable[Any] | None:
        """Continue after the returned awaitable, whose result is ``result``."""
        item = self._item
        self._item = None
        pending = self._apply(self._index, item, result, True)
        return self.run() if pending is None else pending

    def _apply(self, index: int, item: Any, result: Any, given: bool) -> Any:
        """Take one item through the steps, from ``index`` on. Return an awaitable if a step has to wait for it."""
        steps = self._steps
        while index < len(steps):
            step = steps[index]
            kind = step._kind
            if kind == k.COLLECT:
                step._fn(item)
                break
            if kind == k.TAKE:
                step._count -= 1
                self._last = self._last or step._count == 0
            elif kind == k.DROP:
                if step._count > 0:
                    step._count -= 1
                    break
            else:
                if given:
                    given = False
                else:
                    if kind != k.REDUCE:
                        result = step._fn(item)
                    elif self.value is MISSING:
                        self.value = item
                        break
                    else:
                        result = step._fn(self.value, item)
                    if result is not None and type(result) is not step._plain:
                        if is_awaitable(result):
                            self._index = index
                            self._item = item
                            return result
                        step._plain = type(result)
                if kind == k.MAP:
                    if result is None:
                        raise null_result("map")
                    item = result
                elif kind == k.REDUCE:
                    self.value = result
                elif kind == k.FILTER:
                    if not result:
                        break
                elif kind == k.TAKE_WHILE:
                    if not result:
                        self.stopped = True
                        break
                elif kind == k.DROP_WHILE:
                    if result:
                        break
                    # The function is not called again: the step drops no item from here on.
                    step._kind = k.DROP
                elif kind == k.FIND and (1 if result else 0) == step._count:
                    self.value = item
                    self.stopped = True
            index += 1
        if self._last:
            self.stopped = True
        return None
