"""forebay's sockets beside C, Node and asyncio: ``python -m benchmarks.versus_sockets``.

A C program, compiled on the spot, is the peer of all of them: it sends, receives, and holds connections. On the loopback
the sender's gain is the receiver's cost, so beside the rate stands the CPU time of the measured process alone. All
programs of a table take turns, each run is a process of its own.
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
from pathlib import Path
from typing import Any

from benchmarks.copying import make_source
from benchmarks.pairing import ROOT, ProgramFailed, Sample, child_environment, run_once, turns
from benchmarks.report import figure, machine, progress, spread, table, write_json
from benchmarks.versus_kernel import find_compiler
from forebay.cli.output.units import parse_size

C_SOURCE = ROOT / "benchmarks" / "c" / "sockets.c"
NODE_PROGRAMS = ROOT / "benchmarks" / "node" / "main.js"
PARTS = ("pipe", "proxy", "file", "idle")

Command = list[str]
Results = dict[str, list[dict[str, Any]]]


class Peers:
    """The C program, and how it is used."""

    def __init__(self, compiler: str, directory: Path) -> None:
        self.program = str(directory / "sockets")
        done = subprocess.run(
            [compiler, "-O2", "-std=gnu11", "-o", self.program, str(C_SOURCE)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise SystemExit(f"{compiler} cannot compile {C_SOURCE}:\n{done.stderr}")

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
        raise ProgramFailed(f"{process.args}: no port but {line!r} {process.stderr.read()}")
    return int(line)


def last_line(process: Any) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(process.said.splitlines()[-1])
    return result


class Bench:
    """The measured programs, as commands."""

    def __init__(self, options: argparse.Namespace, peers: Peers) -> None:
        self.peers = peers
        self.timeout = options.timeout
        self.node = shutil.which(options.node)

    def python(self, name: str, loop: str, **parameters: object) -> Command:
        pairs = [f"{key}={value}" for key, value in parameters.items()]
        return [sys.executable, "-m", "benchmarks.programs", name, f"loop={loop}", *pairs]

    def sides(self, name: str, looked: bool = False, **parameters: object) -> dict[str, Command]:
        every = {f"forebay, {loop}": self.python(name, loop, **parameters) for loop in ("asyncio", "uvloop")}
        if looked:
            every["forebay, asyncio, a listener sees the bytes"] = self.python(
                name, "asyncio", look="yes", **parameters
            )
        if self.node:
            pairs = [f"{key}={value}" for key, value in parameters.items()]
            every["node"] = [self.node, str(NODE_PROGRAMS), name, *pairs]
        every["asyncio streams"] = self.python(f"asyncio:{name}", "asyncio", **parameters)
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


def measure(sides: dict[str, Callable[[], dict[str, Any]]], rounds: int, unit: str) -> Results:
    results: Results = {name: [] for name in sides}
    for name in turns(sides, rounds):
        result = sides[name]()
        results[name].append(result)
        progress(f"{figure(result['rate']):>8} {unit}  {name}")
    return results


def report(title: str, unit: str, results: Results, against: str | None) -> dict[str, Any]:
    rows = []
    base = results.get(against or "")
    stored: dict[str, Any] = {"title": title, "unit": unit, "against": against, "sides": {}}
    for name, each in results.items():
        rate = Sample.of(each)
        entry: dict[str, Any] = {"rate": rate.as_json()}
        row = [name, figure(rate.median), spread(rate)]
        sizes = [result["rate"] * result.get("seconds", 0.0) for result in each]
        if all(sizes):
            # CPU seconds for each GB (GiB where the rate is in MiB) of the measured process.
            cpu = Sample(tuple(r["cpu_seconds"] * 1000 / size for r, size in zip(each, sizes, strict=True)))
            entry["cpu_seconds_per_gigabyte"] = cpu.as_json()
            row += [f"{cpu.median:.3f}", spread(cpu)]
        else:
            row += ["", ""]
        if base is not None:
            ratio = rate.over(Sample.of(base))
            entry["ratio"] = ratio.as_json()
            row.append(f"{ratio.median:.2f}")
        rows.append(row)
        stored["sides"][name] = entry
    head = [title, unit, "min-max", "CPU s/GB", "min-max"]
    print(table([*head, f"/ {against}"] if base is not None else head, rows) + "\n")
    return stored


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.versus_sockets", description=__doc__)
    add = parser.add_argument
    add("--rounds", type=int, default=5, help="runs of each program (default 5)")
    add("--seconds", type=float, default=3.0, help="seconds of a run of net-pipe (default 3)")
    add("--size", type=parse_size, default=parse_size("1GiB"), help="bytes of a transfer (default 1GiB)")
    add("--connections", type=int, default=5000, help="idle connections (default 5000)")
    add("--only", choices=PARTS, action="append", help="this part; may be given more than once")
    add("--node", default="node", help="Node's program; it is left out where it is not there")
    add("--cc", metavar="PROGRAM", help="the C compiler (default: $CC, cc, gcc or clang)")
    add("--dir", help="where the file is made (default: the temporary directory)")
    add("--json", metavar="FILE", help="store all results")
    add("--timeout", type=float, default=300, help="seconds that one run may take")
    options = parser.parse_args(arguments)
    for name in ("rounds", "size", "connections"):
        if getattr(options, name) < 1:
            parser.error(f"--{name} must be 1 or more")
    return options


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    parts = options.only or PARTS
    compiler = find_compiler(options.cc)
    stored = []
    about = machine()
    print(f"forebay {about['forebay']} ({about['backend']} backend), Python {about['python']}, medians\n")
    with tempfile.TemporaryDirectory(prefix="forebay-bench-", dir=options.dir) as name:
        directory = Path(name)
        peers = Peers(compiler, directory)
        bench = Bench(options, peers)

        def once(command: Command) -> Callable[[], dict[str, Any]]:
            return lambda: run_once(command, options.timeout)

        if "pipe" in parts:
            for length in (65536, 1024):
                sides = {
                    side: once(command)
                    for side, command in bench.sides("net-pipe", len=length, seconds=options.seconds).items()
                }
                results = measure(sides, options.rounds, "MiB/s")
                stored.append(report(f"net-pipe, chunks of {length}", "MiB/s", results, "node"))
        if "proxy" in parts:

            def proxy(command: Callable[[int], Command]) -> Callable[[], dict[str, Any]]:
                return lambda: bench.proxied(command, options.size)

            proxies: dict[str, Callable[[], dict[str, Any]]] = {
                "C splice": proxy(lambda port: peers.command("splice", port)),
                "C recv and send": proxy(lambda port: peers.command("copy", port)),
            }
            for side in bench.sides("net-proxy", looked=True, port=0):
                proxies[side] = proxy(
                    lambda port, side=side: bench.sides("net-proxy", looked=True, port=port)[side]
                )
            results = measure(proxies, options.rounds, "MB/s")
            stored.append(report("proxy", "MB/s", results, "C splice"))
        if "file" in parts:
            source = directory / "source"
            make_source(source, options.size)

            def served(command: Command) -> Callable[[], dict[str, Any]]:
                return lambda: bench.drained(command)

            files = {
                "C sendfile": served(peers.command("sendfile", source)),
                "C read and send": served(peers.command("readsend", source)),
            }
            for side, command in bench.sides("net-send-file", looked=True, source=source).items():
                files[side] = served(command)
            results = measure(files, options.rounds, "MB/s")
            stored.append(report("file to socket", "MB/s", results, "C sendfile"))
        if "idle" in parts:
            idle = {
                f"forebay, {loop}": lambda loop=loop: bench.held(
                    bench.python("net-idle", loop, n=options.connections), options.connections
                )
                for loop in ("asyncio", "uvloop")
            }
            results = measure(idle, 1, "bytes")
            stored.append(report(f"each of {options.connections} connections", "bytes", results, None))
    if options.json:
        write_json(options.json, {"machine": about, "rounds": options.rounds, "parts": stored})


if __name__ == "__main__":
    try:
        main()
    except ProgramFailed as error:
        sys.exit(str(error))
