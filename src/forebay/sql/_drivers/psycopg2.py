"""PostgreSQL through psycopg2, in a thread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from typing import Any

from forebay.sql._adapters import library
from forebay.sql._blocking import BlockingCursor, BlockingRowSink, DriverSocket
from forebay.sql._drivers.dbapi import DbapiCursor, DbapiSession, DbapiSink, run, source_of
from forebay.sql._postgres_statements import Stage, is_declarable, make_stage
from forebay.sql._session import InsertPlan, begin_statement, unsupported
from forebay.sql._source import Source
from forebay.sql._table_names import Table, quoted

__all__ = ["Psycopg2Session", "adapt"]

extensions: Any = library("psycopg2.extensions", "psycopg2-binary")
extras: Any = library("psycopg2.extras", "psycopg2-binary")

_OPEN = (
    extensions.TRANSACTION_STATUS_ACTIVE,
    extensions.TRANSACTION_STATUS_INTRANS,
    extensions.TRANSACTION_STATUS_INERROR,
)
_numbers = count(1)


def adapt(connection: Any) -> Source | None:
    """Return the source for a connection or a pool of psycopg2."""
    return source_of(connection, Psycopg2Session)


class Psycopg2Session(DbapiSession):
    """A connection of psycopg2. It is cancelled from another thread."""

    query_in_transaction = True
    interrupt_blocks = True

    def in_transaction(self) -> bool:
        """See `Session.in_transaction`."""
        return not self._connection.closed and self._connection.info.transaction_status in _OPEN

    def begin_transaction(self, isolation: str | None, readonly: bool) -> None:
        """See `Session.begin_transaction`."""
        statement = begin_statement(isolation, readonly)
        if not self._connection.autocommit:
            # The driver begins the transaction itself, before any statement.
            modes = statement.removeprefix("BEGIN").strip()
            statement = f"SET TRANSACTION {modes}" if modes else "SELECT 1"
        self.execute(statement)

    def commit_transaction(self) -> None:
        """See `Session.commit_transaction`."""
        if self._connection.autocommit:
            # The driver knows nothing of a transaction of ours.
            self.execute("COMMIT")
        else:
            self._connection.commit()

    def rollback_transaction(self) -> None:
        """See `Session.rollback_transaction`."""
        if self._connection.autocommit:
            self.execute("ROLLBACK")
        else:
            self._connection.rollback()

    def query(self, statement: str, args: Sequence[Any], count: int) -> BlockingCursor:
        """See `Session.query`."""
        if not is_declarable(statement):
            return super().query(statement, args, count)
        cursor = self._connection.cursor()
        name = f"forebay_{next(_numbers)}"
        # The driver's own named cursors are refused in autocommit mode, where the transaction is ours.
        run(cursor, f"DECLARE {name} NO SCROLL CURSOR FOR {statement}", args)
        run(cursor, f"FETCH FORWARD 0 FROM {name}", ())
        return _ServerCursor(cursor, name)

    def row_sink(self, plan: InsertPlan) -> BlockingRowSink:
        """See `Session.row_sink`."""
        if plan.table is None or (plan.method == "executemany" and plan.on_conflict is None):
            return super().row_sink(plan)
        if plan.method == "copy":
            raise unsupported(self, 'method="copy"')
        stage = None
        if plan.on_conflict is not None:
            stage = make_stage(plan, plan.columns or self._column_names(plan.table))
            for statement in stage.create_statements:
                self.execute(statement)
            plan = replace(plan, table=stage.table, columns=stage.columns)
        return _ValuesSink(self._connection.cursor(), _values_statement(plan), stage)

    def _column_names(self, table: Table) -> tuple[str, ...]:
        cursor = self._connection.cursor()
        run(cursor, f"SELECT * FROM {table.sql()} LIMIT 0", ())
        names = tuple(column.name for column in cursor.description)
        cursor.close()
        return names

    def interrupt(self) -> None:
        """See `BlockingSession.interrupt`."""
        self._connection.cancel()

    def sever(self) -> None:
        """See `BlockingSession.sever`."""
        if not self._connection.closed:
            DriverSocket(self._connection.fileno()).sever()


class _ServerCursor(DbapiCursor):
    def __init__(self, cursor: Any, name: str) -> None:
        super().__init__(cursor)
        self._name = name

    def fetch(self, count: int) -> list[Any]:
        self._cursor.execute(f"FETCH FORWARD {count} FROM {self._name}")
        rows: list[Any] = self._cursor.fetchall()
        return rows

    def close(self) -> None:
        if self._cursor.connection.info.transaction_status == extensions.TRANSACTION_STATUS_INTRANS:
            self._cursor.execute(f"CLOSE {self._name}")
        self._cursor.close()


class _ValuesSink(DbapiSink):
    """An INSERT for all rows of a batch: `executemany` of psycopg2 makes a trip for each row."""

    def __init__(self, cursor: Any, statement: str, stage: Stage | None) -> None:
        super().__init__(cursor, lambda _: statement)
        self._values_statement = statement
        self._stage = stage

    def write(self, rows: list[Any]) -> None:
        extras.execute_values(self._cursor, self._values_statement, rows, page_size=len(rows))

    def finish(self) -> None:
        if self._stage is not None:
            for statement in self._stage.merge_statements:
                self._cursor.execute(statement)
        self._cursor.close()


def _values_statement(plan: InsertPlan) -> str:
    assert plan.table is not None
    names = "" if plan.columns is None else f" ({', '.join(map(quoted, plan.columns))})"
    # The driver formats the statement with %.
    return f"INSERT INTO {plan.table.sql()}{names} VALUES ".replace("%", "%%") + "%s"
