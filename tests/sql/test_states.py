"""In which state each break leaves a connection, its pool, its transaction and its table: the same for every driver."""

import asyncio
import contextlib
import time

import pytest

import forebay
from forebay import Readable, Writable, pipeline, sql
from support.driver_databases import MariaDB, Postgres, Sqlite
from support.drivers import DRIVERS, close_of
from support.loops import LOOPS, Run

# The row that the program itself writes before a stream takes part in its transaction.
MINE = -1


class Setting:
    """A connection, a pool or an open transaction of one driver, before and after a stream has used it."""

    def __init__(self, driver, place, database, run):
        self.driver = driver
        self.place = place
        self.database = database
        self.run = run
        self.connection = None

    @property
    def survives(self):
        """What a connection is after it was left early."""
        return "usable" if self.driver.survives_early_end else "discarded"

    @property
    def survives_stop(self):
        """What a connection is after a statement was stopped in which the server still worked."""
        survives = self.driver.survives_stop
        return self.survives if survives is None else "usable" if survives else "discarded"

    def __call__(self, case):
        """Run ``case(self)``, which returns the stream and the state that its connection has to be in."""

        async def main():
            await self.enter()
            try:
                stream, state = await case(self)
                await close_of(stream)
                assert stream.connection_state == state
                await self.look(state)
            finally:
                await self.leave()

        before = self.database.connections()
        self.run(main)
        until = time.monotonic() + 10
        # A connection of an earlier test may still have been closing when they were counted.
        while self.database.connections() > before:
            assert time.monotonic() < until, "a connection to the server is left"
            time.sleep(0.01)

    async def enter(self):
        driver = self.driver
        if self.place == "pool":
            self.connection = await driver.make_pool(self.database.url)
            return
        self.connection = await driver.connect(self.database.url)
        if self.place == "transaction":
            await driver.begin(self.connection)
            await driver.execute(self.connection, f"INSERT INTO t VALUES ({MINE}, 'mine')")

    async def look(self, state):
        """Look at the connection and the transaction, or at all connections of the pool."""
        driver, connection = self.driver, self.connection
        if self.place == "pool":
            # All of its connections work, and none is missing.
            taken = [await driver.take(connection) for _ in range(2)]
            for one in taken:
                assert [tuple(row) for row in await driver.execute(one, "SELECT 1")] == [(1,)]
            for one in taken:
                await driver.give(connection, one)
        elif state == "usable":
            assert [tuple(row) for row in await driver.execute(connection, "SELECT 1")] == [(1,)]
            if self.place == "transaction":
                assert not self.database.has(MINE)
                await driver.commit(connection)
                assert self.database.has(MINE)

    async def leave(self):
        with contextlib.suppress(Exception):
            if self.place == "pool":
                await self.driver.close_pool(self.connection)
            else:
                await self.driver.close(self.connection)

    def written(self):
        """How many rows the streams have written that others see now, or will see when the program commits."""
        return self.database.value(f"SELECT count(*) FROM t WHERE id <> {MINE}")


# Connections of asynchronous drivers meet both loops, and blocking ones, which run in a thread, one of them.
ON_BOTH_LOOPS = {"asyncpg", "psycopg", "aiomysql"}
# Nothing of the adapters is compiled. On the pure-Python backend one driver of each kind stands for the others.
ON_PURE_PYTHON = {"asyncpg", "psycopg-blocking", "asyncmy", "sqlite3"}


def settings(names=tuple(DRIVERS), places=("connection", "pool", "transaction")):
    """The drivers with these names, each in every place where its connection can be."""
    for name in names:
        driver = DRIVERS[name]
        if forebay.backend == "python" and name not in ON_PURE_PYTHON:
            continue
        for place in places:
            # The pool is the same whether the driver begins transactions itself or not.
            if place == "pool" and (not driver.pooled or name.endswith(("-transactions", "-autocommit"))):
                continue
            both = name in ON_BOTH_LOOPS and place == "connection"
            for loop in LOOPS if both else ["asyncio"]:
                yield pytest.param((driver, place, loop), id=f"{name}-{place}-{loop}")


@pytest.fixture(params=settings())
def setting(request, tmp_path):
    driver, place, loop = request.param
    driver.check()
    url = None
    if driver.database is Postgres:
        url = request.getfixturevalue("postgres")
    elif driver.database is MariaDB:
        url = request.getfixturevalue("mariadb")
    database = driver.database(url, tmp_path)
    try:
        yield Setting(driver(), place, database, Run(loop))
    finally:
        database.close()


