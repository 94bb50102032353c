"""Instructions for one operation on each hot path: ``python -m benchmarks.instructions``.

Valgrind's callgrind counts the instructions of a whole process, so each program runs with two lengths, and the
difference is divided by the operations between them. The count does not depend on what else the machine does, and it
is the same for the same build to about 0.1 %. ``python -m benchmarks count`` saves counts and compares with saved ones.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.comparison import Comparison, Measured
from benchmarks.pairing import ProgramFailed, Sample, child_environment
from benchmarks.peers import VALGRIND
from benchmarks.results import INSTRUCTIONS, rows_of


@dataclass(frozen=True)
class HotPath:
    """A program, and the two lengths with which it is counted."""

    program: str
    short: int
    long: int
    # Operations of the program per unit of n.
    each: int = 1
    parameters: dict[str, Any] = field(default_factory=dict)


PATHS = {
    "pipe": HotPath("pipe", 5_000, 25_000),
    "pipe, objects": HotPath("pipe-object-mode", 5_000, 25_000),
    "pipe, returning hooks": HotPath("pipe-returned", 5_000, 25_000),
    "pipe, write waits": HotPath("pipe-backpressure", 5_000, 25_000),
    "pipe, one PassThrough": HotPath("pipe-passthrough", 5_000, 25_000, parameters={"stages": 1}),
    "write": HotPath("writable-uint8array", 5_000, 25_000, parameters={"kind": "write"}),
    "write, queued": HotPath(
        "writable-manywrites",
        5_000,
        25_000,
        parameters={"sync": "no", "writev": "no", "callback": "no", "len": 1024, "hwm": 65536},
    ),
    "push and read": HotPath("readable-bigread", 1, 5, each=2_000, parameters={"inner": 2_000}),
    "async for": HotPath("readable-async-iterator", 5_000, 25_000, parameters={"sync": "yes"}),
    "readline": HotPath("reader-readline", 10, 50, each=500),
    "readuntil": HotPath("reader-readuntil", 10, 50, each=500),
    "readexactly": HotPath("reader-readexactly", 10, 50, each=500),
    "read": HotPath("reader-read", 10, 50, each=500),
}

# Under valgrind the clock of the process runs far ahead of the work, and flows would give way all the time.
_START = """
import runpy, sys
from forebay._core.scheduling import ticks
ticks.thread_time = lambda: 0.0
runpy.run_module("benchmarks.programs", run_name="__main__", alter_sys=True)
"""
_TOTAL = re.compile(r"^(?:summary|totals): (\d+)", re.MULTILINE)


def instructions(path: HotPath, n: int) -> int:
    """Return the instructions of a process that runs the program with that length."""
    pairs = [f"{key}={value}" for key, value in {"n": n, **path.parameters}.items()]
    with tempfile.TemporaryDirectory() as folder:
        counts = Path(folder, "counts")
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={counts}", sys.executable]
        done = subprocess.run(
            [*command, "-c", _START, path.program, *pairs],
            env=child_environment() | {"PYTHONHASHSEED": "0"},
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        if done.returncode != 0:
            raise ProgramFailed(
                f"{path.program} in valgrind: exit status {done.returncode}: {done.stderr[-2000:]}"
            )
        return max(map(int, _TOTAL.findall(counts.read_text())))


def count(names: Sequence[str], share: float) -> dict[str, float]:
    """Return the instructions for one operation of each path, counted with that share of the lengths."""
    runs = []
    for name in names:
        path = PATHS[name]
        short = max(1, int(path.short * share))
        runs += [(path, short), (path, max(short + 1, int(path.long * share)))]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        counts = list(pool.map(instructions, *zip(*runs, strict=True)))
    return {
        name: (counts[i + 1] - counts[i]) / ((runs[i + 1][1] - runs[i][1]) * runs[i][0].each)
        for name, i in zip(names, range(0, len(runs), 2), strict=True)
    }


def measure(options: argparse.Namespace, chosen: Sequence[str]) -> Measured:
    return Measured(
        [
            row
            for name, each in count(chosen, options.share).items()
            for row in rows_of(name, INSTRUCTIONS, {"forebay": Sample((each,))}, lower_is_better=True)
        ]
    )


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--share", type=float, default=1.0, help="share of the lengths (default 1)")


COMPARISON = Comparison(
    name="instructions",
    about="instructions of one operation on each hot path, counted by valgrind",
    takes="2 minutes",
    peers=(VALGRIND,),
    needs=(VALGRIND,),
    cases=lambda: list(PATHS),
    measure=measure,
    add_options=add_options,
    quick={"share": 0.02},
    rounds=1,
)

if __name__ == "__main__":
    COMPARISON.main()
