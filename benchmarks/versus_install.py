"""Programs on asyncio with `forebay.asyncio.install` beside the same ones without: ``python -m benchmarks.versus_install``.

Figures are CPU time of the program's process. The cases are those in which a replacement could lose: short connections,
short lives of loops and processes, large writes.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.comparison import Comparison, Measured, Skipped
from benchmarks.installed import CASES
from benchmarks.pairing import run_once, turns
from benchmarks.peers import ASYNCIO, OPENSSL_COMMAND, REDIS_CLIENT, REDIS_SERVER, UVLOOP
from benchmarks.report import progress
from benchmarks.results import Row
from benchmarks.versus_asyncio import MICROSECONDS, make_certificate, redis, rows_from


def measure_case(name: str, options: argparse.Namespace) -> list[Row]:
    """One case; each run is a process of its own."""
    seconds: dict[str, list[float]] = {"forebay": [], "asyncio": []}
    for side in turns(seconds, options.rounds):
        program = [sys.executable, "-m", "benchmarks.installed", name, side, options.loop, str(options.share)]
        seconds[side].append(run_once(program, options.timeout)["seconds"])
    return rows_from(name, MICROSECONDS, seconds)


def measure(options: argparse.Namespace, chosen: Sequence[str]) -> Measured:
    if options.loop == "uvloop" and not UVLOOP.is_there:
        raise Skipped(f"it needs uvloop ({UVLOOP.get})")
    needed = {CASES[name].needs for name in chosen}
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="forebay-bench-", dir=options.dir) as name:
        folder = Path(name)
        have = make_certificate(folder, "certificate" in needed)
        with redis(folder, "redis" in needed) as server:
            have |= server
            for case in chosen:
                needs = CASES[case].needs
                if needs and needs not in have:
                    progress(f"left out: {case}, which needs a {needs}")
                    continue
                progress(case)
                rows += measure_case(case, options)
    return Measured(rows)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--loop", choices=("asyncio", "uvloop"), default="asyncio", help="the loop of both sides"
    )
    parser.add_argument("--share", type=float, default=1.0, help="share of the work of each case (default 1)")


COMPARISON = Comparison(
    name="versus_install",
    about="programs on asyncio with install() and without: short connections, processes, large writes, Redis",
    takes="5 minutes",
    peers=(ASYNCIO, UVLOOP, OPENSSL_COMMAND, REDIS_CLIENT, REDIS_SERVER),
    cases=lambda: list(CASES),
    measure=measure,
    add_options=add_options,
    quick={"share": 0.01},
)

if __name__ == "__main__":
    COMPARISON.main()
