"""The command ``forebay copy`` beside ``cp``: ``python -m benchmarks.versus_cp``.

Whole processes, their start included, by turns. Everything that is read is in the page cache. Targets are new each time, and are
removed after the last round: a file system may be slow where files were just removed. Every copy is compared with its source.
"""

from __future__ import annotations

import argparse
import filecmp
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.comparison import Comparison, Measured
from benchmarks.copying import make_source
from benchmarks.pairing import ProgramFailed, Sample, child_environment, turns
from benchmarks.peers import CP
from benchmarks.report import progress
from benchmarks.results import Row, rows_of
from forebay.cli.output.units import parse_size

OURS = "forebay copy"
THEIRS = "cp"

Command = Callable[[str, str], list[str]]

FOREBAY = [sys.executable, "-m", "forebay", "copy", "--quiet"]


def shell(script: str) -> Command:
    return lambda source, dest: ["sh", "-c", script, source, dest]


#: The commands of each case, forebay's first. A name that begins with "a tree" copies the tree.
CASES: dict[str, tuple[Command, Command]] = {
    "a tree of small files": (
        lambda source, dest: [*FOREBAY, "-r", source, dest],
        lambda source, dest: ["cp", "-r", source, dest],
    ),
    "a tree of small files, in place": (
        lambda source, dest: [*FOREBAY, "-r", "--no-atomic", source, dest],
        lambda source, dest: ["cp", "-r", source, dest],
    ),
    "a large file": (
        lambda source, dest: [*FOREBAY, "--no-atomic", source, dest],
        lambda source, dest: ["cp", source, dest],
    ),
    "a large file, synced and renamed": (
        lambda source, dest: [*FOREBAY, source, dest],
        shell('cp "$0" "$1.new" && sync "$1.new" && mv "$1.new" "$1"'),
    ),
}


def make_tree(root: Path, files: int) -> None:
    """Make files of 1 to 5 KB, a hundred in each folder, which are then in the page cache."""
    for i in range(files):
        folder = root / f"{i // 100:04}"
        if i % 100 == 0:
            folder.mkdir(parents=True)
        (folder / f"{i % 100:02}").write_bytes(os.urandom(1000 + i * 37 % 4000))


def same(source: Path, dest: Path) -> bool:
    if source.is_file():
        return filecmp.cmp(source, dest, shallow=False)
    names = sorted(path.relative_to(source) for path in source.rglob("*"))
    return names == sorted(path.relative_to(dest) for path in dest.rglob("*")) and all(
        filecmp.cmp(source / name, dest / name, shallow=False) for name in names if (source / name).is_file()
    )


def run(command: Sequence[str], timeout: float) -> float:
    """Return the seconds that a command takes."""
    began = time.perf_counter()
    done = subprocess.run(
        command,
        env=child_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    seconds = time.perf_counter() - began
    if done.returncode != 0:
        raise ProgramFailed(f"{' '.join(command)}: exit status {done.returncode}: {done.stderr}")
    return seconds


def measure_case(name: str, source: Path, options: argparse.Namespace) -> list[Row]:
    """The seconds of both commands, round after round."""
    sides = dict(zip((OURS, THEIRS), CASES[name], strict=True))
    seconds: dict[str, list[float]] = {side: [] for side in sides}
    with tempfile.TemporaryDirectory(prefix="copies-", dir=source.parent) as folder:
        for number, side in enumerate(turns(sides, options.rounds)):
            dest = Path(folder, str(number))
            seconds[side].append(run(sides[side](str(source), str(dest)), options.timeout))
            if not same(source, dest):
                raise ProgramFailed(f"{name}: the copy by {side} differs")
            if source.is_file():
                dest.unlink()
    samples = {side: Sample(tuple(values)) for side, values in seconds.items()}
    return rows_of(name, "s", samples, lower_is_better=True, beside={THEIRS: OURS})


def measure(options: argparse.Namespace, chosen: Sequence[str]) -> Measured:
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="forebay-bench-", dir=options.dir) as name:
        tree, file = Path(name, "tree"), Path(name, "file")
        if any(case.startswith("a tree") for case in chosen):
            make_tree(tree, options.files)
        if any(not case.startswith("a tree") for case in chosen):
            make_source(file, options.size)
        for case in chosen:
            rows += measure_case(case, tree if case.startswith("a tree") else file, options)
            progress(case)
    return Measured(rows)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--files", type=int, default=10_000, help="files of the tree (default 10,000)")
    parser.add_argument(
        "--size", type=parse_size, default=parse_size("1GiB"), help="size of the file (default 1GiB)"
    )


COMPARISON = Comparison(
    name="versus_cp",
    about="the command beside cp: a tree of small files, and a large file, also synced and renamed",
    takes="2 minutes",
    peers=(CP,),
    needs=(CP,),
    cases=lambda: list(CASES),
    measure=measure,
    add_options=add_options,
    quick={"files": 150, "size": 100_000},
    rounds=5,
)

if __name__ == "__main__":
    COMPARISON.main()
