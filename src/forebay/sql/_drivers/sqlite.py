"""SQLite through the standard library's sqlite3, in a thread."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from typing import Any

from forebay.errors import InvalidStateError
from forebay.sql._arguments import parameters
from forebay.sql._blocking import (
    BlockingCursor,
    BlockingRowSink,
    BlockingSession,
    ThreadSession,
    open_in_thread,
)
from forebay.sql._session import InsertPlan, Session
from forebay.sql._source import GivenSource, OpenedSource, Source
from forebay.sql._table_names import Table, quoted
from forebay.sql._urls import check_exists, database_path

__all__ = ["SqliteSession", "adapt", "open_url", "row_statement"]

# How long a connection that a stream has opened waits for another writer. The module's own default is the same.
_BUSY_SECONDS = 5.0


def adapt(connection: Any) -> Source | None:
    """Return the source for a connection of sqlite3."""
    if isinstance(connection, sqlite3.Connection):
        return GivenSource(connection, lambda: ThreadSession(SqliteSession(connection)))
    return None


def open_url(url: str | os.PathLike[str]) -> Source:
    """Return a source that opens a file. The file has to exist."""
    path = database_path(url)

    def connect() -> SqliteSession:
        check_exists(path)
        # Transactions are begun by the stream alone.
        return SqliteSession(sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None))

    async def opened() -> Session:
        return await open_in_thread(connect)

    return OpenedSource(opened)


class SqliteSession(BlockingSession):
    """A connection of sqlite3."""

    driver = "sqlite3"
    crashes_if_closed = True
    # An INSERT that is interrupted rolls the whole transaction back, also what the program did in it before the stream.
    write_is_interruptible = False

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__()
        self._connection = connection

    def in_transaction(self) -> bool:
        """See `Session.in_transaction`."""
        return self._connection.in_transaction

    def execute(self, statement: str) -> None:
        """See `Session.execute`."""
        try:
            self._connection.execute(statement)
        except sqlite3.ProgrammingError as error:
            raise _explained(error) from None

    def begin_transaction(self, isolation: str | None, readonly: bool) -> None:
        """See `Session.begin_transaction`. SQLite's transactions are always serializable."""
        self.execute("BEGIN" if readonly else "BEGIN IMMEDIATE")

    def query(self, statement: str, args: Sequence[Any], count: int) -> BlockingCursor:
        """See `Session.query`."""
        return _SqliteCursor(self._connection, statement, args)

    def row_sink(self, plan: InsertPlan) -> BlockingRowSink:
        """See `Session.row_sink`."""
        return _SqliteSink(self._connection, plan)

    def interrupt(self) -> None:
        """See `BlockingSession.interrupt`."""
        self._connection.interrupt()

    def close(self) -> None:
        """See `Session.close`."""
        self._connection.close()


class _SqliteCursor(BlockingCursor):
    def __init__(self, connection: sqlite3.Connection, statement: str, args: Sequence[Any]) -> None:
        try:
            self._cursor = connection.execute(statement, parameters(args))
        except sqlite3.ProgrammingError as error:
            raise _explained(error) from None
        self.columns = tuple(column[0] for column in self._cursor.description or ())

    def fetch(self, count: int) -> list[Any]:
        return self._cursor.fetchmany(count)

    def close(self) -> None:
        self._cursor.close()


class _SqliteSink(BlockingRowSink):
    def __init__(self, connection: sqlite3.Connection, plan: InsertPlan) -> None:
        self._connection = connection
        self._plan = plan
        self._statement = plan.statement

    def write(self, rows: list[Any]) -> None:
        if self._statement is None:
            self._statement = row_statement(self._plan, len(rows[0]))
        try:
            self._connection.executemany(self._statement, rows)
        except sqlite3.ProgrammingError as error:
            raise _explained(error) from None

    def finish(self) -> None:
        return

    def abort(self) -> None:
        return


def row_statement(plan: InsertPlan, width: int) -> str:
    """Return the INSERT of SQLite for one row of ``width`` values."""
    table = plan.table
    assert isinstance(table, Table)
    names = "" if plan.columns is None else f" ({', '.join(map(quoted, plan.columns))})"
    marks = ", ".join("?" * width)
    verb = "INSERT OR IGNORE" if plan.on_conflict == "ignore" else "INSERT"
    statement = f"{verb} INTO {table.sql()}{names} VALUES ({marks})"
    if plan.on_conflict == "update":
        columns = plan.columns
        if columns is None:
            raise InvalidStateError('on_conflict="update" needs columns, or rows with names')
        updates = ", ".join(f"{quoted(c)} = excluded.{quoted(c)}" for c in columns if c not in plan.key)
        action = f"UPDATE SET {updates}" if updates else "NOTHING"
        statement += f" ON CONFLICT ({', '.join(map(quoted, plan.key))}) DO {action}"
    return statement


def _explained(error: sqlite3.ProgrammingError) -> Exception:
    if "same thread" not in str(error):
        return error
    return InvalidStateError(
        "this connection of sqlite3 works in the thread that made it only, and forebay uses it in a thread of its own; "
        "connect with check_same_thread=False, or give the path of the file"
    )
