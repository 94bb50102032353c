"""Copying a file with forebay beside C loops and ``cp``: ``python -m benchmarks.versus_kernel``.

The C program is compiled on the spot. Loops carry their own clock, from the first open to the last close, and so does
forebay's ``pipe()``; commands are timed as whole processes. All copy one file that is in the page cache to a file that
does not exist yet, by turns, and every copy is compared with its source.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.comparison import Comparison, Measured
from benchmarks.compiling import compile_c
from benchmarks.copying import MIB, check_and_remove, make_source
from benchmarks.pairing import ProgramFailed, Sample, child_environment, run_once, turns
from benchmarks.peers import C_COMPILER, CP
from benchmarks.report import figure, progress
from benchmarks.results import Row, rows_of
from forebay.cli.output.units import parse_size, size_text

LOOP = "C loop"
STREAM = "forebay"
COMMAND = "whole process"

CP_COMMAND = "cp"
OUR_COMMAND = "forebay copy --no-atomic"

# (method, bytes of a call)
C_LOOPS = [
    ("read_write", 64 * 1024),
    ("read_write", MIB),
    ("sendfile", MIB),
    ("sendfile", 1024 * MIB),
    ("splice", 64 * 1024),
    ("splice", 256 * 1024),
    ("splice", MIB),
    ("copy_file_range", MIB),
    ("copy_file_range", 1024 * MIB),
]


@dataclass(frozen=True)
class Way:
    """One way to copy: what it is, how it is started, and whether it tells its own times."""

    name: str
    kind: str
    command: Callable[[Path, Path], list[str]]


def ways(program: str, loop: str) -> list[Way]:
    """All ways; ``program`` is the compiled one of the C loops."""

    def c_loop(method: str, block: int) -> Way:
        def command(source: Path, dest: Path) -> list[str]:
            return [program, method, str(source), str(dest), str(block)]

        return Way(f"{method} {size_text(block)}", LOOP, command)

    def stream(name: str, *options: str) -> Way:
        def command(source: Path, dest: Path) -> list[str]:
            files = [f"source={source}", f"dest={dest}"]
            return [
                sys.executable,
                "-m",
                "benchmarks.programs",
                "file-copy",
                *files,
                *options,
                f"loop={loop}",
            ]

        return Way(name, STREAM, command)

    every = [
        *(c_loop(method, block) for method, block in C_LOOPS if method == "read_write" or is_linux()),
        stream("forebay pipe()"),
        stream("forebay pipe(), a listener sees the bytes", "look=yes"),
    ]
    if shutil.which("cp"):
        every.append(Way(CP_COMMAND, COMMAND, lambda source, dest: ["cp", str(source), str(dest)]))
    forebay_copy = [sys.executable, "-m", "forebay", "copy", "--quiet", "--no-atomic"]
    every.append(
        Way(
            OUR_COMMAND,
            COMMAND,
            lambda source, dest: [*forebay_copy, str(source), str(dest)],
        )
    )
    return every


def is_linux() -> bool:
    return sys.platform.startswith("linux")


def run_process(command: Sequence[str], size: int) -> dict[str, Any]:
    """Run a command and say what it took as a process, its start included."""
    began = time.perf_counter()
    process = subprocess.Popen(
        command, env=child_environment(), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stderr.close()
    if process.returncode != 0:
        raise ProgramFailed(f"{' '.join(command)}: exit status {process.returncode}: {said.decode()}")
    return {
        "seconds": seconds,
        "rate": size / seconds / 1e6,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
    }


def run_all(
    every: Sequence[Way], options: argparse.Namespace, directory: Path
) -> dict[str, list[dict[str, Any]]]:
    """Copy by each way, round after round, and check every copy."""
    source, dest = directory / "source", directory / "dest"
    make_source(source, options.size)
    results: dict[str, list[dict[str, Any]]] = {way.name: [] for way in every}
    for way in turns(every, options.rounds):
        command = way.command(source, dest)
        result = (
            run_process(command, options.size) if way.kind == COMMAND else run_once(command, options.timeout)
        )
        check_and_remove(source, dest, way.name)
        results[way.name].append(result)
        progress(f"{figure(result['rate']):>7} MB/s  {way.name}")
    return results


def pairs(every: Sequence[Way], rates: dict[str, Sample]) -> dict[str, str]:
    """forebay's streams beside the fastest C loop, and its command beside cp."""
    loops = [way.name for way in every if way.kind == LOOP]
    beside = {OUR_COMMAND: CP_COMMAND}
    if loops:
        fastest = max(loops, key=lambda name: rates[name].median)
        beside |= {way.name: fastest for way in every if way.kind == STREAM}
    return beside


def measure(options: argparse.Namespace, chosen: Sequence[str]) -> Measured:
    with tempfile.TemporaryDirectory(prefix="forebay-bench-", dir=options.dir) as name:
        directory = Path(name)
        program, versions = compile_c("copy.c", options.cc, directory)
        every = [way for way in ways(program, options.loop) if way.name in chosen]
        results = run_all(every, options, directory)
    rates = {name: Sample.of(each) for name, each in results.items()}
    cpu = {
        name: Sample(tuple(result["cpu_seconds"] * 1e9 / options.size for result in each))
        for name, each in results.items()
    }
    beside = pairs(every, rates)
    case = "a file copied"
    rows: list[Row] = rows_of(case, "MB/s", rates, beside=beside)
    rows += rows_of(case, "CPU s/GB", cpu, lower_is_better=True, beside=beside)
    return Measured(rows, versions=versions)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--size", type=parse_size, default=parse_size("1GiB"), help="size of the file (default 1GiB)"
    )
    parser.add_argument("--cc", metavar="PROGRAM", help="the C compiler (default: $CC, cc, gcc or clang)")
    parser.add_argument("--loop", choices=("asyncio", "uvloop"), default="asyncio", help="forebay's loop")


COMPARISON = Comparison(
    name="versus_kernel",
    about="a file copied, beside C loops over read, sendfile, splice and copy_file_range, and cp",
    takes="5 minutes",
    peers=(C_COMPILER, CP),
    needs=(C_COMPILER,),
    cases=lambda: [way.name for way in ways("", "asyncio")],
    measure=measure,
    add_options=add_options,
    quick={"size": 100_000},
)

if __name__ == "__main__":
    COMPARISON.main()
