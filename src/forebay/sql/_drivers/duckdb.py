"""DuckDB, in a thread."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from typing import Any

from forebay.errors import InvalidStateError
from forebay.formats._record_batches import is_batch, load_pyarrow
from forebay.sql._adapters import library
from forebay.sql._blocking import (
    BlockingCursor,
    BlockingRowSink,
    ThreadSession,
    open_in_thread,
)
from forebay.sql._session import InsertPlan, Session, unsupported
from forebay.sql._source import GivenSource, OpenedSource, Source
from forebay.sql._table_names import Table, quoted
from forebay.sql._urls import check_exists, database_path
from forebay.sql._whole_transactions import WholeTransactionSession

__all__ = ["DuckdbSession", "adapt", "open_url"]

# Of the tables and views that a stream makes for itself, in the connection's own schema.
_STAGE = Table("forebay_stage", "temp")
_BATCH = "forebay_batch"


def adapt(connection: Any) -> Source | None:
    """Return the source for a connection of DuckDB."""
    if not hasattr(connection, "query_progress"):
        return None
    if not hasattr(connection, "appender"):
        raise InvalidStateError(
            "this connection is of an older DuckDB; forebay needs 2.0: pip install 'duckdb>=2'"
        )
    return GivenSource(connection, lambda: ThreadSession(DuckdbSession(connection)))


def open_url(url: str | os.PathLike[str]) -> Source:
    """Return a source that opens a file, which has to exist. Without a path the database is in memory."""
    path = database_path(url) or ":memory:"
    driver = library("duckdb", "'duckdb>=2' pyarrow")

    def connect() -> DuckdbSession:
        check_exists(path)
        return DuckdbSession(driver.connect(path))

    async def opened() -> Session:
        return await open_in_thread(connect)

    return OpenedSource(opened)


class DuckdbSession(WholeTransactionSession):
    """A connection of DuckDB."""

    driver = "DuckDB"
    crashes_if_closed = True
    takes_batches = True

    def __init__(self, connection: Any) -> None:
        super().__init__()
        self._connection = connection

    # ---- transactions

    def execute(self, statement: str) -> None:
        """See `Session.execute`."""
        self._connection.execute(statement)

    def has_transaction(self) -> bool:
        """See `WholeTransactionSession.has_transaction`. Outside of a transaction, each statement has another number."""
        first, second = (self._connection.execute("SELECT txid_current()").fetchall() for _ in range(2))
        return bool(first == second)

    def start(self, isolation: str | None, readonly: bool) -> None:
        """See `WholeTransactionSession.start`. DuckDB's transactions read a snapshot."""
        if isolation == "serializable":
            raise unsupported(self, 'isolation="serializable"')
        self.execute("BEGIN TRANSACTION READ ONLY" if readonly else "BEGIN TRANSACTION")

    def finish(self, commit: bool) -> None:
        """See `WholeTransactionSession.finish`."""
        self.execute("COMMIT" if commit else "ROLLBACK")

    def check(self) -> None:
        """See `WholeTransactionSession.check`."""
        self._connection.execute("SELECT 1").fetchall()

    # ---- data

    def query(self, statement: str, args: Sequence[Any], count: int) -> BlockingCursor:
        """See `Session.query`."""
        self.begin_statement()
        return _RowCursor(self, self._connection, statement, args)

    def query_arrow(self, statement: str, args: Sequence[Any], count: int) -> BlockingCursor:
        """See `Session.query_arrow`."""
        load_pyarrow()
        self.begin_statement()
        return _BatchCursor(self, self._connection, statement, args, count)

    def row_sink(self, plan: InsertPlan) -> BlockingRowSink:
        """See `Session.row_sink`."""
        if plan.table is None:
            assert plan.statement is not None
            return _StatementSink(self._connection, plan.statement)
        if plan.method == "values":
            raise unsupported(self, 'method="values"')
        if plan.method == "executemany":
            return _StatementSink(self._connection, None, plan)
        return _AppenderSink(self._connection, plan)

    # ---- the end

    def interrupt_now(self) -> None:
        """See `WholeTransactionSession.interrupt_now`."""
        with contextlib.suppress(Exception):
            # A closed connection has nothing to interrupt.
            self._connection.interrupt()

    def is_usable(self) -> bool:
        """See `Session.is_usable`."""
        self.inside = False
        try:
            self.check()
        except Exception as error:
            # A transaction of the program that has failed is the program's to roll back.
            return type(error).__name__ == "TransactionException"
        return True

    def close(self) -> None:
        """See `Session.close`."""
        self._connection.close()


class _RowCursor(BlockingCursor):
    def __init__(self, session: DuckdbSession, connection: Any, statement: str, args: Sequence[Any]) -> None:
        self._session = session
        self._connection = connection
        try:
            connection.execute(statement, parameters(args))
        finally:
            session.trips += 1
        self.columns = tuple(column[0] for column in connection.description or ())

    def fetch(self, count: int) -> list[Any]:
        try:
            rows: list[Any] = self._connection.fetchmany(count)
            return rows
        finally:
            self._session.trips += 1

    def close(self) -> None:
        # The rest of the result.
        self._connection.abort()


