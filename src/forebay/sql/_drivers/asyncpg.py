"""PostgreSQL through asyncpg."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any

from forebay.sql._adapters import library
from forebay.sql._drivers.row_feed import RowFeed
from forebay.sql._handoff import Handoff
from forebay.sql._postgres_statements import Staged, insert_statement, stage_table
from forebay.sql._session import BlockSink, BlockSource, CopyOptions, Cursor, InsertPlan, RowSink, Session
from forebay.sql._source import GivenSource, OpenedSource, PoolSource, Source
from forebay.sql._table_names import Table, is_statement, parse_table

__all__ = ["adapt", "open_url"]

# How long a connection that is not wanted any more may take to be made. Most take milliseconds.
_PATIENCE_SECONDS = 0.5


def adapt(connection: Any) -> Source | None:
    """Return the source for a connection or a pool of asyncpg."""
    if callable(getattr(connection, "copy_records_to_table", None)) and hasattr(connection, "acquire"):
        # A pool has the methods of a connection, too.
        return PoolSource(connection.acquire, connection.release, AsyncpgSession)
    if hasattr(connection, "copy_from_query"):
        return GivenSource(connection, lambda: AsyncpgSession(connection))
    return None


def open_url(url: str | os.PathLike[str]) -> Source:
    """Return a source that opens a connection to ``postgresql://...``."""

    async def connect() -> Session:
        driver = library("asyncpg", "asyncpg")
        where = os.fspath(url).replace("postgresql+asyncpg", "postgresql", 1)
        return AsyncpgSession(await _connected(driver.connect(where)))

    return OpenedSource(connect)


async def _connected(connecting: Coroutine[Any, Any, Any]) -> Any:
    """Return the connection. A cancelled one is given time: the driver leaves an error behind that no one hears."""
    task = asyncio.get_running_loop().create_task(connecting)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task], timeout=_PATIENCE_SECONDS)
        if not task.done():
            task.cancel()
            await asyncio.wait([task])
        if not task.cancelled() and task.exception() is None:
            task.result().terminate()
        raise


class AsyncpgSession(Session):
    """A connection of asyncpg. The driver stops a statement on the server if its coroutine is cancelled."""

    driver = "asyncpg"

    def __init__(self, connection: Any) -> None:
        super().__init__()
        self._connection = connection

    def in_transaction(self) -> bool:
        """See `Session.in_transaction`."""
        return bool(self._connection.is_in_transaction())

    async def execute(self, statement: str) -> None:
        """See `Session.execute`."""
        await self._connection.execute(statement)

    async def query(self, statement: str, args: Sequence[Any], count: int) -> Cursor:
        """See `Session.query`."""
        prepared = await self._connection.prepare(statement)
        return _PortalCursor(prepared, await prepared.cursor(*args))

    async def row_sink(self, plan: InsertPlan) -> RowSink:
        """See `Session.row_sink`."""
        if plan.table is None:
            assert plan.statement is not None
            return _ManySink(self._connection, plan.statement)
        if plan.on_conflict is not None:
            staged = await stage_table(self, plan)
            return _CopySink(self._connection, staged.stage, staged.columns, staged)
        if plan.method in ("auto", "copy"):
            return _CopySink(self._connection, plan.table, plan.columns, None)
        columns = plan.columns or await self.column_names(plan.table)
        return _ManySink(self._connection, insert_statement(plan.table, columns))

    async def column_names(self, table: Table) -> tuple[str, ...]:
        """Return the names of the columns of a table."""
        prepared = await self._connection.prepare(f"SELECT * FROM {table.sql()} LIMIT 0")
        return tuple(attribute.name for attribute in prepared.get_attributes())

    async def copy_out(self, source: str, args: Sequence[Any], options: CopyOptions) -> BlockSource:
        """See `Session.copy_out`."""
        settings = _copy_settings(options)
        if is_statement(source):

            async def start(output: Any) -> Any:
                return await self._connection.copy_from_query(source, *args, output=output, **settings)
        else:
            table = parse_table("source", source)

            async def start(output: Any) -> Any:
                return await self._connection.copy_from_table(
                    table.name, schema_name=table.schema, output=output, **settings
                )

        return _CopyBlocks(start)

    async def copy_in(self, table: Table, columns: tuple[str, ...] | None, options: CopyOptions) -> BlockSink:
        """See `Session.copy_in`."""
        settings = _copy_settings(options)

        async def start(source: Any) -> Any:
            return await self._connection.copy_to_table(
                table.name, schema_name=table.schema, columns=columns, source=source, **settings
            )

        return _BlockSink(start)

    async def settle(self) -> None:
        """See `Session.settle`. The driver does not wait for the answer to a statement that it cancels."""
        # The driver cannot run an empty statement. This one is refused in a failed transaction, which is an answer, too.
        with contextlib.suppress(Exception):
            await self._connection.execute("SELECT 1")

    async def is_usable(self) -> bool:
        """See `Session.is_usable`."""
        return not self._connection.is_closed()

    async def close(self) -> None:
        """See `Session.close`."""
        await self._connection.close()

    def terminate(self) -> None:
        """See `Session.terminate`."""
        self._connection.terminate()


