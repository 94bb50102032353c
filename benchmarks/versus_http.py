"""forebay's HTTP server beside uvicorn, Node, aiohttp and nginx: ``python -m benchmarks.versus_http``.

``small``: keep-alive GETs of 1 KiB by wrk, in requests per second. ``file``: one large file to a client that only
receives, in MB/s. Beside each stands the CPU time of the server alone: on one machine a client that is busy costs the
server its time. All servers of a table take turns, round after round.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.pairing import child_environment, turns
from benchmarks.report import figure, machine, progress, table, write_json

HOST = "127.0.0.1"
MIB = 1024 * 1024
NODE = (
    "require('http').createServer((q, r) => require('fs').createReadStream(process.argv[2]).pipe(r))"
    ".listen(+process.argv[1], '127.0.0.1', () => console.log('ready'))"
)
NGINX = (
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
    """One server of a table."""

    def __init__(self, name: str, loop: str, command: Callable[[int], list[str]], path: str = "/") -> None:
        self.name = f"{name} ({loop})" if loop else name
        self.command = command
        self.path = path
        self.results: list[Result] = []

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
                        raise SystemExit(f"{self.name} does not start") from None
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
        out = subprocess.run(command, capture_output=True, text=True, check=True, timeout=seconds + 30).stdout
        if "Non-2xx" in out or "Socket errors" in out:
            raise SystemExit(out)
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
            raise SystemExit(f"{received} bytes came, and the file has {size}")
        return size / seconds / 1e6, (cpu_seconds(pid) - before) / size * 1e9

    return measure


def small_sides(loops: Sequence[str]) -> list[Side]:
    names = ["forebay", "forebay, async", "uvicorn"]
    return [python_server(name, loop) for loop in loops for name in names]


def file_sides(loops: Sequence[str], folder: Path, source: Path) -> list[Side]:
    names = ["forebay, send_file", "forebay, pipe", "aiohttp"]
    sides = [python_server(name, loop, str(source)) for loop in loops for name in names]
    if shutil.which("node"):
        sides.append(
            Side("Node, createReadStream.pipe", "", lambda port: ["node", "-e", NODE, str(port), str(source)])
        )
    if shutil.which("nginx"):

        def nginx(port: int) -> list[str]:
            config = folder / "nginx.conf"
            config.write_text(NGINX.format(folder=folder, port=port, root=source.parent))
            return ["nginx", "-p", str(folder), "-c", str(config)]

        sides.append(Side("nginx, sendfile", "", nginx, f"/{source.name}"))
    return sides


def run_table(
    title: str,
    units: tuple[str, str],
    sides: list[Side],
    rounds: int,
    measure: Callable[[int, int, str], Result],
) -> dict[str, Any]:
    for side in turns(sides, rounds):
        progress(f"{title}: {side.name}")
        with side.running() as (pid, port):
            side.results.append(measure(pid, port, side.path))
    rows = []
    for side in sides:
        rates, costs = zip(*side.results, strict=True)
        spread = f"{figure(min(rates))}-{figure(max(rates))}"
        rows.append([side.name, figure(statistics.median(rates)), spread, figure(statistics.median(costs))])
    print(f"\n{title}\n")
    print(table(["server", units[0], "spread", units[1]], rows))
    return {side.name: side.results for side in sides}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    add("parts", nargs="*", choices=["small", "file", []], help="what to measure (default: all)")
    add("--rounds", type=int, default=5)
    add("--seconds", type=int, default=3, help="of each run of wrk")
    add("--connections", type=int, default=32, help="of wrk")
    add("--mib", type=int, default=256, help="size of the file")
    add("--loops", default="asyncio,uvloop")
    add("--json", metavar="FILE", help="write every figure there")
    args = parser.parse_args()
    parts = args.parts or ["small", "file"]
    loops = args.loops.split(",")
    results: dict[str, Any] = {"machine": machine()}
    if "small" in parts:
        if shutil.which("wrk") is None:
            raise SystemExit("wrk is needed: apt install wrk")
        results["small"] = run_table(
            f"keep-alive GET of 1 KiB, {args.connections} connections",
            ("requests/s", "CPU us/request"),
            small_sides(loops),
            args.rounds,
            by_wrk(args.seconds, args.connections),
        )
    if "file" in parts:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            folder.chmod(0o755)
            source = folder / "source.bin"
            with source.open("wb") as file:
                for _ in range(args.mib):
                    file.write(os.urandom(MIB))
            results["file"] = run_table(
                f"a file of {args.mib} MiB",
                ("MB/s", "CPU s/GB"),
                file_sides(loops, folder, source),
                args.rounds,
                by_receiving(args.mib * MIB),
            )
    if args.json:
        write_json(args.json, results)


if __name__ == "__main__":
    main()
