"""sql.transaction: several streams in one transaction."""

import pytest

from forebay import pipeline, sql
from forebay.errors import ConnectionBusyError, InvalidArgValueError, InvalidStateError
from support.databases import closed, connected

ROWS = [(n, f"name {n}") for n in range(100)]
ALL = "select id, name from target order by id"


def test_the_end_of_the_block_commits_all_streams(run, database):
    async def main():
        async with connected(database) as connection:
            async with sql.transaction(connection) as together:
                await pipeline(ROWS[:50], sql.insert(together, "target"))
                await pipeline(ROWS[50:], sql.insert(together, "target"))
                assert await sql.query(together, ALL, rows=tuple).to_list() == ROWS
                assert database.in_transaction(connection)
            assert together.connection_state == "usable"
            assert not database.in_transaction(connection)
            assert await database.rows(connection, ALL) == ROWS

    run(main)


def test_an_exception_rolls_all_streams_back(run, database):
    async def main():
        async with connected(database) as connection:
            with pytest.raises(ValueError, match="changed my mind"):
                async with sql.transaction(connection) as together:
                    await pipeline(ROWS, sql.insert(together, "target"))
                    raise ValueError("changed my mind")
            assert await database.rows(connection, ALL) == []
            assert not database.in_transaction(connection)

    run(main)


def test_a_stream_that_fails_does_not_spoil_the_others(run, database):
    async def main():
        async with connected(database) as connection:
            async with sql.transaction(connection) as together:
                await pipeline(ROWS[:50], sql.insert(together, "target"))
                sink = sql.insert(together, "target")
                with pytest.raises(Exception, match=r"(?i)unique"):
                    await pipeline(ROWS[40:60], sink)
                await closed(sink)
            assert await database.rows(connection, ALL) == ROWS[:50]

    run(main)


def test_a_transaction_opens_its_connection_by_url(run, database):
    async def main():
        async with connected(database) as connection:
            async with sql.transaction(database.url) as together:
                await pipeline(ROWS, sql.insert(together, "target"))
            assert await database.rows(connection, ALL) == ROWS

    run(main)


def test_two_streams_at_once_are_refused(run, database):
    async def main():
        async with connected(database) as connection, sql.transaction(connection) as together:
            first = sql.query(together, "select id from numbers")
            with pytest.raises(ConnectionBusyError, match="needs the connection that query"):
                sql.insert(together, "target")
            with pytest.raises(ConnectionBusyError, match="transaction"):
                sql.query(connection, "select 1")
            await first.aclose()

    run(main)


def test_a_stream_that_is_open_at_the_end_of_the_block_is_an_error(run, database):
    async def main():
        async with connected(database) as connection:
            with pytest.raises(ConnectionBusyError, match="still open"):
                async with sql.transaction(database.url) as together:
                    sink = sql.insert(together, "target")
                    sink.on("error", lambda error: None)
                    sink.write(ROWS[0])
            sink.destroy()
            await closed(sink)
            assert together.connection_state == "discarded"
            assert await database.rows(connection, ALL) == []

    run(main)


def test_a_transaction_serves_only_inside_its_block(run, database):
    async def main():
        async with connected(database) as connection:
            together = sql.transaction(connection)
            with pytest.raises(InvalidStateError, match="not open"):
                await sql.query(together, "select 1").to_list()
            async with together:
                with pytest.raises(InvalidStateError, match="open already"):
                    await together.__aenter__()

    run(main)


def test_an_unknown_isolation_level_is_named(run):
    async def main():
        with pytest.raises(InvalidArgValueError, match="isolation must be one of None, 'read_uncommitted'"):
            sql.transaction(":memory:", isolation="chaos")

    run(main)
