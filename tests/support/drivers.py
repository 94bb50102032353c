"""The databases and drivers that the streams of rows are tested with."""

import asyncio
import contextlib
import importlib
import sqlite3
from urllib.parse import urlsplit

import pytest

__all__ = ["DRIVERS", "Database", "MariaDB", "Postgres", "Sqlite", "close_of"]


async def close_of(stream):
    """Wait for the 'close' of a stream."""
    from forebay import once

    if not stream.closed:
        stream.on("error", lambda error: None)
        with contextlib.suppress(Exception):
            await once(stream, "close")
        while not stream.closed:
            await asyncio.sleep(0.001)


# ---- databases


class Database:
    """A database with a table ``t (id, name)``, and the statements that the tests need, as it writes them."""

    def __init__(self, url):
        self.url = url

    def count(self):
        """The number of rows of the table."""
        return self.value("SELECT count(*) FROM t")

    def has(self, number):
        """Whether the table has a row with this id."""
        return bool(self.value(f"SELECT count(*) FROM t WHERE id = {number}"))


class Postgres(Database):
    wait = "SELECT 1 FROM pg_sleep(30)"
    error_at_5000 = "SELECT 1 / (5000 - g) FROM generate_series(1, 20000) g"

    def __init__(self, url, _):
        super().__init__(url)
        import psycopg

        self._control = psycopg.connect(url, autocommit=True)
        self.execute("CREATE TABLE IF NOT EXISTS t (id bigint PRIMARY KEY, name text)")
        self.execute("TRUNCATE t")

    def rows(self, count):
        return f"SELECT g, 'name ' || g FROM generate_series(1, {count}) g"

    def execute(self, statement):
        self._control.execute(statement)

    def value(self, statement):
        return self._control.execute(statement).fetchone()[0]

    def connections(self):
        return self.value(
            "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )

    def end_connections(self):
        """End the other connections that run a statement."""
        self.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND state = 'active'"
        )

    def close(self):
        self._control.close()


class MariaDB(Database):
    wait = "SELECT sleep(30)"
    error_at_5000 = "SELECT exp(CASE seq WHEN 5000 THEN 1000 ELSE 1 END) FROM seq_1_to_20000"

    def __init__(self, url, _):
        super().__init__(url)
        import pymysql

        self._control = pymysql.connect(**mysql_options(url), autocommit=True)
        self.execute("CREATE TABLE IF NOT EXISTS t (id bigint PRIMARY KEY, name text) ENGINE=InnoDB")
        self.execute("TRUNCATE t")

    def rows(self, count):
        return f"SELECT seq, concat('name ', seq) FROM seq_1_to_{count}"

    def execute(self, statement):
        with self._control.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall()

    def value(self, statement):
        return self.execute(statement)[0][0]

    def _others(self, more=""):
        return self.execute(
            "SELECT id FROM information_schema.processlist "
            f"WHERE user = 'forebay' AND id <> connection_id() {more}"
        )

    def connections(self):
        return len(self._others())

    def end_connections(self):
        """End the other connections that run a statement."""
        for (number,) in self._others("AND command = 'Query'"):
            self.execute(f"KILL {number}")

    def close(self):
        self._control.close()


class Sqlite(Database):
    wait = (
        "WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 1000000000) "
        "SELECT count(*) FROM c"
    )
    error_at_5000 = (
        "WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 20000) "
        "SELECT abs(CASE x WHEN 5000 THEN -9223372036854775807 - 1 ELSE 1 END) FROM c"
    )

    def __init__(self, _, folder):
        super().__init__(str(folder / "data.db"))
        self.execute("PRAGMA journal_mode = WAL")
        self.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)")

    def rows(self, count):
        return (
            f"WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < {count}) "
            "SELECT x, 'name ' || x FROM c"
        )

    def execute(self, statement):
        # SQLite opens and closes the files of one process together: none may be open beside the connection that is tested.
        with contextlib.closing(sqlite3.connect(self.url, isolation_level=None)) as control:
            return control.execute(statement).fetchone()

    def value(self, statement):
        return self.execute(statement)[0]

    def connections(self):
        return 0

    def close(self):
        return


def mysql_options(url):
    """The arguments of `connect` of the drivers for MySQL."""
    parts = urlsplit(url)
    return {
        "host": parts.hostname,
        "port": parts.port,
        "user": parts.username,
        "password": parts.password,
        "database": parts.path[1:],
    }


# ---- drivers


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
