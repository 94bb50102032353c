"""DuckDB: rows and record batches in."""

import asyncio
import contextlib
import os
import sqlite3
import subprocess
import sys

import pytest
from duckdb_cases import batch, closed, rows, value

from forebay import pipeline, sql
from forebay.errors import (
    InvalidArgTypeError,
    InvalidArgValueError,
    PrematureCloseError,
    StreamDestroyedError,
)
from forebay.testing import check_writable

duckdb = pytest.importorskip("duckdb")


pa = pytest.importorskip("pyarrow")


@pytest.fixture
def connection():
    with duckdb.connect() as made:
        made.execute("create table numbers as select i::int as id, 'text ' || i as t from range(10000) r(i)")
        made.execute("create table target (id int primary key, t text)")
        yield made


def test_insert_writes_all_rows(run, connection):
    async def main():
        insert = sql.insert(connection, "target", batch=300)
        await pipeline(rows(5000), insert)
        return insert.rows_written, insert.rows_committed, insert.connection_state

    assert run(main) == (5000, 5000, "usable")
    assert connection.execute("select * from target order by id").fetchall() == rows(5000)


def test_insert_follows_the_rules_of_writables(run, connection):
    def collected(_):
        return sorted(connection.execute("select id, t from log").fetchall())

    connection.execute("create table log (id int, t text)")

    def made():
        connection.execute("delete from log")
        return sql.insert(connection, "log", high_water_mark=2)

    run(check_writable(made, collected=collected, chunks=rows(20)))


def test_insert_takes_dicts_and_columns(run, connection):
    async def main():
        await pipeline([{"t": "a", "id": 1}, {"t": "b", "id": 2}], sql.insert(connection, "target"))
        await pipeline([("c", 3)], sql.insert(connection, "main.target", columns=["t", "id"]))
        await pipeline([[4]], sql.insert(connection, "target", columns=["id"]))

    run(main)
    assert connection.execute("select * from target order by id").fetchall() == [
        (1, "a"),
        (2, "b"),
        (3, "c"),
        (4, None),
    ]


def test_insert_runs_a_statement_for_each_row(run, connection):
    async def main():
        insert = sql.insert(connection, "insert into target values (? * 10, upper(?))")
        await pipeline(rows(3), insert)
        return insert.rows_committed

    assert run(main) == 3
    assert connection.execute("select * from target").fetchall() == [
        (0, "TEXT 0"),
        (10, "TEXT 1"),
        (20, "TEXT 2"),
    ]


@pytest.mark.parametrize("method", ["auto", "copy", "executemany"])
def test_each_method_of_insert(run, connection, method):
    async def main():
        await pipeline(rows(50), sql.insert(connection, "target", method=method))

    run(main)
    assert value(connection, "select count(*) from target") == 50


def test_a_method_that_duckdb_does_not_have(run, connection):
    async def main():
        with pytest.raises(InvalidArgValueError, match="not available for DuckDB"):
            await pipeline(rows(1), sql.insert(connection, "target", method="values"))

    run(main)


def test_conflicts_are_ignored_or_update_the_row(run, connection):
    connection.execute("insert into target values (1, 'old')")

    async def main():
        await pipeline([(1, "new"), (2, "two")], sql.insert(connection, "target", on_conflict="ignore"))
        ignored = connection.execute("select * from target order by id").fetchall()
        newer = [(1, "new"), (3, "three"), (1, "newest")]
        await pipeline(newer, sql.insert(connection, "target", on_conflict="update", key=["id"]))
        batches = [batch(1, 3), batch(2, 2)]
        await pipeline(batches, sql.insert(connection, "target", on_conflict="update", key=["id"]))
        return ignored

    assert run(main) == [(1, "old"), (2, "two")]
    assert connection.execute("select * from target order by id").fetchall() == [
        (1, "newest"),
        (2, "text 2"),
        (3, "text 3"),
    ]
    assert connection.execute("from duckdb_tables() select table_name order by 1").fetchall() == [
        ("numbers",),
        ("target",),
    ]


@pytest.mark.parametrize(
    "wrong", [[(6000, "a"), (1, "doubled"), (1, "b")], [(6000,)], [("no number", "a")], [object()]]
)
def test_a_row_that_does_not_fit_leaves_no_row(run, connection, wrong):
    async def main():
        insert = sql.insert(connection, "target", batch=100)
        with pytest.raises((duckdb.Error, TypeError)):
            await pipeline([*rows(5000), *wrong], insert)
        return insert.connection_state, insert.rows_committed

    assert run(main) == ("usable", 0)
    assert value(connection, "select count(*) from target") == 0


def test_an_insert_that_is_left_early_leaves_no_row(run, connection):
    async def main():
        insert = sql.insert(connection, "target", batch=100)
        for row in rows(5000):
            await insert.send(row)
        insert.destroy()
        return await closed(insert)

    assert run(main) == "usable"
    assert value(connection, "select count(*) from target") == 0


