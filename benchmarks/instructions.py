"""Instructions for one operation on each hot path: ``python -m benchmarks.instructions``.

Valgrind's callgrind counts the instructions of a process that runs each program with two lengths; the difference is divided
by the operations between them. The count does not depend on what else the machine does, and it is the same for the same build
to about 0.1 %. ``python -m benchmarks count`` saves counts and compares with saved ones, and with the table of this folder.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.comparison import Comparison, Measured
from benchmarks.counted import MARK
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


def flow(case: str) -> HotPath:
    """A flow of the comparison ``hooks``."""
    return HotPath("hooks", 1_000, 4_000, parameters={"case": case})


#: A path that has nothing of forebay: it tells one build of the interpreter from another.
REFERENCE = "the interpreter alone"

PATHS = {
    REFERENCE: HotPath("interpreter", 10_000, 50_000),
    "pipe": HotPath("pipe", 2_000, 8_000),
    "pipe, objects": HotPath("pipe-object-mode", 2_000, 8_000),
    "pipe, returning hooks": HotPath("pipe-returned", 2_000, 8_000),
    "pipe, write waits": HotPath("pipe-backpressure", 2_000, 8_000),
    "pipe, one PassThrough": HotPath("pipe-passthrough", 2_000, 8_000, parameters={"stages": 1}),
    "write": HotPath("writable-uint8array", 2_000, 8_000, parameters={"kind": "write"}),
    "write, queued": HotPath(
        "writable-manywrites",
        5_000,
        25_000,
        parameters={"sync": "no", "writev": "no", "callback": "no", "len": 1024, "hwm": 65536},
    ),
    "push and read": HotPath("readable-bigread", 1, 4, each=2_000, parameters={"inner": 2_000}),
    "async for": HotPath("readable-async-iterator", 2_000, 8_000, parameters={"sync": "yes"}),
    "readline": HotPath("reader-readline", 4, 16, each=500),
    "readuntil": HotPath("reader-readuntil", 4, 16, each=500),
    "readexactly": HotPath("reader-readexactly", 4, 16, each=500),
    "read": HotPath("reader-read", 4, 16, each=500),
    **{
        f"hooks: {case}": flow(case)
        for case in (
            "3 PassThrough stages",
            "3 stages that pass on",
            "rows of dict",
            "rows of str",
            "async hooks that do not wait",
            "Completion settled later",
            "write by hand, once('drain')",
            "for_each",
            "map, for_each",
            "async for",
            "creation",
            "creation, end() and finished()",
        )
    },
}

_TOTAL = re.compile(r"^(?:summary|totals): (\d+)", re.MULTILINE)


def lengths(path: HotPath, share: float) -> tuple[int, int]:
    """The two lengths with that share of the usual ones."""
    short = max(1, int(path.short * share))
    return short, max(short + 1, int(path.long * share))


def instructions(runs: Sequence[tuple[str, dict[str, Any]]], timeout: float) -> list[int]:
    """Return the instructions of each run of a program, all in one process."""
    with tempfile.TemporaryDirectory() as folder:
        counts = Path(folder, "counts")
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={counts}", f"--dump-before={MARK}"]
        done = subprocess.run(
            [*command, sys.executable, "-m", "benchmarks.counted", json.dumps(runs)],
            env=child_environment() | {"PYTHONHASHSEED": "0"},
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            timeout=timeout,
        )
        if done.returncode != 0:
            raise ProgramFailed(f"in valgrind: exit status {done.returncode}: {done.stderr[-2000:]}")
        # The first file has what came before the first run, and every second one what came between two runs.
        files = [counts.with_name(f"counts.{2 * number + 2}") for number in range(len(runs))]
        return [max(map(int, _TOTAL.findall(file.read_text()))) for file in files]


def count(names: Sequence[str], share: float, timeout: float) -> dict[str, float]:
    """Return the instructions for one operation of each path, counted with that share of the lengths."""
    paths = [PATHS[name] for name in names]
    ends = [lengths(path, share) for path in paths]
    # The first run of a path also loads and specializes what it uses. It does not count.
    runs = [
        (path.program, {"n": n, **path.parameters})
        for path, (short, long) in zip(paths, ends, strict=True)
        for n in (short, short, long)
    ]
    counts = instructions(runs, timeout)
    return {
        name: (long_count - short_count) / ((long - short) * path.each)
        for name, path, (short, long), short_count, long_count in zip(
            names, paths, ends, counts[1::3], counts[2::3], strict=True
        )
    }


def measure(options: argparse.Namespace, chosen: Sequence[str]) -> Measured:
    return Measured(
        [
            row
            for name, each in count(chosen, options.share, options.timeout).items()
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
    quick={"share": 0.1},
    rounds=1,
)

if __name__ == "__main__":
    COMPARISON.main()
