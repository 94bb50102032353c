"""run(): an event loop for a program that is all streams."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from penstock.errors import InvalidArgTypeError

T = TypeVar("T")


def run(main: Awaitable[T] | Callable[[], Awaitable[T]], *, uvloop: bool = False) -> T:
    """Run ``main``, a coroutine or a function that returns an awaitable, in a new event loop, and return its result.

    ``penstock.run(lambda: pipeline(source, sink))`` builds and runs a pipeline inside the loop. ``uvloop=True`` takes
    uvloop's loop; raises ImportError where that is not installed.
    """
    if not callable(main) and not hasattr(main, "__await__"):
        raise InvalidArgTypeError(
            f"run() needs a coroutine or a function that returns an awaitable, got {main!r}"
        )

    if asyncio._get_running_loop() is not None:
        raise RuntimeError("run() inside a running event loop; await there instead")

    async def go() -> T:
        return await (main() if callable(main) else main)

    factory: Any = None
    if uvloop:
        import uvloop as _uvloop

        factory = _uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(go())
