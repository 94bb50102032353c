"""The clock that a program starts and ends, and the registry of programs by name."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

Program = Callable[..., Awaitable[None]]

PROGRAMS: dict[str, Program] = {}


def program(name: str) -> Callable[[Program], Program]:
    """Register a program; it takes a `Bench` and its parameters, and may return before the end of the work."""

    def register(function: Program) -> Program:
        if name in PROGRAMS:
            raise ValueError(f"two programs are called {name!r}")
        PROGRAMS[name] = function
        return function

    return register


class Bench:
    """The clock of one run. `start` and `end` are called by the program, where its counterpart calls them."""

    def __init__(self) -> None:
        self.result: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._time = 0
        self._cpu_time = 0

    def start(self) -> None:
        self._cpu_time = time.process_time_ns()
        self._time = time.perf_counter_ns()

    def end(self, operations: float) -> None:
        seconds = (time.perf_counter_ns() - self._time) / 1e9
        cpu_seconds = (time.process_time_ns() - self._cpu_time) / 1e9
        self.report(
            {
                "operations": operations,
                "seconds": seconds,
                "rate": operations / seconds,
                "cpu_seconds": cpu_seconds,
            }
        )

    def report(self, result: dict[str, Any]) -> None:
        if not self.result.done():
            self.result.set_result(result)

    def fail(self, error: BaseException) -> None:
        if not self.result.done():
            self.result.set_exception(error)


async def run_program(function: Program, **parameters: Any) -> dict[str, Any]:
    """Run one program to its end and return its report. An unhandled error ends it."""
    bench = Bench()

    def unhandled(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        bench.fail(context.get("exception") or RuntimeError(context["message"]))

    asyncio.get_running_loop().set_exception_handler(unhandled)
    await function(bench, **parameters)
    return await bench.result
