"""Files of `forebay.threads` beside a bridge of one call for each block: ``python -m benchmarks.versus_threads``.

A thread reads, or writes, blocks of 64 KiB from memory. The bridge that programs write by hand calls
``run_coroutine_threadsafe`` for each block, and waits for its result. Both sides run in this process by turns.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any

from benchmarks.comparison import Comparison, Measured, positive
from benchmarks.pairing import Sample, turns
from benchmarks.report import figure, progress
from benchmarks.results import Row, rows_of
from forebay import Readable, Writable
from forebay.threads import as_file

BLOCK = bytes(64 * 1024)
MIB_BLOCKS = (1 << 20) // len(BLOCK)


def blocks(count: int) -> Iterator[bytes]:
    for _ in range(count):
        yield BLOCK


def source(count: int) -> Readable[Any]:
    return Readable.from_(blocks(count), object_mode=False, high_water_mark=4 * len(BLOCK))


def sink() -> Writable[Any]:
    return Writable(write=lambda chunk: None, high_water_mark=4 * len(BLOCK))


async def read_file(count: int) -> int:
    file = as_file(source(count))

    def work() -> int:
        buffer, total = bytearray(256 * 1024), 0
        while got := file.readinto(buffer):
            total += got
        return total

    return await asyncio.to_thread(work)


async def read_calls(count: int) -> int:
    loop = asyncio.get_running_loop()
    items = aiter(source(count))

    async def next_block() -> bytes:
        return await anext(items, b"")

    def work() -> int:
        total = 0
        while block := asyncio.run_coroutine_threadsafe(next_block(), loop).result():
            total += len(block)
        return total

    return await asyncio.to_thread(work)


async def write_file(count: int) -> int:
    file = as_file(sink())

    def work() -> int:
        with file:
            return sum(file.write(block) for block in blocks(count))

    return await asyncio.to_thread(work)


async def write_calls(count: int) -> int:
    loop = asyncio.get_running_loop()
    stream = sink()

    async def send(block: bytes) -> None:
        await stream.send(block)

    def work() -> int:
        total = 0
        for block in blocks(count):
            asyncio.run_coroutine_threadsafe(send(block), loop).result()
            total += len(block)
        return total

    return await asyncio.to_thread(work)


Side = Callable[[int], Coroutine[Any, Any, int]]
CASES: dict[str, tuple[Side, Side]] = {
    "read": (read_file, read_calls),
    "write": (write_file, write_calls),
}


def measure_case(name: str, rounds: int, mib: int) -> list[Row]:
    """Gigabytes a second on both sides, in rounds of changing order."""
    ours, theirs = CASES[name]
    # The calls are slower by much: fewer blocks take as long.
    sides = {
        "as_file": (ours, mib * MIB_BLOCKS),
        "a call for each block": (theirs, max(1, mib * MIB_BLOCKS // 8)),
    }
    rates: dict[str, list[float]] = {side: [] for side in sides}
    for side in turns(sides, rounds):
        work, count = sides[side]
        began = time.perf_counter()
        moved = asyncio.run(work(count))
        rates[side].append(moved / (time.perf_counter() - began) / 1e9)
        if moved != count * len(BLOCK):
            raise AssertionError(f"{name}: {side} moved {moved} bytes")
    samples = {side: Sample(tuple(values)) for side, values in rates.items()}
    progress(f"{name}: {figure(samples['as_file'].median)} GB/s")
    return rows_of(name, "GB/s", samples, beside={"a call for each block": "as_file"})


def measure(options: argparse.Namespace, chosen: Sequence[str]) -> Measured:
    found = [measure_case(name, options.rounds, options.mib) for name in CASES if name in chosen]
    return Measured([row for rows in found for row in rows])


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--mib", type=positive, default=2048, help="MiB that as_file moves (default 2048)")


COMPARISON = Comparison(
    name="versus_threads",
    about="files over streams in a thread, beside a call of the loop for each block",
    takes="1 minute",
    peers=(),
    cases=lambda: list(CASES),
    measure=measure,
    add_options=add_options,
    quick={"mib": 4},
    rounds=9,
)

if __name__ == "__main__":
    COMPARISON.main()