def test_transaction_batch_commits_each_batch(run, connection):
    async def main():
        insert = sql.insert(connection, "target", batch=100, transaction="batch")
        told = []
        insert.on("commit", told.append)
        with pytest.raises(duckdb.ConstraintException):
            await pipeline([*rows(500), (1, "again")], insert)
        return told, insert.rows_committed

    told, committed = run(main)
    assert told == sorted(told)
    assert value(connection, "select count(*) from target") == committed == told[-1]


def test_without_a_transaction_the_program_commits(run, connection):
    connection.begin()

    async def main():
        await pipeline(rows(10), sql.insert(connection, "target", transaction=None))

    run(main)
    assert value(connection, "select count(*) from target") == 10
    connection.rollback()
    assert value(connection, "select count(*) from target") == 0


def test_insert_takes_record_batches_and_counts_their_rows(run, connection):
    async def main():
        insert = sql.insert(connection, "target")
        await pipeline([batch(3000), batch(2000, 3000)], insert)
        return insert.rows_written, insert.rows_committed, insert.writable_high_water_mark

    assert run(main) == (5000, 5000, 2)
    assert connection.execute("select * from target order by id").fetchall() == rows(5000)


def test_few_record_batches_are_queued_while_the_connection_is_opened(run, connection):
    async def main():
        insert = sql.insert(connection, "target", transaction=None)
        room = [insert.write(batch(1, n)) for n in range(16)]
        insert.end()
        while not insert.closed:
            await asyncio.sleep(0.001)
        rows_of = sql.insert(connection, "target", batch=300)
        await pipeline(rows(100, 100), rows_of)
        return room.count(True), insert.rows_committed, rows_of.writable_high_water_mark

    assert run(main) == (15, 16, 300)


@pytest.mark.parametrize("how", ["destroy", "cancel", "failing source"])
def test_an_insert_of_record_batches_that_is_left_early_leaves_no_row(run, connection, how):
    async def batches():
        for n in range(1000):
            yield batch(1000, n * 1000)
            if n == 5 and how == "failing source":
                raise OSError("the source has failed")

    async def main():
        insert = sql.insert(connection, "target")
        task = asyncio.ensure_future(pipeline(batches(), insert))
        while not insert.rows_written and not task.done():
            await asyncio.sleep(0.001)
        if how == "destroy":
            insert.destroy()
        elif how == "cancel":
            task.cancel()
        with pytest.raises((OSError, asyncio.CancelledError, PrematureCloseError, StreamDestroyedError)):
            await task
        return await closed(insert)

    assert run(main) == "usable"
    assert value(connection, "select count(*) from target") == 0


def test_without_duckdb_the_error_says_what_to_install():
    program = (
        "import sys; sys.modules['duckdb'] = None\n"
        "import asyncio\n"
        "from forebay import sql\n"
        "async def main():\n"
        "    try:\n"
        "        sql.query('data.duckdb', 'select 1')\n"
        "    except ImportError as error:\n"
        "        print(error)\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env=os.environ,
    )
    assert done.stdout == "this connection needs duckdb; pip install 'duckdb>=2' pyarrow\n"


def test_record_batches_are_inserted_by_name(run, connection):
    async def main():
        turned = batch(2).select(["t", "id"])
        await pipeline([turned, batch(2, 2)], sql.insert(connection, "target"))
        await pipeline([batch(2, 4)], sql.insert(connection, "insert into target values (?, upper(?))"))

    run(main)
    assert connection.execute("select * from target order by id").fetchall() == [
        *rows(4),
        (4, "TEXT 4"),
        (5, "TEXT 5"),
    ]


def test_wrong_record_batches_are_reported(run, connection):
    async def main():
        with pytest.raises(InvalidArgValueError, match="a record batch has the columns id, t"):
            await pipeline([batch(2)], sql.insert(connection, "target", columns=["id"]))
        with pytest.raises(InvalidArgTypeError, match="a row follows record batches"):
            await pipeline([batch(2), (1, "a")], sql.insert(connection, "target"))
        with pytest.raises(duckdb.Error):
            await pipeline([batch(2), batch(2, 1)], sql.insert(connection, "target"))

    run(main)
    assert value(connection, "select count(*) from target") == 0


def test_record_batches_for_a_driver_that_takes_rows_only(run, tmp_path):
    path = tmp_path / "rows.db"

    with contextlib.closing(sqlite3.connect(path)) as made:
        made.execute("create table target (t text, id int)")

    async def main():
        insert = sql.insert(path, "target")
        await pipeline([batch(10), batch(5, 10)], insert)
        return insert.rows_written, await sql.query(path, "select id, t from target order by id").to_list()

    assert run(main) == (15, rows(15))
