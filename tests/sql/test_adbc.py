"""ADBC, with PostgreSQL and SQLite: rows and record batches, transactions, and what is left when a stream is left early."""

import asyncio
import contextlib
import datetime
import decimal
import os
import signal
import uuid

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forebay import Writable, pipeline, sql
from forebay.errors import ConnectionBusyError, InvalidArgValueError, InvalidStateError
from forebay.testing import check_readable, check_writable

pa = pytest.importorskip("pyarrow")
manager = pytest.importorskip("adbc_driver_manager")

SERIES = {
    "postgres": "select g::int8 as id, 'text ' || g as t from generate_series(0, {} - 1) g",
    "sqlite": "with recursive r(i) as (select 0 union all select i + 1 from r where i + 1 < {}) "
    "select i as id, 'text ' || i as t from r",
}


class Database:
    """A database of one of both kinds, with an empty table ``adbc_target``."""

    def __init__(self, kind, connect):
        self.kind = kind
        self.connect = connect
        self.mark = "$1" if kind == "postgres" else "?"

    def series(self, count):
        return SERIES[self.kind].format(count)

    def rows(self, statement="select id, t from adbc_target order by id"):
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall()

    def run(self, *statements):
        with self.connect() as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            connection.commit()


@pytest.fixture(params=["postgres", "sqlite"])
def database(request, tmp_path):
    if request.param == "postgres":
        driver = pytest.importorskip("adbc_driver_postgresql.dbapi")
        url = request.getfixturevalue("postgres")
        made = Database("postgres", lambda **options: driver.connect(url, **options))
    else:
        driver = pytest.importorskip("adbc_driver_sqlite.dbapi")
        path = str(tmp_path / "data.db")
        made = Database("sqlite", lambda **options: driver.connect(path, **options))
    made.run("drop table if exists adbc_target", "create table adbc_target (id bigint primary key, t text)")
    return made


@pytest.fixture(params=["autocommit", "transactions"])
def connection(request, database):
    with database.connect(autocommit=request.param == "autocommit") as made:
        yield made


def one(connection):
    """A statement on the connection: it is usable."""
    with connection.cursor() as cursor:
        cursor.execute("select 1")
        return cursor.fetchall()


def parent_of(process):
    with open(f"/proc/{process}/stat") as stat:
        return int(stat.read().rpartition(")")[2].split()[1])


@contextlib.contextmanager
def stopped(*processes):
    for process in processes:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            os.kill(process, signal.SIGCONT)


def rows(count, start=0):
    return [(n, f"text {n}") for n in range(start, start + count)]


def batch(count, start=0, kind=None):
    made = rows(count, start)
    return pa.record_batch(
        {"id": pa.array([a for a, _ in made], kind or pa.int64()), "t": [b for _, b in made]}
    )


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


def test_query_gives_all_rows_in_order(run, database, connection):
    async def main():
        query = sql.query(connection, database.series(30_000), batch=700)
        return await query.to_list(), query.columns, query.row_count, query.connection_state

    assert run(main) == (rows(30_000), ("id", "t"), 30_000, "usable")
    assert one(connection) == [(1,)]


def test_query_as_record_batches(run, database, connection):
    async def main():
        query = sql.query(connection, database.series(30_000), rows="arrow", batch=3000)
        return await query.to_list(), query.row_count

    batches, count = run(main)
    assert count == 30_000
    assert max(each.num_rows for each in batches) <= 3000
    assert pa.Table.from_batches(batches).column("t").to_pylist() == [b for _, b in rows(30_000)]


@pytest.mark.parametrize("form", [dict, "arrow"])
def test_query_takes_parameters(run, database, connection, form):
    async def main():
        statement = f"select id from ({database.series(100)}) as s where id < {database.mark} order by id"
        return await sql.query(connection, statement, 3, rows=form).to_list()

    found = run(main)
    if form == "arrow":
        found = [row for each in found for row in each.to_pylist()]
    assert found == [{"id": 0}, {"id": 1}, {"id": 2}]


