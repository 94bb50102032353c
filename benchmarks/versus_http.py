"""forebay's HTTP server beside uvicorn, granian, Node, aiohttp and nginx: ``python -m benchmarks.versus_http``.

``small``: keep-alive GETs of 1 KiB by wrk, in requests per second. ``file``: one large file to a client that only
receives, in MB/s. Beside each stands the CPU time of the server alone: on one machine a client that is busy costs the
server its time. All servers of a case take turns, round after round.
"""

from __future__ import annotations

import argparse
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.comparison import Comparison, Measured, positive
from benchmarks.copying import MIB, make_source
from benchmarks.pairing import ProgramFailed, Sample, child_environment, turns
from benchmarks.peers import AIOHTTP, GRANIAN, NGINX, NODE, UVICORN, UVLOOP, WRK, Peer
from benchmarks.report import figure, progress
from benchmarks.results import Row, rows_of

HOST = "127.0.0.1"
NODE_SERVER = (
    "require('http').createServer((q, r) => require('fs').createReadStream(process.argv[2]).pipe(r))"
    ".listen(+process.argv[1], '127.0.0.1', () => console.log('ready'))"
)
NGINX_CONFIG = (
    "daemon off; master_process off; pid {folder}/pid; error_log /dev/null; events {{}} http {{ access_log off; "
    "sendfile on; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f; "
    "uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s; server {{ listen 127.0.0.1:{port}; "
    "location / {{ root {root}; }} }} }}"
)

Result = tuple[float, float]


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind((HOST, 0))
        port: int = sock.getsockname()[1]
        return port


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Side:
    """One server of a case."""

    def __init__(self, name: str, loop: str, command: Callable[[int], list[str]], path: str = "/") -> None:
        self.name = f"{name} ({loop})" if loop else name
        self.server = name
        self.loop = loop
        self.command = command
        self.path = path

    @contextmanager
    def running(self) -> Iterator[tuple[int, int]]:
        """The server's pid and port; it is gone when the block is left."""
        port = free_port()
        process = subprocess.Popen(
            self.command(port), env=child_environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        try:
            for _ in range(1000):
                try:
                    socket.create_connection((HOST, port)).close()
                    break
                except ConnectionRefusedError:
                    if process.poll() is not None:
                        raise ProgramFailed(f"{self.name} does not start") from None
                    time.sleep(0.01)
            yield process.pid, port
        finally:
            process.kill()
            process.communicate()


def python_server(name: str, loop: str, path: str = "") -> Side:
    return Side(
        name,
        loop,
        lambda port: [sys.executable, "-m", "benchmarks.programs.http_server", name, loop, str(port), path],
    )


def by_wrk(seconds: int, connections: int) -> Callable[[int, int, str], Result]:
    """Requests per second, and microseconds of CPU for a request."""

    def measure(pid: int, port: int, path: str) -> Result:
        before = cpu_seconds(pid)
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}", f"http://{HOST}:{port}{path}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds + 30)
        if done.returncode != 0:
            raise ProgramFailed(f"{' '.join(command)}: exit status {done.returncode}: {done.stderr}")
        out = done.stdout
        if "Non-2xx" in out or "Socket errors" in out:
            raise ProgramFailed(out)
        requests = re.search(r"(\d+) requests in", out)
        rate = re.search(r"Requests/sec:\s+([\d.]+)", out)
        assert requests is not None
        assert rate is not None
        return float(rate[1]), (cpu_seconds(pid) - before) / int(requests[1]) * 1e6

    return measure


