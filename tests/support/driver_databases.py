"""The databases that the drivers are tested with: how each is filled, asked and addressed."""

import contextlib
import sqlite3
from urllib.parse import urlsplit

__all__ = ["MariaDB", "Postgres", "Sqlite", "mysql_options"]


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