class _BatchCursor(BlockingCursor):
    """Record batches. `sql` streams them, and `execute` would hold the whole result."""

    def __init__(
        self, session: DuckdbSession, connection: Any, statement: str, args: Sequence[Any], count: int
    ) -> None:
        self._session = session
        try:
            self._reader = connection.sql(statement, params=parameters(args)).to_arrow_reader(count)
        finally:
            session.trips += 1
        self.columns = tuple(self._reader.schema.names)

    def fetch(self, count: int) -> list[Any]:
        try:
            return [self._reader.read_next_batch()]
        except StopIteration:
            return []
        finally:
            self._session.trips += 1

    def close(self) -> None:
        self._reader.close()


class _StatementSink(BlockingRowSink):
    """Rows for a statement, one after the other."""

    def __init__(self, connection: Any, statement: str | None, plan: InsertPlan | None = None) -> None:
        self._connection = connection
        self._statement = statement
        self._plan = plan

    def write(self, rows: list[Any]) -> None:
        if self._statement is None:
            assert self._plan is not None
            self._statement = _row_statement(self._plan, len(rows[0]))
        self._connection.executemany(self._statement, list(map(list, rows)))

    def finish(self) -> None:
        return

    def abort(self) -> None:
        return


class _AppenderSink(BlockingRowSink):
    """Rows and record batches for a table. Those with a conflict rule go to a temporary table, which is merged at the end."""

    def __init__(self, connection: Any, plan: InsertPlan) -> None:
        assert plan.table is not None
        self._connection = connection
        self._plan = plan
        self._columns = plan.columns
        self._target = plan.table
        self._staged = plan.on_conflict is not None
        self._appender: Any = None
        if self._staged:
            self._make_stage()

    def write(self, rows: list[Any]) -> None:
        if is_batch(rows[0]):
            for batch in rows:
                self._write_batch(batch)
            return
        if self._appender is None:
            columns = None if self._columns is None else list(self._columns)
            self._appender = self._connection.appender(self._target.sql(), columns=columns)
        self._appender.append_rows(rows)

    def _write_batch(self, batch: Any) -> None:
        names = ", ".join(map(quoted, self._plan.columns or batch.schema.names))
        self._connection.register(_BATCH, batch)
        try:
            self._connection.execute(
                f"INSERT INTO {self._target.sql()} ({names}) SELECT {names} FROM {_BATCH}"
            )
        finally:
            self._connection.unregister(_BATCH)

    def finish(self) -> None:
        appender, self._appender = self._appender, None
        if appender is not None:
            appender.flush()
        if self._staged:
            self._merge()

    def abort(self) -> None:
        appender, self._appender = self._appender, None
        if appender is not None:
            appender.clear()
        if self._staged:
            # In a transaction that has failed, the rollback drops it.
            with contextlib.suppress(Exception):
                self._drop_stage()

    def _make_stage(self) -> None:
        table = self._plan.table
        assert table is not None
        names = "*" if self._columns is None else ", ".join(map(quoted, self._columns))
        self._connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {_STAGE.name} AS SELECT {names} FROM {table.sql()} LIMIT 0"
        )
        self._connection.execute(f"SELECT * FROM {_STAGE.sql()}").fetchall()
        self._columns = tuple(column[0] for column in self._connection.description)
        self._target = _STAGE

    def _merge(self) -> None:
        assert self._columns is not None
        self._connection.execute(_merge_statement(self._plan, self._columns))
        self._drop_stage()

    def _drop_stage(self) -> None:
        self._connection.execute(f"DROP TABLE IF EXISTS {_STAGE.sql()}")


def parameters(args: Sequence[Any]) -> Any:
    """Return the parameters as the driver takes them: one dict alone gives them by name."""
    if not args:
        return None
    return args[0] if len(args) == 1 and isinstance(args[0], dict) else list(args)


def _merge_statement(plan: InsertPlan, columns: tuple[str, ...]) -> str:
    """Return the statement that merges the temporary table. Of several rows with one key, the last one counts."""
    assert plan.table is not None
    names = ", ".join(map(quoted, columns))
    key = ", ".join(map(quoted, plan.key))
    target = f" ({key})" if key else ""
    into = f"INSERT INTO {plan.table.sql()} ({names})"
    if plan.on_conflict == "ignore":
        return f"{into} SELECT {names} FROM {_STAGE.sql()} ORDER BY rowid ON CONFLICT{target} DO NOTHING"
    updates = ", ".join(f"{quoted(c)} = excluded.{quoted(c)}" for c in columns if c not in plan.key)
    return (
        f"{into} SELECT DISTINCT ON ({key}) {names} FROM {_STAGE.sql()} ORDER BY {key}, rowid DESC "
        f"ON CONFLICT{target} DO {f'UPDATE SET {updates}' if updates else 'NOTHING'}"
    )


def _row_statement(plan: InsertPlan, width: int) -> str:
    assert plan.table is not None
    names = "" if plan.columns is None else f" ({', '.join(map(quoted, plan.columns))})"
    marks = ", ".join("?" * width)
    return f"INSERT INTO {plan.table.sql()}{names} VALUES ({marks})"
