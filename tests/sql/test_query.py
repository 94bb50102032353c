"""sql.query: the rows of a query as a Readable."""

import asyncio
import gc

import pytest

import forebay
from forebay import Readable, Writable, pipeline, sql
from forebay.errors import (
    AbortError,
    ConnectionBusyError,
    InvalidArgTypeError,
    InvalidArgValueError,
    OutOfRangeError,
)
from forebay.testing import check_readable
from support.databases import closed, connected

ALL = "select id, name from numbers order by id"
EXPECTED = [(n, f"name {n}") for n in range(5000)]


def test_all_rows_come_in_order(run, database):
    async def main():
        async with connected(database) as connection:
            assert await sql.query(connection, ALL, rows=tuple).to_list() == EXPECTED

    run(main)


def test_rows_come_through_a_url(run, database):
    async def main():
        async with connected(database):
            assert await sql.query(database.url, ALL, rows=tuple).to_list() == EXPECTED

    run(main)


def test_rows_come_from_a_connection_that_a_function_returns(run, database):
    async def main():
        async with connected(database):
            assert await sql.query(database.connect, ALL, rows=tuple).to_list() == EXPECTED

    run(main)


@pytest.mark.parametrize("batch", [1, 7, 999, 1000, 100_000])
@pytest.mark.parametrize("ahead", [True, False])
def test_the_size_of_a_batch_changes_nothing_but_the_trips(run, database, batch, ahead):
    async def main():
        async with connected(database) as connection:
            query = sql.query(connection, ALL, rows=tuple, batch=batch, ahead=ahead)
            assert await query.to_list() == EXPECTED
            assert query.row_count == 5000

    run(main)


def test_placeholders_take_the_arguments(run, database):
    async def main():
        async with connected(database) as connection:
            one, two = database.mark(1), database.mark(2)
            statement = f"select id from numbers where id >= {one} and id < {two} order by id"
            assert await sql.query(connection, statement, 10, 13, rows=tuple).to_list() == [
                (10,),
                (11,),
                (12,),
            ]

    run(main)


def test_rows_as_dicts_have_the_names_of_the_columns(run, database):
    async def main():
        async with connected(database) as connection:
            rows = await sql.query(connection, f"{ALL} limit 2", rows=dict).to_list()
            assert rows == [{"id": 0, "name": "name 0"}, {"id": 1, "name": "name 1"}]

    run(main)


def test_a_function_makes_the_rows(run, database):
    async def main():
        async with connected(database) as connection:
            seen = []

            def maker(columns):
                seen.append(columns)
                return lambda row: row[1].upper()

            assert await sql.query(connection, f"{ALL} limit 2", rows=maker).to_list() == ["NAME 0", "NAME 1"]
            assert seen == [("id", "name")]

    run(main)


def test_dicts_refuse_two_columns_with_one_name(run, database):
    async def main():
        async with connected(database) as connection:
            with pytest.raises(InvalidArgValueError, match=r"'id' twice.*AS"):
                await sql.query(connection, "select 1 as id, 2 as id", rows=dict).to_list()
            assert await sql.query(connection, "select 1 as id, 2 as id", rows=tuple).to_list() == [(1, 2)]

    run(main)


def test_the_columns_are_reported_before_the_first_row(run, database):
    async def main():
        async with connected(database) as connection:
            query = sql.query(connection, ALL)
            happened = []
            query.on("columns", lambda columns: happened.append(("columns", columns)))
            query.on("data", lambda row: happened.append(("row", query.columns)))
            assert query.columns is None
            await forebay.finished(query)
            assert happened[:2] == [("columns", ("id", "name")), ("row", ("id", "name"))]

    run(main)


def test_no_rows_end_the_stream(run, database):
    async def main():
        async with connected(database) as connection:
            query = sql.query(connection, "select id from numbers where id < 0")
            assert await query.to_list() == []
            assert query.columns == ("id",)

    run(main)