@pytest.mark.parametrize("form", [tuple, "arrow"])
def test_query_follows_the_rules_of_readables(run, database, form):
    async def main():
        with database.connect() as connection:
            await check_readable(
                lambda: sql.query(connection, database.series(40), rows=form, batch=2, high_water_mark=2),
                expected=rows(40) if form is tuple else None,
                burst=2,
            )

    run(main)


def test_an_error_after_some_rows_fails_the_query(run, database, connection):
    bad = (
        "1 / (id - 9000)" if database.kind == "postgres" else "json(case id when 9000 then '{' else '1' end)"
    )

    async def main():
        query = sql.query(connection, f"select {bad} as x from ({database.series(20_000)}) as s")
        with pytest.raises(Exception, match=r"zero|JSON"):
            await query.to_list()
        return await closed(query)

    assert run(main) == "usable"
    assert one(connection) == [(1,)]


@pytest.mark.parametrize("form", [tuple, "arrow"])
def test_leaving_a_query_early_leaves_the_connection_usable(run, database, connection, form):
    async def main():
        query = sql.query(connection, database.series(3_000_000), rows=form)
        async for _ in query:
            break
        state = await closed(query)
        return state, await sql.query(connection, "select 1").to_list()

    assert run(main) == ("usable", [(1,)])
    assert one(connection) == [(1,)]


def test_leaving_a_query_at_any_moment_leaves_the_connection_usable(run, database, connection):
    async def main():
        for moment in range(40):
            query = sql.query(connection, database.series(40), batch=2, high_water_mark=2)
            query.read(0)
            await asyncio.sleep(moment * 0.0001)
            query.destroy()
            assert await closed(query) == "usable"
            assert await sql.query(connection, "select 1").to_list() == [(1,)]

    run(main)


def test_a_server_that_stops_answering_does_not_hold_the_loop(run, database):
    if database.kind == "sqlite":
        pytest.skip("SQLite has no server")
    wide = "select repeat('x', 300000), pg_sleep(0.01) from generate_series(1, 10000)"

    async def main():
        connection = database.connect()
        backend = int((await sql.query(connection, "select pg_backend_pid()").to_list())[0][0])
        query = sql.query(connection, wide)
        async with contextlib.aclosing(query.iterator(destroy_on_return=False)) as given:
            await anext(given)
        with stopped(backend, parent_of(backend)):
            query.destroy()
            ticks = 0
            while not query.closed:
                await asyncio.sleep(0.1)
                ticks += 1
        assert query.connection_state == "discarded"
        assert ticks > 10
        # The request to cancel the statement ends when the server answers again.
        while len(asyncio.all_tasks()) > 1:
            await asyncio.sleep(0.01)

    run(main)


def test_a_failing_sink_ends_the_query(run, database, connection):
    async def main():
        query = sql.query(connection, database.series(3_000_000))
        with pytest.raises(OSError, match="the sink is full"):
            await pipeline(query, Failing())
        return await closed(query)

    assert run(main) == "usable"
    assert one(connection) == [(1,)]


@pytest.mark.parametrize("how", ["destroy", "cancel"])
def test_a_query_that_has_no_row_yet_is_cancelled(run, database, connection, how):
    if database.kind == "sqlite":
        pytest.skip("the driver of SQLite cannot cancel")

    async def main():
        query = sql.query(connection, "select pg_sleep(60)")
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
    assert one(connection) == [(1,)]


def test_two_streams_on_one_connection_are_reported_at_once(run, connection):
    async def main():
        query = sql.query(connection, "select 1")
        with pytest.raises(ConnectionBusyError):
            sql.insert(connection, "adbc_target")
        await query.to_list()

    run(main)


# ---- rows in


