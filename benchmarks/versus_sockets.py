"""forebay's sockets beside C, Node and asyncio: ``python -m benchmarks.versus_sockets``.

A C program, compiled on the spot, is the peer of all of them: it sends, receives, and holds connections. On the loopback
the sender's gain is the receiver's cost, so beside the rate stands the CPU time of the measured process alone. All
programs of a case take turns, each run is a process of its own.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.comparison import Comparison, Measured, positive
from benchmarks.compiling import compile_c
from benchmarks.copying import MIB, make_source
from benchmarks.pairing import ROOT, ProgramFailed, Sample, child_environment, run_once, turns
from benchmarks.peers import ASYNCIO, C_COMPILER, NODE, UVLOOP
from benchmarks.report import figure, progress
from benchmarks.results import Row, rows_of
from forebay.cli.output.units import parse_size

NODE_PROGRAMS = ROOT / "benchmarks" / "node" / "main.js"
LOOPS = ("asyncio", *(["uvloop"] if UVLOOP.is_there else []))

# Side by side where both are there: forebay with Node, with C or with asyncio's streams.
ASYNCIO_SIDE = "asyncio streams"

Command = list[str]
Results = dict[str, list[dict[str, Any]]]


class Peers:
    """The C program, and how it is used."""

    def __init__(self, program: str) -> None:
        self.program = program

    def command(self, *arguments: object) -> Command:
        return [self.program, *map(str, arguments)]

    @contextmanager
    def running(self, command: Command, timeout: float, **options: Any) -> Iterator[subprocess.Popen[str]]:
        """A process that is gone when the block is left."""
        process = subprocess.Popen(
            command,
            env=child_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )
        try:
            yield process
            said, errors = process.communicate(timeout=timeout)
            if process.returncode != 0:
                raise ProgramFailed(f"{' '.join(command)}: exit status {process.returncode}: {errors}")
            process.said = said  # type: ignore[attr-defined]
        finally:
            process.kill()
            process.communicate()


def port_of(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line.strip().isdigit():
        assert process.stderr is not None
        raise ProgramFailed(f"{process.args!r}: no port but {line!r} {process.stderr.read()}")
    return int(line)


def last_line(process: Any) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(process.said.splitlines()[-1])
    return result


class Bench:
    """The measured programs, as commands."""

    def __init__(self, options: argparse.Namespace, peers: Peers) -> None:
        self.peers = peers
        self.timeout = options.timeout
        self.node = shutil.which(options.node or "node")

    def python(self, name: str, loop: str, **parameters: object) -> Command:
        pairs = [f"{key}={value}" for key, value in parameters.items()]
        return [sys.executable, "-m", "benchmarks.programs", name, f"loop={loop}", *pairs]

    def sides(self, name: str, looked: bool = False, **parameters: object) -> dict[str, Command]:
        every = {f"forebay, {loop}": self.python(name, loop, **parameters) for loop in LOOPS}
        if looked:
            every["forebay, asyncio, a listener sees the bytes"] = self.python(
                name, "asyncio", look="yes", **parameters
            )
        if self.node:
            pairs = [f"{key}={value}" for key, value in parameters.items()]
            every["Node"] = [self.node, str(NODE_PROGRAMS), name, *pairs]
        every[ASYNCIO_SIDE] = self.python(f"asyncio:{name}", "asyncio", **parameters)
        return every

    def proxied(self, command: Callable[[int], Command], size: int) -> dict[str, Any]:
        """Bytes from C's sender through the program to C's sink."""
        with (
            self.peers.running(self.peers.command("sink"), self.timeout) as sink,
            self.peers.running(command(port_of(sink)), self.timeout) as proxy,
        ):
            run_to_end(self.peers.command("send", port_of(proxy), size), self.timeout)
        return last_line(proxy)

    def drained(self, command: Command) -> dict[str, Any]:
        """What the program sends, received by C."""
        with self.peers.running(command, self.timeout) as server:
            run_to_end(self.peers.command("drain", port_of(server)), self.timeout)
        return last_line(server)

    def held(self, command: Command, count: int) -> dict[str, Any]:
        """The program with so many connections of C's."""
        with self.peers.running(command, self.timeout) as server:
            holding = subprocess.Popen(
                self.peers.command("hold", port_of(server), count), stdin=subprocess.PIPE
            )
            try:
                said, errors = server.communicate(timeout=self.timeout)
                if server.returncode != 0:
                    raise ProgramFailed(f"{' '.join(command)}: {errors}")
            finally:
                holding.communicate()
        return dict(json.loads(said.splitlines()[-1]))


