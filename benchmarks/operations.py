"""Single operations under pytest-benchmark: ``python -m benchmarks.operations``.

The tests of ``benchmarks/test_bench_*.py`` run in a process of their own. ``--only`` chooses among the
files. Tests of the same operation on several buffers are the sides of one case.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.comparison import HERE, Comparison, Measured
from benchmarks.pairing import ROOT, ProgramFailed, Sample, child_environment
from benchmarks.peers import PYTEST_BENCHMARK
from benchmarks.results import Row, rows_of

# The side of a test, by its first parameter.
SIDES = {
    "c": "forebay",
    "python": "forebay, pure",
    "bytearray": "bytearray",
    "deque": "deque",
    "bytesio": "BytesIO",
}

# The side of a test without such a parameter whose name has one of these words; all others are forebay's.
PYTHON = "Python"
PYTHON_WORDS = {"bytearray", "bytesio", "deque", "asyncio", "plain", "cp", "shutil", "executor"}


def files() -> dict[str, Path]:
    """The files by what they are about."""
    return {path.stem.removeprefix("test_bench_"): path for path in sorted(HERE.glob("test_bench_*.py"))}


def command(path: Path, options: argparse.Namespace, stored: Path) -> list[str]:
    return [
        *[sys.executable, "-m", "pytest", str(path), "-q", "-p", "no:cacheprovider"],
        *[f"--benchmark-json={stored}", f"--benchmark-min-rounds={options.rounds}"],
        *[f"--benchmark-max-time={options.seconds}", "--benchmark-warmup=off"],
        *([f"--basetemp={Path(options.dir) / 'operations'}"] if options.dir else []),
    ]


def run_file(path: Path, options: argparse.Namespace) -> list[dict[str, Any]]:
    """What pytest-benchmark stored of one file."""
    with tempfile.TemporaryDirectory(prefix="forebay-bench-") as folder:
        stored = Path(folder, "results.json")
        try:
            done = subprocess.run(
                command(path, options, stored),
                cwd=ROOT,
                env=child_environment(),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=options.timeout,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise ProgramFailed(f"{path.name}: not done after {options.timeout:g} s") from None
        if not stored.exists() or not stored.stat().st_size:
            raise ProgramFailed(
                f"{path.name}: exit status {done.returncode}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
            )
        found: list[dict[str, Any]] = json.loads(stored.read_text())["benchmarks"]
        return found


def case_and_side(file: str, name: str) -> tuple[str, str]:
    """What a test measures, from its name and its parameters: the case, and whose side it is."""
    test, _, parameters = name.removesuffix("]").partition("[")
    function = test.removeprefix("test_").removeprefix("bench_")
    first, *rest = parameters.split("-")
    if first in SIDES:
        return " ".join([f"{file}: {function}", *rest]), SIDES[first]
    side = PYTHON if PYTHON_WORDS & set(function.split("_")) else "forebay"
    return " ".join(filter(None, [f"{file}: {function}", parameters])), side


def rows_from(file: str, stored: Sequence[dict[str, Any]]) -> list[Row]:
    """Microseconds of an operation: the quartiles and the median, as single rounds can be disturbed without limit."""
    cases: dict[str, dict[str, Sample]] = {}
    for each in stored:
        case, side = case_and_side(file, each["name"])
        values = tuple(each["stats"][name] * 1e6 for name in ("q1", "median", "q3"))
        cases.setdefault(case, {})[side] = Sample(values)
    beside = dict.fromkeys(SIDES.values(), "forebay")
    # Ours beside itself is no comparison.
    del beside["forebay, pure"]
    return [
        row
        for case, samples in cases.items()
        for row in rows_of(case, "us", samples, lower_is_better=True, beside=beside)
    ]


def measure(options: argparse.Namespace, chosen: Sequence[str]) -> Measured:
    rows: list[Row] = []
    failures: list[str] = []
    for case in chosen:
        try:
            rows += rows_from(case, run_file(files()[case], options))
        except ProgramFailed as error:
            failures.append(str(error))
    return Measured(rows, failures)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seconds", type=float, default=1.0, help="of each operation (default 1)")


COMPARISON = Comparison(
    name="operations",
    about="single operations of rings, queues, files and streams, by pytest-benchmark",
    takes="5 minutes",
    peers=(PYTEST_BENCHMARK,),
    needs=(PYTEST_BENCHMARK,),
    cases=lambda: list(files()),
    measure=measure,
    add_options=add_options,
    quick={"seconds": 0.001},
)

if __name__ == "__main__":
    COMPARISON.main()
