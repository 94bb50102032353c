"""sql.insert: a table, or a statement, as a Writable of rows."""

import asyncio
import random
import re
import sqlite3
from contextlib import closing

import pytest

import forebay
from forebay import pipeline, sql
from forebay.errors import InvalidArgTypeError, InvalidArgValueError, OutOfRangeError
from forebay.testing import check_writable
from support.databases import closed, connected

ROWS = [(n, f"name {n}") for n in range(2500)]
UNIQUE = r"(?i)unique"
ALL = "select id, name from target order by id"


def failing(rows):
    yield from rows
    raise ValueError("the source fails")


def test_rows_are_in_the_table_at_finish(run, database):
    async def main():
        async with connected(database) as connection:
            sink = sql.insert(connection, "target")
            await pipeline(ROWS, sink)
            assert await database.rows(connection, ALL) == ROWS
            assert sink.rows_written == sink.rows_committed == 2500
            assert not database.in_transaction(connection)

    run(main)


@pytest.mark.parametrize("batch", [1, 7, 1000, 100_000])
def test_the_size_of_a_batch_changes_nothing_but_the_trips(run, database, batch):
    async def main():
        async with connected(database) as connection:
            await pipeline(ROWS[:300], sql.insert(connection, "target", batch=batch))
            assert await database.rows(connection, ALL) == ROWS[:300]

    run(main)


@pytest.mark.parametrize("method", ["auto", "executemany"])
def test_dicts_name_their_columns(run, database, method):
    async def main():
        async with connected(database) as connection:
            rows = [{"name": name, "id": number} for number, name in ROWS]
            await pipeline(rows, sql.insert(connection, "target", method=method))
            assert await database.rows(connection, ALL) == ROWS

    run(main)


def test_columns_choose_from_dicts_and_leave_the_others_to_the_table(run, database):
    async def main():
        async with connected(database) as connection:
            await pipeline([{"id": 1}, {"id": 2}], sql.insert(connection, "target", columns=["id"]))
            assert await database.rows(connection, ALL) == [(1, None), (2, None)]

    run(main)


@pytest.mark.parametrize("wrong", [{"id": 2}, {"id": 2, "nam": "x"}, {"id": 2, "name": "x", "more": 1}])
def test_a_dict_with_other_keys_than_the_first_fails(run, database, wrong):
    async def main():
        async with connected(database) as connection:
            with pytest.raises((InvalidArgValueError, KeyError)):
                await pipeline([{"id": 1, "name": "x"}, wrong], sql.insert(connection, "target"))
            assert await database.rows(connection, ALL) == []

    run(main)


def test_a_statement_runs_for_each_row(run, database):
    async def main():
        async with connected(database) as connection:
            statement = f"insert into target values ({database.mark(1)}, upper({database.mark(2)}))"
            await pipeline(ROWS, sql.insert(connection, statement))
            assert await database.rows(connection, ALL) == [(n, name.upper()) for n, name in ROWS]

    run(main)


def test_rows_of_a_query_go_to_another_table(run, database):
    async def main():
        async with connected(database) as connection:
            source = sql.query(database.url, "select id, name from numbers where id < 1234")
            await pipeline(source, sql.insert(connection, "target"))
            assert await database.rows(connection, ALL) == ROWS[:1234]

    run(main)


@pytest.mark.parametrize("count", [0, 1, 999, 1500, 2499])
def test_a_source_that_fails_leaves_no_row(run, database, count):
    async def main():
        async with connected(database) as connection:
            sink = sql.insert(connection, "target")
            with pytest.raises(ValueError, match="the source fails"):
                await pipeline(failing(ROWS[:count]), sink)
            await closed(sink)
            assert sink.connection_state == "usable"
            assert sink.rows_committed == 0
            assert await database.rows(connection, ALL) == []

    run(main)


@pytest.mark.parametrize("at", [0, 700, 2499])
def test_a_row_that_the_database_refuses_leaves_no_row(run, database, at):
    async def main():
        async with connected(database) as connection:
            # The key of another row.
            rows = [*ROWS[:at], ROWS[(at + 1) % 2500], *ROWS[at:]]
            sink = sql.insert(connection, "target")
            with pytest.raises(Exception, match=UNIQUE) as caught:
                await pipeline(rows, sink)
            assert any(note.startswith("in insert 'target', after ") for note in caught.value.__notes__)
            await closed(sink)
            assert await database.rows(connection, ALL) == []
            assert not database.in_transaction(connection)

    run(main)


def test_an_error_of_the_database_is_reported_once(run, database):
    async def main():
        async with connected(database) as connection:
            sink = sql.insert(connection, "target")
            errors, told = [], []
            sink.on("error", errors.append)
            sink.write((1, "one"), callback=told.append)
            sink.write((1, "again"), callback=told.append)
            sink.end(callback=told.append)
            await closed(sink)
            assert len(errors) == 1
            assert errors[0] in told
            assert len(told) == 3

    run(main)


