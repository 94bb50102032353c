"""`forebay.storage` beside obstore alone: ``python -m benchmarks.versus_storage``.

An object is uploaded in parts and downloaded in ranged parts, four at a time, to and from a server of S3 in another process. Both
sides run in this process by turns. What counts is the rate.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib
import subprocess
import sys
import time
import urllib.request
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from typing import Any

from benchmarks.comparison import Comparison, Measured, positive
from benchmarks.pairing import Sample, turns
from benchmarks.peers import MOTO, OBSTORE
from benchmarks.report import figure, progress
from benchmarks.results import Row, rows_of
from forebay import Writable, pipeline, storage

PART = 5 << 20
AT_ONCE = 4
CHUNK = bytes(256 * 1024)
MIB_CHUNKS = (1 << 20) // len(CHUNK)
SERVER = (
    "import sys, logging; from moto.server import ThreadedMotoServer as Server;"
    "logging.getLogger('werkzeug').setLevel('ERROR');"
    "server = Server('127.0.0.1', 0, verbose=False); server.start();"
    "print(server.get_host_and_port()[1], flush=True); sys.stdin.read(); server.stop()"
)


@contextlib.contextmanager
def server() -> Iterator[Any]:
    """A store of obstore over a bucket of a server that ends with the block."""
    with subprocess.Popen(
        [sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        endpoint = f"http://127.0.0.1:{int(program.stdout.readline())}"
        request = urllib.request.Request(
            f"{endpoint}/bucket", method="PUT", headers={"Authorization": "AWS id:key"}
        )
        urllib.request.urlopen(request).close()
        yield importlib.import_module("obstore.store").S3Store(
            "bucket",
            endpoint=endpoint,
            access_key_id="id",
            secret_access_key="key",
            region="us-east-1",
            client_options={"allow_http": True},
        )
        program.stdin.close()


def chunks(mib: int) -> Iterator[bytes]:
    for _ in range(mib * MIB_CHUNKS):
        yield CHUNK


async def upload(store: Any, mib: int) -> int:
    sink = storage.write(store, "up", part_size=PART, concurrency=AT_ONCE)
    await pipeline(chunks(mib), sink)
    return mib << 20


async def upload_alone(store: Any, mib: int) -> int:
    async def given() -> AsyncIterator[bytes]:
        for chunk in chunks(mib):
            yield chunk

    obstore = importlib.import_module("obstore")
    await obstore.put_async(store, "up", given(), chunk_size=PART, max_concurrency=AT_ONCE)
    return mib << 20


async def download(store: Any, mib: int) -> int:
    total = 0

    def take(chunk: bytes) -> None:
        nonlocal total
        total += len(chunk)

    await pipeline(storage.read(store, "down", part_size=PART, concurrency=AT_ONCE), Writable(write=take))
    return total


async def download_alone(store: Any, mib: int) -> int:
    obstore = importlib.import_module("obstore")
    size = (await obstore.head_async(store, "down"))["size"]
    total = 0
    parts: deque[asyncio.Future[Any]] = deque()
    for start in [*range(0, size, PART), None]:
        if start is not None:
            end = min(start + PART, size)
            parts.append(asyncio.ensure_future(obstore.get_range_async(store, "down", start=start, end=end)))
        while parts and (start is None or len(parts) == AT_ONCE):
            total += len(await parts.popleft())
    return total


Side = Callable[[Any, int], Coroutine[Any, Any, int]]
CASES: dict[str, tuple[Side, Side]] = {
    "upload": (upload, upload_alone),
    "download": (download, download_alone),
}


def measure_case(store: Any, name: str, rounds: int, mib: int) -> list[Row]:
    """Megabytes a second on both sides, in rounds of changing order."""
    sides = dict(zip(("forebay", "obstore"), CASES[name], strict=True))
    rates: dict[str, list[float]] = {side: [] for side in sides}
    for side in turns(sides, rounds):
        began = time.perf_counter()
        moved = asyncio.run(sides[side](store, mib))
        rates[side].append(moved / (time.perf_counter() - began) / 1e6)
        if moved != mib << 20:
            raise AssertionError(f"{name}: {side} moved {moved} bytes")
    samples = {side: Sample(tuple(values)) for side, values in rates.items()}
    progress(f"{name}: {figure(samples['forebay'].median)} MB/s")
    return rows_of(name, "MB/s", samples, beside={"obstore": "forebay"})


def measure(options: argparse.Namespace, chosen: Sequence[str]) -> Measured:
    if not OBSTORE.is_there or not MOTO.is_there:
        return Measured([])
    with server() as store:
        importlib.import_module("obstore").put(store, "down", bytes(options.mib << 20))
        found = [measure_case(store, name, options.rounds, options.mib) for name in CASES if name in chosen]
    return Measured([row for rows in found for row in rows])


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--mib", type=positive, default=64, help="MiB of the object (default 64)")


COMPARISON = Comparison(
    name="versus_storage",
    about="objects of a server of S3, beside obstore alone",
    takes="2 minutes",
    peers=(OBSTORE, MOTO),
    cases=lambda: list(CASES),
    measure=measure,
    add_options=add_options,
    quick={"mib": 6},
    rounds=9,
)

if __name__ == "__main__":
    COMPARISON.main()
