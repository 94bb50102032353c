"""DuckDB: its connections, files and URLs; rows and record batches; transactions; what is left when a stream is left early."""

import asyncio
import contextlib
import datetime
import decimal
import os
import sqlite3
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forebay import Readable, Writable, pipeline, sql
from forebay.errors import (
    ConnectionBusyError,
    InvalidArgTypeError,
    InvalidArgValueError,
    InvalidStateError,
    PrematureCloseError,
    StreamDestroyedError,
)
from forebay.testing import check_readable, check_writable

duckdb = pytest.importorskip("duckdb")
pa = pytest.importorskip("pyarrow")

# Runs for minutes before its first row.
LONG = "select count(*) from range(100000000) a, range(10000) b where a.range % 7 = b.range"


@pytest.fixture
def connection():
    with duckdb.connect() as made:
        made.execute("create table numbers as select i::int as id, 'text ' || i as t from range(10000) r(i)")
        made.execute("create table target (id int primary key, t text)")
        yield made


def value(connection, statement):
    return connection.execute(statement).fetchall()[0][0]


def rows(count, start=0):
    return [(n, f"text {n}") for n in range(start, start + count)]


def batch(count, start=0):
    made = rows(count, start)
    return pa.record_batch({"id": pa.array([a for a, _ in made], pa.int32()), "t": [b for _, b in made]})


async def closed(stream):
    while not stream.closed:
        await asyncio.sleep(0.001)
    return stream.connection_state


class Failing(Writable):
    """A sink that fails with its third chunk."""

    def __init__(self):
        super().__init__(object_mode=True, high_water_mark=1)
        self.taken = 0

    def _write(self, chunk):
        self.taken += 1
        if self.taken == 3:
            raise OSError("the sink is full")


# ---- rows out


def test_query_gives_all_rows_in_order(run, connection):
    query = []

    async def main():
        query.append(sql.query(connection, "select * from numbers order by id"))
        return await query[0].to_list()

    assert run(main) == rows(10_000)
    assert query[0].columns == ("id", "t")
    assert query[0].row_count == 10_000
    assert query[0].connection_state == "usable"
    assert value(connection, "select 1") == 1


@pytest.mark.parametrize("arguments", [("where id < ?", 3), ("where id < $most", {"most": 3})])
@pytest.mark.parametrize("form", [tuple, "arrow"])
def test_query_takes_parameters(run, connection, arguments, form):
    where, *values = arguments

    async def main():
        return await sql.query(
            connection, f"select id from numbers {where} order by id", *values, rows=form
        ).to_list()

    found = run(main)
    assert (found if form is tuple else pa.Table.from_batches(found).column("id").to_pylist()) == (
        [(0,), (1,), (2,)] if form is tuple else [0, 1, 2]
    )


def test_query_as_record_batches(run, connection):
    async def main():
        query = sql.query(connection, "select * from numbers order by id", rows="arrow", batch=3000)
        batches = await query.to_list()
        return query, batches

    query, batches = run(main)
    assert query.columns == ("id", "t")
    assert query.readable_high_water_mark == 2
    assert all(isinstance(each, pa.RecordBatch) for each in batches)
    assert all(each.num_rows <= 3000 for each in batches)
    assert pa.Table.from_batches(batches).column("id").to_pylist() == list(range(10_000))
    assert query.row_count == 10_000


@pytest.mark.parametrize("form", [dict, "arrow"])
def test_query_follows_the_rules_of_readables(run, connection, form):
    async def main():
        await check_readable(
            lambda: sql.query(
                connection,
                "select id from numbers where id < 40 order by id",
                rows=form,
                batch=2,
                high_water_mark=2,
            ),
            expected=[{"id": n} for n in range(40)] if form is dict else None,
            burst=2,
        )

    run(main)


