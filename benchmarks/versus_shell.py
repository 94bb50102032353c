"""Programs in a pipeline beside the pipes of a shell: ``python -m benchmarks.versus_shell``.

Both sides start the same programs, by turns, on a file that is in the page cache. One Python process makes all the pipelines; the
start of the programs and of the shell is measured, and that of Python is not.
"""

from __future__ import annotations

import argparse
import asyncio
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from benchmarks.comparison import Comparison, Measured
from benchmarks.copying import make_source
from benchmarks.pairing import Sample, turns
from benchmarks.peers import Peer, program_version
from benchmarks.report import progress
from benchmarks.results import Row, rows_of
from forebay import Writable, create_read_stream, create_write_stream, pipeline
from forebay.cli.output.units import parse_size
from forebay.process import spawn, through

OURS = "forebay"
THEIRS = "the shell"


def _drop(chunk: bytes) -> None:
    pass


async def program_to_python(path: str) -> None:
    await pipeline(spawn("cat", path).stdout, Writable(write=_drop))


async def file_to_program_to_python(path: str) -> None:
    await pipeline(create_read_stream(path), through("cat"), Writable(write=_drop))


async def file_to_program_to_nothing(path: str) -> None:
    await pipeline(create_read_stream(path), through("cat"), create_write_stream("/dev/null"))


async def program_to_program(path: str) -> None:
    await pipeline(spawn("cat", path).stdout, through("cat"), create_write_stream("/dev/null"))


#: The pipelines, each with the script that does the same.
CASES: dict[str, tuple[Callable[[str], Coroutine[Any, Any, None]], str]] = {
    "cat to Python": (program_to_python, "cat {} | cat > /dev/null"),
    "file to cat to Python": (file_to_program_to_python, "cat {} | cat > /dev/null"),
    "file to cat to nothing": (file_to_program_to_nothing, "cat {} | cat > /dev/null"),
    "cat to cat to nothing": (program_to_program, "cat {} | cat | cat > /dev/null"),
}


def measure_case(name: str, source: Path, options: argparse.Namespace) -> list[Row]:
    """The throughput of both sides, round after round."""
    flow, script = CASES[name]
    speeds: dict[str, list[float]] = {OURS: [], THEIRS: []}
    for side in turns(speeds, options.rounds):
        began = time.perf_counter()
        if side == OURS:
            asyncio.run(flow(str(source)))
        else:
            subprocess.run(
                ["sh", "-c", script.format(shlex.quote(str(source)))], check=True, timeout=options.timeout
            )
        speeds[side].append(options.size / (time.perf_counter() - began) / 1e6)
    samples = {side: Sample(tuple(values)) for side, values in speeds.items()}
    return rows_of(name, "MB/s", samples, lower_is_better=False, beside={THEIRS: OURS})


def measure(options: argparse.Namespace, chosen: Sequence[str]) -> Measured:
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="forebay-bench-", dir=options.dir) as name:
        file = Path(name, "file")
        make_source(file, options.size)
        for case in chosen:
            rows += measure_case(case, file, options)
            progress(case)
    return Measured(rows)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--size", type=parse_size, default=parse_size("1GiB"), help="size of the file (default 1GiB)"
    )


CAT = Peer("cat", lambda: program_version("cat", "--version") if shutil.which("cat") else None, "coreutils")

COMPARISON = Comparison(
    name="versus_shell",
    about="programs in a pipeline beside the pipes of a shell",
    takes="1 minute",
    peers=(CAT,),
    needs=(CAT,),
    cases=lambda: list(CASES),
    measure=measure,
    add_options=add_options,
    quick={"size": 100_000},
    rounds=5,
)

if __name__ == "__main__":
    COMPARISON.main()
