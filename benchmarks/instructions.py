"""Instructions for one operation on each hot path: ``python -m benchmarks.instructions [NAME ...]``.

Valgrind's callgrind counts the instructions of a whole process, so each program runs with two lengths, and the
difference is divided by the operations between them. The count does not depend on what else the machine does, and it
is the same for the same build to about 0.1 %. ``--against FILE`` compares with a count that ``--json FILE`` saved, and
fails where a path takes more than ``--tolerance`` percent more.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.report import table, write_json


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

_TOTAL = re.compile(r"^(?:summary|totals): (\d+)", re.MULTILINE)


def instructions(path: HotPath, n: int) -> int:
    """Return the instructions of a process that runs the program with that length."""
    pairs = [f"{key}={value}" for key, value in {"n": n, **path.parameters}.items()]
    with tempfile.TemporaryDirectory() as folder:
        counts = Path(folder, "counts")
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={counts}", sys.executable]
        subprocess.run(
            [*command, "-m", "benchmarks.programs", path.program, *pairs],
            env={**os.environ, "PYTHONHASHSEED": "0"},
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        return max(map(int, _TOTAL.findall(counts.read_text())))


def for_one(path: HotPath) -> float:
    """Return the instructions for one operation."""
    return (instructions(path, path.long) - instructions(path, path.short)) / (
        (path.long - path.short) * path.each
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.instructions", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(PATHS)}")
    parser.add_argument("--json", metavar="FILE", help="save the counts")
    parser.add_argument("--against", metavar="FILE", help="compare with saved counts")
    parser.add_argument("--tolerance", type=float, default=1.0, metavar="PERCENT", help="1 unless given")
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in PATHS]
    if unknown:
        parser.error(f"there is no path {unknown[0]!r}; there are {', '.join(PATHS)}")
    names = options.names or list(PATHS)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        counts = dict(zip(names, pool.map(for_one, [PATHS[name] for name in names]), strict=True))
    saved = json.loads(Path(options.against).read_text()) if options.against else {}
    rows, slower = [], []
    for name, count in counts.items():
        before = saved.get(name)
        change = "" if before is None else f"{100 * (count / before - 1):+.1f} %"
        rows.append([name, f"{count:,.0f}", change])
        if before is not None and count > before * (1 + options.tolerance / 100):
            slower.append(name)
    print(table(["path", "instructions", "change"], rows))
    if options.json:
        write_json(options.json, counts)
    if slower:
        print(f"more than {options.tolerance:g} % more: {', '.join(slower)}", file=sys.stderr)
    return 1 if slower else 0


if __name__ == "__main__":
    sys.exit(main())
