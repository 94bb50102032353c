"""The drivers that the streams of rows are tested with."""

import asyncio
import contextlib
import importlib
import sqlite3

import pytest

from support.driver_databases import MariaDB, Postgres, Sqlite, mysql_options

__all__ = ["DRIVERS", "close_of"]


async def close_of(stream):
    """Wait for the 'close' of a stream."""
    from forebay import once

    if not stream.closed:
        stream.on("error", lambda error: None)
        with contextlib.suppress(Exception):
            await once(stream, "close")
        while not stream.closed:
            await asyncio.sleep(0.001)


class Driver:
    """How a driver connects, and how a program uses its connection beside the streams."""

    database = Postgres
    libraries = ()
    #: Whether a connection is usable after its query was left early.
    survives_early_end = True
    #: Whether it is usable after a statement was stopped in which the server still worked.
    survives_stop = None
    copies = False
    #: Whether the server's error is seen before the end of a COPY.
    tells_early = True
    pooled = True
    #: The placeholder of a parameter.
    mark = "%s"

    async def connect(self, url):
        raise NotImplementedError

    async def close(self, connection):
        await connection.close()

    async def execute(self, connection, statement):
        """Run a statement, and return its rows."""
        raise NotImplementedError

    async def begin(self, connection):
        await self.execute(connection, "BEGIN")

    async def commit(self, connection):
        await self.execute(connection, "COMMIT")

    async def make_pool(self, url):
        raise NotImplementedError

    async def close_pool(self, pool):
        await pool.close()

    async def take(self, pool):
        raise NotImplementedError

    async def give(self, pool, connection):
        raise NotImplementedError

    def row(self, number):
        """A row of one value for a statement."""
        return (number,)

    @classmethod
    def check(cls):
        for library in cls.libraries:
            pytest.importorskip(library)


class Asyncpg(Driver):
    libraries = ("asyncpg",)
    tells_early = False
    copies = True
    mark = "$1"

    async def connect(self, url):
        return await importlib.import_module("asyncpg").connect(url)

    async def execute(self, connection, statement):
        return [tuple(row) for row in await connection.fetch(statement)]

    async def make_pool(self, url):
        return await importlib.import_module("asyncpg").create_pool(url, min_size=2, max_size=2)

    async def take(self, pool):
        return await pool.acquire(timeout=5)

    async def give(self, pool, connection):
        await pool.release(connection)


class Psycopg(Driver):
    libraries = ("psycopg", "psycopg_pool")
    copies = True
    autocommit = True

    async def connect(self, url):
        return await importlib.import_module("psycopg").AsyncConnection.connect(
            url, autocommit=self.autocommit
        )

    async def execute(self, connection, statement):
        cursor = await connection.execute(statement)
        return None if cursor.description is None else await cursor.fetchall()

    async def begin(self, connection):
        await self.execute(connection, "BEGIN" if self.autocommit else "SELECT 1")

    async def commit(self, connection):
        await connection.commit()

    async def make_pool(self, url):
        pool = importlib.import_module("psycopg_pool").AsyncConnectionPool(
            url, min_size=2, max_size=2, open=False, kwargs={"autocommit": self.autocommit}
        )
        await pool.open(wait=True)
        return pool

    async def take(self, pool):
        return await pool.getconn(5)

    async def give(self, pool, connection):
        await pool.putconn(connection)


class PsycopgTransactions(Psycopg):
    """psycopg as it is without arguments: it begins transactions itself."""

    autocommit = False


class PsycopgBlocking(Psycopg):
    async def connect(self, url):
        return importlib.import_module("psycopg").connect(url, autocommit=self.autocommit)

    async def close(self, connection):
        connection.close()

    async def execute(self, connection, statement):
        cursor = connection.execute(statement)
        return None if cursor.description is None else cursor.fetchall()

    async def commit(self, connection):
        connection.commit()

    async def make_pool(self, url):
        pool = importlib.import_module("psycopg_pool").ConnectionPool(
            url, min_size=2, max_size=2, open=True, kwargs={"autocommit": self.autocommit}
        )
        pool.wait()
        return pool

    async def close_pool(self, pool):
        pool.close()

    async def take(self, pool):
        return pool.getconn(5)

    async def give(self, pool, connection):
        pool.putconn(connection)