class _PortalCursor(Cursor):
    def __init__(self, prepared: Any, cursor: Any) -> None:
        self._cursor = cursor
        self.columns = tuple(attribute.name for attribute in prepared.get_attributes())

    async def fetch(self, count: int) -> list[Any]:
        rows: list[Any] = await self._cursor.fetch(count)
        return rows

    async def close(self) -> None:
        # The server closes the portal with the transaction, which the stream ends next.
        return


class _ManySink(RowSink):
    """Rows for a statement: `executemany`, pipelined by the driver."""

    def __init__(self, connection: Any, statement: str) -> None:
        self._connection = connection
        self._statement = statement

    async def write(self, rows: list[Any]) -> None:
        await self._connection.executemany(self._statement, rows)

    async def finish(self) -> None:
        return

    async def abort(self) -> None:
        return


class _Running:
    """A COPY of the driver that runs in a task, fed or emptied through a hand-off."""

    def __init__(self, start: Callable[[Any], Coroutine[Any, Any, Any]], end: Any) -> None:
        self.handoff = Handoff()
        self._task = asyncio.get_running_loop().create_task(start(end(self.handoff)))
        self._task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[Any]) -> None:
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        self.handoff.end(error)

    async def result(self) -> Any:
        return await self._task

    async def cancel(self) -> None:
        """Cancel the COPY on the server, and wait until the driver is done with it."""
        self._task.cancel()
        await asyncio.wait([self._task])


class _CopySink(RowSink):
    """Rows for a table: one binary COPY, from the first row to the last."""

    def __init__(
        self, connection: Any, table: Table, columns: tuple[str, ...] | None, staged: Staged | None
    ) -> None:
        self._staged = staged
        self._running = _Running(
            lambda records: connection.copy_records_to_table(
                table.name, schema_name=table.schema, columns=columns, records=records
            ),
            lambda handoff: RowFeed(handoff.get),
        )

    async def write(self, rows: list[Any]) -> None:
        await self._running.handoff.put(rows)

    async def finish(self) -> None:
        self._running.handoff.finish()
        await self._running.result()
        if self._staged is not None:
            await self._staged.merge()

    async def abort(self) -> None:
        await self._running.cancel()


class _CopyBlocks(BlockSource):
    def __init__(self, start: Callable[[Any], Coroutine[Any, Any, Any]]) -> None:
        self._running = _Running(start, lambda handoff: handoff.put)

    async def read(self) -> bytes:
        block = await self._running.handoff.get()
        if block is None:
            await self._running.result()
            return b""
        return bytes(block)

    async def close(self) -> None:
        await self._running.cancel()


class _BlockSink(BlockSink):
    def __init__(self, start: Callable[[Any], Coroutine[Any, Any, Any]]) -> None:
        self._running = _Running(start, _blocks_of)

    async def write(self, blocks: list[Any]) -> None:
        await self._running.handoff.put(blocks)

    async def finish(self) -> int | None:
        self._running.handoff.finish()
        status = await self._running.result()
        return int(status.rpartition(" ")[2])

    async def abort(self) -> None:
        await self._running.cancel()


async def _blocks_of(handoff: Handoff) -> AsyncIterator[Any]:
    while (blocks := await handoff.get()) is not None:
        for block in blocks:
            yield block


def _copy_settings(options: CopyOptions) -> dict[str, Any]:
    settings: dict[str, Any] = {"format": options.format}
    if options.header:
        settings["header"] = True
    if options.delimiter is not None:
        settings["delimiter"] = options.delimiter
    if options.null is not None:
        settings["null"] = options.null
    return settings