def by_receiving(size: int) -> Callable[[int, int, str], Result]:
    """MB/s, and seconds of CPU for a GB."""

    def measure(pid: int, port: int, path: str) -> Result:
        buffer = bytearray(256 * 1024)
        before = cpu_seconds(pid)
        began = time.perf_counter()
        received = 0
        with socket.create_connection((HOST, port)) as sock:
            sock.sendall(f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
            while count := sock.recv_into(buffer):
                received += count
        seconds = time.perf_counter() - began
        if received < size:
            raise ProgramFailed(f"{received} bytes came, and the file has {size}")
        return size / seconds / 1e6, (cpu_seconds(pid) - before) / size * 1e9

    return measure


def python_sides(servers: Mapping[str, Peer | None], loops: Sequence[str], path: str = "") -> list[Side]:
    """Each server on each loop, as far as both are installed."""
    return [
        python_server(name, loop, path)
        for loop in loops
        for name, peer in servers.items()
        if peer is None or peer.is_there
    ]


SMALL = {"forebay": None, "forebay, async": None, "uvicorn": UVICORN, "granian": GRANIAN}
FILE = {"forebay, send_file": None, "forebay, pipe": None, "aiohttp": AIOHTTP}


def file_sides(loops: Sequence[str], folder: Path, source: Path) -> list[Side]:
    sides = python_sides(FILE, loops, str(source))
    if NODE.is_there:
        sides.append(
            Side(
                "Node, createReadStream.pipe",
                "",
                lambda port: ["node", "-e", NODE_SERVER, str(port), str(source)],
            )
        )
    if NGINX.is_there:

        def nginx(port: int) -> list[str]:
            config = folder / "nginx.conf"
            config.write_text(NGINX_CONFIG.format(folder=folder, port=port, root=source.parent))
            return ["nginx", "-p", str(folder), "-c", str(config)]

        sides.append(Side("nginx, sendfile", "", nginx, f"/{source.name}"))
    return sides


def pairs(sides: Sequence[Side], own: str) -> dict[str, str]:
    """Each peer beside forebay on the same loop; a peer without one, beside forebay on the first."""
    ours = {side.loop: side.name for side in sides if side.server == own}
    first = next(iter(ours.values()))
    return {side.name: ours.get(side.loop, first) for side in sides if not side.name.startswith("forebay")}


def measure_case(
    case: str,
    units: tuple[str, str],
    sides: Sequence[Side],
    options: argparse.Namespace,
    by: Callable[[int, int, str], Result],
    own: str,
) -> list[Row]:
    """Rates and the CPU time of the servers, by turns."""
    results: dict[str, list[Result]] = {side.name: [] for side in sides}
    for side in turns(sides, options.rounds):
        with side.running() as (pid, port):
            rate, cost = by(pid, port, side.path)
        results[side.name].append((rate, cost))
        progress(f"{figure(rate):>8} {units[0]}  {case}: {side.name}")
    beside = pairs(sides, own)
    rates = {name: Sample(tuple(rate for rate, _ in each)) for name, each in results.items()}
    costs = {name: Sample(tuple(cost for _, cost in each)) for name, each in results.items()}
    return [
        *rows_of(case, units[0], rates, beside=beside),
        *rows_of(case, units[1], costs, lower_is_better=True, beside=beside),
    ]


def small(case: str, options: argparse.Namespace) -> list[Row]:
    if not WRK.is_there:
        progress(f"left out: {case}, which needs wrk ({WRK.get})")
        return []
    by = by_wrk(options.seconds, options.connections)
    sides = python_sides(SMALL, loops_of(options))
    return measure_case(case, ("requests/s", "CPU us/request"), sides, options, by, "forebay")


def file(case: str, options: argparse.Namespace) -> list[Row]:
    with tempfile.TemporaryDirectory(dir=options.dir) as name:
        folder = Path(name)
        # nginx reads the file as another user.
        folder.chmod(0o755)
        source = folder / "source.bin"
        make_source(source, options.mib * MIB)
        sides = file_sides(loops_of(options), folder, source)
        by = by_receiving(options.mib * MIB)
        return measure_case(case, ("MB/s", "CPU s/GB"), sides, options, by, "forebay, send_file")


def loops_of(options: argparse.Namespace) -> list[str]:
    return [loop for loop in options.loops.split(",") if loop == "asyncio" or UVLOOP.is_there]


CASES = {"small: keep-alive GET of 1 KiB": small, "file: a large file": file}


def measure(options: argparse.Namespace, chosen: Sequence[str]) -> Measured:
    return Measured([row for case in chosen for row in CASES[case](case, options)])


def add_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--seconds", type=positive, default=3, help="of each run of wrk")
    add("--connections", type=positive, default=32, help="of wrk")
    add("--mib", type=positive, default=256, help="size of the file")
    add("--loops", default="asyncio,uvloop", help="of the servers in Python (default: asyncio,uvloop)")


COMPARISON = Comparison(
    name="versus_http",
    about="keep-alive GETs of 1 KiB by wrk, and a large file; rates and the CPU time of the server",
    takes="10 minutes",
    peers=(WRK, UVICORN, GRANIAN, AIOHTTP, NODE, NGINX, UVLOOP),
    cases=lambda: list(CASES),
    measure=measure,
    add_options=add_options,
    quick={"seconds": 1, "connections": 4, "mib": 1, "loops": "asyncio"},
)

if __name__ == "__main__":
    COMPARISON.main()
