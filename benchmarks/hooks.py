"""What forebay adds to the Python functions that it calls: ``python -m benchmarks.hooks``.

Each case moves items through streams with hooks in Python. Beside it, a C-level chain of ``map()``, or the barest loop, calls
the very same functions. Both run in this process, by turns, and CPU time is measured. The figure is their ratio: how many
times the price of its hooks a flow costs.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import time
from collections.abc import Mapping, Sequence

from benchmarks.comparison import Comparison, Measured
from benchmarks.hook_cases import CASES, Case, Moves
from benchmarks.pairing import Sample, geometric_mean, turns
from benchmarks.peers import UVLOOP
from benchmarks.report import progress, table
from benchmarks.results import Row, rows_of
from forebay import run as run_with_forebay

OURS = "forebay"
BARE = "the hooks alone"


async def cpu_nanoseconds(moves: Moves, n: int) -> float:
    """The CPU time of one item."""
    gc.collect()
    began = time.process_time_ns()
    await moves(n)
    return (time.process_time_ns() - began) / n


async def run_case(case: Case, rounds: int, share: float) -> dict[str, Sample]:
    """Run both sides by turns in this loop, after a short run of each."""
    n = max(1, int(case.n * share))
    sides = {OURS: case.ours, BARE: case.bare}
    times: dict[str, list[float]] = {name: [] for name in sides}
    for moves in sides.values():
        await moves(max(1, n // 10))
    for name in turns(sides, rounds):
        times[name].append(await cpu_nanoseconds(sides[name], n))
        # What was closed in this round is let go of before the next one begins.
        await asyncio.sleep(0)
    return {name: Sample(tuple(values)) for name, values in times.items()}


def prices(results: Mapping[str, dict[str, Sample]]) -> str:
    """The price of each case as a multiple of that of its hooks."""
    ratios = {name: samples[OURS].over(samples[BARE]) for name, samples in results.items()}
    lines = [
        [name, f"{ratio.median:.2f}", f"{min(ratio.values):.2f}-{max(ratio.values):.2f}"]
        for name, ratio in ratios.items()
    ]
    mean = geometric_mean(ratio.median for ratio in ratios.values())
    return "\n\n".join(
        [
            "How many times the price of its hooks a flow costs, hooks included:",
            table(["case", "times", "spread"], lines),
            f"geometric mean: {mean:.2f}",
        ]
    )


def measure(options: argparse.Namespace, chosen: Sequence[str]) -> Measured:
    results: dict[str, dict[str, Sample]] = {}
    rows: list[Row] = []
    for name in chosen:
        results[name] = run_with_forebay(
            run_case(CASES[name], options.rounds, options.share), uvloop=options.loop == "uvloop"
        )
        rows += rows_of(name, "CPU ns", results[name], lower_is_better=True, beside={BARE: OURS})
        progress(name)
    return Measured(rows, summary=prices(results))


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--share", type=float, default=1.0, help="share of the items of each case (default 1)"
    )
    parser.add_argument("--loop", choices=("asyncio", "uvloop"), default="asyncio", help="the loop of both")


COMPARISON = Comparison(
    name="hooks",
    about="flows with hooks in Python, beside a chain of map() or the barest loop over the same functions",
    takes="1 minute",
    peers=(UVLOOP,),
    cases=lambda: list(CASES),
    measure=measure,
    add_options=add_options,
    quick={"share": 0.01},
    rounds=9,
)

if __name__ == "__main__":
    COMPARISON.main()
