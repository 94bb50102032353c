"""forebay.sql beside each driver's own loop: ``python -m benchmarks.versus_databases --postgres URL``.

All programs of a table take turns in one process. The figure is the client's CPU time for a row, beside the driver's own
loop. The server's time is not in it, except beside psql, where it is the time on the clock. Without a URL only SQLite and
DuckDB are measured.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import os
import sqlite3
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.blocking_databases import BLOCKING_CASES, duckdb, psql_copy
from benchmarks.comparison import Comparison, Measured, positive
from benchmarks.database_programs import BATCH, COLUMNS, Program, make_rows, measure_case, readers, writers
from benchmarks.peers import ASYNCPG, DUCKDB, PSQL, PSYCOPG, PSYCOPG2, SQLITE
from benchmarks.report import progress
from benchmarks.results import Row
from forebay import fs, pipeline, sql


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
DUCKDB_QUERY = "DuckDB query"
PSQL_COPY = "psql copy to a file"
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
        seen = 0
        for _ in connection.execute("select * from measured"):
            seen += 1  # noqa: SIM113 - as the readers do

    ours = readers(lambda: sql.query(connection, "select * from measured"), options.rows)
    try:
        return await measure_case(SQLITE_QUERY, options, own, ours)
    finally:
        connection.close()


async def measure_all(options: argparse.Namespace, chosen: Sequence[str]) -> Measured:
    rows: list[Row] = []
    versions: dict[str, str] = {}
    with tempfile.TemporaryDirectory(dir=options.dir) as name:
        folder = Path(name)
        if SQLITE_QUERY in chosen:
            rows += await sqlite(options, folder)
        if DUCKDB_QUERY in chosen and DUCKDB.is_there:
            rows += await duckdb(DUCKDB_QUERY, options)
        for case, (peer, measure) in BLOCKING_CASES.items():
            if case in chosen and options.postgres and peer.is_there:
                rows += await measure(case, options)
        of_asyncpg = [case for case in chosen if case in POSTGRES_CASES]
        if options.postgres and ASYNCPG.is_there:
            if PSQL_COPY in chosen and PSQL.is_there:
                rows += await psql_copy(PSQL_COPY, options, folder)
            if of_asyncpg:
                more, versions = await postgres(options, of_asyncpg, folder)
                rows += more
        elif of_asyncpg:
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
    peers=(SQLITE, ASYNCPG, PSYCOPG, PSYCOPG2, DUCKDB, PSQL),
    cases=lambda: [SQLITE_QUERY, DUCKDB_QUERY, *BLOCKING_CASES, PSQL_COPY, *POSTGRES_CASES],
    measure=lambda options, chosen: asyncio.run(measure_all(options, chosen)),
    add_options=add_options,
    quick={"rows": 2000},
)

if __name__ == "__main__":
    COMPARISON.main()