def test_destroy_rolls_back(run, database):
    async def main():
        async with connected(database) as connection:
            sink = sql.insert(connection, "target")
            for row in ROWS[:100]:
                sink.write(row)
            await asyncio.sleep(0.1)
            await sink.aclose()
            assert sink.connection_state == "usable"
            assert await database.rows(connection, ALL) == []

    run(main)


def test_each_batch_is_committed_by_itself(run, database):
    async def main():
        async with connected(database) as connection:
            committed = []
            sink = sql.insert(connection, "target", transaction="batch", batch=100)
            sink.on("commit", committed.append)
            with pytest.raises(ValueError, match="the source fails"):
                await pipeline(failing(ROWS[:1050]), sink)
            await closed(sink)
            rows = await database.rows(connection, ALL)
            assert rows == ROWS[: sink.rows_committed]
            assert committed == sorted(committed)
            assert committed[-1:] == ([sink.rows_committed] if committed else [])

    run(main)


def test_without_a_transaction_the_program_commits(run, database):
    async def main():
        async with connected(database) as connection:
            await database.begin(connection)
            await pipeline(ROWS, sql.insert(connection, "target", transaction=None))
            assert database.in_transaction(connection)
            await database.rollback(connection)
            assert await database.rows(connection, ALL) == []

    run(main)


def test_a_failure_inside_a_transaction_of_the_program_leaves_it_usable(run, database):
    async def main():
        async with connected(database) as connection:
            await database.begin(connection)
            await pipeline(ROWS[:10], sql.insert(connection, "target"))
            sink = sql.insert(connection, "target")
            with pytest.raises(Exception, match=UNIQUE):
                await pipeline(ROWS[5:20], sink)
            await closed(sink)
            assert await database.rows(connection, ALL) == ROWS[:10]
            await database.rollback(connection)
            assert await database.rows(connection, ALL) == []

    run(main)


def test_write_returns_false_at_the_mark(run, database):
    async def main():
        async with connected(database) as connection:
            sink = sql.insert(connection, "target", high_water_mark=50)
            written = 0
            while sink.write(ROWS[written]):
                written += 1
            assert written == 49
            await sink.drain()
            assert sink.write(ROWS[50])
            sink.end()
            await forebay.finished(sink)
            assert await database.rows(connection, ALL) == ROWS[:51]

    run(main)


def test_nothing_waits_for_a_batch_to_be_full(run, database):
    async def main():
        async with connected(database) as connection:
            sink = sql.insert(connection, "target", transaction="batch", batch=1000)
            committed = forebay.once(sink, "commit")
            sink.write(ROWS[0])
            assert await committed == [1]
            await sink.aclose()
            assert await database.rows(connection, ALL) == ROWS[:1]

    run(main)


