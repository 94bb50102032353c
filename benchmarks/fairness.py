"""How long a flow keeps the event loop for itself: ``python -m benchmarks.fairness``.

A timer of a millisecond ticks beside a flow that never has to wait. By how much a tick is late is a hold: its median, its 99th
percentile and the longest are shown, and the CPU time of the longest, which does not count what else the machine does. Node
runs the same flows, as far as it has them.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from typing import Any

from benchmarks.comparison import Comparison, Measured
from benchmarks.node_runner import NODE_MAIN
from benchmarks.pairing import ProgramFailed, Sample, run_in_turns
from benchmarks.peers import NODE, UVLOOP
from benchmarks.report import figure, progress, table
from benchmarks.results import Row, rows_of

OURS = "forebay"
NODE_SIDE = "Node"

#: The flows and their lengths: about a second of each.
FLOWS = {
    "pipe": 2_000_000,
    "pipe, 3 stages": 1_000_000,
    "pipe, async hooks": 150_000,
    "'data' listener": 2_000_000,
    "read() in a 'readable' listener": 2_000_000,
    "ticks": 2_000_000,
    "write by hand, 'drain'": 300_000,
    "from_, pipeline": 2_000_000,
    "operators": 1_000_000,
    "async operators": 150_000,
    "to_list": 2_000_000,
    "async for": 2_000_000,
    "async generator in a pipeline": 500_000,
    "merge": 500_000,
    "HTTP pipelining": 50_000,
    "lines of the asyncio replacement": 1_000_000,
    "1,000 sockets that are ready at once": 50_000,
}
#: Those that Node has no counterpart of, or that need a server.
WITHOUT_NODE = {
    "pipe, async hooks",
    "merge",
    "HTTP pipelining",
    "lines of the asyncio replacement",
    "1,000 sockets that are ready at once",
}
UNITS = {
    "p50": "ms, median",
    "p99": "ms, 99 of 100",
    "longest": "ms, longest",
    "cpu_longest": "CPU ms, longest",
}


def commands(name: str, options: argparse.Namespace) -> dict[str, list[str]]:
    n = min(FLOWS[name], options.at_most or FLOWS[name])
    arguments = ["fairness", f"flow={name}", f"n={n}"]
    found = {OURS: [sys.executable, "-m", "benchmarks.programs", *arguments, f"loop={options.loop}"]}
    node = shutil.which("node")
    if node and name not in WITHOUT_NODE:
        found[NODE_SIDE] = [node, NODE_MAIN, *arguments]
    return found


def rows_from(name: str, results: dict[str, list[dict[str, Any]]]) -> list[Row]:
    rows: list[Row] = []
    for field, unit in UNITS.items():
        samples = {side: Sample.of(each, field) for side, each in results.items()}
        rows += rows_of(name, unit, samples, lower_is_better=True, beside={NODE_SIDE: OURS})
    return rows


def longest(rows: Sequence[Row]) -> str:
    """The longest hold of each flow, of all rounds."""
    found = {(row.case, row.side, row.unit): max(row.sample.values) for row in rows}
    lines = []
    for name in dict.fromkeys(row.case for row in rows):
        cells = [
            figure(found[name, side, unit]) if (name, side, unit) in found else "-"
            for side in (OURS, NODE_SIDE)
            for unit in (UNITS["longest"], UNITS["cpu_longest"])
        ]
        lines.append([name, *cells])
    head = ["the longest hold, in milliseconds", OURS, "its CPU time", NODE_SIDE, "its CPU time"]
    return table(head, lines)


def measure(options: argparse.Namespace, chosen: Sequence[str]) -> Measured:
    rows: list[Row] = []
    failures: list[str] = []
    for name in chosen:
        try:
            rows += rows_from(name, run_in_turns(commands(name, options), options.rounds, options.timeout))
        except ProgramFailed as error:
            failures.append(str(error))
        progress(name)
    return Measured(rows, failures, summary=longest(rows))


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--loop", choices=("asyncio", "uvloop"), default="asyncio", help="forebay's loop")
    parser.add_argument("--at-most", type=int, metavar="N", help="cut every n to this")


COMPARISON = Comparison(
    name="fairness",
    about="how long a flow that never waits keeps the loop from a timer of a millisecond, beside Node's",
    takes="3 minutes",
    peers=(NODE, UVLOOP),
    cases=lambda: list(FLOWS),
    measure=measure,
    add_options=add_options,
    quick={"at_most": 2000},
    rounds=3,
)

if __name__ == "__main__":
    COMPARISON.main()
