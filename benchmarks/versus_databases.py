"""forebay.sql beside each driver's own loop: ``python -m benchmarks.versus_databases postgresql://...``.

All programs of a table take turns in one process. The figure is the client's CPU time for a row, and its ratio to the
driver's own loop. The server's time is not in it. Without a URL only SQLite is measured.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.report import figure, machine, table, write_json
from forebay import Writable, finished, fs, pipeline, sql

Program = Callable[[], Awaitable[None]]

COLUMNS = "id bigint, a int, b int, f float8, t text, s timestamp"
BATCH = 1000


def make_rows(count: int) -> Iterator[tuple[Any, ...]]:
    stamp = datetime(2026, 1, 1)
    for n in range(count):
        yield (n, n % 1000, n % 7, n / 2, f"row {n:08} of the table that is measured", stamp)


async def measure(programs: dict[str, Program], count: int, turns: int) -> list[dict[str, Any]]:
    """Run the programs in turns. The first one is the measure of the others."""
    seconds: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(turns):
        for name, program in programs.items():
            before = time.process_time()
            await program()
            seconds[name].append(time.process_time() - before)
    first = seconds[next(iter(programs))]
    return [
        {
            "program": name,
            "microseconds": statistics.median(times) / count * 1e6,
            "ratio": statistics.median(mine / own for mine, own in zip(times, first, strict=True)),
            "least": min(mine / own for mine, own in zip(times, first, strict=True)),
            "most": max(mine / own for mine, own in zip(times, first, strict=True)),
        }
        for name, times in seconds.items()
    ]


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


async def postgres(url: str, count: int, turns: int, folder: Path) -> dict[str, list[dict[str, Any]]]:
    import asyncpg

    connection = await asyncpg.connect(url)
    await connection.execute(
        f"create temporary table measured ({COLUMNS}); create temporary table target ({COLUMNS})"
    )
    await connection.copy_records_to_table("measured", records=make_rows(count))
    statement = "select * from measured"
    target = folder / "out.csv"

    async def own_query() -> None:
        seen = 0
        async with connection.transaction():
            cursor = await connection.cursor(statement)
            while rows := await cursor.fetch(BATCH):
                for _ in rows:
                    seen += 1

    async def own_insert() -> None:
        await connection.execute("truncate target")
        await connection.copy_records_to_table("target", records=make_rows(count))

    async def own_copy_out() -> None:
        await connection.copy_from_query(statement, output=str(target), format="csv")

    async def our_copy_out() -> None:
        await pipeline(sql.copy_out(connection, statement), fs.create_write_stream(target))

    async def own_copy_in() -> None:
        await connection.execute("truncate target")
        await connection.copy_to_table("target", source=str(target), format="csv")

    async def our_copy_in() -> None:
        await connection.execute("truncate target")
        await pipeline(fs.create_read_stream(target), sql.copy_in(connection, "target"))

    def insert() -> sql.Insert[Any]:
        return sql.insert(connection, "target")

    async def emptied(program: Program) -> None:
        await connection.execute("truncate target")
        await program()

    results = {
        "asyncpg query": await measure(
            {"own loop": own_query, **readers(lambda: sql.query(connection, statement), count)}, count, turns
        ),
        "asyncpg insert": await measure(
            {
                "own loop": own_insert,
                **{name: partial(emptied, program) for name, program in writers(insert, count).items()},
            },
            count,
            turns,
        ),
        "asyncpg copy to a file": await measure(
            {"own": own_copy_out, "pipeline": our_copy_out}, count, turns
        ),
        "asyncpg copy from a file": await measure(
            {"own": own_copy_in, "pipeline": our_copy_in}, count, turns
        ),
    }
    await connection.close()
    return results


async def sqlite(count: int, turns: int, folder: Path) -> dict[str, list[dict[str, Any]]]:
    path = folder / "measured.db"
    connection = sqlite3.connect(path, check_same_thread=False)
    connection.execute(f"create table measured ({COLUMNS})")
    connection.execute(f"create table target ({COLUMNS})")
    rows = ((*row[:5], row[5].isoformat()) for row in make_rows(count))
    with connection:
        connection.executemany("insert into measured values (?, ?, ?, ?, ?, ?)", rows)

    async def own_query() -> None:
        for _ in connection.execute("select * from measured"):
            pass

    results = await measure(
        {"own loop": own_query, **readers(lambda: sql.query(connection, "select * from measured"), count)},
        count,
        turns,
    )
    connection.close()
    return {"sqlite3 query": results}


async def main(arguments: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as name:
        results = await sqlite(arguments.rows, arguments.turns, Path(name))
        if arguments.url:
            results |= await postgres(arguments.url, arguments.rows, arguments.turns, Path(name))
    for title, rows in results.items():
        print(f"\n{title}, {arguments.rows:,} rows, client CPU")
        head = ["program", "µs a row", "ratio", "least-most"]
        lines = [
            [
                row["program"],
                figure(row["microseconds"]),
                f"{row['ratio']:.2f}",
                f"{row['least']:.2f}-{row['most']:.2f}",
            ]
            for row in rows
        ]
        print(table(head, lines))
    if arguments.json:
        write_json(arguments.json, {"machine": machine(), "results": results})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.versus_databases", description=__doc__)
    parser.add_argument(
        "url", nargs="?", default=os.environ.get("FOREBAY_BENCHMARK_POSTGRES"), help="a PostgreSQL"
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--json", metavar="PATH", help="also write the figures to this file")
    asyncio.run(main(parser.parse_args()))
