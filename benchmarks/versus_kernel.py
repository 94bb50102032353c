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

from benchmarks.copying import MIB, check_and_remove, make_source
from benchmarks.pairing import ROOT, ProgramFailed, Sample, child_environment, run_once, turns
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
from forebay.cli.output.units import parse_size, size_text

C_SOURCE = ROOT / "benchmarks" / "c" / "copy.c"

LOOP = "C loop"
STREAM = "forebay"
COMMAND = "whole process"

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


def compile_copy(compiler: str, directory: Path) -> Path:
    program = directory / "copy"
    done = subprocess.run(
        [compiler, "-O2", "-std=gnu11", "-o", str(program), str(C_SOURCE)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise SystemExit(f"{compiler} cannot compile {C_SOURCE}:\n{done.stderr}")
    return program


def find_compiler(given: str | None) -> str:
    for name in [given] if given else [os.environ.get("CC", "cc"), "gcc", "clang"]:
        found = shutil.which(name)
        if found:
            return found
    raise SystemExit("the comparison needs a C compiler, and there is no cc, gcc or clang; name one by --cc")


def ways(program: Path, loop: str) -> list[Way]:
    def c_loop(method: str, block: int) -> Way:
        def command(source: Path, dest: Path) -> list[str]:
            return [str(program), method, str(source), str(dest), str(block)]

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
        every.append(Way("cp", COMMAND, lambda source, dest: ["cp", str(source), str(dest)]))
    forebay_copy = [sys.executable, "-m", "forebay", "copy", "--quiet", "--no-atomic"]
    every.append(
        Way(
            "forebay copy --no-atomic",
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


@dataclass(frozen=True)
class Row:
    way: Way
    megabytes_per_second: Sample
    cpu_seconds_per_gigabyte: Sample

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.way.name,
            "kind": self.way.kind,
            "megabytes_per_second": self.megabytes_per_second.as_json(),
            "cpu_seconds_per_gigabyte": self.cpu_seconds_per_gigabyte.as_json(),
        }


def measure(every: Sequence[Way], rounds: int, size: int, directory: Path, timeout: float) -> list[Row]:
    source, dest = directory / "source", directory / "dest"
    make_source(source, size)
    results: dict[str, list[dict[str, Any]]] = {way.name: [] for way in every}
    for way in turns(every, rounds):
        command = way.command(source, dest)
        result = run_process(command, size) if way.kind == COMMAND else run_once(command, timeout)
        check_and_remove(source, dest, way.name)
        results[way.name].append(result)
        progress(f"{figure(result['rate']):>7} MB/s  {way.name}")
    return [
        Row(
            way,
            Sample.of(results[way.name]),
            Sample(tuple(result["cpu_seconds"] * 1e9 / size for result in results[way.name])),
        )
        for way in every
    ]


def comparisons(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """forebay against the fastest C loop, and its command against cp: ratios of throughput and of CPU time."""
    fastest = max(
        (row for row in rows if row.way.kind == LOOP), key=lambda row: row.megabytes_per_second.median
    )
    named = {row.way.name: row for row in rows}
    pairs = [(row, fastest) for row in rows if row.way.kind == STREAM]
    if "cp" in named:
        pairs.append((named["forebay copy --no-atomic"], named["cp"]))
    return [
        {
            "name": row.way.name,
            "against": other.way.name,
            "throughput": row.megabytes_per_second.over(other.megabytes_per_second).as_json(),
            "cpu_seconds_per_gigabyte": row.cpu_seconds_per_gigabyte.over(
                other.cpu_seconds_per_gigabyte
            ).as_json(),
        }
        for row, other in pairs
    ]


def report_text(rows: Sequence[Row], compared: Sequence[dict[str, Any]]) -> str:
    def cells(sample: Sample) -> list[str]:
        return [figure(sample.median), spread(sample)]

    lines = [
        [
            row.way.name,
            row.way.kind,
            *cells(row.megabytes_per_second),
            *cells(row.cpu_seconds_per_gigabyte),
        ]
        for row in rows
    ]
    head = ["way", "kind", "MB/s", "min-max", "CPU s/GB", "min-max"]
    ratios = [
        [
            f"{each['name']} / {each['against']}",
            f"{each['throughput']['median']:.2f}",
            f"{each['cpu_seconds_per_gigabyte']['median']:.2f}",
        ]
        for each in compared
    ]
    return f"{table(head, lines)}\n\n{table(['ratio', 'MB/s', 'CPU s/GB'], ratios)}"


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.versus_kernel", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="copies by each way (default 5)")
    parser.add_argument(
        "--size", type=parse_size, default=parse_size("1GiB"), help="size of the file (default 1GiB)"
    )
    parser.add_argument(
        "--dir", help="where the files are made, two of --size (default: the temporary directory)"
    )
    parser.add_argument("--cc", metavar="PROGRAM", help="the C compiler (default: $CC, cc, gcc or clang)")
    parser.add_argument("--loop", choices=("asyncio", "uvloop"), default="asyncio", help="forebay's loop")
    parser.add_argument("--json", metavar="FILE", help="store all results")
    parser.add_argument("--plot", metavar="FILE", help="draw them (.png or .svg; needs matplotlib)")
    parser.add_argument("--timeout", type=float, default=600, help="seconds that one copy may take")
    options = parser.parse_args(arguments)
    if options.rounds < 1:
        parser.error("--rounds must be 1 or more")
    if options.size < 1:
        parser.error("--size must be 1 or more")
    return options


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    if options.plot:
        load_pyplot()
    compiler = find_compiler(options.cc)
    with tempfile.TemporaryDirectory(prefix="forebay-bench-", dir=options.dir) as name:
        directory = Path(name)
        every = ways(compile_copy(compiler, directory), options.loop)
        rows = measure(every, options.rounds, options.size, directory, options.timeout)
    compared = comparisons(rows)
    about = machine() | {"loop": options.loop}
    print(
        f"forebay {about['forebay']} ({about['backend']} backend, {options.loop}), Python {about['python']}; "
        f"a file of {options.size / 1e6:,.0f} MB, medians of {options.rounds} rounds\n"
    )
    print(report_text(rows, compared))
    if options.json:
        write_json(
            options.json,
            {
                "machine": about,
                "rounds": options.rounds,
                "size": options.size,
                "rows": [row.as_json() for row in rows],
                "ratios": compared,
            },
        )
    if options.plot:
        plot_bars(
            options.plot,
            f"Copying a file of {options.size / 1e6:,.0f} MB",
            "MB/s (medians; lines from least to greatest)",
            [
                (row.way.name, row.megabytes_per_second, THEIRS if "forebay" not in row.way.name else OURS)
                for row in rows
            ],
            log=False,
        )


if __name__ == "__main__":
    try:
        main()
    except ProgramFailed as error:
        sys.exit(str(error))
