"""Databases through ADBC, in a thread: rows and record batches."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from time import monotonic
from typing import Any

from forebay.errors import InvalidArgValueError
from forebay.formats._record_batches import is_batch, load_pyarrow, tuples_of
from forebay.sql._blocking import BlockingCursor, BlockingRowSink, ThreadSession
from forebay.sql._session import InsertPlan, begin_statement, unsupported
from forebay.sql._source import GivenSource, Source
from forebay.sql._table_names import Table, quoted
from forebay.sql._whole_transactions import WholeTransactionSession

__all__ = ["AdbcSession", "adapt"]

# Rows that go to the driver in one call: below that, a call costs as much as its rows.
_ROWS = 10_000
# The driver of PostgreSQL makes batches of 16 MiB otherwise.
_BATCH_BYTES = 1 << 20
_BATCH_ROWS = 1000
# How long the rest of a query is read that was left early.
_DRAIN_SECONDS = 1.0
_AUTOCOMMIT = "adbc.connection.autocommit"
_POSTGRES = "PostgreSQL"


def adapt(connection: Any) -> Source | None:
    """Return the source for a connection of ADBC."""
    if not hasattr(connection, "adbc_connection"):
        return None
    load_pyarrow()
    return GivenSource(connection, lambda: ThreadSession(AdbcSession(connection)))


class AdbcSession(WholeTransactionSession):
    """A connection of ADBC.

    The driver of PostgreSQL cannot return to a savepoint after an error, so none are used.
    """

    driver = "ADBC"
    takes_batches = True
    # The driver of PostgreSQL asks the server over a connection of its own.
    interrupt_blocks = True

    def __init__(self, connection: Any) -> None:
        super().__init__()
        self._connection = connection
        self._low: Any = connection.adbc_connection
        self._vendor: str | None = None
        # Whether the connection was opened for the stream.
        self._new = False
        # Whether the driver is to commit each statement again.
        self._autocommit_after = False
        # Whether the driver has begun a transaction by itself, for a query.
        self._implicit = False

    @property
    def vendor(self) -> str:
        """The name of the database."""
        if self._vendor is None:
            self._vendor = str(self._connection.adbc_get_info().get("vendor_name", ""))
        return self._vendor

    # ---- transactions

    def opened(self) -> None:
        """See `Session.opened`."""
        self._new = True

    def in_transaction(self) -> bool:
        """See `Session.in_transaction`."""
        return self._depth > 0 or self._implicit

    def execute(self, statement: str) -> None:
        """See `Session.execute`."""
        with self._connection.cursor() as cursor:
            cursor.execute(statement)

    def _autocommit(self) -> bool:
        return str(self._low.get_option(_AUTOCOMMIT)) == "true"

    def has_transaction(self) -> bool:
        """See `WholeTransactionSession.has_transaction`.

        A connection without autocommit is always in a transaction. In PostgreSQL it is no one's as long as it has written
        nothing; SQLite does not tell, so there it is the program's.
        """
        if self._new or self._autocommit():
            return False
        if self.vendor != _POSTGRES:
            return True
        with self._connection.cursor() as cursor:
            cursor.execute("SELECT pg_current_xact_id_if_assigned() IS NOT NULL")
            return bool(cursor.fetchall()[0][0])

    def start(self, isolation: str | None, readonly: bool) -> None:
        """See `WholeTransactionSession.start`."""
        self._autocommit_after = self._autocommit()
        if self._autocommit_after:
            self._low.set_autocommit(False)
        elif self.vendor == _POSTGRES:
            # What has asked for the state has begun it.
            self._low.rollback()
        words = begin_statement(isolation, readonly).removeprefix("BEGIN")
        if words and self.vendor == _POSTGRES:
            self.execute(f"SET TRANSACTION{words}")

    def finish(self, commit: bool) -> None:
        """See `WholeTransactionSession.finish`."""
        try:
            if commit:
                self._low.commit()
            else:
                self._low.rollback()
        finally:
            if self._autocommit_after:
                self._autocommit_after = False
                self._low.set_autocommit(True)

    def commit_transaction(self) -> None:
        """Commit the transaction that the driver has begun for a query."""
        self._implicit = False
        self._low.commit()

    def rollback_transaction(self) -> None:
        """Roll it back."""
        self._implicit = False
        self._low.rollback()

    def check(self) -> None:
        """See `WholeTransactionSession.check`."""
        self.execute("SELECT 1")

    # ---- data

    def query(self, statement: str, args: Sequence[Any], count: int) -> BlockingCursor:
        """See `Session.query`."""
        return _RowCursor(self, self._run(statement, args, None))

    def query_arrow(self, statement: str, args: Sequence[Any], count: int) -> BlockingCursor:
        """See `Session.query_arrow`."""
        return _BatchCursor(self, self._run(statement, args, count), count)

    def _batch_option(self, count: int | None) -> dict[str, str] | None:
        """Return the option of the driver that says how large its record batches are."""
        if self.vendor == _POSTGRES:
            return {"adbc.postgresql.batch_size_hint_bytes": str(_BATCH_BYTES)}
        if self.vendor == "SQLite":
            return {"adbc.sqlite.query.batch_rows": str(count or _BATCH_ROWS)}
        return None

    def _run(self, statement: str, args: Sequence[Any], count: int | None) -> Any:
        self.begin_statement()
        self._implicit = not self.inside and not self._autocommit()
        cursor = self._connection.cursor()
        try:
            option = self._batch_option(count)
            if option is not None:
                cursor.adbc_statement.set_options(**option)
            cursor.execute(statement, parameters(args))
        except BaseException:
            cursor.close()
            raise
        finally:
            self.trips += 1
        return cursor

    def row_sink(self, plan: InsertPlan) -> BlockingRowSink:
        """See `Session.row_sink`."""
        if plan.on_conflict is not None:
            raise unsupported(self, f"on_conflict={plan.on_conflict!r}")
        if plan.method == "values":
            raise unsupported(self, 'method="values"')
        if plan.table is None or plan.method == "executemany":
            return _StatementSink(self, self._connection, plan)
        return _IngestSink(self._connection, plan, self.vendor == _POSTGRES)

    def placeholder(self, number: int) -> str:
        """Return the placeholder of a statement, from 1 on."""
        return f"${number}" if self.vendor == _POSTGRES else "?"

    # ---- the end

    def give_up(self, reader: Any) -> None:
        """Stop a query in the middle. Otherwise the next statement would have to read the rest of the rows.

        To cancel it would make the transaction fail. So in that of a program, a short rest is read.
        """
        if self.vendor != _POSTGRES:
            return
        if self.inside:
            until = monotonic() + _DRAIN_SECONDS
            for _ in reader:
                if monotonic() > until:
                    break
            else:
                return
        self.interrupt_now()
        with contextlib.suppress(Exception):
            for _ in reader:
                pass

    def interrupt_now(self) -> None:
        """See `WholeTransactionSession.interrupt_now`. The driver of SQLite cannot."""
        with contextlib.suppress(Exception):
            self._connection.adbc_cancel()

    def is_usable(self) -> bool:
        """See `Session.is_usable`."""
        try:
            mine = self._new or not self.has_transaction()
            self.check()
            if mine and not self._autocommit():
                # Not to leave a transaction open that has only read.
                self._low.rollback()
        except Exception as error:
            # A transaction of the program that has failed is the program's to roll back.
            return "aborted" in str(error) or "first rollback" in str(error)
        return True

    def close(self) -> None:
        """See `Session.close`."""
        self._connection.close()


class _Batches:
    """The record batches of a cursor."""

    def __init__(self, session: AdbcSession, cursor: Any) -> None:
        self._session = session
        self._cursor = cursor
        self._reader = cursor.fetch_record_batch()
        self._ended = False
        self.columns = tuple(self._reader.schema.names)

    def next(self) -> Any:
        """Return the next record batch, or None at the end."""
        try:
            for batch in self._reader:
                if batch.num_rows:
                    return batch
            self._ended = True
            return None
        except BaseException:
            self._ended = True
            raise
        finally:
            self._session.trips += 1

    def close(self) -> None:
        try:
            if not self._ended:
                self._session.give_up(self._reader)
            self._reader.close()
        finally:
            self._cursor.close()


class _BatchCursor(BlockingCursor):
    def __init__(self, session: AdbcSession, cursor: Any, count: int) -> None:
        self._batches = _Batches(session, cursor)
        self.columns = self._batches.columns
        self._count = count
        self._rest: Any = None

    def fetch(self, count: int) -> list[Any]:
        batch = self._rest if self._rest is not None else self._batches.next()
        if batch is None:
            return []
        self._rest = batch.slice(self._count) if batch.num_rows > self._count else None
        return [batch if self._rest is None else batch.slice(0, self._count)]

    def close(self) -> None:
        self._rest = None
        self._batches.close()


class _RowCursor(BlockingCursor):
    def __init__(self, session: AdbcSession, cursor: Any) -> None:
        self._batches = _Batches(session, cursor)
        self.columns = self._batches.columns
        self._batch: Any = None
        self._at = 0

    def fetch(self, count: int) -> list[Any]:
        if self._batch is None:
            self._batch, self._at = self._batches.next(), 0
            if self._batch is None:
                return []
        part = self._batch.slice(self._at, count)
        self._at += count
        if self._at >= self._batch.num_rows:
            self._batch = None
        return tuples_of(part)

    def close(self) -> None:
        self._batch = None
        self._batches.close()


class _StatementSink(BlockingRowSink):
    """Rows for a statement."""

    def __init__(self, session: AdbcSession, connection: Any, plan: InsertPlan) -> None:
        self._session = session
        self._connection = connection
        self._plan = plan
        self._statement = plan.statement

    def write(self, rows: list[Any]) -> None:
        if self._statement is None:
            self._statement = self._insert(len(rows[0]))
        with self._connection.cursor() as cursor:
            cursor.executemany(self._statement, list(map(tuple, rows)))

    def _insert(self, width: int) -> str:
        table, columns = self._plan.table, self._plan.columns
        assert table is not None
        names = "" if columns is None else f" ({', '.join(map(quoted, columns))})"
        marks = ", ".join(map(self._session.placeholder, range(1, width + 1)))
        return f"INSERT INTO {table.sql()}{names} VALUES ({marks})"

    def finish(self) -> None:
        return

    def abort(self) -> None:
        return


class _IngestSink(BlockingRowSink):
    """Rows and record batches for a table, in calls of ten thousand rows."""

    def __init__(self, connection: Any, plan: InsertPlan, typed: bool) -> None:
        assert plan.table is not None
        self._connection = connection
        self._table: Table = plan.table
        self._pyarrow = load_pyarrow()
        self._names: tuple[str, ...]
        # The types of the columns. None: that of the values.
        self._types: list[Any]
        self._look(plan.columns, typed)
        # That of the record batches.
        self._schema: Any = None
        self._gathered: list[Any] = []
        self._rows = 0

    def _look(self, columns: tuple[str, ...] | None, typed: bool) -> None:
        names = "*" if columns is None else ", ".join(map(quoted, columns))
        with self._connection.cursor() as cursor:
            cursor.execute(f"SELECT {names} FROM {self._table.sql()} LIMIT 0")
            schema = cursor.fetch_record_batch().schema
        self._names = tuple(schema.names)
        self._types = [
            field.type if typed and not hasattr(field.type, "extension_name") else None for field in schema
        ]

    def write(self, rows: list[Any]) -> None:
        if is_batch(rows[0]):
            self._gathered += map(self._fitted, rows)
            self._rows += sum(batch.num_rows for batch in rows)
        else:
            self._gathered += rows
            self._rows += len(rows)
        if self._rows >= _ROWS:
            self._send()

    def finish(self) -> None:
        if self._rows:
            self._send()

    def abort(self) -> None:
        self._gathered.clear()

    def _send(self) -> None:
        gathered, self._gathered, self._rows = self._gathered, [], 0
        columnar = is_batch(gathered[0])
        data = self._pyarrow.Table.from_batches(gathered) if columnar else self._batch_of(gathered)
        with self._connection.cursor() as cursor:
            cursor.adbc_ingest(self._table.name, data, mode="append", db_schema_name=self._table.schema)

    def _batch_of(self, rows: list[Any]) -> Any:
        width = len(self._names)
        for row in rows:
            if len(row) != width:
                raise InvalidArgValueError(
                    f"a row has {len(row)} values where the table takes {width}: {', '.join(self._names)}"
                )
        arrays = [
            self._array(column, kind, name)
            for column, kind, name in zip(zip(*rows, strict=True), self._types, self._names, strict=True)
        ]
        return self._pyarrow.RecordBatch.from_arrays(arrays, names=list(self._names))

    def _array(self, values: Any, kind: Any, name: str) -> Any:
        try:
            return self._pyarrow.array(values, type=kind)
        except (self._pyarrow.ArrowException, TypeError, ValueError, OverflowError) as error:
            error.add_note(f"in the column {name!r}")
            raise

    def _fitted(self, batch: Any) -> Any:
        """Return a batch with the types of the table or, if they are not known, with those of the first batch.

        A driver may send the values as they are in memory.
        """
        fields = [
            field if kind is None else field.with_type(kind)
            for field, kind in zip(batch.schema, self._types, strict=True)
        ]
        if self._schema is None:
            # The batches of one call have the same types.
            self._schema = self._pyarrow.schema(fields)
        schema = self._schema
        return batch if schema.equals(batch.schema) else batch.cast(schema)


def parameters(args: Sequence[Any]) -> Any:
    """Return the parameters as the driver takes them: one dict alone gives them by name."""
    if not args:
        return None
    return args[0] if len(args) == 1 and isinstance(args[0], dict) else tuple(args)
