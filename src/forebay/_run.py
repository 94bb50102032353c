"""run(): an event loop for a program that is all streams."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from forebay._core.unfinished import until_delivered
from forebay._system.activity import Activity
from forebay.errors import InvalidArgTypeError

T = TypeVar("T")


def run(main: Awaitable[T] | Callable[[], Awaitable[T]], *, uvloop: bool = False) -> T:
    """Run ``main``, a coroutine or a function that returns an awaitable, in a new event loop, and return its result.

    ``forebay.run(lambda: pipeline(source, sink))`` builds and runs a pipeline inside the loop. ``uvloop=True`` takes
    uvloop's loop; raises ImportError where that is not installed.

    When ``main`` has returned, streams and pipelines that still have something to deliver go on to their end, as in
    Node: what was written, what is ended and not finished, pipes, pipelines that nobody awaits, 'data' that flows from
    a Readable. The wait ends where nothing can happen any more: no timer, no descriptor, no thread that is at work, no
    step of a task. Ctrl-C ends it too. What is dropped then, and when ``main`` raises, is named in a ResourceWarning.
    """
    if not callable(main) and not hasattr(main, "__await__"):
        raise InvalidArgTypeError(
            f"run() needs a coroutine or a function that returns an awaitable, got {main!r}"
        )

    if asyncio._get_running_loop() is not None:
        raise RuntimeError("run() inside a running event loop; await there instead")

    async def go() -> T:
        if uvloop:
            # It registers its own descriptors with the kernel at the end of its first turn.
            await asyncio.sleep(0)
        # What the loop waits for by itself is no reason to go on.
        activity = Activity(asyncio.get_running_loop())
        result = await (main() if callable(main) else main)
        await until_delivered(activity)
        return result

    factory: Any = None
    if uvloop:
        import uvloop as _uvloop

        factory = _uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(go())