def test_insert_writes_all_rows(run, database):
    async def main():
        with database.connect(autocommit=True) as connection:
            insert = sql.insert(connection, "adbc_target", batch=300)
            await pipeline(rows(25_000), insert)
            return insert.rows_written, insert.rows_committed, insert.connection_state

    assert run(main) == (25_000, 25_000, "usable")
    assert database.rows() == rows(25_000)


def test_a_function_that_opens_connections(run, database):
    async def main():
        await pipeline(rows(10), sql.insert(database.connect, "adbc_target"))
        return await sql.query(database.connect, "select count(*) as n from adbc_target", rows=dict).to_list()

    assert run(main) == [{"n": 10}]


def test_insert_follows_the_rules_of_writables(run, database):
    def collected(_):
        return database.rows("select a, b from log order by a")

    def made():
        database.run("drop table if exists log", "create table log (a bigint, b text)")
        return sql.insert(lambda: database.connect(autocommit=True), "log", high_water_mark=2)

    async def main():
        await check_writable(made, collected=collected, chunks=rows(20))

    run(main)


def test_insert_takes_dicts_columns_statements_and_methods(run, database):
    marks = "$1, upper($2)" if database.kind == "postgres" else "?, upper(?)"

    async def main():
        with database.connect(autocommit=True) as connection:
            await pipeline([{"t": "a", "id": 1}], sql.insert(connection, "adbc_target"))
            await pipeline([("b", 2)], sql.insert(connection, "adbc_target", columns=["t", "id"]))
            await pipeline([(3,)], sql.insert(connection, "adbc_target", columns=["id"]))
            await pipeline(
                [(4, "d"), (5, "e")], sql.insert(connection, f"insert into adbc_target values ({marks})")
            )
            await pipeline([(6, "f")], sql.insert(connection, "adbc_target", method="executemany"))
            for options in ({"on_conflict": "ignore"}, {"method": "values"}):
                with pytest.raises(InvalidArgValueError, match="not available for ADBC"):
                    await pipeline([(7, "g")], sql.insert(connection, "adbc_target", **options))

    run(main)
    assert database.rows() == [(1, "a"), (2, "b"), (3, None), (4, "D"), (5, "E"), (6, "f")]


def test_insert_takes_record_batches(run, database):
    async def main():
        with database.connect(autocommit=True) as connection:
            insert = sql.insert(connection, "adbc_target")
            turned = batch(2, 30_000).select(["t", "id"])
            await pipeline([batch(20_000), batch(10_000, 20_000)], insert)
            await pipeline([turned, batch(1, 40_000, pa.int32())], sql.insert(connection, "adbc_target"))
            return insert.rows_written, insert.rows_committed

    assert run(main) == (30_000, 30_000)
    assert database.rows() == [*rows(30_002), *rows(1, 40_000)]


@pytest.mark.parametrize("wrong", [(1, "again"), (6000,), ("no number", "a")])
def test_a_row_that_does_not_fit_leaves_no_row(run, database, wrong):
    async def main():
        with database.connect(autocommit=True) as connection:
            insert = sql.insert(connection, "adbc_target", batch=100)
            with pytest.raises((manager.dbapi.Error, ValueError, TypeError)):
                await pipeline([*rows(15_000), wrong], insert)
            return await closed(insert), insert.rows_committed, one(connection)

    assert run(main) == ("usable", 0, [(1,)])
    assert database.rows() == []


def test_an_insert_that_is_left_early_leaves_no_row(run, database):
    async def main():
        with database.connect(autocommit=True) as connection:
            insert = sql.insert(connection, "adbc_target", batch=100)
            for row in rows(25_000):
                await insert.send(row)
            insert.destroy()
            return await closed(insert), one(connection)

    assert run(main) == ("usable", [(1,)])
    assert database.rows() == []


