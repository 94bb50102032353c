"""The cases of `versus_databases` whose driver blocks, and that of psql."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import shutil
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from benchmarks.database_programs import BATCH, COLUMNS, make_rows, measure_case, readers
from benchmarks.peers import PSYCOPG, PSYCOPG2, Peer
from benchmarks.results import Row
from forebay import fs, pipeline, sql

__all__ = ["BLOCKING_CASES", "duckdb", "psql_copy"]

# The columns of the other tables.
_GENERATED = (
    "g AS id, g % 1000 AS a, g % 7 AS b, g / 2.0 AS f, "
    "'row ' || g || ' of the table that is measured' AS t, TIMESTAMP '2026-01-01' AS s"
)
# The table of psql, which has a connection of its own.
_SHARED = "forebay_measured"


async def _postgres(module: str, case: str, options: argparse.Namespace) -> list[Row]:
    """A query through a blocking driver of PostgreSQL, beside its own cursor on the server."""
    connection: Any = importlib.import_module(module).connect(options.postgres)
    try:
        cursor = connection.cursor()
        cursor.execute(f"CREATE TEMPORARY TABLE measured ({COLUMNS})")
        # Without arguments a "%" has no meaning for the drivers.
        cursor.execute(
            f"INSERT INTO measured SELECT {_GENERATED} FROM generate_series(1, {options.rows}) AS g"
        )
        connection.commit()

        async def own() -> None:
            seen = 0
            with connection.cursor(name="own") as rows_on_server:
                rows_on_server.execute("SELECT * FROM measured")
                while rows := rows_on_server.fetchmany(BATCH):
                    for _ in rows:
                        seen += 1
            connection.commit()

        ours = readers(lambda: sql.query(connection, "SELECT * FROM measured"), options.rows)
        return await measure_case(case, options, own, ours)
    finally:
        connection.close()


async def psycopg(case: str, options: argparse.Namespace) -> list[Row]:
    return await _postgres("psycopg", case, options)


async def psycopg2(case: str, options: argparse.Namespace) -> list[Row]:
    return await _postgres("psycopg2", case, options)


async def duckdb(case: str, options: argparse.Namespace) -> list[Row]:
    connection: Any = importlib.import_module("duckdb").connect()
    try:
        connection.execute(
            f"CREATE TABLE measured AS SELECT {_GENERATED} FROM generate_series(1, {options.rows}) t(g)"
        )

        async def own() -> None:
            seen = 0
            connection.execute("SELECT * FROM measured")
            while rows := connection.fetchmany(BATCH):
                for _ in rows:
                    seen += 1

        ours = readers(lambda: sql.query(connection, "SELECT * FROM measured"), options.rows)
        return await measure_case(case, options, own, ours)
    finally:
        connection.close()


async def psql_copy(case: str, options: argparse.Namespace, folder: Path) -> list[Row]:
    r"""psql's ``\copy`` to a file, a whole process, beside `copy_out` with a connection of its own: time on the clock."""
    connection = await importlib.import_module("asyncpg").connect(options.postgres)
    file = folder / "psql.csv"
    program = shutil.which("psql")
    assert program is not None

    async def own() -> None:
        command = f"\\copy {_SHARED} to '{file}' with (format csv)"
        process = await asyncio.create_subprocess_exec(
            program, "-q", "-X", "-d", options.postgres, "-c", command
        )
        if await process.wait():
            raise SystemExit("psql has failed")

    async def ours() -> None:
        await pipeline(sql.copy_out(options.postgres, _SHARED), fs.create_write_stream(file))

    try:
        await connection.execute(
            f"DROP TABLE IF EXISTS {_SHARED}; CREATE UNLOGGED TABLE {_SHARED} ({COLUMNS})"
        )
        await connection.copy_records_to_table(_SHARED, records=make_rows(options.rows))
        return await measure_case(
            case, options, own, {"pipeline": ours}, side="psql", clock=time.perf_counter
        )
    finally:
        await connection.execute(f"DROP TABLE IF EXISTS {_SHARED}")
        await connection.close()


#: The cases that need a server, with the driver of each.
BLOCKING_CASES: dict[str, tuple[Peer, Callable[[str, argparse.Namespace], Awaitable[list[Row]]]]] = {
    "psycopg query": (PSYCOPG, psycopg),
    "psycopg2 query": (PSYCOPG2, psycopg2),
}