def copying(*more):
    """The drivers that have COPY."""
    names = [
        name
        for name, driver in DRIVERS.items()
        if driver.copies and all(getattr(driver, each) for each in more)
    ]
    return pytest.mark.parametrize("setting", list(settings(names)), indirect=True)


# ---- queries


def test_a_query_that_is_read_to_its_end(setting):
    async def case(setting):
        query = sql.query(setting.connection, setting.database.rows(20_000))
        rows = [tuple(row) async for row in query]
        assert rows == [(n, f"name {n}") for n in range(1, 20_001)]
        assert query.row_count == 20_000
        return query, "usable"

    setting(case)


def test_a_query_without_rows(setting):
    async def case(setting):
        query = sql.query(setting.connection, "SELECT id, name FROM t WHERE id = 77")
        assert [row async for row in query] == []
        assert [name.lower() for name in query.columns] == ["id", "name"]
        return query, "usable"

    setting(case)


def test_a_statement_that_returns_no_row_has_columns(setting):
    async def case(setting):
        statement = "INSERT INTO t SELECT id, name FROM t WHERE id = 77 RETURNING id, name AS called"
        query = sql.query(setting.connection, statement)
        assert [row async for row in query] == []
        assert [name.lower() for name in query.columns] == ["id", "called"]
        return query, "usable"

    setting(case)


def test_a_loop_that_is_left(setting):
    async def case(setting):
        query = sql.query(setting.connection, setting.database.rows(200_000))
        async for row in query:
            if row[0] == 1_500:
                break
        return query, setting.survives

    setting(case)


def test_a_query_that_is_destroyed_before_its_first_row(setting):
    async def case(setting):
        query = sql.query(setting.connection, setting.database.wait)
        query.on("data", lambda row: None)
        await asyncio.sleep(0.2)
        query.destroy()
        return query, setting.survives_stop

    setting(case)


def test_a_query_that_is_destroyed_at_once(setting):
    async def case(setting):
        query = sql.query(setting.connection, setting.database.rows(10))
        query.destroy()
        await close_of(query)
        # It depends on whether the statement was sent.
        return query, "usable" if setting.driver.survives_early_end else query.connection_state

    setting(case)


def test_a_query_that_is_destroyed_while_a_batch_is_handed_on(setting):
    async def case(setting):
        query = sql.query(setting.connection, setting.database.rows(200_000))

        def look(row):
            if row[0] == 700:
                query.destroy()

        query.on("data", look)
        return query, setting.survives

    setting(case)


def test_a_task_that_is_cancelled_while_it_waits_for_rows(setting):
    async def case(setting):
        query = sql.query(setting.connection, setting.database.wait)

        async def read():
            async for _ in query:
                pass

        task = asyncio.create_task(read())
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return query, setting.survives_stop

    setting(case)


def test_a_sink_that_fails(setting):
    async def case(setting):
        query = sql.query(setting.connection, setting.database.rows(200_000))

        def write(row):
            if row[0] == 1_200:
                raise ZeroDivisionError("the sink")

        with pytest.raises(ZeroDivisionError, match="the sink"):
            await pipeline(query, Writable(write=write, object_mode=True))
        return query, setting.survives

    setting(case)


def test_a_wrong_statement(setting):
    async def case(setting):
        query = sql.query(setting.connection, "SELECT nothing FROM nowhere")
        with pytest.raises(Exception, match=r"nowhere") as caught:
            async for _ in query:
                pass
        assert "after 0 rows" in caught.value.__notes__[0]
        return query, "usable"

    setting(case)


def test_an_error_of_the_server_in_the_middle(setting):
    async def case(setting):
        query = sql.query(setting.connection, setting.database.error_at_5000)
        count = 0
        with pytest.raises(Exception, match=r"(?i)zero|out of range|overflow"):
            async for _ in query:
                count += 1
        assert count < 5_000
        return query, "usable"

    setting(case)


ON_A_SERVER = [name for name, driver in DRIVERS.items() if driver.database in (Postgres, MariaDB)]
# SQLAlchemy leaves psycopg's cursor open then.
LEAVES_A_CURSOR = "sqlalchemy-psycopg"


def loses_its_server(setting):
    async def case(setting):
        query = sql.query(setting.connection, setting.database.wait)
        rows = asyncio.create_task(query.to_list())
        await asyncio.sleep(0.2)
        setting.database.end_connections()
        with pytest.raises(Exception, match=r"."):
            await rows
        return query, "discarded"

    setting(case)