def test_rows_are_read_only_as_fast_as_they_are_taken(run, database):
    async def main():
        async with connected(database) as connection:
            query = sql.query(connection, ALL, batch=50, high_water_mark=20)
            query.on("readable", lambda: None)
            await asyncio.sleep(0.2)
            # The buffer is at the mark after one batch at most, and one more waits outside of it.
            assert 20 <= query.readable_length <= 20 + 50
            assert query.row_count == query.readable_length
            await query.aclose()

    run(main)


def test_wide_rows_make_the_batches_and_the_mark_smaller(run, database):
    async def main():
        async with connected(database) as connection:
            wide = "replace(name, 'name', '" + "x" * 10_000 + "')"
            query = sql.query(connection, f"select {wide} from numbers", batch_bytes=100_000)
            most = 0
            async for _ in query:
                most = max(most, query.readable_length)
            assert query.readable_high_water_mark == 9
            assert query.stats().readable.peak <= 32
            assert query.row_count == 5000

    run(main)


def test_a_loop_that_is_left_leaves_the_connection_usable(run, database):
    async def main():
        async with connected(database) as connection:
            async with sql.query(connection, ALL) as query:
                async for _ in query:
                    break
            assert query.connection_state == "usable"
            assert await database.rows(connection, "select 1") == [(1,)]
            assert not database.in_transaction(connection)

    run(main)


def test_destroy_cancels_the_statement_on_the_server(run, database):
    async def main():
        async with connected(database) as connection:
            query = sql.query(connection, database.endless)
            closed = forebay.once(query, "close")
            query.resume()
            await asyncio.sleep(0.2)
            async with asyncio.timeout(4):
                query.destroy()
                await closed
            assert query.connection_state == "usable"
            assert await database.rows(connection, "select 1") == [(1,)]

    run(main)


def test_a_cancelled_task_cancels_the_statement(run, database):
    async def main():
        async with connected(database) as connection:
            query = sql.query(connection, database.endless)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await query.to_list()
            await closed(query)
            assert await database.rows(connection, "select 1") == [(1,)]

    run(main)


def test_a_statement_that_takes_longer_than_the_timeout_fails(run, database):
    async def main():
        async with connected(database) as connection:
            query = sql.query(connection, database.endless, timeout=0.2)
            with pytest.raises(TimeoutError) as caught:
                await query.to_list()
            assert "in query" in caught.value.__notes__[0]
            assert await database.rows(connection, "select 1") == [(1,)]

    run(main)


def test_a_wrong_statement_fails_once_with_its_text(run, database):
    async def main():
        async with connected(database) as connection:
            with pytest.raises(Exception, match="nothing_here") as caught:
                await sql.query(connection, "select * from nothing_here").to_list()
            assert caught.value.__notes__[0] == "in query 'select * from nothing_here', after 0 rows"
            assert await database.rows(connection, "select 1") == [(1,)]
            assert not database.in_transaction(connection)

    run(main)


def test_a_failing_sink_leaves_the_connection_usable(run, database):
    async def main():
        async with connected(database) as connection:
            seen = []

            def write(row):
                seen.append(row)
                if len(seen) == 1500:
                    raise ValueError("full")

            query = sql.query(connection, ALL)
            with pytest.raises(ValueError, match="full"):
                await pipeline(query, Writable(write=write, object_mode=True))
            await closed(query)
            assert query.connection_state == "usable"
            assert await database.rows(connection, "select 1") == [(1,)]

    run(main)


def test_a_second_stream_on_a_connection_is_refused_at_once(run, database):
    async def main():
        async with connected(database) as connection:
            first = sql.query(connection, ALL)
            with pytest.raises(ConnectionBusyError, match=r"insert 'target' needs.*query 'select id"):
                sql.insert(connection, "target")
            assert await first.map(tuple).to_list() == EXPECTED
            assert await sql.query(connection, "select 1", rows=tuple).to_list() == [(1,)]

    run(main)


def test_the_next_stream_waits_for_one_that_is_closing(run, database):
    async def main():
        async with connected(database) as connection:
            first = sql.query(connection, database.endless)
            first.resume()
            await asyncio.sleep(0.1)
            first.destroy()
            assert await sql.query(connection, "select 1", rows=tuple).to_list() == [(1,)]

    run(main)