class PsycopgBlockingTransactions(PsycopgBlocking):
    autocommit = False


class Sqlite3(Driver):
    database = Sqlite
    pooled = False
    mark = "?"

    async def connect(self, url):
        return sqlite3.connect(url, isolation_level=None, check_same_thread=False)

    async def close(self, connection):
        connection.close()

    async def execute(self, connection, statement):
        return connection.execute(statement).fetchall()


class Sqlite3Transactions(Sqlite3):
    """sqlite3 as it is without arguments: it begins a transaction before a row is written."""

    async def connect(self, url):
        return sqlite3.connect(url, check_same_thread=False)

    async def commit(self, connection):
        connection.commit()


class Asyncmy(Driver):
    database = MariaDB
    libraries = ("asyncmy", "pymysql")
    survives_early_end = False
    autocommit = True
    module = "asyncmy"

    async def connect(self, url):
        return await importlib.import_module(self.module).connect(
            **self.options(url), autocommit=self.autocommit
        )

    def options(self, url):
        return mysql_options(url)

    async def close(self, connection):
        connection.close()

    async def execute(self, connection, statement):
        async with connection.cursor() as cursor:
            await cursor.execute(statement)
            return await cursor.fetchall()

    async def commit(self, connection):
        await connection.commit()

    async def make_pool(self, url):
        return await importlib.import_module(self.module).create_pool(
            **self.options(url), autocommit=self.autocommit, minsize=2, maxsize=2
        )

    async def close_pool(self, pool):
        pool.close()
        await pool.wait_closed()

    async def take(self, pool):
        return await pool.acquire()

    async def give(self, pool, connection):
        released = pool.release(connection)
        if released is not None:
            await released


class Aiomysql(Asyncmy):
    libraries = ("aiomysql", "pymysql")
    module = "aiomysql"

    def options(self, url):
        options = mysql_options(url)
        options["db"] = options.pop("database")
        return options


class AiomysqlTransactions(Aiomysql):
    autocommit = False


class Blocking(Driver):
    """A driver that follows PEP 249."""

    pooled = False

    async def close(self, connection):
        connection.close()

    async def execute(self, connection, statement):
        cursor = connection.cursor()
        cursor.execute(statement)
        rows = cursor.fetchall() if cursor.description else None
        cursor.close()
        return rows

    async def commit(self, connection):
        connection.commit()


class Psycopg2(Blocking):
    libraries = ("psycopg2",)
    pooled = True

    async def connect(self, url):
        return importlib.import_module("psycopg2").connect(url)

    async def begin(self, connection):
        await self.execute(connection, "SELECT 1")

    async def make_pool(self, url):
        return importlib.import_module("psycopg2.pool").ThreadedConnectionPool(2, 2, url)

    async def close_pool(self, pool):
        pool.closeall()

    async def take(self, pool):
        return pool.getconn()

    async def give(self, pool, connection):
        pool.putconn(connection)


class Psycopg2Autocommit(Psycopg2):
    pooled = False

    async def connect(self, url):
        connection = await super().connect(url)
        connection.autocommit = True
        return connection

    async def begin(self, connection):
        await self.execute(connection, "BEGIN")

    async def commit(self, connection):
        await self.execute(connection, "COMMIT")


class PyMySQL(Blocking):
    database = MariaDB
    libraries = ("pymysql",)
    survives_early_end = False
    module = "pymysql"

    async def connect(self, url):
        return importlib.import_module(self.module).connect(**mysql_options(url))


class PyMySQLAutocommit(PyMySQL):
    async def connect(self, url):
        return importlib.import_module(self.module).connect(**mysql_options(url), autocommit=True)


