"""A connection that the program closes as soon as it has left a stream early, while the driver's thread may still work."""

import asyncio
import contextlib
import sqlite3
import threading
import time

import pytest

from forebay import Writable, pipeline, sql
from support.databases import closed

# The interpreter crashes where a call runs while its connection is closed; at which moment is chance.
TIMES = 20
SERIES = {
    "sqlite3": "with recursive r(i) as (select 0 union all select i + 1 from r where i < 5000) select i from r",
    "duckdb": "select i from range(20000) t(i)",
}


@pytest.fixture(params=["sqlite3", "duckdb"])
def driver(request):
    return request.param


def connected(driver):
    if driver == "sqlite3":
        return contextlib.closing(sqlite3.connect(":memory:", check_same_thread=False))
    return contextlib.closing(pytest.importorskip("duckdb").connect())


def full(row):
    raise OSError("the sink is full")


async def by_break(query):
    async for _ in query:
        break


async def by_a_failing_sink(query):
    with pytest.raises(OSError, match="the sink is full"):
        await pipeline(query, Writable(object_mode=True, write=full))


async def by_a_failing_function(query):
    with pytest.raises(OSError, match="the sink is full"):
        await query.for_each(full)


async def by_the_first_row(query):
    assert await query.find(lambda row: True) is not None


async def by_cancelling(query):
    async def wait(row):
        reached.set()
        await asyncio.sleep(60)

    reached = asyncio.Event()
    task = asyncio.ensure_future(query.for_each(wait))
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize(
    "leave", [by_break, by_a_failing_sink, by_a_failing_function, by_the_first_row, by_cancelling]
)
def test_a_connection_can_be_closed_when_a_query_was_left(run, driver, leave):
    async def main():
        for _ in range(TIMES):
            with connected(driver) as connection:
                query = sql.query(connection, SERIES[driver])
                await leave(query)
                assert query.destroyed
                assert leave is by_break or query.connection_state == "usable"
            while not query.closed:
                await asyncio.sleep(0)

    run(main)


@pytest.mark.parametrize("make", [lambda url: sql.query(url, "select 1"), lambda url: sql.insert(url, "t")])
@pytest.mark.parametrize("scheme", ["sqlite", "duckdb"])
def test_a_missing_file_is_not_made(run, tmp_path, scheme, make):
    pytest.importorskip("duckdb")

    async def main():
        stream = make(f"{scheme}:{tmp_path / 'missing.db'}")
        with pytest.raises(FileNotFoundError, match=r"missing\.db"):
            await (stream.to_list() if hasattr(stream, "to_list") else pipeline([(1,)], stream))

    run(main)
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_being_opened_is_closed_before_the_stream(run, tmp_path, monkeypatch):
    path = tmp_path / "test.db"
    path.touch()
    begun = threading.Event()
    opened = []
    connect = sqlite3.connect

    def slowly(*args, **options):
        begun.set()
        time.sleep(0.02)
        opened.append(args)
        return connect(*args, **options)

    monkeypatch.setattr(sqlite3, "connect", slowly)

    async def main():
        query = sql.query(f"sqlite:{path}", "select 1")
        assert await asyncio.to_thread(begun.wait, 10)
        query.destroy()
        await closed(query)
        assert len(opened) == 1

    run(main)