def test_a_query_inside_a_transaction_of_the_program_leaves_it_open(run, database):
    async def main():
        async with connected(database) as connection:
            await database.begin(connection)
            assert await sql.query(connection, ALL, rows=tuple).to_list() == EXPECTED
            assert database.in_transaction(connection)
            with pytest.raises(Exception, match="nothing_here"):
                await sql.query(connection, "select * from nothing_here").to_list()
            # A savepoint has kept the failure from it.
            assert await database.rows(connection, "select 1") == [(1,)]
            await database.rollback(connection)

    run(main)


def test_a_signal_destroys_the_query(run, database):
    async def main():
        async with connected(database) as connection:
            controller = forebay.AbortController()
            query = sql.query(connection, database.endless, signal=controller.signal)
            asyncio.get_running_loop().call_later(0.1, controller.abort)
            with pytest.raises(AbortError):
                await query.to_list()
            assert await database.rows(connection, "select 1") == [(1,)]

    run(main)


def test_a_signal_that_has_aborted_opens_nothing(run, database):
    async def main():
        async with connected(database) as connection:
            controller = forebay.AbortController()
            controller.abort()
            query = sql.query(connection, ALL, signal=controller.signal)
            with pytest.raises(AbortError):
                await query.to_list()
            assert await database.rows(connection, "select 1") == [(1,)]

    run(main)


def test_a_query_keeps_the_rules_of_a_readable(run, database):
    async def main():
        async with connected(database):
            await check_readable(
                lambda: sql.query(
                    database.url,
                    "select id from numbers where id < 40 order by id",
                    rows=tuple,
                    batch=5,
                    high_water_mark=4,
                ),
                expected=[(n,) for n in range(40)],
                burst=5,
            )

    run.seconds = 60
    run(main)


def test_a_query_that_cannot_be_opened_keeps_the_rules_of_a_readable(run, database):
    async def main():
        async with connected(database):
            await check_readable(lambda: sql.query(database.url, "select nothing_here"), fails=Exception)

    run.seconds = 60
    run(main)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"batch": 0}, OutOfRangeError, "batch must be 1 or more, got 0"),
        ({"batch": "many"}, InvalidArgTypeError, "batch must be an int, got 'many'"),
        ({"batch_bytes": 0}, OutOfRangeError, "batch_bytes"),
        ({"rows": "list"}, InvalidArgTypeError, "rows must be None, tuple, dict"),
        ({"timeout": -1}, OutOfRangeError, "timeout must be more than 0 seconds"),
        ({"high_water_mark": -1}, InvalidArgValueError, "high_water_mark"),
    ],
)
def test_a_wrong_option_is_named(run, options, error, message):
    async def main():
        with pytest.raises(error, match=message):
            sql.query(":memory:", "select 1", **options)

    run(main)


@pytest.mark.parametrize("connection", [None, 5, object(), int])
def test_a_wrong_connection_is_refused(run, connection):
    async def main():
        with pytest.raises(InvalidArgTypeError, match="connection must be a connection, a pool"):
            sql.query(connection, "select 1")

    run(main)


def test_an_unknown_scheme_is_named_without_the_password(run):
    async def main():
        with pytest.raises(InvalidArgValueError, match="oracle") as caught:
            sql.query("oracle://scott:tiger@host/db", "select 1")
        assert "tiger" not in str(caught.value)

    run(main)


def test_a_query_is_a_readable(run, database):
    async def main():
        async with connected(database) as connection:
            query = sql.query(connection, ALL)
            assert isinstance(query, Readable)
            assert repr(query) == "<Query 'select id, name from numbers order by id' opening>"
            await query.aclose()

    run(main)


def test_a_query_that_is_dropped_gives_its_connection_back(run, database):
    async def main():
        async with connected(database) as connection:
            query = sql.query(connection, ALL)
            # As soon as there are rows, nothing but this function holds the stream.
            await forebay.once(query, "readable")
            await asyncio.sleep(0.2)
            del query
            gc.collect()
            await asyncio.sleep(0.2)
            assert not database.in_transaction(connection)
            assert await sql.query(connection, "select 1", rows=tuple).to_list() == [(1,)]

    run(main)