@pytest.mark.parametrize(
    "setting", list(settings([name for name in ON_A_SERVER if name != LEAVES_A_CURSOR])), indirect=True
)
def test_a_server_that_ends_the_connection(setting):
    loses_its_server(setting)


@pytest.mark.filterwarnings("ignore:.*was deleted while still open:ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("setting", list(settings([LEAVES_A_CURSOR])), indirect=True)
def test_a_server_that_ends_the_connection_with_an_open_cursor(setting):
    loses_its_server(setting)


# ---- inserts


def rows(count, start=1):
    return [(n, f"name {n}") for n in range(start, start + count)]


def test_an_insert_that_is_committed(setting):
    async def case(setting):
        insert = sql.insert(setting.connection, "t")
        await pipeline(Readable.from_(rows(5_000)), insert)
        assert insert.rows_committed == insert.rows_written == 5_000
        return insert, "usable"

    setting(case)
    assert setting.written() == 5_000


def test_an_insert_of_rows_with_names(setting):
    async def case(setting):
        insert = sql.insert(setting.connection, "t")
        await pipeline(Readable.from_([{"name": name, "id": n} for n, name in rows(3)]), insert)
        return insert, "usable"

    setting(case)
    assert setting.written() == 3
    assert setting.database.value("SELECT name FROM t WHERE id = 3") == "name 3"


def test_an_insert_that_meets_a_constraint(setting):
    async def case(setting):
        insert = sql.insert(setting.connection, "t")
        with pytest.raises(Exception, match=r"(?i)duplicate|unique"):
            await pipeline(Readable.from_([*rows(3_000), (77, "again"), *rows(3_000, 4_000)]), insert)
        return insert, "usable"

    setting(case)
    assert setting.written() == 0


def test_an_insert_whose_source_fails(setting):
    async def case(setting):
        async def source():
            for row in rows(2_500):
                yield row
            raise ZeroDivisionError("the source")

        insert = sql.insert(setting.connection, "t")
        with pytest.raises(ZeroDivisionError, match="the source"):
            await pipeline(Readable.from_(source()), insert)
        return insert, "usable"

    setting(case)
    assert setting.written() == 0


def test_an_insert_whose_source_fails_with_a_long_message(setting):
    async def case(setting):
        async def source():
            for row in rows(2_500):
                yield row
            raise ZeroDivisionError("x" * 20_000)

        insert = sql.insert(setting.connection, "t")
        with pytest.raises(ZeroDivisionError):
            await pipeline(Readable.from_(source()), insert)
        return insert, "usable"

    setting(case)
    assert setting.written() == 0


def test_an_insert_that_is_destroyed(setting):
    async def case(setting):
        insert = sql.insert(setting.connection, "t")
        for row in rows(2_500):
            insert.write(row)
        while insert.rows_written < 1_000:
            await asyncio.sleep(0.001)
        insert.destroy()
        return insert, "usable"

    setting(case)
    assert setting.written() == 0


@pytest.mark.parametrize(
    "setting",
    list(settings([name for name, driver in DRIVERS.items() if driver.database is Sqlite], ["transaction"])),
    indirect=True,
)
def test_an_insert_that_is_destroyed_in_the_middle_of_a_slow_row_leaves_the_transaction_of_the_program(
    setting,
):
    async def case(setting):
        count = "WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 600000) SELECT count(*) FROM c"
        statement = f"INSERT INTO t (id, name) SELECT {setting.driver.mark}, 'slow' WHERE ({count}) > 0"
        insert = sql.insert(setting.connection, statement)
        insert.write(setting.driver.row(1))
        # The row takes a few tenths of a second.
        await asyncio.sleep(0.03)
        assert insert.rows_written == 0
        insert.destroy()
        return insert, "usable"

    setting(case)
    assert setting.written() == 0


def test_an_insert_in_batches_keeps_what_is_committed(setting):
    async def case(setting):
        insert = sql.insert(setting.connection, "t", transaction="batch", batch=100)
        with pytest.raises(Exception, match=r"(?i)duplicate|unique"):
            await pipeline(Readable.from_([*rows(1_000), (77, "again"), *rows(1_000, 2_000)]), insert)
        assert 100 <= insert.rows_committed <= 1_000
        setting.committed = insert.rows_committed
        return insert, "usable"

    setting(case)
    assert setting.written() == setting.committed


def test_an_insert_that_ignores_the_rows_that_are_there(setting):
    async def case(setting):
        first = sql.insert(setting.connection, "t")
        await pipeline(Readable.from_(rows(100)), first)
        await close_of(first)
        insert = sql.insert(setting.connection, "t", on_conflict="ignore")
        await pipeline(Readable.from_([(n, "new") for n, _ in rows(100, 51)]), insert)
        return insert, "usable"

    setting(case)
    assert setting.written() == 150
    assert setting.database.value("SELECT count(*) FROM t WHERE name = 'new'") == 50


def test_an_insert_that_replaces_the_rows_that_are_there(setting):
    async def case(setting):
        first = sql.insert(setting.connection, "t")
        await pipeline(Readable.from_(rows(100)), first)
        await close_of(first)
        insert = sql.insert(
            setting.connection, "t", on_conflict="update", key=("id",), columns=("id", "name")
        )
        await pipeline(Readable.from_([(n, "new") for n, _ in rows(100, 51)]), insert)
        return insert, "usable"

    setting(case)
    assert setting.written() == 150
    assert setting.database.value("SELECT count(*) FROM t WHERE name = 'new'") == 100


@pytest.mark.parametrize("setting", list(settings(places=["pool"])), indirect=True)
def test_an_insert_without_a_transaction_is_committed_where_no_program_does_it(setting):
    async def case(setting):
        insert = sql.insert(setting.connection, "t", transaction=None)
        await pipeline(Readable.from_(rows(300)), insert)
        assert insert.rows_committed == 300
        return insert, "usable"

    setting(case)
    assert setting.written() == 300


def test_a_statement_that_is_run_for_each_row(setting):
    async def case(setting):
        mark = setting.driver.mark
        statement = f"INSERT INTO t (id, name) VALUES ({mark}, 'fixed')"
        insert = sql.insert(setting.connection, statement)
        await pipeline(Readable.from_([setting.driver.row(n) for n in range(1, 301)]), insert)
        assert insert.rows_committed == 300
        return insert, "usable"

    setting(case)
    assert setting.written() == 300


# ---- bytes


@copying()
def test_a_copy_out_that_is_read_to_its_end(setting):
    async def case(setting):
        copy = sql.copy_out(setting.connection, setting.database.rows(20_000))
        text = b"".join([block async for block in copy])
        assert text == "".join(f"{n},name {n}\n" for n in range(1, 20_001)).encode()
        return copy, "usable"

    setting(case)


@copying()
def test_a_copy_out_that_is_left(setting):
    async def case(setting):
        copy = sql.copy_out(setting.connection, setting.database.rows(2_000_000))
        async for _ in copy:
            break
        return copy, "usable"

    setting(case)


@copying()
def test_a_copy_out_that_fails_in_the_middle(setting):
    async def case(setting):
        copy = sql.copy_out(setting.connection, setting.database.error_at_5000)
        with pytest.raises(Exception, match="zero"):
            async for _ in copy:
                pass
        return copy, "usable"

    setting(case)


@copying()
def test_a_copy_in_that_is_committed(setting):
    async def case(setting):
        copy = sql.copy_in(setting.connection, "t")
        await pipeline(Readable.from_([b"1,o", b"ne\n2,two\n", b"3,three\n"]), copy)
        assert copy.rows_committed == 3
        return copy, "usable"

    setting(case)
    assert setting.written() == 3


@copying()
def test_a_copy_in_of_bad_data(setting):
    async def case(setting):
        copy = sql.copy_in(setting.connection, "t")
        with pytest.raises(Exception, match="invalid input"):
            await pipeline(Readable.from_([b"1,one\n", b"two,2\n", b"3,three\n"]), copy)
        return copy, "usable"

    setting(case)
    assert setting.written() == 0


@copying("tells_early")
def test_a_copy_in_gets_an_error_before_its_end(setting):
    async def case(setting):
        copy = sql.copy_in(setting.connection, "t")
        sent = 0

        async def source():
            nonlocal sent
            yield b"one,1\n"
            while True:
                sent += 1
                yield b"1,one\n" * 1_000
                await asyncio.sleep(0.001)

        with pytest.raises(Exception, match="invalid input"):
            await pipeline(Readable.from_(source()), copy)
        return copy, "usable"

    setting(case)
    assert setting.written() == 0


@copying()
def test_a_copy_in_that_is_destroyed(setting):
    async def case(setting):
        copy = sql.copy_in(setting.connection, "t")
        copy.write(b"1,one\n")
        while not copy.bytes_written:
            await asyncio.sleep(0.001)
        copy.destroy()
        return copy, "usable"

    setting(case)
    assert setting.written() == 0
