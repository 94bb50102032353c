"""Databases that ``forebay copy`` reads and writes, each with the tables ``source``, with rows, and ``target``, without."""

import contextlib
import shutil
import sqlite3
import uuid
from typing import ClassVar
from urllib.parse import urlsplit

import pytest

from support.driver_databases import mysql_options

__all__ = ["KINDS", "ROWS", "Server"]

ROWS = [(n, None if n % 3 == 0 else "" if n % 3 == 1 else f'name "{n}", \\ ü\n') for n in range(2500)]


class Sqlite:
    """A copy of a file with the tables."""

    kind = "sqlite"
    suffix = ".db"

    def __init__(self, folder, prepared):
        self.path = str(folder / f"{uuid.uuid4().hex}{self.suffix}")
        shutil.copyfile(prepared, self.path)
        self.url = f"{self.kind}:{self.path}"

    def run(self, statement, rows=None):
        return self._run(self.path, statement, rows)

    @classmethod
    def prepare(cls, path):
        for table in ("source", "target"):
            cls._run(path, f"create table {table} (id integer, name varchar)")
        cls._run(path, "insert into source values (?, ?)", ROWS)

    @staticmethod
    def _run(path, statement, rows=None):
        with contextlib.closing(sqlite3.connect(path)) as connection, connection:
            if rows is not None:
                connection.executemany(statement, rows)
                return []
            return connection.execute(statement).fetchall()


class Duckdb(Sqlite):
    kind = "duckdb"
    suffix = ".duckdb"

    @staticmethod
    def _run(path, statement, rows=None):
        with contextlib.closing(pytest.importorskip("duckdb").connect(path)) as connection:
            if rows is not None:
                # One transaction: DuckDB would write each row to the disk.
                connection.begin()
                connection.executemany(statement, [list(row) for row in rows])
                connection.commit()
                return []
            return connection.execute(statement).fetchall()


class Server:
    """A database on the server of this run. A later test uses it again."""

    def __init__(self, url):
        if self.free:
            self.url = self.free.pop()
        else:
            name = f"copy_{uuid.uuid4().hex}"
            self.url = url
            self.run(f"create database {name} {self.characters}")
            self.url = urlsplit(url)._replace(path=f"/{name}").geturl()

    def run(self, statement, rows=None):
        with contextlib.closing(self.connect()) as connection, connection.cursor() as cursor:
            if rows is not None:
                cursor.executemany(statement.replace("?", "%s"), rows)
                return []
            cursor.execute(statement)
            return list(cursor.fetchall()) if cursor.description else []


class Postgres(Server):
    kind = "postgres"
    characters = "encoding 'UTF8'"
    free: ClassVar = []

    def __init__(self, url):
        pytest.importorskip("asyncpg")
        super().__init__(url)
        self.run("drop schema public cascade; create schema public; grant all on schema public to public")
        for table in ("source", "target"):
            self.run(f"create table {table} (id integer, name varchar)")
        self.run("insert into source values (?, ?)", ROWS)

    def connect(self):
        return pytest.importorskip("psycopg").connect(self.url, autocommit=True)


class Mysql(Server):
    kind = "mysql"
    characters = "character set utf8mb4"
    free: ClassVar = []

    def __init__(self, url):
        pytest.importorskip("asyncmy")
        super().__init__(url)
        for (table,) in self.run("show tables"):
            self.run(f"drop table {table}")
        for table in ("source", "target"):
            self.run(f"create table {table} (id integer, name varchar(200))")
        self.run("insert into source values (?, ?)", ROWS)

    def connect(self):
        driver = pytest.importorskip("pymysql")
        return driver.connect(**mysql_options(self.url), autocommit=True, charset="utf8mb4")


KINDS = {kind.kind: kind for kind in (Postgres, Sqlite, Duckdb, Mysql)}