@pytest.mark.parametrize("form", [tuple, "arrow"])
def test_an_error_after_some_rows_fails_the_query(run, connection, form):
    statement = "select case when id = 9000 then error('bad row') else id end from numbers"

    async def main():
        query = sql.query(connection, statement, rows=form, batch=100)
        with pytest.raises(Exception, match="bad row"):
            await query.to_list()
        return query.connection_state

    assert run(main) == "usable"
    assert value(connection, "select 1") == 1


def test_a_wrong_statement_fails_with_the_error_of_the_driver(run, connection):
    async def main():
        with pytest.raises(duckdb.CatalogException) as caught:
            await sql.query(connection, "select * from nowhere").to_list()
        return caught.value.__notes__

    assert run(main) == ["in query 'select * from nowhere', after 0 rows"]


@pytest.mark.parametrize("form", [tuple, "arrow"])
def test_leaving_a_query_early_leaves_the_connection_usable(run, connection, form):
    async def main():
        query = sql.query(connection, "select * from range(1000000000)", rows=form)
        async for _ in query:
            break
        return await closed(query)

    assert run(main) == "usable"
    assert value(connection, "select count(*) from numbers") == 10_000


@pytest.mark.parametrize("form", [tuple, "arrow"])
@pytest.mark.parametrize("how", ["destroy", "cancel"])
def test_a_query_that_has_no_row_yet_is_interrupted(run, connection, form, how):
    async def main():
        query = sql.query(connection, LONG, rows=form)
        task = asyncio.ensure_future(query.to_list())
        await asyncio.sleep(0.2)
        if how == "destroy":
            query.destroy()
        else:
            task.cancel()
        with pytest.raises((asyncio.CancelledError, Exception)):
            await task
        return await closed(query)

    assert run(main) == "usable"
    assert value(connection, "select 1") == 1


def test_leaving_a_query_at_any_moment_leaves_the_transaction_of_the_program(run, connection):
    connection.execute("begin transaction")

    async def main():
        for moment in range(40):
            query = sql.query(connection, "select * from numbers", batch=2, high_water_mark=2)
            query.read(0)
            await asyncio.sleep(moment * 0.0001)
            query.destroy()
            assert await closed(query) == "usable"
            assert await sql.query(connection, "select 1").to_list() == [(1,)]

    run(main)
    connection.execute("commit")


@pytest.mark.parametrize("form", [tuple, "arrow"])
def test_a_failing_sink_ends_the_query(run, connection, form):
    async def main():
        query = sql.query(connection, "select * from range(1000000000)", rows=form)
        with pytest.raises(OSError, match="the sink is full"):
            await pipeline(query, Failing())
        return await closed(query)

    assert run(main) == "usable"
    assert value(connection, "select 1") == 1


def test_two_streams_on_one_connection_are_reported_at_once(run, connection):
    async def main():
        query = sql.query(connection, "select * from numbers")
        with pytest.raises(ConnectionBusyError):
            sql.insert(connection, "target")
        await query.to_list()

    run(main)


def test_from_table_to_table_with_a_cursor_each(run, connection):
    async def main():
        insert = sql.insert(connection, "target")
        await pipeline(sql.query(connection.cursor(), "select * from numbers"), insert)
        return insert.rows_written, insert.rows_committed

    assert run(main) == (10_000, 10_000)
    assert value(connection, "select count(*) from target") == 10_000


# ---- paths and URLs


@pytest.mark.parametrize("form", ["{}.duckdb", "duckdb:{}.db"])
def test_a_path_or_a_url_is_opened_and_closed(run, tmp_path, form):
    place = form.format(tmp_path / "data")

    async def main():
        made_with_table(place.removeprefix("duckdb:"))
        await pipeline(rows(10), sql.insert(place, "target"))
        return await sql.query(place, "select count(*) from target").to_list()

    assert run(main) == [(10,)]


def made_with_table(path):
    with duckdb.connect(path) as made:
        made.execute("create table target (id int, t text)")


def test_a_database_in_memory(run):
    async def main():
        return await sql.query("duckdb:", "select 42").to_list()

    assert run(main) == [(42,)]


