"""run(): run a program of streams in a new event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from forebay._core.scheduling.exit import note_left
from forebay._core.unfinished import until_delivered
from forebay._system.activity import Activity
from forebay.errors import InvalidArgTypeError

T = TypeVar("T")


def run(main: Awaitable[T] | Callable[[], Awaitable[T]], *, uvloop: bool = False) -> T:
    """Run ``main`` in a new event loop, and return its result when everything is delivered.

    ``forebay.run(lambda: pipeline(source, sink))`` makes and runs a pipeline inside the loop.

    After ``main`` has returned, streams and pipelines that still have data to deliver go on to their end, as in Node:
    written chunks, ended streams that have not finished, pipes, pipelines that are not awaited, and a Readable that flows to
    'data' listeners. The wait ends when nothing can happen any more: there is no timer, no descriptor, no thread at work and
    no step of a task. Ctrl-C ends it too. A ResourceWarning names what is dropped then, or when ``main`` raises.

    Args:
        main: A coroutine, or a function that returns an awaitable.
        uvloop: Whether to run on uvloop's loop.

    Returns:
        The result of ``main``.

    Raises:
        InvalidArgTypeError: ``main`` has the wrong type.
        RuntimeError: An event loop is running already.
        ImportError: uvloop is not installed.
    """
    if not callable(main) and not hasattr(main, "__await__"):
        raise InvalidArgTypeError(
            f"run() needs a coroutine or a function that returns an awaitable, got {main!r}"
        )

    if asyncio._get_running_loop() is not None:
        raise RuntimeError("run() inside a running event loop; await there instead")

    over = False

    async def go() -> T:
        nonlocal over
        try:
            return await completed()
        finally:
            over = True

    async def completed() -> T:
        if uvloop:
            # It registers its own descriptors with the kernel at the end of its first turn.
            await asyncio.sleep(0)
        # Before main runs: the loop's own descriptors do not keep the program running.
        activity = Activity(asyncio.get_running_loop())
        result = await (main() if callable(main) else main)
        await until_delivered(activity)
        return result

    factory: Any = None
    if uvloop:
        import uvloop as _uvloop

        factory = _uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        try:
            return runner.run(go())
        except (KeyboardInterrupt, SystemExit):
            if not over:
                # A second Ctrl-C, for example. The first one cancels main.
                note_left(runner.get_loop())
            raise
