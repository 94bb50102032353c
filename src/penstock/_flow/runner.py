"""The task that serves the ``async`` calls of one hook, however many there are."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator, Callable
from typing import Any


def is_awaitable(value: object) -> bool:
    return hasattr(type(value), "__await__")


class HookRunner:
    """Awaits what a hook returns, one call after the other, and settles each call's Completion."""

    def __init__(self) -> None:
        self._jobs: deque[tuple[Any, Any]] = deque()
        self._idle: asyncio.Future[None] | None = None
        self._stopped = False
        self._task: asyncio.Task[None] | None = None

    def submit(self, awaitable: Any, completion: Any) -> None:
        self._jobs.append((awaitable, completion))
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._serve())
            # A stream that is dropped unused takes its idle task with it; that is no error.
            self._task._log_destroy_pending = False  # type: ignore[attr-defined]
        elif self._idle is not None and not self._idle.done():
            self._idle.set_result(None)

    def stop(self) -> None:
        """End the task: a call that is under way is cancelled, unless it is the one that asks for this."""
        if self._stopped or self._task is None:
            return
        self._stopped = True
        if self._task is not asyncio.current_task():
            self._task.cancel()
        elif self._idle is not None and not self._idle.done():
            self._idle.set_result(None)

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while not self._stopped:
                while self._jobs:
                    await self._one(*self._jobs.popleft(), loop)
                if self._stopped:
                    break
                self._idle = loop.create_future()
                await self._idle
        except asyncio.CancelledError:
            if not self._stopped:
                raise
        finally:
            self._task = self._idle = None
            for awaitable, _ in self._jobs:
                close = getattr(awaitable, "close", None)
                if close is not None:
                    close()
            self._jobs.clear()

    async def _one(self, awaitable: Any, completion: Any, loop: asyncio.AbstractEventLoop) -> None:
        settle: Callable[[Any], None]
        outcome: Any
        try:
            outcome = await awaitable
            settle = completion.resolve
        except asyncio.CancelledError as error:
            if self._stopped:
                raise
            settle, outcome = completion.reject, error
        except Exception as error:
            settle, outcome = completion.reject, error
        try:
            settle(outcome)
        except Exception as error:
            # What a listener raised while the stream went on; in a callback of the loop it would end up there too.
            loop.call_exception_handler({"message": "Exception in a penstock callback", "exception": error})


async def pump_outputs(outputs: AsyncGenerator[Any, None], stream: Any) -> None:
    """Push what an async generator hook gives, waiting for room in the stream between."""
    async with contextlib.aclosing(outputs):
        async for value in outputs:
            if stream.destroyed:
                return
            if not stream._push_output(value):
                room = asyncio.get_running_loop().create_future()
                stream._wait_for_room(room)
                await room