def test_transaction_batch_commits_each_batch(run, database):
    async def main():
        with database.connect(autocommit=True) as connection:
            insert = sql.insert(connection, "adbc_target", batch=100, transaction="batch")
            with pytest.raises(manager.dbapi.Error):
                await pipeline([*rows(500), (1, "again")], insert)
            return insert.rows_committed

    assert run(main) == len(database.rows())


# ---- transactions of the program


def test_a_stream_joins_the_transaction_of_the_program(run, database):
    async def main():
        with database.connect() as connection:
            with connection.cursor() as cursor:
                cursor.execute("insert into adbc_target values (100, 'mine')")
            await pipeline(rows(10), sql.insert(connection, "adbc_target"))
            query = sql.query(connection, database.series(100_000))
            async for _ in query:
                break
            await closed(query)
            found = await sql.query(connection, "select count(*) from adbc_target").to_list()
            connection.rollback()
            return found

    assert run(main) == [(11,)]
    assert database.rows() == []


def test_several_streams_in_one_transaction(run, database):
    async def main():
        with database.connect(autocommit=True) as connection:
            async with sql.transaction(connection) as together:
                await pipeline(rows(10), sql.insert(together, "adbc_target"))
                await pipeline(rows(10, 10), sql.insert(together, "adbc_target"))
            with pytest.raises(ZeroDivisionError):
                async with sql.transaction(connection) as together:
                    await pipeline(rows(10, 20), sql.insert(together, "adbc_target"))
                    raise ZeroDivisionError
            with pytest.raises(InvalidStateError, match="not committed"):
                async with sql.transaction(connection) as together:
                    await pipeline(rows(10, 30), sql.insert(together, "adbc_target"))
                    with pytest.raises(manager.dbapi.Error):
                        await pipeline([(1, "again")], sql.insert(together, "adbc_target"))
            return one(connection)

    assert run(main) == [(1,)]
    assert database.rows() == rows(20)


def test_a_transaction_that_only_reads(run, database):
    if database.kind == "sqlite":
        pytest.skip("SQLite has no such transactions")

    async def main():
        with (
            database.connect(autocommit=True) as connection,
            pytest.raises(manager.dbapi.Error, match="read-only"),
        ):
            async with sql.transaction(connection, isolation="serializable", readonly=True) as together:
                await pipeline(rows(1), sql.insert(together, "adbc_target"))

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
    ),
    max_size=30,
)


@given(ROWS)
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
def test_what_goes_in_comes_out_of_postgres(postgres, given_rows):
    driver = pytest.importorskip("adbc_driver_postgresql.dbapi")

    async def main():
        with driver.connect(postgres, autocommit=True) as made:
            with made.cursor() as cursor:
                cursor.execute("drop table if exists anything")
                cursor.execute(
                    "create table anything (n serial, a bigint, b float8, c text, d bytea, e bool, f timestamp, g date)"
                )
            columns = list("abcdefg")
            await pipeline(given_rows, sql.insert(made, "anything", columns=columns, batch=7))
            return await sql.query(made, "select a, b, c, d, e, f, g from anything order by n").to_list()

    assert asyncio.run(main()) == given_rows


def test_decimals_lists_and_uuids(run, postgres):
    driver = pytest.importorskip("adbc_driver_postgresql.dbapi")

    async def main():
        with driver.connect(postgres, autocommit=True) as made:
            with made.cursor() as cursor:
                cursor.execute("drop table if exists special")
                cursor.execute("create table special (a numeric, b int[], c uuid)")
            given_rows = [(decimal.Decimal("1.50"), [1, 2]), (decimal.Decimal("-3.25"), None)]
            await pipeline(given_rows, sql.insert(made, "special", columns=["a", "b"]))
            await pipeline([(only,)], sql.insert(made, "special", columns=["c"]))
            return await sql.query(made, "select a::float8, b, c::text from special").to_list()

    only = uuid.uuid4()
    assert run(main) == [(1.5, [1, 2], None), (-3.25, None, None), (None, None, str(only))]
