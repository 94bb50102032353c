"""PostgreSQL through psycopg 3's Connection and its pool, in a thread."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from forebay.sql._arguments import parameters
from forebay.sql._blocking import (
    BlockingBlockSink,
    BlockingBlockSource,
    BlockingCursor,
    BlockingRowSink,
    BlockingSession,
    ThreadPoolSource,
    ThreadSession,
)
from forebay.sql._drivers.psycopg_common import (
    CANCEL_SECONDS,
    STREAM_ROWS,
    Abandoned,
    Blocks,
    binary_types,
    column_types_statement,
    copy_rows_statement,
    cursor_name,
    describe,
    formatted,
    in_transaction,
    is_usable,
    made_no_rows,
    psycopg,
    server_has_answered,
    sever,
    transaction_modes,
)
from forebay.sql._postgres_statements import (
    Stage,
    copy_in_statement,
    copy_out_statement,
    insert_statement,
    is_declarable,
    make_stage,
)
from forebay.sql._session import CopyOptions, InsertPlan
from forebay.sql._source import GivenSource, Source
from forebay.sql._table_names import Table

__all__ = ["given_source", "pool_source"]


def given_source(connection: Any) -> Source:
    """Return the source for a connection."""
    return GivenSource(connection, lambda: ThreadSession(BlockingPsycopgSession(connection)))


def pool_source(pool: Any) -> Source:
    """Return the source for a pool."""
    return ThreadPoolSource(pool.getconn, pool.putconn, BlockingPsycopgSession)


class BlockingPsycopgSession(BlockingSession):
    """A Connection. It is cancelled from another thread."""

    driver = "psycopg"
    query_in_transaction = True
    interrupt_blocks = True

    def __init__(self, connection: Any) -> None:
        super().__init__()
        self._connection = connection

    def in_transaction(self) -> bool:
        """See `Session.in_transaction`."""
        return in_transaction(self._connection)

    def execute(self, statement: str) -> None:
        """See `Session.execute`."""
        self._connection.execute(statement, prepare=False)

    def begin_transaction(self, isolation: str | None, readonly: bool) -> None:
        """See `Session.begin_transaction`."""
        modes = transaction_modes(self._connection, isolation, readonly)
        if self._connection.autocommit:
            self.execute(f"BEGIN {modes}")
        else:
            # The driver begins the transaction itself, before any statement.
            self.execute(f"SET TRANSACTION {modes}" if modes else "")

    def commit_transaction(self) -> None:
        """See `Session.commit_transaction`."""
        self._connection.commit()

    def rollback_transaction(self) -> None:
        """See `Session.rollback_transaction`."""
        self._connection.rollback()

    def query(self, statement: str, args: Sequence[Any], count: int) -> BlockingCursor:
        """See `Session.query`."""
        values = parameters(args) if args else None
        if is_declarable(statement):
            cursor = self._connection.cursor(name=cursor_name())
            try:
                cursor.execute(statement, values)
            except BaseException:
                cursor.close()
                raise
            return _ServerCursor(cursor)
        cursor = self._connection.cursor()
        size = STREAM_ROWS if psycopg.capabilities.has_stream_chunked() else 1
        return _StreamCursor(self._connection, cursor, cursor.stream(statement, values, size=size))

    def row_sink(self, plan: InsertPlan) -> BlockingRowSink:
        """See `Session.row_sink`."""
        if plan.table is None:
            assert plan.statement is not None
            return _ManySink(self._connection, plan.statement)
        description = self._description(plan)
        if plan.on_conflict is not None:
            columns = plan.columns or tuple(column.name for column in description)
            stage = make_stage(plan, columns)
            for statement in stage.create_statements:
                self.execute(statement)
            return _CopySink(self._connection, stage.table, columns, description, stage)
        if plan.method in ("auto", "copy"):
            return _CopySink(self._connection, plan.table, plan.columns, description, None)
        columns = plan.columns or tuple(column.name for column in description)
        return _ManySink(self._connection, insert_statement(plan.table, columns, "%s"))

    def _description(self, plan: InsertPlan) -> Sequence[Any]:
        return self._connection.execute(column_types_statement(plan)).description or ()

    def copy_out(self, source: str, args: Sequence[Any], options: CopyOptions) -> BlockingBlockSource:
        """See `Session.copy_out`."""
        values = parameters(args) if args else None
        return _CopyBlocks(
            self._connection, _Copy(self._connection, copy_out_statement(source, options), values)
        )

    def copy_in(
        self, table: Table, columns: tuple[str, ...] | None, options: CopyOptions
    ) -> BlockingBlockSink:
        """See `Session.copy_in`."""
        statement = copy_in_statement(table, columns, options)
        return _BlockSink(self._connection, _Copy(self._connection, statement))

    def interrupt(self) -> None:
        """See `BlockingSession.interrupt`."""
        self._connection.cancel_safe(timeout=CANCEL_SECONDS)

    def sever(self) -> None:
        """See `BlockingSession.sever`."""
        sever(self._connection)

    def is_usable(self) -> bool:
        """See `Session.is_usable`."""
        return is_usable(self._connection)

    def close(self) -> None:
        """See `Session.close`."""
        self._connection.close()


class _ServerCursor(BlockingCursor):
    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor
        self.columns = tuple(column.name for column in cursor.description or ())

    def fetch(self, count: int) -> list[Any]:
        rows: list[Any] = self._cursor.fetchmany(count)
        return rows

    def close(self) -> None:
        self._cursor.close()


class _StreamCursor(BlockingCursor):
    """The rows of a statement that changes something, as they come."""

    def __init__(self, connection: Any, cursor: Any, rows: Iterator[Any]) -> None:
        self._rows: Any = rows
        self._first: list[Any] = []
        try:
            self._first = [next(rows)]
        except StopIteration:
            self.columns = connection.wait(describe(connection, cursor))
            return
        except psycopg.ProgrammingError:
            if not made_no_rows(connection):
                raise
            return
        self.columns = tuple(column.name for column in cursor.description or ())

    def fetch(self, count: int) -> list[Any]:
        batch, self._first = self._first, []
        while len(batch) < count:
            try:
                batch.append(next(self._rows))
            except StopIteration:
                break
        return batch

    def close(self) -> None:
        self._rows.close()


class _ManySink(BlockingRowSink):
    """Rows for a statement: `executemany`, pipelined by the driver."""

    def __init__(self, connection: Any, statement: str) -> None:
        self._cursor = connection.cursor()
        self._statement = statement

    def write(self, rows: list[Any]) -> None:
        self._cursor.executemany(self._statement, rows)

    def finish(self) -> None:
        self._cursor.close()

    def abort(self) -> None:
        self._cursor.close()


class _Copy:
    """A COPY, from its start to its end."""

    def __init__(self, connection: Any, statement: str, values: Any = None) -> None:
        self._cursor = connection.cursor()
        self._manager = self._cursor.copy(statement, values)
        self.copy: Any = self._manager.__enter__()

    def finish(self) -> int:
        """End it and return the number of its rows."""
        self.copy = None
        self._manager.__exit__(None, None, None)
        rows: int = self._cursor.rowcount
        return rows

    def abandon(self) -> None:
        """Leave it early. Without an exception psycopg would leave it running (psycopg/psycopg#1008)."""
        if self.copy is not None:
            self.copy = None
            error = Abandoned()
            with contextlib.suppress(Abandoned):
                self._manager.__exit__(Abandoned, error, None)


class _CopySink(BlockingRowSink):
    """Rows for a table: one COPY, from the first row to the last."""

    def __init__(
        self,
        connection: Any,
        table: Table,
        columns: tuple[str, ...] | None,
        description: Sequence[Any],
        stage: Stage | None,
    ) -> None:
        self._connection = connection
        self._table = table
        self._columns = columns
        self._description = description
        self._stage = stage
        self._copy: _Copy | None = None

    def write(self, rows: list[Any]) -> None:
        copying = self._copy or self._start(rows)
        copy = copying.copy
        for block in formatted(copy.formatter, rows):
            copy.writer.write(block)
        if server_has_answered(self._connection.pgconn):
            copying.finish()

    def _start(self, rows: list[Any]) -> _Copy:
        types = binary_types(self._description, rows)
        self._copy = _Copy(
            self._connection, copy_rows_statement(self._table, self._columns, types is not None)
        )
        if types is not None:
            self._copy.copy.set_types(types)
        return self._copy

    def finish(self) -> None:
        if self._copy is not None:
            self._copy.finish()
        if self._stage is not None:
            for statement in self._stage.merge_statements:
                self._connection.execute(statement, prepare=False)

    def abort(self) -> None:
        if self._copy is not None:
            self._copy.abandon()


class _CopyBlocks(BlockingBlockSource):
    def __init__(self, connection: Any, copy: _Copy) -> None:
        self._connection = connection
        self._copy = copy
        self._blocks = Blocks(connection.pgconn)

    def read(self) -> bytes:
        block: bytes = self._connection.wait(self._blocks.read())
        return block

    def close(self) -> None:
        if self._blocks.ended:
            self._copy.finish()
        else:
            self._copy.abandon()


class _BlockSink(BlockingBlockSink):
    def __init__(self, connection: Any, copy: _Copy) -> None:
        self._connection = connection
        self._copy = copy

    def write(self, blocks: list[Any]) -> None:
        for block in blocks:
            self._copy.copy.write(block)
        if server_has_answered(self._connection.pgconn):
            self._copy.finish()

    def finish(self) -> int | None:
        return self._copy.finish()

    def abort(self) -> None:
        self._copy.abandon()
