"""The programs whose time `versus_databases` takes, and how it does so."""

from __future__ import annotations

import argparse
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from benchmarks.pairing import Sample, turns
from benchmarks.report import progress
from benchmarks.results import Row, rows_of
from forebay import Writable, finished, pipeline, sql

__all__ = ["BATCH", "COLUMNS", "Program", "make_rows", "measure_case", "readers", "writers"]

Program = Callable[[], Awaitable[None]]

COLUMNS = "id bigint, a int, b int, f float8, t text, s timestamp"
BATCH = 1000
OWN = "the driver's own"


def make_rows(count: int) -> Iterator[tuple[Any, ...]]:
    stamp = datetime(2026, 1, 1)
    for n in range(count):
        yield (n, n % 1000, n % 7, n / 2, f"row {n:08} of the table that is measured", stamp)


async def measure_case(
    case: str,
    options: argparse.Namespace,
    own: Program,
    programs: Mapping[str, Program],
    *,
    side: str = OWN,
    clock: Callable[[], float] = time.process_time,
) -> list[Row]:
    """Run the other side's own program and those of forebay by turns: microseconds of a row, of CPU time by default."""
    every = {side: own} | {f"forebay, {name}": program for name, program in programs.items()}
    times: dict[str, list[float]] = {name: [] for name in every}
    for name in turns(every, options.rounds):
        before = clock()
        await every[name]()
        times[name].append((clock() - before) / options.rows * 1e6)
    progress(case)
    samples = {name: Sample(tuple(values)) for name, values in times.items()}
    beside = dict.fromkeys(samples, side)
    del beside[side]
    return rows_of(case, "us/row", samples, lower_is_better=True, beside=beside)


def readers(query: Callable[[], sql.Query[Any]], count: int) -> dict[str, Program]:
    """The ways to consume a query, each of which counts the rows."""

    def check(seen: int) -> None:
        if seen != count:
            raise SystemExit(f"{seen} rows came instead of {count}")

    async def for_each() -> None:
        seen = 0

        def see(row: Any) -> None:
            nonlocal seen
            seen += 1

        await query().for_each(see)
        check(seen)

    async def async_for() -> None:
        seen = 0
        async for _ in query():
            seen += 1
        check(seen)

    async def batches() -> None:
        seen = 0
        async for batch in query().batches():
            for _ in batch:
                seen += 1
        check(seen)

    async def piped() -> None:
        seen = 0

        def see(row: Any) -> None:
            nonlocal seen
            seen += 1

        await pipeline(query(), Writable(write=see, object_mode=True, high_water_mark=BATCH))
        check(seen)

    return {"for_each": for_each, "async for": async_for, "batches()": batches, "pipe": piped}


def writers(insert: Callable[[], sql.Insert[Any]], count: int) -> dict[str, Program]:
    async def by_write() -> None:
        sink = insert()
        for row in make_rows(count):
            if not sink.write(row):
                await sink.drain()
        sink.end()
        await finished(sink)

    async def by_pipeline() -> None:
        await pipeline(make_rows(count), insert())

    return {"write and drain": by_write, "pipeline": by_pipeline}
