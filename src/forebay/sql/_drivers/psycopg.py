"""PostgreSQL through psycopg 3's AsyncConnection and its pool."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Sequence
from inspect import iscoroutinefunction
from typing import Any

from forebay.sql._arguments import parameters
from forebay.sql._drivers import psycopg_blocking
from forebay.sql._drivers.psycopg_common import (
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
    Staged,
    copy_in_statement,
    copy_out_statement,
    insert_statement,
    is_declarable,
    stage_table,
)
from forebay.sql._session import BlockSink, BlockSource, CopyOptions, Cursor, InsertPlan, RowSink, Session
from forebay.sql._source import GivenSource, OpenedSource, PoolSource, Source
from forebay.sql._table_names import Table

__all__ = ["PsycopgSession", "adapt", "open_url"]

# In this time the loop tells a waiting call that its socket is gone.
_NOTICE_SECONDS = 0.01


def adapt(connection: Any) -> Source | None:
    """Return the source for a connection or a pool of psycopg."""
    if callable(getattr(connection, "getconn", None)):
        if iscoroutinefunction(connection.getconn):
            return PoolSource(connection.getconn, connection.putconn, PsycopgSession)
        return psycopg_blocking.pool_source(connection)
    if hasattr(connection, "pgconn"):
        if iscoroutinefunction(connection.execute):
            return GivenSource(connection, lambda: PsycopgSession(connection))
        return psycopg_blocking.given_source(connection)
    return None


def open_url(url: str | os.PathLike[str]) -> Source:
    """Return a source that opens a connection to ``postgresql+psycopg://...``."""

    async def connect() -> Session:
        address = os.fspath(url).replace("postgresql+psycopg", "postgresql", 1)
        return PsycopgSession(await psycopg.AsyncConnection.connect(address, autocommit=True))

    return OpenedSource(connect)


class PsycopgSession(Session):
    """An AsyncConnection. The driver stops a statement on the server if its coroutine is cancelled."""

    driver = "psycopg"

    def __init__(self, connection: Any) -> None:
        super().__init__()
        self._connection = connection

    def in_transaction(self) -> bool:
        """See `Session.in_transaction`."""
        return in_transaction(self._connection)

    async def execute(self, statement: str) -> None:
        """See `Session.execute`."""
        await self._connection.execute(statement, prepare=False)

    async def begin_transaction(self, isolation: str | None, readonly: bool) -> None:
        """See `Session.begin_transaction`."""
        modes = transaction_modes(self._connection, isolation, readonly)
        if self._connection.autocommit:
            await self.execute(f"BEGIN {modes}")
        else:
            # The driver begins the transaction itself, before any statement.
            await self.execute(f"SET TRANSACTION {modes}" if modes else "")

    async def commit_transaction(self) -> None:
        """See `Session.commit_transaction`."""
        await self._connection.commit()

    async def rollback_transaction(self) -> None:
        """See `Session.rollback_transaction`."""
        await self._connection.rollback()

    async def query(self, statement: str, args: Sequence[Any], count: int) -> Cursor:
        """See `Session.query`."""
        values = parameters(args) if args else None
        if is_declarable(statement):
            cursor = self._connection.cursor(name=cursor_name())
            try:
                await cursor.execute(statement, values)
            except BaseException:
                await cursor.close()
                raise
            return _ServerCursor(cursor)
        cursor = self._connection.cursor()
        size = STREAM_ROWS if psycopg.capabilities.has_stream_chunked() else 1
        streamed = _StreamCursor(self._connection, cursor, cursor.stream(statement, values, size=size))
        await streamed.start()
        return streamed

    async def row_sink(self, plan: InsertPlan) -> RowSink:
        """See `Session.row_sink`."""
        if plan.table is None:
            assert plan.statement is not None
            return _ManySink(self._connection, plan.statement)
        if plan.on_conflict is not None:
            staged = await stage_table(self, plan)
            types = await self._description(InsertPlan(staged.stage, None, staged.columns, "copy", None, ()))
            return _CopySink(self._connection, staged.stage, staged.columns, types, staged)
        description = await self._description(plan)
        if plan.method in ("auto", "copy"):
            return _CopySink(self._connection, plan.table, plan.columns, description, None)
        columns = plan.columns or tuple(column.name for column in description)
        return _ManySink(self._connection, insert_statement(plan.table, columns, "%s"))

    async def _description(self, plan: InsertPlan) -> Sequence[Any]:
        cursor = await self._connection.execute(column_types_statement(plan))
        return cursor.description or ()

    async def column_names(self, table: Table) -> tuple[str, ...]:
        """Return the names of the columns of a table."""
        description = await self._description(InsertPlan(table, None, None, "copy", None, ()))
        return tuple(column.name for column in description)

    async def copy_out(self, source: str, args: Sequence[Any], options: CopyOptions) -> BlockSource:
        """See `Session.copy_out`."""
        copy = _Copy(
            self._connection, copy_out_statement(source, options), parameters(args) if args else None
        )
        await copy.start()
        return _CopyBlocks(self._connection, copy)

    async def copy_in(self, table: Table, columns: tuple[str, ...] | None, options: CopyOptions) -> BlockSink:
        """See `Session.copy_in`."""
        copy = _Copy(self._connection, copy_in_statement(table, columns, options))
        await copy.start()
        return _BlockSink(self._connection, copy)

    async def is_usable(self) -> bool:
        """See `Session.is_usable`."""
        return is_usable(self._connection)

    async def close(self) -> None:
        """See `Session.close`."""
        await self._connection.close()

    def terminate(self) -> None:
        """See `Session.terminate`."""
        sever(self._connection)

    async def discard(self) -> None:
        """See `Session.discard`."""
        self.terminate()
        # Before the descriptor is closed: another socket may get its number.
        await asyncio.sleep(_NOTICE_SECONDS)
        self._connection.pgconn.finish()