def test_a_function_that_opens_connections(run, tmp_path):
    path = tmp_path / "data.duckdb"
    made_with_table(path)

    async def main():
        await pipeline(rows(3), sql.insert(lambda: duckdb.connect(path), "target"))
        return await sql.query(lambda: duckdb.connect(path), "select count(*) from target").to_list()

    assert run(main) == [(3,)]


# ---- rows in


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


# ---- record batches in


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


# ---- transactions


def test_a_stream_joins_the_transaction_of_the_program(run, connection):
    connection.begin()
    connection.execute("insert into target values (100, 'mine')")

    async def main():
        await pipeline(rows(10), sql.insert(connection, "target"))
        query = sql.query(connection, "select * from range(1000000000)")
        async for _ in query:
            break
        await closed(query)

    run(main)
    assert value(connection, "select count(*) from target") == 11
    connection.rollback()
    assert value(connection, "select count(*) from target") == 0


def test_several_streams_in_one_transaction(run, connection):
    async def main():
        async with sql.transaction(connection) as together:
            await pipeline(rows(10), sql.insert(together, "target"))
            async for _ in sql.query(together, "select * from range(1000000000)", rows="arrow"):
                break
            await pipeline(rows(10, 10), sql.insert(together, "target"))
        return together.connection_state

    assert run(main) == "usable"
    assert value(connection, "select count(*) from target") == 20


def test_a_stream_that_fails_takes_the_whole_transaction_with_it(run, connection):
    async def main():
        with pytest.raises(InvalidStateError, match="not committed"):
            async with sql.transaction(connection) as together:
                await pipeline(rows(10), sql.insert(together, "target"))
                with pytest.raises(duckdb.ConstraintException):
                    await pipeline([(1, "again")], sql.insert(together, "target"))

    run(main)
    assert value(connection, "select count(*) from target") == 0


def test_an_exception_rolls_the_transaction_back(run, connection):
    async def main():
        with pytest.raises(ZeroDivisionError):
            async with sql.transaction(connection) as together:
                await pipeline(rows(10), sql.insert(together, "target"))
                raise ZeroDivisionError

    run(main)
    assert value(connection, "select count(*) from target") == 0


def test_a_transaction_that_only_reads(run, connection):
    async def main():
        with pytest.raises(duckdb.Error, match="read-only"):
            async with sql.transaction(connection, readonly=True) as together:
                await pipeline(rows(1), sql.insert(together, "target"))
        with pytest.raises(InvalidArgValueError, match="isolation"):
            async with sql.transaction(connection, isolation="serializable"):
                pass

    run(main)


# ---- any rows


ROWS = st.lists(
    st.tuples(
        st.none() | st.integers(-(2**63), 2**63 - 1),
        st.none() | st.floats(allow_nan=False),
        st.none() | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
        st.none() | st.binary(),
        st.none() | st.booleans(),
        st.none() | st.datetimes(datetime.datetime(1, 1, 1), datetime.datetime(9999, 1, 1)),
        st.none() | st.dates(),
        st.none() | st.decimals(-1000, 1000, places=3),
    ),
    max_size=30,
)


@given(ROWS)
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_what_goes_in_comes_out(given_rows):
    async def main():
        with duckdb.connect() as made:
            made.execute(
                "create table t (a bigint, b double, c text, d blob, e boolean, f timestamp, g date, h decimal(10, 3))"
            )
            await pipeline(given_rows, sql.insert(made, "t", batch=7))
            out = await sql.query(made, "select * from t order by rowid").to_list()
            batches = await sql.query(made, "select * from t order by rowid", rows="arrow", batch=5).to_list()
            made.execute("create table u as select * from t limit 0")
            await pipeline(Readable.from_(batches), sql.insert(made, "u"))
            return out, made.execute("select * from u order by rowid").fetchall()

    out, again = asyncio.run(main())
    assert out == again == [(*row[:7], plain(row[7])) for row in given_rows]


def plain(number):
    return None if number is None else decimal.Decimal(number)
