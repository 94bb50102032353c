"""forebay beside what Python has: ``python -m benchmarks.versus_python``.

asyncio's own means, anyio, aiofiles and aiohttp, on asyncio's loop and some on uvloop, each for the tasks that it can do.
Every run is a process of its own, and the sides take turns. A library that is not installed is named and left out.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.copying import check_and_remove, make_source
from benchmarks.pairing import ProgramFailed, Sample, geometric_mean, run_once, turns
from benchmarks.python_list import TASKS, Side, Task
from benchmarks.report import (
    OURS,
    THEIRS,
    figure,
    load_pyplot,
    machine,
    plot_bars,
    progress,
    spread,
    table,
    write_json,
)
from benchmarks.tasks import LINE
from forebay.cli.output.units import parse_size


@dataclass(frozen=True)
class Row:
    """What one side did in one task, and the ratio of forebay, on the same loop, to it."""

    task: Task
    side: Side
    rate: Sample
    cpu_seconds: Sample
    ratio: Sample | None

    def as_json(self) -> dict[str, Any]:
        return {
            "task": self.task.name,
            "parameters": dict(self.task.parameters),
            "unit": self.task.unit,
            "side": self.side.name,
            "rate": self.rate.as_json(),
            "cpu_seconds": self.cpu_seconds.as_json(),
            "ratio": self.ratio and self.ratio.as_json(),
        }


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


def measure(task: Task, sides: Sequence[Side], rounds: int, files: Files, timeout: float) -> list[Row]:
    parameters = [f"{key}={value}" for key, value in task.parameters.items()] + files.arguments(task)
    results: dict[Side, list[dict[str, Any]]] = {side: [] for side in sides}
    for side in turns(sides, rounds):
        name = f"{side.library}:{task.name}"
        command = [sys.executable, "-m", "benchmarks.programs", name, *parameters, f"loop={side.loop}"]
        results[side].append(run_once(command, timeout))
        files.check(task, name)
    rows = []
    for side in sides:
        rate = Sample.of(results[side])
        own = Side("forebay", side.loop)
        ratio = None if side == own or own not in results else Sample.of(results[own]).over(rate)
        rows.append(Row(task, side, rate, Sample.of(results[side], "cpu_seconds"), ratio))
    return rows


def missing_packages(tasks: Sequence[Task]) -> list[str]:
    needed = {name for task in tasks for side in task.sides for name in side.needs}
    return sorted(name for name in needed if importlib.util.find_spec(name) is None)


def versions(tasks: Sequence[Task]) -> dict[str, str]:
    names = {name for task in tasks for side in task.sides for name in side.needs}
    return {name: importlib.metadata.version(name) for name in sorted(names - set(missing_packages(tasks)))}


def report_text(rows: Sequence[Row]) -> str:
    tasks: dict[str, list[Row]] = {}
    for row in rows:
        tasks.setdefault(row.task.label, []).append(row)
    blocks = []
    for label, members in tasks.items():
        lines = [
            [
                row.side.name,
                figure(row.rate.median),
                spread(row.rate),
                figure(row.cpu_seconds.median),
                "" if row.ratio is None else f"{row.ratio.median:.2f}",
            ]
            for row in members
        ]
        head = [label, members[0].task.unit, "min-max", "CPU s", "forebay / it"]
        blocks.append(f"{members[0].task.about}\n{table(head, lines)}")
    return "\n\n".join(blocks)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.versus_python", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="runs of each side of each task (default 5)")
    parser.add_argument(
        "--only",
        metavar="PATTERN",
        action="append",
        help="tasks whose name contains PATTERN; may be repeated",
    )
    parser.add_argument("--list", action="store_true", help="print the tasks and who does them, and end")
    parser.add_argument(
        "--size", type=parse_size, default=parse_size("256MiB"), help="size of the files (default 256MiB)"
    )
    parser.add_argument("--dir", help="where files are made (default: the system's temporary directory)")
    parser.add_argument("--json", metavar="FILE", help="store all results")
    parser.add_argument("--plot", metavar="FILE", help="draw the ratios (.png or .svg; needs matplotlib)")
    parser.add_argument("--timeout", type=float, default=600, help="seconds that one run may take")
    options = parser.parse_args(arguments)
    if options.rounds < 1:
        parser.error("--rounds must be 1 or more")
    return options


def selected(patterns: Sequence[str] | None) -> list[Task]:
    found = [task for task in TASKS if not patterns or any(pattern in task.label for pattern in patterns)]
    if not found:
        raise SystemExit(f"no task matches {' or '.join(patterns or ())}; --list names them")
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    tasks = selected(options.only)
    if options.list:
        for task in tasks:
            print(f"{task.label}: {', '.join(side.name for side in task.sides)}")
        return
    if options.plot:
        load_pyplot()
    missing = missing_packages(tasks)
    if missing:
        progress(f"not installed, and left out: {', '.join(missing)} (pip install '.[bench]')")
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="forebay-bench-", dir=options.dir) as name:
        files = Files(Path(name), options.size)
        files.make(tasks)
        for task in tasks:
            sides = [side for side in task.sides if not set(side.needs) & set(missing)]
            rows += measure(task, sides, options.rounds, files, options.timeout)
            progress(task.label)
    about = machine() | {"packages": versions(tasks), "missing": missing}
    compared = [row for row in rows if row.ratio is not None]
    mean = geometric_mean(row.ratio.median for row in compared if row.ratio is not None)
    packages = ", ".join(f"{name} {version}" for name, version in about["packages"].items())
    print(
        f"forebay {about['forebay']} ({about['backend']} backend), Python {about['python']}, {packages}; "
        f"medians of {options.rounds} rounds\n"
    )
    print(report_text(rows))
    print(f"\ngeometric mean of the {len(compared)} ratios: {mean:.2f}")
    if options.json:
        write_json(
            options.json,
            {
                "machine": about,
                "rounds": options.rounds,
                "size": options.size,
                "rows": [row.as_json() for row in rows],
                "geometric_mean": mean,
            },
        )
    if options.plot:
        plot_bars(
            options.plot,
            "forebay against Python's own means",
            "rate of forebay / rate of the other, on the same loop (medians; lines from least to greatest)",
            [
                (f"{row.task.label}: {row.side.name}", row.ratio, OURS if row.ratio.median >= 1 else THEIRS)
                for row in rows
                if row.ratio is not None
            ],
            log=True,
        )


if __name__ == "__main__":
    try:
        main()
    except ProgramFailed as error:
        sys.exit(str(error))
