"""A program, or its server, that is killed in the middle of an insert leaves all rows or none."""

import asyncio
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time

import pytest

from forebay import sql
from support.databases import Postgres, closed, connected
from support.postgres import find_programs, postgres_server

# More of them: FOREBAY_KILLS=50.
KILLS = int(os.environ.get("FOREBAY_KILLS", "4"))
ROWS = 20_000
# The other connections that do something.
BUSY = "from pg_stat_activity where state <> 'idle' and pid <> pg_backend_pid() and datname is not null"

PROGRAM = """
import asyncio, sys
from forebay import pipeline, sql

async def main(url, mode, rows):
    sink = sql.insert(url, "target", transaction=mode, batch=500)
    sink.on("commit", lambda count: print(count, flush=True))
    print("started", flush=True)
    await pipeline(((n, "x" * 50) for n in range(rows)), sink)
    print("finished", flush=True)

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
"""


def killed_program(url, mode, seconds):
    """Run the program, kill it after some seconds, and return the lines that it wrote."""
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, url, mode, str(ROWS)], stdout=subprocess.PIPE, text=True
    )
    first = program.stdout.readline()
    time.sleep(seconds)
    program.kill()
    rest, _ = program.communicate(timeout=30)
    return [first.strip(), *rest.split()]


def check(mode, lines, count):
    """Compare the rows in the table with what the program has written."""
    assert lines[0] == "started"
    reported = max([int(line) for line in lines if line.isdigit()], default=0)
    if mode == "stream":
        assert count in (0, ROWS)
    else:
        # A batch may be committed that the program had no time to report.
        assert reported <= count <= reported + 500
    if "finished" in lines:
        assert count == ROWS


@pytest.mark.parametrize("mode", ["stream", "batch"])
def test_a_killed_program_leaves_all_rows_or_none_in_sqlite(tmp_path, mode):
    choose = random.Random(1)
    for number in range(KILLS):
        path = tmp_path / f"{mode}{number}.db"
        connection = sqlite3.connect(path)
        connection.execute("create table target(id integer primary key, name text)")
        connection.execute("pragma journal_mode=wal")
        lines = killed_program(f"sqlite:{path}", mode, choose.uniform(0, 0.25))
        check(mode, lines, connection.execute("select count(*) from target").fetchone()[0])
        connection.close()


@pytest.mark.parametrize("mode", ["stream", "batch"])
def test_a_killed_program_leaves_all_rows_or_none_in_postgres(run, postgres, mode):
    asyncpg = pytest.importorskip("asyncpg")
    server = Postgres(postgres, asyncpg)
    choose = random.Random(2)

    async def main():
        async with connected(server) as connection:
            for _ in range(KILLS):
                await connection.execute("truncate target")
                lines = await asyncio.to_thread(killed_program, postgres, mode, choose.uniform(0, 0.3))
                while await connection.fetchval(f"select count(*) {BUSY}"):
                    await asyncio.sleep(0.01)
                check(mode, lines, await connection.fetchval("select count(*) from target"))

    run.seconds = 100
    run(main)


@pytest.mark.parametrize("mode", ["stream", "batch"])
def test_a_killed_server_leaves_all_rows_or_none(run, mode):
    asyncpg = pytest.importorskip("asyncpg")
    if find_programs() is None:
        pytest.skip("PostgreSQL is needed: initdb and postgres")
    choose = random.Random(3)
    # The driver leaves a future of its own without a reader when the connection is lost.
    run.errors_wanted = True

    async def feed(sink):
        for n in range(ROWS):
            if sink.destroyed:
                return
            if not sink.write((n, "x" * 50)):
                try:
                    await sink.drain()
                except Exception:
                    return
        sink.end()

    async def main():
        with postgres_server("synchronous_commit=on", "restart_after_crash=on") as url:
            server = Postgres(url, asyncpg)
            for _ in range(KILLS):
                async with connected(server):
                    pass
                sink = sql.insert(url, "target", transaction=mode, batch=500)
                errors = []
                sink.on("error", errors.append)
                pid = None
                feeding = asyncio.ensure_future(feed(sink))
                watcher = await asyncpg.connect(url)
                try:
                    await asyncio.sleep(choose.uniform(0, 0.2))
                    pid = await watcher.fetchval(f"select pid {BUSY} limit 1")
                    if pid is not None:
                        # The server stops all its processes, that of the watcher too, and recovers.
                        os.kill(pid, signal.SIGKILL)
                    async with asyncio.timeout(10):
                        await closed(sink)
                        while pid is not None and not watcher.is_closed():
                            await asyncio.sleep(0.01)
                finally:
                    watcher.terminate()
                await feeding
                assert len(errors) == (0 if sink.writable_finished else 1)
                count = await count_when_back(asyncpg, url)
                if mode == "stream":
                    # The answer to the commit may be lost, and never its rows.
                    assert count in ((ROWS,) if sink.rows_committed else (0, ROWS))
                else:
                    # The server may have committed a batch whose answer was lost.
                    assert sink.rows_committed <= count <= sink.rows_committed + 500

    run.seconds = 100
    run(main)


async def count_when_back(asyncpg, url):
    while True:
        try:
            connection = await asyncpg.connect(url)
            try:
                return await connection.fetchval("select count(*) from target")
            finally:
                connection.terminate()
        except (OSError, asyncpg.PostgresError):
            await asyncio.sleep(0.05)
