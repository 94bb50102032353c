"""What must hold after a run of a scenario, whatever happened in it."""

import asyncio
import gc
import os
import sqlite3
import threading
import traceback
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import asyncpg
import psycopg
import websockets

from faults.place import DATA, Place
from faults.scenarios import ATOMIC
from forebay._system import worker_pool
from forebay.errors import StreamError
from support.loops import LOOPS, eventually, may_wait, open_fds

__all__ = ["CLEAR", "OWN_FILES", "Observed", "children", "observe"]

# The errors that a program may see after a fault.
OF_LIBRARIES = (
    sqlite3.Error,
    psycopg.Error,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    websockets.WebSocketException,
)
CLEAR = (OSError, StreamError, EOFError, MemoryError, *OF_LIBRARIES)
SECONDS = 20.0
# What a scenario makes by itself, beside temporary files.
OWN_FILES = {"target", "tree", "log", "log.1"}


class Observed:
    """One run: what it returned or raised, and what it left."""

    def __init__(self) -> None:
        self.result: Any = None
        self.error: BaseException | None = None
        self.reports: list[dict[str, Any]] = []
        self.left: list[str] = []
        self.hangs = False

    def broken(self, name: str, place: Place) -> Iterator[str]:
        """The rules that the run has broken."""
        if self.error is not None:
            text = "".join(traceback.format_exception(self.error)[-6:])
            if self.hangs:
                yield f"hangs\n{text}"
            elif not isinstance(self.error, (*CLEAR, asyncio.CancelledError)):
                yield f"fails with {self.error!r}\n{text}"
        elif not place.errors:
            arrived = self.result() if callable(self.result) else self.result
            if arrived != DATA:
                yield f"loses data in silence: {len(arrived)} bytes of {len(DATA)}"
        for report in self.reports:
            # No stream is left that could emit this error.
            if report.get("message") != "A listening socket could not be closed":
                yield f"is reported to the loop: {report.get('message')}: {report.get('exception')!r}"
        yield from self.left
        files = set(os.listdir(place.folder / "work"))
        if files - OWN_FILES:
            yield f"leaves files: {files}"
        if name in ATOMIC and "target" in files and place.arrived() != DATA:
            yield "leaves a part of a file under its name"


def observe(
    loop: str,
    scenario: Callable[[], Awaitable[Any]],
    begin: Callable[[], object] = lambda: None,
    end: Callable[[], object] = lambda: None,
) -> Observed:
    """Run a scenario on a new loop. ``begin`` is called when the loop is ready, and ``end`` when the scenario is over."""
    observed = Observed()
    threads = set(threading.enumerate())
    before = open_fds()
    # A server that other tests use, for example.
    processes = children()
    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(_observed(observed, scenario, begin, end))
    if observed.error is not None:
        # Its frames hold the streams of the scenario.
        observed.error.__traceback__ = None
    gc.collect()
    if not eventually(lambda: open_fds().items() <= before.items(), 2):
        observed.left.append(f"leaves descriptors: {open_fds().items() - before.items()}")
    more = [thread for thread in set(threading.enumerate()) - threads if not may_wait(thread)]
    if more and not eventually(lambda: not any(thread.is_alive() for thread in more), 2):
        observed.left.append(f"leaves threads: {more}")
    if not eventually(lambda: children() <= processes, 2):
        observed.left.append("leaves a process")
    return observed


def children() -> set[str]:
    """The processes that this one has started and whose exit status was not taken."""
    found: set[str] = set()
    for each in Path("/proc/self/task").glob("*/children"):
        # A thread may be over by now.
        with suppress(OSError):
            found.update(each.read_text().split())
    return found


async def _observed(
    observed: Observed,
    scenario: Callable[[], Awaitable[Any]],
    begin: Callable[[], object],
    end: Callable[[], object],
) -> None:
    asyncio.get_running_loop().set_exception_handler(lambda _, context: observed.reports.append(context))
    # A loop opens descriptors of its own in its first turn.
    await asyncio.sleep(0)
    limit = asyncio.timeout(SECONDS)
    begin()
    try:
        async with limit:
            observed.result = await scenario()
    except (Exception, asyncio.CancelledError) as caught:
        observed.error = caught
        observed.hangs = limit.expired()
    finally:
        observed.left += await _tasks_left()
        end()


async def _tasks_left() -> list[str]:
    """Let what is about to end come to its end. Return what does not."""
    for turn in range(600):
        others = asyncio.all_tasks() - {asyncio.current_task()}
        if not others and not worker_pool.at_work():
            return []
        await asyncio.sleep(0 if turn < 100 else 0.01)
    return [f"leaves tasks: {others}" if others else "leaves work for the workers"]
