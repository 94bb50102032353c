"""`map` over a pool of processes beside a loop over the pool that is tuned by hand: ``python -m benchmarks.versus_pool``.

Both sides run in this process by turns, with the same pool of two processes, the same items and as many calls under way. The loop
submits the next call when one is done and takes the results in the order in which they come. What counts is the time of an item.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice
from typing import Any

from benchmarks.comparison import Comparison, Measured, positive
from benchmarks.pairing import Sample, turns
from benchmarks.report import figure, progress
from benchmarks.results import Row, rows_of
from forebay import Readable

WORKERS = 2
UNDER_WAY = 4 * WORKERS


def short_work(number: int) -> int:
    """About 20 microseconds."""
    return sum(range(number % 100 + 1000))


def long_work(number: int) -> int:
    """About a millisecond."""
    return sum(range(number % 100 + 50_000))


def each(fn: Callable[[int], int], items: Sequence[int]) -> list[int]:
    return [fn(item) for item in items]


@dataclass(frozen=True)
class Case:
    name: str
    fn: Callable[[int], int]
    chunk: int
    #: Items of the case for each of the option.
    share: float


CASES = [
    Case("1 ms, one by one", long_work, 1, 0.02),
    Case("20 us, 250 at a time", short_work, 250, 1),
]


def by_hand(pool: Executor, case: Case, count: int) -> int:
    total = 0
    for results in _results(pool, case, iter(range(count))):
        total += sum(results)
    return total


def _results(pool: Executor, case: Case, items: Iterator[int]) -> Iterator[Sequence[int]]:
    running: set[Future[Any]] = set()
    while True:
        while len(running) < UNDER_WAY and (chunk := list(islice(items, case.chunk))):
            running.add(
                pool.submit(case.fn, chunk[0]) if case.chunk == 1 else pool.submit(each, case.fn, chunk)
            )
        if not running:
            return
        done, running = wait(running, return_when=FIRST_COMPLETED)
        for future in done:
            yield [future.result()] if case.chunk == 1 else future.result()


async def with_map(pool: Executor, case: Case, count: int) -> int:
    total = 0
    mapped = Readable.from_(range(count), high_water_mark=case.chunk).map(
        case.fn, executor=pool, ordered=False, concurrency=UNDER_WAY, chunk=case.chunk
    )
    async for results in mapped.batches():
        total += sum(results)
    return total


def measure_case(pool: Executor, case: Case, rounds: int, items: int) -> list[Row]:
    """Microseconds of an item on both sides, in rounds of changing order."""
    count = max(1, int(items * case.share))
    sides: dict[str, Callable[[], int]] = {
        "forebay": lambda: asyncio.run(with_map(pool, case, count)),
        "by hand": lambda: by_hand(pool, case, count),
    }
    if len({side() for side in sides.values()}) != 1:
        raise AssertionError(f"{case.name}: the sides have different results")
    times: dict[str, list[float]] = {side: [] for side in sides}
    for side in turns(sides, rounds):
        began = time.perf_counter()
        sides[side]()
        times[side].append((time.perf_counter() - began) * 1e6 / count)
    samples = {side: Sample(tuple(values)) for side, values in times.items()}
    progress(f"{case.name}: {figure(samples['forebay'].median)} us")
    return rows_of(case.name, "us/item", samples, lower_is_better=True, beside={"by hand": "forebay"})


def measure(options: argparse.Namespace, chosen: Sequence[str]) -> Measured:
    with ProcessPoolExecutor(WORKERS) as pool:
        found = [
            measure_case(pool, case, options.rounds, options.items) for case in CASES if case.name in chosen
        ]
    return Measured([row for rows in found for row in rows])


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--items", type=positive, default=100_000, help="items of the shorter work (default 100,000)"
    )


COMPARISON = Comparison(
    name="versus_pool",
    about="map over a pool of processes, beside a loop over the pool that is tuned by hand",
    takes="1 minute",
    peers=(),
    cases=lambda: [case.name for case in CASES],
    measure=measure,
    add_options=add_options,
    quick={"items": 2000},
    rounds=9,
)

if __name__ == "__main__":
    COMPARISON.main()
