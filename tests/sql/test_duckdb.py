"""DuckDB: its connections, files and URLs; rows and record batches; transactions; what is left when a stream is left early."""

import asyncio
import datetime
import decimal

import pytest
from duckdb_cases import Failing, closed, rows, value
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forebay import Readable, pipeline, sql
from forebay.errors import (
    ConnectionBusyError,
    InvalidArgValueError,
    InvalidStateError,
)
from forebay.testing import check_readable

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