class MySQLdb(PyMySQL):
    libraries = ("MySQLdb", "pymysql")
    module = "MySQLdb"


class MysqlConnector(PyMySQL):
    libraries = ("mysql.connector", "pymysql")
    module = "mysql.connector"


class Aiosqlite(Driver):
    database = Sqlite
    libraries = ("aiosqlite",)
    pooled = False
    mark = "?"
    isolation = None

    async def connect(self, url):
        return await importlib.import_module("aiosqlite").connect(url, isolation_level=self.isolation)

    async def execute(self, connection, statement):
        async with connection.execute(statement) as cursor:
            return await cursor.fetchall()

    async def commit(self, connection):
        await connection.commit()


class AiosqliteTransactions(Aiosqlite):
    isolation = ""


class SqlalchemyAsyncpg(Driver):
    libraries = ("sqlalchemy", "greenlet", "asyncpg")
    copies = True
    mark = ":id"
    survives_stop = False
    scheme = "postgresql+asyncpg"
    tells_early = False

    def row(self, number):
        return {"id": number}

    def engine(self, url):
        return importlib.import_module("sqlalchemy.ext.asyncio").create_async_engine(
            self.scheme + url[url.index(":") :], pool_size=2, max_overflow=0
        )

    async def connect(self, url):
        engine = self.engine(url)
        connection = await engine.connect()
        self.engines = {connection: engine}
        return connection

    async def close(self, connection):
        await connection.close()
        await self.engines.pop(connection).dispose()

    async def execute(self, connection, statement):
        result = await connection.exec_driver_sql(statement)
        rows = result.fetchall() if result.returns_rows else None
        if self.engines is None:
            await connection.rollback()
        return rows

    async def begin(self, connection):
        await connection.begin()

    async def commit(self, connection):
        await connection.commit()

    async def make_pool(self, url):
        self.engines = None
        return self.engine(url)

    async def close_pool(self, pool):
        await pool.dispose()

    async def take(self, pool):
        return await pool.connect()

    async def give(self, pool, connection):
        await connection.close()


class SqlalchemyPsycopg(SqlalchemyAsyncpg):
    libraries = ("sqlalchemy", "greenlet", "psycopg")
    scheme = "postgresql+psycopg"
    tells_early = True
    survives_stop = None


class SqlalchemyAsyncmy(SqlalchemyAsyncpg):
    database = MariaDB
    libraries = ("sqlalchemy", "greenlet", "asyncmy")
    copies = False
    survives_early_end = False
    scheme = "mysql+asyncmy"


class SqlalchemyAiosqlite(SqlalchemyAsyncpg):
    database = Sqlite
    libraries = ("sqlalchemy", "greenlet", "aiosqlite")
    copies = False
    scheme = "sqlite+aiosqlite"
    survives_stop = None

    def engine(self, url):
        return super().engine(f"sqlite:///{url}")


DRIVERS = {
    "asyncpg": Asyncpg,
    "psycopg": Psycopg,
    "psycopg-transactions": PsycopgTransactions,
    "psycopg-blocking": PsycopgBlocking,
    "psycopg-blocking-transactions": PsycopgBlockingTransactions,
    "asyncmy": Asyncmy,
    "aiomysql": Aiomysql,
    "aiomysql-transactions": AiomysqlTransactions,
    "sqlalchemy-asyncpg": SqlalchemyAsyncpg,
    "sqlalchemy-psycopg": SqlalchemyPsycopg,
    "sqlalchemy-aiosqlite": SqlalchemyAiosqlite,
    "psycopg2": Psycopg2,
    "psycopg2-autocommit": Psycopg2Autocommit,
    "pymysql": PyMySQL,
    "pymysql-autocommit": PyMySQLAutocommit,
    "mysqlclient": MySQLdb,
    "mysql-connector": MysqlConnector,
    "aiosqlite": Aiosqlite,
    "aiosqlite-transactions": AiosqliteTransactions,
    "sqlite3": Sqlite3,
    "sqlite3-transactions": Sqlite3Transactions,
}