class _ServerCursor(Cursor):
    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor
        self.columns = tuple(column.name for column in cursor.description or ())

    async def fetch(self, count: int) -> list[Any]:
        rows: list[Any] = await self._cursor.fetchmany(count)
        return rows

    async def close(self) -> None:
        await self._cursor.close()


class _StreamCursor(Cursor):
    """The rows of a statement that changes something, as they come."""

    def __init__(self, connection: Any, cursor: Any, rows: AsyncIterator[Any]) -> None:
        self._connection = connection
        self._cursor = cursor
        self._rows: Any = rows
        self._first: list[Any] = []

    async def start(self) -> None:
        """Run the statement."""
        try:
            self._first = [await anext(self._rows)]
        except StopAsyncIteration:
            self.columns = await self._connection.wait(describe(self._connection, self._cursor))
            return
        except psycopg.ProgrammingError:
            if not made_no_rows(self._connection):
                raise
            return
        self.columns = tuple(column.name for column in self._cursor.description or ())

    async def fetch(self, count: int) -> list[Any]:
        batch, self._first = self._first, []
        while len(batch) < count:
            try:
                batch.append(await anext(self._rows))
            except StopAsyncIteration:
                break
        return batch

    async def close(self) -> None:
        await self._rows.aclose()


class _ManySink(RowSink):
    """Rows for a statement: `executemany`, pipelined by the driver."""

    def __init__(self, connection: Any, statement: str) -> None:
        self._cursor = connection.cursor()
        self._statement = statement

    async def write(self, rows: list[Any]) -> None:
        await self._cursor.executemany(self._statement, rows)

    async def finish(self) -> None:
        await self._cursor.close()

    async def abort(self) -> None:
        await self._cursor.close()


class _Copy:
    """A COPY, from its start to its end."""

    def __init__(self, connection: Any, statement: str, values: Any = None) -> None:
        self._cursor = connection.cursor()
        self._manager = self._cursor.copy(statement, values)
        self.copy: Any = None

    async def start(self) -> None:
        self.copy = await self._manager.__aenter__()

    async def finish(self) -> int:
        """End it and return the number of its rows."""
        self.copy = None
        await self._manager.__aexit__(None, None, None)
        rows: int = self._cursor.rowcount
        return rows

    async def abandon(self) -> None:
        """Leave it early. Without an exception psycopg would leave it running (psycopg/psycopg#1008)."""
        if self.copy is not None:
            self.copy = None
            error = Abandoned()
            with contextlib.suppress(Abandoned):
                await self._manager.__aexit__(Abandoned, error, None)


class _CopySink(RowSink):
    """Rows for a table: one COPY, from the first row to the last."""

    def __init__(
        self,
        connection: Any,
        table: Table,
        columns: tuple[str, ...] | None,
        description: Sequence[Any],
        staged: Staged | None,
    ) -> None:
        self._connection = connection
        self._table = table
        self._columns = columns
        self._description = description
        self._staged = staged
        self._copy: _Copy | None = None

    async def write(self, rows: list[Any]) -> None:
        copying = self._copy or await self._start(rows)
        copy = copying.copy
        for block in formatted(copy.formatter, rows):
            await copy.writer.write(block)
        if server_has_answered(self._connection.pgconn):
            await copying.finish()

    async def _start(self, rows: list[Any]) -> _Copy:
        types = binary_types(self._description, rows)
        statement = copy_rows_statement(self._table, self._columns, types is not None)
        self._copy = _Copy(self._connection, statement)
        await self._copy.start()
        if types is not None:
            self._copy.copy.set_types(types)
        return self._copy

    async def finish(self) -> None:
        if self._copy is not None:
            await self._copy.finish()
        if self._staged is not None:
            await self._staged.merge()

    async def abort(self) -> None:
        if self._copy is not None:
            await self._copy.abandon()


class _CopyBlocks(BlockSource):
    def __init__(self, connection: Any, copy: _Copy) -> None:
        self._connection = connection
        self._copy = copy
        self._blocks = Blocks(connection.pgconn)

    async def read(self) -> bytes:
        block: bytes = await self._connection.wait(self._blocks.read())
        return block

    async def close(self) -> None:
        if self._blocks.ended:
            await self._copy.finish()
        else:
            await self._copy.abandon()


class _BlockSink(BlockSink):
    def __init__(self, connection: Any, copy: _Copy) -> None:
        self._connection = connection
        self._copy = copy

    async def write(self, blocks: list[Any]) -> None:
        for block in blocks:
            await self._copy.copy.write(block)
        if server_has_answered(self._connection.pgconn):
            await self._copy.finish()

    async def finish(self) -> int | None:
        return await self._copy.finish()

    async def abort(self) -> None:
        await self._copy.abandon()
