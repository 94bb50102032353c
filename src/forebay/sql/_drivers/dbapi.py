"""Any driver that follows PEP 249, in a thread. Drivers whose cursors can be made to stream have a session of their own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

from forebay.sql._arguments import parameters
from forebay.sql._blocking import (
    BlockingCursor,
    BlockingRowSink,
    BlockingSession,
    ThreadPoolSource,
    ThreadSession,
)
from forebay.sql._session import InsertPlan, unsupported
from forebay.sql._source import GivenSource, Source
from forebay.sql._table_names import quoted

__all__ = ["DbapiCursor", "DbapiSession", "DbapiSink", "adapt", "source_of"]


def adapt(connection: Any) -> Source | None:
    """Return the source for a connection of a driver that follows PEP 249."""
    return source_of(connection, DbapiSession)


def source_of(connection: Any, session: Callable[[Any], BlockingSession]) -> Source:
    """Return the source for a connection, or for a pool that has ``getconn`` and ``putconn``."""
    if callable(getattr(connection, "getconn", None)):
        return ThreadPoolSource(connection.getconn, connection.putconn, session)
    return GivenSource(connection, lambda: ThreadSession(session(connection)))


class DbapiSession(BlockingSession):
    """A connection that is known by its methods alone.

    PEP 249 does not tell whether a transaction is open. Where the driver has no ``in_transaction``, only the streams' own are
    known.
    """

    def __init__(self, connection: Any) -> None:
        super().__init__()
        self._connection = connection
        self._module = _module_of(connection)
        self.driver = getattr(self._module, "__name__", type(connection).__name__)
        # Whether a statement of this session may have begun a transaction.
        self._begun = False
        # Whether `begin_transaction` has switched autocommit off.
        self._switched = False
        self._unread = False

    # ---- transactions

    def in_transaction(self) -> bool:
        """See `Session.in_transaction`."""
        told = self._told_transaction()
        if told is not None:
            return told
        return self._begun and not self._autocommit()

    def _told_transaction(self) -> bool | None:
        told = getattr(self._connection, "in_transaction", None)
        return told if isinstance(told, bool) else None

    def _autocommit(self) -> bool:
        autocommit = getattr(self._connection, "autocommit", False)
        return autocommit if isinstance(autocommit, bool) else False

    def execute(self, statement: str) -> None:
        """See `Session.execute`."""
        self._begun = True
        cursor = self._connection.cursor()
        try:
            cursor.execute(statement)
        finally:
            cursor.close()

    def begin_transaction(self, isolation: str | None, readonly: bool) -> None:
        """See `Session.begin_transaction`. The driver begins one before the next statement."""
        if isolation is not None or readonly:
            raise unsupported(self, "a transaction with isolation or readonly")
        if self._autocommit():
            self._connection.autocommit = False
            self._switched = True
        self._begun = True

    def commit_transaction(self) -> None:
        """See `Session.commit_transaction`."""
        self._connection.commit()
        self._ended()

    def rollback_transaction(self) -> None:
        """See `Session.rollback_transaction`."""
        self._connection.rollback()
        self._ended()

    def _ended(self) -> None:
        self._begun = False
        if self._switched:
            self._switched = False
            self._connection.autocommit = True

    # ---- data

    def query(self, statement: str, args: Sequence[Any], count: int) -> BlockingCursor:
        """See `Session.query`."""
        self._begun = True
        cursor = self._connection.cursor()
        cursor.arraysize = count
        run(cursor, statement, args)
        return DbapiCursor(cursor)

    def row_sink(self, plan: InsertPlan) -> BlockingRowSink:
        """See `Session.row_sink`."""
        if plan.on_conflict is not None:
            raise unsupported(self, "on_conflict")
        if plan.method in ("copy", "values"):
            raise unsupported(self, f"method={plan.method!r}")
        self._begun = True
        return DbapiSink(self._connection.cursor(), lambda width: self._insert_statement(plan, width))

    def _insert_statement(self, plan: InsertPlan, width: int) -> str:
        if plan.statement is not None:
            return plan.statement
        assert plan.table is not None
        names = "" if plan.columns is None else f" ({', '.join(map(quoted, plan.columns))})"
        style = getattr(self._module, "paramstyle", "qmark")
        if style == "qmark":
            marks = ["?"] * width
        elif style in ("format", "pyformat"):
            marks = ["%s"] * width
            names = names.replace("%", "%%")
        else:
            marks = [f":{n}" for n in range(1, width + 1)]
        return f"INSERT INTO {plan.table.sql()}{names} VALUES ({', '.join(marks)})"

    # ---- the end

    def interrupt(self) -> None:
        """See `BlockingSession.interrupt`."""
        for name in ("interrupt", "cancel"):
            stop = getattr(self._connection, name, None)
            if callable(stop):
                stop()
                return

    @property
    def interrupt_blocks(self) -> bool:  # type: ignore[override]
        """See `BlockingSession.interrupt_blocks`."""
        return not hasattr(self._connection, "interrupt")

    @property
    def write_is_interruptible(self) -> bool:  # type: ignore[override]
        """See `BlockingSession.write_is_interruptible`. A connection that has ``interrupt`` is one of SQLite's relatives."""
        return not hasattr(self._connection, "interrupt")

    def is_usable(self) -> bool:
        """See `Session.is_usable`."""
        return not self._unread and not getattr(self._connection, "closed", False)

    def close(self) -> None:
        """See `Session.close`."""
        self._connection.close()


class DbapiCursor(BlockingCursor):
    """The rows of a cursor."""

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor
        self.columns = tuple(column[0] for column in cursor.description or ())

    def fetch(self, count: int) -> list[Any]:
        """See `Cursor.fetch`."""
        return list(self._cursor.fetchmany(count)) if self.columns else []

    def close(self) -> None:
        """See `Cursor.close`."""
        self._cursor.close()


class DbapiSink(BlockingRowSink):
    """Rows by `executemany`."""

    def __init__(self, cursor: Any, statement: Callable[[int], str]) -> None:
        self._cursor = cursor
        self._make_statement = statement
        self._statement: str | None = None

    def write(self, rows: list[Any]) -> None:
        """See `RowSink.write`."""
        if self._statement is None:
            self._statement = self._make_statement(len(rows[0]))
        self._cursor.executemany(self._statement, rows)

    def finish(self) -> None:
        """See `RowSink.finish`."""
        self._cursor.close()

    def abort(self) -> None:
        """See `RowSink.abort`."""
        self._cursor.close()


def run(cursor: Any, statement: str, args: Sequence[Any]) -> None:
    """Execute a query. If it fails, the cursor is closed."""
    try:
        if args:
            cursor.execute(statement, parameters(args))
        else:
            cursor.execute(statement)
    except BaseException:
        cursor.close()
        raise


def _module_of(connection: Any) -> Any:
    """Return the module of the driver: the outermost one that has a ``paramstyle``."""
    parts = type(connection).__module__.split(".")
    for end in range(1, len(parts) + 1):
        module = sys.modules.get(".".join(parts[:end]))
        if hasattr(module, "paramstyle"):
            return module
    return None
