"""Databases that the tests of `forebay.sql` use, with one interface."""

import asyncio
import contextlib
import sqlite3

__all__ = ["Postgres", "Sqlite", "closed", "connected"]


@contextlib.asynccontextmanager
async def connected(database):
    """A connection to the database."""
    connection = await database.connect()
    try:
        yield connection
    finally:
        await database.close(connection)


async def closed(stream):
    """Wait for the end of a stream, whether it fails or not."""
    if not stream.closed:
        done = asyncio.get_running_loop().create_future()
        stream.on("close", lambda: done.set_result(None))
        await done


class Sqlite:
    """A file of SQLite. Connections are those of sqlite3."""

    def __init__(self, folder):
        self.url = f"sqlite:{folder / 'test.db'}"
        self.path = str(folder / "test.db")
        self.create("numbers", "id integer primary key, name text")
        self.create("target", "id integer primary key, name text")
        self.create("notes", "id integer, name text")
        with sqlite3.connect(self.path) as connection:
            connection.executemany(
                "insert into numbers values (?, ?)", [(n, f"name {n}") for n in range(5000)]
            )
        connection.close()

    def create(self, table, columns):
        connection = sqlite3.connect(self.path)
        connection.execute(f"create table {table} ({columns})")
        connection.close()

    async def connect(self):
        return sqlite3.connect(self.path, check_same_thread=False)

    async def close(self, connection):
        connection.close()

    async def rows(self, connection, sql):
        return [tuple(row) for row in connection.execute(sql).fetchall()]

    @staticmethod
    def mark(number):
        return "?"

    def in_transaction(self, connection):
        return connection.in_transaction

    async def begin(self, connection):
        connection.execute("begin")

    async def rollback(self, connection):
        connection.execute("rollback")

    #: A query that takes very long to give its first row.
    endless = "with recursive t(n) as (select 1 union all select n + 1 from t) select count(*) from t"


class Postgres:
    """A server of PostgreSQL. Connections are those of asyncpg."""

    def __init__(self, url, asyncpg):
        self.url = url
        self._asyncpg = asyncpg

    async def connect(self):
        connection = await self._asyncpg.connect(self.url)
        await connection.execute(
            "create table if not exists numbers(id bigint primary key, name text);"
            "create table if not exists target(id bigint primary key, name text);"
            "create table if not exists notes(id bigint, name text);"
            "truncate target, notes;"
            "insert into numbers select n, 'name ' || n from generate_series(0, 4999) as n on conflict do nothing"
        )
        return connection

    async def close(self, connection):
        await connection.close()

    async def rows(self, connection, sql):
        return [tuple(row) for row in await connection.fetch(sql)]

    @staticmethod
    def mark(number):
        return f"${number}"

    def in_transaction(self, connection):
        return connection.is_in_transaction()

    async def begin(self, connection):
        await connection.execute("begin")

    async def rollback(self, connection):
        await connection.execute("rollback")

    endless = "select pg_sleep(600)"
