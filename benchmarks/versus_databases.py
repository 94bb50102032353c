"""forebay.sql beside each driver's own loop: ``python -m benchmarks.versus_databases --postgres URL``.

All programs of a table take turns in one process. The figure is the client's CPU time for a row, beside the driver's own
loop. The server's time is not in it. Without a URL only SQLite is measured.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import os
import sqlite3
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.comparison import Comparison, Measured, positive
from benchmarks.pairing import Sample, turns
from benchmarks.peers import ASYNCPG, SQLITE
from benchmarks.report import progress
from benchmarks.results import Row, rows_of
from forebay import Writable, finished, fs, pipeline, sql

Program = Callable[[], Awaitable[None]]

COLUMNS = "id bigint, a int, b int, f float8, t text, s timestamp"
BATCH = 1000
OWN = "the driver's own"


def make_rows(count: int) -> Iterator[tuple[Any, ...]]:
    stamp = datetime(2026, 1, 1)
    for n in range(count):
        yield (n, n % 1000, n % 7, n / 2, f"row {n:08} of the table that is measured", stamp)


async def measure_case(
    case: str, options: argparse.Namespace, own: Program, programs: Mapping[str, Program]
) -> list[Row]:
    """Run the driver's own program and those of forebay by turns: microseconds of a row."""
    every = {OWN: own} | {f"forebay, {name}": program for name, program in programs.items()}
    times: dict[str, list[float]] = {name: [] for name in every}
    for name in turns(every, options.rounds):
        before = time.process_time()
        await every[name]()
        times[name].append((time.process_time() - before) / options.rows * 1e6)
    progress(case)
    samples = {name: Sample(tuple(values)) for name, values in times.items()}
    beside = dict.fromkeys(samples, OWN)
    del beside[OWN]
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


class Postgres:
    """The cases of a PostgreSQL server, by the name of each."""

    def __init__(self, connection: Any, options: argparse.Namespace, file: Path) -> None:
        self.connection = connection
        self.options = options
        self.file = file
        self.statement = "select * from measured"

    async def fill(self) -> None:
        await self.connection.execute(
            f"create temporary table measured ({COLUMNS}); create temporary table target ({COLUMNS})"
        )
        await self.connection.copy_records_to_table("measured", records=make_rows(self.options.rows))

    async def empty(self) -> None:
        await self.connection.execute("truncate target")

    async def query(self, case: str) -> list[Row]:
        async def own() -> None:
            seen = 0
            async with self.connection.transaction():
                cursor = await self.connection.cursor(self.statement)
                while rows := await cursor.fetch(BATCH):
                    for _ in rows:
                        seen += 1

        ours = readers(lambda: sql.query(self.connection, self.statement), self.options.rows)
        return await measure_case(case, self.options, own, ours)

    async def insert(self, case: str) -> list[Row]:
        async def own() -> None:
            await self.empty()
            await self.connection.copy_records_to_table("target", records=make_rows(self.options.rows))

        async def emptied(program: Program) -> None:
            await self.empty()
            await program()

        programs = writers(lambda: sql.insert(self.connection, "target"), self.options.rows)
        ours = {name: partial(emptied, program) for name, program in programs.items()}
        return await measure_case(case, self.options, own, ours)

    async def copy_out(self, case: str) -> list[Row]:
        async def own() -> None:
            await self.connection.copy_from_query(self.statement, output=str(self.file), format="csv")

        async def ours() -> None:
            await pipeline(sql.copy_out(self.connection, self.statement), fs.create_write_stream(self.file))

        return await measure_case(case, self.options, own, {"pipeline": ours})

    async def copy_in(self, case: str) -> list[Row]:
        await self.connection.copy_from_query(self.statement, output=str(self.file), format="csv")

        async def own() -> None:
            await self.empty()
            await self.connection.copy_to_table("target", source=str(self.file), format="csv")

        async def ours() -> None:
            await self.empty()
            await pipeline(fs.create_read_stream(self.file), sql.copy_in(self.connection, "target"))

        return await measure_case(case, self.options, own, {"pipeline": ours})


SQLITE_QUERY = "sqlite3 query"
POSTGRES_CASES = {
    "asyncpg query": Postgres.query,
    "asyncpg insert": Postgres.insert,
    "asyncpg copy to a file": Postgres.copy_out,
    "asyncpg copy from a file": Postgres.copy_in,
}


async def postgres(
    options: argparse.Namespace, chosen: Sequence[str], folder: Path
) -> tuple[list[Row], dict[str, str]]:
    """The chosen cases, and the version of the server."""
    asyncpg = importlib.import_module("asyncpg")
    connection = await asyncpg.connect(options.postgres)
    try:
        version = ".".join(map(str, connection.get_server_version()[:2]))
        server = Postgres(connection, options, folder / "out.csv")
        await server.fill()
        rows = [row for case in chosen for row in await POSTGRES_CASES[case](server, case)]
    finally:
        await connection.close()
    return rows, {"PostgreSQL": version}


async def sqlite(options: argparse.Namespace, folder: Path) -> list[Row]:
    connection = sqlite3.connect(folder / "measured.db", check_same_thread=False)
    connection.execute(f"create table measured ({COLUMNS})")
    rows = ((*row[:5], row[5].isoformat()) for row in make_rows(options.rows))
    with connection:
        connection.executemany("insert into measured values (?, ?, ?, ?, ?, ?)", rows)

    async def own() -> None:
        for _ in connection.execute("select * from measured"):
            pass

    ours = readers(lambda: sql.query(connection, "select * from measured"), options.rows)
    try:
        return await measure_case(SQLITE_QUERY, options, own, ours)
    finally:
        connection.close()


async def measure_all(options: argparse.Namespace, chosen: Sequence[str]) -> Measured:
    of_postgres = [case for case in chosen if case in POSTGRES_CASES]
    rows: list[Row] = []
    versions: dict[str, str] = {}
    with tempfile.TemporaryDirectory(dir=options.dir) as name:
        if SQLITE_QUERY in chosen:
            rows += await sqlite(options, Path(name))
        if of_postgres and options.postgres and ASYNCPG.is_there:
            more, versions = await postgres(options, of_postgres, Path(name))
            rows += more
        elif of_postgres:
            progress("left out: the cases of asyncpg, which need asyncpg and --postgres URL")
    return Measured(rows, versions=versions)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--postgres",
        metavar="URL",
        default=os.environ.get("FOREBAY_BENCHMARK_POSTGRES"),
        help="a PostgreSQL (default: $FOREBAY_BENCHMARK_POSTGRES)",
    )
    parser.add_argument(
        "--rows", type=positive, default=1_000_000, help="rows of a table (default 1,000,000)"
    )


COMPARISON = Comparison(
    name="versus_databases",
    about="queries, inserts and COPY beside each driver's own loop; PostgreSQL by --postgres URL",
    takes="5 minutes",
    peers=(SQLITE, ASYNCPG),
    cases=lambda: [SQLITE_QUERY, *POSTGRES_CASES],
    measure=lambda options, chosen: asyncio.run(measure_all(options, chosen)),
    add_options=add_options,
    quick={"rows": 2000},
)

if __name__ == "__main__":
    COMPARISON.main()