def run_to_end(command: Command, timeout: float) -> None:
    # Standard input is nobody's: an empty one would let a peer go too early.
    done = subprocess.run(command, timeout=timeout, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise ProgramFailed(f"{' '.join(command)}: exit status {done.returncode}: {done.stderr}")


def run_all(sides: dict[str, Callable[[], dict[str, Any]]], rounds: int, unit: str) -> Results:
    """Run every side by turns."""
    results: Results = {name: [] for name in sides}
    for name in turns(sides, rounds):
        result = sides[name]()
        results[name].append(result)
        progress(f"{figure(result['rate']):>8} {unit}  {name}")
    return results


def cpu_seconds(results: Sequence[dict[str, Any]]) -> Sample | None:
    """CPU seconds of the measured process for each GB (GiB where the rate is in MiB), if all runs have sizes."""
    sizes = [result["rate"] * result.get("seconds", 0.0) for result in results]
    if not all(sizes):
        return None
    spent = (result["cpu_seconds"] for result in results)
    return Sample(tuple(cpu * 1000 / size for cpu, size in zip(spent, sizes, strict=True)))


def rows(case: str, unit: str, results: Results, against: str, *, lower_is_better: bool = False) -> list[Row]:
    """Rates, and CPU time where there is some: forebay's sides beside ``against``, asyncio's streams beside forebay."""
    beside = {side: against for side in results if side.startswith("forebay")}
    beside |= dict.fromkeys({ASYNCIO_SIDE, "Node"} - {against}, "forebay, asyncio")
    rates = {side: Sample.of(each) for side, each in results.items()}
    found = rows_of(case, unit, rates, beside=beside, lower_is_better=lower_is_better)
    cpu = {side: sample for side, each in results.items() if (sample := cpu_seconds(each)) is not None}
    return found + rows_of(case, "CPU s/GB", cpu, beside=beside, lower_is_better=True)


class Cases:
    """The cases, by the name of each."""

    def __init__(self, bench: Bench, options: argparse.Namespace, directory: Path) -> None:
        self.bench = bench
        self.options = options
        self.directory = directory

    def pipe(self, case: str, length: int) -> list[Row]:
        def once(command: Command) -> Callable[[], dict[str, Any]]:
            return lambda: run_once(command, self.options.timeout)

        sides = self.bench.sides("net-pipe", len=length, seconds=self.options.seconds)
        results = run_all(
            {side: once(command) for side, command in sides.items()}, self.options.rounds, "MiB/s"
        )
        return rows(case, "MiB/s", results, "Node")

    def proxy_command(self, side: str, port: int) -> Command:
        return self.bench.sides("net-proxy", looked=True, port=port)[side]

    def proxy(self, case: str) -> list[Row]:
        bench, size = self.bench, self.options.size

        def proxied(command: Callable[[int], Command]) -> Callable[[], dict[str, Any]]:
            return lambda: bench.proxied(command, size)

        sides = {
            "C splice": proxied(lambda port: bench.peers.command("splice", port)),
            "C recv and send": proxied(lambda port: bench.peers.command("copy", port)),
        }
        for side in bench.sides("net-proxy", looked=True, port=0):
            sides[side] = proxied(partial(self.proxy_command, side))
        return rows(case, "MB/s", run_all(sides, self.options.rounds, "MB/s"), "C splice")

    def file(self, case: str) -> list[Row]:
        source = self.directory / "source"
        make_source(source, self.options.size)

        def served(command: Command) -> Callable[[], dict[str, Any]]:
            return lambda: self.bench.drained(command)

        sides = {
            "C sendfile": served(self.bench.peers.command("sendfile", source)),
            "C read and send": served(self.bench.peers.command("readsend", source)),
        }
        for side, command in self.bench.sides("net-send-file", looked=True, source=source).items():
            sides[side] = served(command)
        return rows(case, "MB/s", run_all(sides, self.options.rounds, "MB/s"), "C sendfile")

    def idle(self, case: str) -> list[Row]:
        count = self.options.connections

        def held(loop: str) -> Callable[[], dict[str, Any]]:
            return lambda: self.bench.held(self.bench.python("net-idle", loop, n=count), count)

        results = run_all({f"forebay, {loop}": held(loop) for loop in LOOPS}, 1, "bytes")
        return rows(case, "bytes", results, "", lower_is_better=True)


CASES: dict[str, Callable[[Cases, str], list[Row]]] = {
    "pipe: net-pipe, chunks of 65536": lambda cases, case: cases.pipe(case, 65536),
    "pipe: net-pipe, chunks of 1024": lambda cases, case: cases.pipe(case, 1024),
    "proxy": Cases.proxy,
    "file to socket": Cases.file,
    "idle connections, each": Cases.idle,
}


def measure(options: argparse.Namespace, chosen: Sequence[str]) -> Measured:
    with tempfile.TemporaryDirectory(prefix="forebay-bench-", dir=options.dir) as name:
        directory = Path(name)
        program, versions = compile_c("sockets.c", options.cc, directory)
        cases = Cases(Bench(options, Peers(program)), options, directory)
        found = [row for case in chosen for row in CASES[case](cases, case)]
    return Measured(found, versions=versions)


def add_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--seconds", type=float, default=3.0, help="seconds of a run of net-pipe (default 3)")
    add("--size", type=parse_size, default=parse_size("1GiB"), help="bytes of a transfer (default 1GiB)")
    add("--connections", type=positive, default=5000, help="idle connections (default 5000)")
    add("--node", metavar="PROGRAM", help="the Node to compare with (default: on the PATH, or none)")
    add("--cc", metavar="PROGRAM", help="the C compiler (default: $CC, cc, gcc or clang)")


COMPARISON = Comparison(
    name="versus_sockets",
    about="TCP echo, proxy, file to socket and idle connections, beside C, Node and asyncio's streams",
    takes="10 minutes",
    peers=(C_COMPILER, NODE, ASYNCIO, UVLOOP),
    needs=(C_COMPILER,),
    cases=lambda: list(CASES),
    measure=measure,
    add_options=add_options,
    quick={"seconds": 0.2, "size": MIB, "connections": 20},
)

if __name__ == "__main__":
    COMPARISON.main()
