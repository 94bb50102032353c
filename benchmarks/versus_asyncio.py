"""forebay.asyncio beside asyncio's own streams and aiofastnet: ``python -m benchmarks.versus_asyncio``.

Figures are CPU time of the process that holds the streams, except with Redis, where they are wall time. Cases of the
reader alone run in this process, those over sockets in a process of their own each time. Beside an echo stand bare
callbacks as well, which receive into one buffer and send from it: what streams cannot go beyond on that loop.
"""

from __future__ import annotations

import argparse
import gc
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.asyncio_reader import CASES as READER_CASES
from benchmarks.asyncio_sockets import CASES as SOCKET_CASES
from benchmarks.asyncio_sockets import SocketCase
from benchmarks.comparison import Comparison, Measured, Skipped
from benchmarks.installed import CERTIFICATE, REDIS_SOCKET, run_on
from benchmarks.pairing import Sample, run_once, turns
from benchmarks.peers import (
    AIOFASTNET,
    ASYNCIO,
    OPENSSL,
    OPENSSL_COMMAND,
    REDIS_CLIENT,
    REDIS_SERVER,
    UVLOOP,
)
from benchmarks.report import progress
from benchmarks.results import Row, rows_of

MICROSECONDS = "us"


def socket_cases() -> dict[str, tuple[str, SocketCase, str]]:
    """The cases over sockets in each regime: the name in the table, and name, case and regime."""
    return {
        f"{name}, {regime}": (name, case, regime)
        for name, case in SOCKET_CASES.items()
        for regime in case.regimes
    }


def rows_from(case: str, unit: str, seconds: Mapping[str, Sequence[float]]) -> list[Row]:
    scale = 1e6 if unit == MICROSECONDS else 1
    samples = {side: Sample(tuple(value * scale for value in values)) for side, values in seconds.items()}
    beside = dict.fromkeys(samples, "forebay")
    return rows_of(case, unit, samples, lower_is_better=True, beside=beside)


def measure_reader(name: str, options: argparse.Namespace) -> list[Row]:
    """One case of the reader alone; the collector rests meanwhile."""
    case: Callable[[str, float], Awaitable[float]] = READER_CASES[name]
    seconds: dict[str, list[float]] = {"forebay": [], "asyncio": []}
    gc.disable()
    try:
        for side in turns(seconds, options.rounds):
            seconds[side].append(run_on(options.loop, case(side, options.share)))
    finally:
        gc.enable()
    return rows_from(name, MICROSECONDS, seconds)


def measure_sockets(title: str, options: argparse.Namespace) -> list[Row]:
    """One case over sockets, each run in a process of its own."""
    name, case, regime = socket_cases()[title]
    peers = [peer for peer in case.peers if peer != "aiofastnet" or AIOFASTNET.is_there]
    seconds: dict[str, list[float]] = {side: [] for side in ("forebay", *peers)}
    for side in turns(seconds, options.rounds):
        program = [sys.executable, "-m", "benchmarks.asyncio_sockets", name, side]
        result = run_once([*program, options.loop, regime, str(options.share)], options.timeout)
        seconds[side].append(result["seconds"])
    return rows_from(title, case.unit, seconds)


@contextmanager
def redis(folder: Path, wanted: bool) -> Iterator[set[str]]:
    """A server of Redis; says whether it is there."""
    binary = shutil.which("redis-server")
    if not wanted or binary is None or not REDIS_CLIENT.is_there:
        yield set()
        return
    path = folder / "redis"
    command = [binary, "--port", "0", "--unixsocket", str(path), "--save", "", "--dir", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        try:
            for _ in range(500):
                if path.exists() or server.poll() is not None:
                    break
                time.sleep(0.02)
            if not path.exists():
                raise Skipped(f"{binary} does not start")
            os.environ[REDIS_SOCKET] = str(path)
            yield {"redis"}
        finally:
            server.terminate()


def make_certificate(folder: Path, wanted: bool) -> set[str]:
    """Make a certificate for localhost; says whether it is there."""
    if not wanted or not OPENSSL_COMMAND.is_there:
        return set()
    path, key = folder / "certificate.pem", folder / "key.pem"
    what = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    name = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    command = ["openssl", "req", *what, *name, "-keyout", str(key), "-out", str(path)]
    subprocess.run(command, check=True, capture_output=True)
    path.write_bytes(key.read_bytes() + path.read_bytes())
    os.environ[CERTIFICATE] = str(path)
    return {"certificate"}


def measure(options: argparse.Namespace, chosen: Sequence[str]) -> Measured:
    if options.loop == "uvloop" and not UVLOOP.is_there:
        raise Skipped(f"it needs uvloop ({UVLOOP.get})")
    over_sockets = socket_cases()
    needed = {over_sockets[title][1].needs for title in chosen if title in over_sockets}
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="forebay-bench-", dir=options.dir) as name:
        folder = Path(name)
        have = make_certificate(folder, "certificate" in needed)
        with redis(folder, "redis" in needed) as server:
            have |= server
            for title in chosen:
                needs = over_sockets[title][1].needs if title in over_sockets else None
                if needs and needs not in have:
                    progress(f"left out: {title}, which needs a {needs}")
                    continue
                progress(title)
                by = measure_reader if title in READER_CASES else measure_sockets
                rows += by(title, options)
    return Measured(rows)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--loop", choices=("asyncio", "uvloop"), default="asyncio", help="the loop of all sides"
    )
    parser.add_argument("--share", type=float, default=1.0, help="share of the work of each case (default 1)")


COMPARISON = Comparison(
    name="versus_asyncio",
    about="the reader alone, echo plain and over TLS, Redis; beside asyncio's streams and aiofastnet",
    takes="15 minutes",
    peers=(ASYNCIO, AIOFASTNET, UVLOOP, OPENSSL, OPENSSL_COMMAND, REDIS_CLIENT, REDIS_SERVER),
    cases=lambda: [*READER_CASES, *socket_cases()],
    measure=measure,
    add_options=add_options,
    quick={"share": 0.01},
)

if __name__ == "__main__":
    COMPARISON.main()
