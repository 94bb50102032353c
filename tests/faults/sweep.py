"""Run a scenario again and again, each time with another system call failing, and report what breaks the rules.

    LD_PRELOAD=failing_calls.so python -m faults.sweep --folder F --certificate C --key K echo copy

After a fault there is the right data or an error. Nothing else is reported, and no descriptor, thread, task or file is left. No
run hangs or works without end.
"""

import argparse
import asyncio
import contextlib
import faulthandler
import gc
import json
import os
import random
import sqlite3
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from faults.scenarios import ATOMIC, DATA, OF_ASYNCIO, SCENARIOS, Place
from faults.shim import FAIL, FAULTS, Fault, Shim
from forebay.errors import StreamError
from support.loops import LOOPS, eventually, may_wait, open_fds

# The errors that a program may see after a fault.
CLEAR = (OSError, StreamError, EOFError, MemoryError, sqlite3.Error)
SECONDS = 20.0
# How many times the usual system calls a run may make: after a fault a program may go on in small pieces.
MOST_WORK = 50


class Sweep:
    """The runs of some scenarios on one kind of loop. ``most`` is how many calls of a function are tried with each fault."""

    def __init__(self, place: Place, loop: str, most: int, seed: int) -> None:
        self.place = place
        self.shim = Shim()
        self.loop = loop
        self.most = most
        self.random = random.Random(seed)
        self.runs = 0
        self.violations: list[str] = []

    def scenario(self, name: str) -> None:
        functions = dict.fromkeys(fault.function for fault in FAULTS)
        for function in sorted(functions.keys() - OF_ASYNCIO.get(name, set())):
            counting = Fault(function, FAIL, 0)
            self.once(name, counting, -1, None)
            count, usual = self.shim.calls(), self.shim.all_calls()
            for fault in FAULTS:
                if fault.function == function:
                    for number in self.numbers(count):
                        self.once(name, fault, number, usual)

    def numbers(self, count: int) -> list[int]:
        """The numbers of the calls to change: the first ones, the last one, and some in between."""
        every = range(1, count + 1)
        if count <= self.most:
            return list(every)
        first = self.most // 2
        return [*every[:first], *sorted(self.random.sample(every[first:-1], self.most - first - 1)), count]

    def once(self, name: str, fault: Fault, number: int, usual: int | None) -> None:
        """Run the scenario with one fault. ``usual`` is the number of system calls without one."""
        self.place.clear()
        self.runs += 1
        faulthandler.dump_traceback_later(3 * SECONDS, exit=True)
        broken = list(self.rules_broken(name, fault, number, usual))
        faulthandler.cancel_dump_traceback_later()
        self.violations += [f"{name} on {self.loop}, call {number} of {fault}: {rule}" for rule in broken]

    def rules_broken(self, name: str, fault: Fault, number: int, usual: int | None) -> Iterator[str]:
        threads = set(threading.enumerate())
        before = open_fds()
        reports: list[dict[str, Any]] = []
        with asyncio.Runner(loop_factory=LOOPS[self.loop]) as runner:
            runner.run(asyncio.sleep(0))
            self.shim.spare(set(map(int, open_fds())))
            got: Any = None
            error: BaseException | None = None
            self.shim.arm(fault, number)
            try:
                got = runner.run(_guarded(SCENARIOS[name](self.place), reports))
            except Exception as caught:
                error = caught
            finally:
                changed = self.shim.disarm()
                calls = self.shim.all_calls()
            yield from runner.run(_tasks_left())
        if error is not None:
            text = "".join(traceback.format_exception(error)[-6:])
            if isinstance(error, TimeoutError) and error.__cause__ is not None:
                yield f"hangs\n{text}"
            elif not isinstance(error, CLEAR):
                yield f"fails with {error!r}\n{text}"
            if usual is None or not changed:
                yield f"fails without a fault: {error!r}\n{text}"
        elif not self.place.errors:
            arrived = got() if callable(got) else got
            if arrived != DATA:
                yield f"loses data in silence: {len(arrived)} bytes of {len(DATA)}"
        for report in reports:
            # No stream is left that could emit this error.
            if report.get("message") == "A listening socket could not be closed":
                continue
            yield f"is reported to the loop: {report.get('message')}: {report.get('exception')!r}"
        if usual is not None and calls > MOST_WORK * usual + 1000:
            yield f"makes {calls} system calls instead of {usual}"
        del error, reports
        gc.collect()
        if not eventually(lambda: open_fds() == before, 2):
            yield f"leaves descriptors: {set(open_fds().items()) ^ set(before.items())}"
        left = [thread for thread in set(threading.enumerate()) - threads if not may_wait(thread)]
        if left and not eventually(lambda: not any(thread.is_alive() for thread in left), 2):
            yield f"leaves threads: {left}"
        files = set(os.listdir(self.place.folder / "work"))
        if name in ATOMIC:
            if files - {"target"}:
                yield f"leaves files: {files}"
            if "target" in files and self.place.arrived() != DATA:
                yield "leaves a part of a file under its name"


async def _guarded(scenario: Any, reports: list[dict[str, Any]]) -> Any:
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reports.append(context))
    async with asyncio.timeout(SECONDS):
        return await scenario


async def _tasks_left() -> list[str]:
    """Let what is about to end come to its end. Return what does not."""
    for turn in range(300):
        others = asyncio.all_tasks() - {asyncio.current_task()}
        if not others:
            return []
        await asyncio.sleep(0 if turn < 100 else 0.01)
    return [f"leaves tasks: {others}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--certificate", required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--loop", default="asyncio", choices=LOOPS)
    parser.add_argument(
        "--most", type=int, default=6, help="calls of a function that are tried with each fault"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("scenarios", nargs="+", choices=SCENARIOS)
    options = parser.parse_args()
    place = Place(options.folder, options.certificate, options.key)
    with contextlib.suppress(FileExistsError):
        options.folder.mkdir()
    place.prepare()
    sweep = Sweep(place, options.loop, options.most, options.seed)
    for name in options.scenarios:
        sweep.scenario(name)
    print(json.dumps({"runs": sweep.runs, "violations": sweep.violations}))


if __name__ == "__main__":
    main()
