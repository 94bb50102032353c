"""forebay beside what Python has: ``python -m benchmarks.versus_python``.

asyncio's own means, anyio, aiofiles and aiohttp, on asyncio's loop and some on uvloop, each for the tasks that it can do.
Every run is a process of its own, and the sides take turns. A library that is not installed is named and left out.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.comparison import Comparison, Measured
from benchmarks.copying import MIB, check_and_remove, make_source
from benchmarks.pairing import Sample, run_once, turns
from benchmarks.peers import AIOFILES, AIOHTTP, ANYIO, ASYNCIO, UVLOOP
from benchmarks.python_list import TASKS, Side, Task
from benchmarks.report import progress
from benchmarks.results import Row, rows_of
from benchmarks.tasks import LINE
from forebay.cli.output.units import parse_size


class Files:
    """The files that tasks work on, in a directory that is removed afterwards."""

    def __init__(self, directory: Path, size: int) -> None:
        self.source = directory / "source"
        self.dest = directory / "dest"
        self.text = directory / "text"
        self._size = size

    def make(self, tasks: Sequence[Task]) -> None:
        needed = {name for task in tasks for name in task.files}
        if "source" in needed:
            make_source(self.source, self._size)
        if "text" in needed:
            # Files are read by lines at a tenth of the speed at which they are copied.
            self.text.write_bytes(LINE * (self._size // 10 // len(LINE)))

    def arguments(self, task: Task) -> list[str]:
        given = {"source": self.source, "dest": self.dest}
        # A task that reads lines calls its file the source as well.
        return [f"{'source' if name == 'text' else name}={given.get(name, self.text)}" for name in task.files]

    def check(self, task: Task, label: str) -> None:
        if "dest" in task.files:
            check_and_remove(self.source, self.dest, label)


def measure_task(task: Task, options: argparse.Namespace, files: Files) -> list[Row]:
    """The rates and the CPU time of every side that is installed, by turns."""
    sides = [side for side in task.sides if all(map(importlib.util.find_spec, side.needs))]
    amounts = {
        key: min(value, options.at_most or value) if key == "n" else value
        for key, value in task.parameters.items()
    }
    parameters = [f"{key}={value}" for key, value in amounts.items()] + files.arguments(task)
    results: dict[str, list[dict[str, Any]]] = {side.name: [] for side in sides}
    for side in turns(sides, options.rounds):
        name = f"{side.library}:{task.name}"
        command = [sys.executable, "-m", "benchmarks.programs", name, *parameters, f"loop={side.loop}"]
        results[side.name].append(run_once(command, options.timeout))
        files.check(task, name)
    beside = {side.name: Side("forebay", side.loop).name for side in sides if side.library != "forebay"}
    rates = {name: Sample.of(each) for name, each in results.items()}
    cpu = {name: Sample.of(each, "cpu_seconds") for name, each in results.items()}
    return [
        *rows_of(task.label, task.unit, rates, beside=beside),
        *rows_of(task.label, "CPU s", cpu, lower_is_better=True, beside=beside),
    ]


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--size", type=parse_size, default=parse_size("256MiB"), help="size of the files (default 256MiB)"
    )
    parser.add_argument("--at-most", type=int, metavar="N", help="cut every n to this")


def measure(options: argparse.Namespace, chosen: Sequence[str]) -> Measured:
    tasks = [task for task in TASKS if task.label in chosen]
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="forebay-bench-", dir=options.dir) as name:
        files = Files(Path(name), options.size)
        files.make(tasks)
        for task in tasks:
            rows += measure_task(task, options, files)
            progress(task.label)
    return Measured(rows)


COMPARISON = Comparison(
    name="versus_python",
    about="files, lines, queues and stages, by each library that can do the task",
    takes="20 minutes",
    peers=(ASYNCIO, UVLOOP, ANYIO, AIOFILES, AIOHTTP),
    cases=lambda: [task.label for task in TASKS],
    measure=measure,
    add_options=add_options,
    quick={"size": MIB, "at_most": 500},
)

if __name__ == "__main__":
    COMPARISON.main()
