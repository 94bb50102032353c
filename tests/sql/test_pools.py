"""Pools of blocking drivers: a stream takes a connection, and the pool never gets one back that is not usable."""

import asyncio
import importlib

import pytest

from forebay import Readable, pipeline, sql
from support.driver_databases import MariaDB, mysql_options
from support.drivers import close_of
from support.loops import Run, eventually


def of_sqlalchemy(driver):
    def make(url):
        create_engine = pytest.importorskip("sqlalchemy").create_engine
        pytest.importorskip(driver)
        return create_engine(f"mysql+{driver.lower()}{url[url.index(':') :]}", pool_size=1, max_overflow=0)

    return make


def queue_pool(url):
    pool = pytest.importorskip("sqlalchemy.pool")
    pymysql = pytest.importorskip("pymysql")
    return pool.QueuePool(lambda: pymysql.connect(**mysql_options(url)), pool_size=1, max_overflow=0)


def of_connector(url):
    pytest.importorskip("mysql.connector")
    pooling = importlib.import_module("mysql.connector.pooling")
    return pooling.MySQLConnectionPool(pool_name="one", pool_size=1, **mysql_options(url))


def of_dbutils(url):
    pooled = pytest.importorskip("dbutils.pooled_db")
    pymysql = pytest.importorskip("pymysql")
    return pooled.PooledDB(pymysql, maxconnections=1, blocking=True, **mysql_options(url))


POOLS = {
    "engine-pymysql": of_sqlalchemy("pymysql"),
    "engine-mysqlclient": of_sqlalchemy("MySQLdb"),
    "queue-pool": queue_pool,
    "mysql-connector": of_connector,
    "dbutils": of_dbutils,
}


@pytest.fixture
def database(mariadb):
    database = MariaDB(mariadb, None)
    yield database
    database.close()


async def warm(pool):
    query = sql.query(pool, "SELECT 1")
    assert len(await query.to_list()) == 1
    await close_of(query)


@pytest.fixture(params=POOLS)
def pool(request, database):
    pool = POOLS[request.param](database.url)
    # Its connection is opened now, so that the number of open files stays the same in the test.
    asyncio.run(warm(pool))
    yield pool
    for name in ("dispose", "_remove_connections", "close"):
        if hasattr(pool, name):
            getattr(pool, name)()
            return


def rows(count):
    return [(n, f"name {n}") for n in range(count)]


def test_streams_take_a_connection_of_a_pool(database, pool):
    async def main():
        insert = sql.insert(pool, "t")
        await pipeline(Readable.from_(rows(3_000)), insert)
        await close_of(insert)
        assert (insert.rows_committed, insert.connection_state) == (3_000, "usable")
        for _ in range(2):
            query = sql.query(pool, database.rows(3_000))
            assert len(await query.to_list()) == 3_000
            await close_of(query)
            assert query.connection_state == "usable"

    Run("asyncio")(main)
    assert database.count() == 3_000


def test_a_pool_gets_no_connection_back_that_is_not_usable(database, pool):
    async def main():
        for _ in range(2):
            query = sql.query(pool, database.rows(100_000))
            async for _ in query:
                break
            await close_of(query)
            assert query.connection_state == "discarded"
            insert = sql.insert(pool, "t")
            with pytest.raises(Exception, match=r"(?i)duplicate"):
                await pipeline(Readable.from_([(1, "one"), (1, "again")]), insert)
            await close_of(insert)
            assert insert.connection_state == "usable"
            (row,) = await sql.query(pool, "SELECT 1").to_list()
            assert tuple(row) == (1,)

    before = database.connections()
    # The pool opens another connection, so that the files that are open are not the same.
    asyncio.run(asyncio.wait_for(main(), 30))
    assert database.count() == 0
    assert eventually(lambda: database.connections() <= before)