class CountingConnection(sqlite3.Connection):
    """A connection that notes how many rows each executemany() gets."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.batches = []

    def executemany(self, statement, rows):
        self.batches.append(len(rows))
        return super().executemany(statement, rows)


def test_rows_written_without_a_turn_of_the_loop_go_to_the_driver_in_one_call(run):
    async def main():
        options = {"factory": CountingConnection, "check_same_thread": False, "isolation_level": None}
        with closing(sqlite3.connect(":memory:", **options)) as connection:
            connection.execute("create table target (id int, name text)")
            sink = sql.insert(connection, "target", high_water_mark=100)
            opened = asyncio.Event()
            assert sink.write((0, "opens the connection"), callback=lambda error: opened.set())
            await opened.wait()
            for _ in range(2):
                while sink.write((1, "more")):
                    pass
                await sink.drain()
            sink.end()
            await forebay.finished(sink)
            assert connection.batches == [1, 100, 100]

    run(main)


def test_rows_linger_until_a_batch_is_full(run, database):
    async def main():
        async with connected(database) as connection:
            committed = []
            sink = sql.insert(connection, "target", transaction="batch", batch=40, linger=600)
            sink.on("commit", committed.append)
            for row in ROWS[:100]:
                sink.write(row)
                await asyncio.sleep(0)
            sink.end()
            await forebay.finished(sink)
            assert await database.rows(connection, ALL) == ROWS[:100]
            assert committed[0] == 40
            assert len(committed) <= 4

    run(main)


def test_rows_linger_no_longer_than_they_may(run, database):
    async def main():
        async with connected(database) as connection:
            sink = sql.insert(connection, "target", transaction="batch", linger=0.05)
            committed = forebay.once(sink, "commit")
            sink.write(ROWS[0])
            assert await committed == [1]
            await sink.aclose()
            assert await database.rows(connection, ALL) == ROWS[:1]

    run(main)


def test_lingering_rows_that_fail_destroy_the_stream(run, database):
    async def main():
        async with connected(database) as connection:
            sink = sql.insert(connection, "target", linger=0.05)
            errors = []
            sink.on("error", errors.append)
            sink.write((1, "one"))
            sink.write((1, "again"))
            await asyncio.sleep(0.1)
            sink.end()
            await closed(sink)
            assert len(errors) == 1
            assert re.search(UNIQUE, str(errors[0]))
            assert await database.rows(connection, ALL) == []

    run(main)


@pytest.mark.parametrize("as_dicts", [True, False])
def test_on_conflict_ignore_keeps_the_old_row(run, database, as_dicts):
    async def main():
        async with connected(database) as connection:
            await pipeline(ROWS[:5], sql.insert(connection, "target"))
            rows = [(n, "new") for n in range(3, 8)]
            if as_dicts:
                rows = [{"id": n, "name": name} for n, name in rows]
            await pipeline(rows, sql.insert(connection, "target", on_conflict="ignore"))
            expected = [*ROWS[:5], (5, "new"), (6, "new"), (7, "new")]
            assert await database.rows(connection, ALL) == expected

    run(main)


def test_on_conflict_update_keeps_the_last_row(run, database):
    async def main():
        async with connected(database) as connection:
            await pipeline(ROWS[:5], sql.insert(connection, "target"))
            rows = [{"id": 4, "name": "new"}, {"id": 5, "name": "first"}, {"id": 5, "name": "last"}]
            await pipeline(rows, sql.insert(connection, "target", on_conflict="update", key=["id"]))
            assert await database.rows(connection, ALL) == [*ROWS[:4], (4, "new"), (5, "last")]

    run(main)


def test_an_insert_keeps_the_rules_of_a_writable(run, database):
    async def main():
        async with connected(database):
            await check_writable(
                lambda: sql.insert(database.url, "notes", high_water_mark=4),
                chunks=[(n, "x") for n in range(20)],
            )

    run.seconds = 60
    run(main)


def test_random_failures_leave_all_rows_or_none(run, database):
    choose = random.Random(5)

    async def main():
        async with connected(database) as connection:
            for _ in range(12):
                count = choose.randrange(2500)
                sink = sql.insert(database.url, "target", batch=choose.choice([1, 10, 300, 1000]))
                await asyncio.wait([asyncio.ensure_future(_feed(sink, count, choose))])
                await closed(sink)
                rows = await database.rows(connection, "select count(*) from target")
                assert rows[0][0] in ((count,) if sink.writable_finished else (0,))
                await sql.query(connection, "delete from target").to_list()

    async def _feed(sink, count, choose):
        for at in range(count):
            if not sink.write(ROWS[at]):
                await sink.drain()
            if choose.random() < 0.0005:
                sink.destroy()
                return
        sink.end()

    run(main)


@pytest.mark.parametrize(
    ("into", "options", "error", "message"),
    [
        ("no-good name", {}, InvalidArgValueError, "into"),
        (5, {}, InvalidArgTypeError, "into must be a str, got 5"),
        ("", {}, InvalidArgValueError, "into must not be empty"),
        ("target", {"columns": "id"}, InvalidArgTypeError, "columns must be the names"),
        ("target", {"columns": []}, InvalidArgValueError, "columns must not be empty"),
        ("target", {"columns": ["id", "id"]}, InvalidArgValueError, "twice"),
        ("target", {"batch": 0}, OutOfRangeError, "batch must be 1 or more"),
        ("target", {"linger": -1}, OutOfRangeError, "linger must be more than 0 seconds"),
        ("target", {"method": "fast"}, InvalidArgValueError, "method must be one of 'auto'"),
        ("target", {"transaction": "all"}, InvalidArgValueError, "transaction must be one of 'stream'"),
        ("target", {"on_conflict": "drop"}, InvalidArgValueError, "on_conflict must be one of None"),
        ("target", {"on_conflict": "update"}, InvalidArgValueError, "needs key"),
        ("insert into target values (?)", {"columns": ["id"]}, InvalidArgValueError, "columns is for"),
        (
            "insert into target values (?)",
            {"method": "copy"},
            InvalidArgValueError,
            "needs the name of a table",
        ),
    ],
)
def test_a_wrong_option_is_named(run, into, options, error, message):
    async def main():
        with pytest.raises(error, match=message):
            sql.insert(":memory:", into, **options)

    run(main)


def test_destroy_at_any_moment_leaves_no_transaction_open(run, database):
    async def main():
        async with connected(database) as connection:
            for turns in range(60):
                sink = sql.insert(connection, "notes")
                for row in ROWS[:5]:
                    sink.write(row)
                sink.end()
                for _ in range(turns):
                    await asyncio.sleep(0)
                sink.destroy()
                await closed(sink)
                assert sink.connection_state == "usable"
                assert not database.in_transaction(connection)
                count = await database.rows(connection, "select count(*) from notes")
                assert count[0][0] % 5 == 0

    run(main)
