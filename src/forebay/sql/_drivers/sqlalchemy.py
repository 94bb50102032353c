"""SQLAlchemy's AsyncConnection and AsyncEngine.

Queries and statements are SQLAlchemy's own: text with ``:name`` placeholders, or statement objects. Rows for a table and COPY
go to the connection of the driver below, in the same transaction.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from forebay.errors import InvalidArgTypeError, InvalidArgValueError
from forebay.sql._adapters import find_source, library
from forebay.sql._drivers import pools
from forebay.sql._postgres_statements import is_declarable
from forebay.sql._session import (
    BlockSink,
    BlockSource,
    CopyOptions,
    Cursor,
    InsertPlan,
    RowSink,
    Session,
    unsupported,
)
from forebay.sql._source import GivenSource, PoolSource, Source
from forebay.sql._table_names import Table

__all__ = ["SqlalchemySession", "adapt"]

T = TypeVar("T")

# Seconds in which a call may come to its end after the stream was destroyed: SQLAlchemy closes a connection whose call is
# cancelled.
_PATIENCE_SECONDS = 0.25
# The same for a write. With its connection the transaction is lost, also what the program did in it before the stream.
_WRITE_SECONDS = 3.0
# Seconds in which the driver stops a statement.
_STOP_SECONDS = 2.0


def adapt(connection: Any) -> Source | None:
    """Return the source for an AsyncConnection or an AsyncEngine."""
    if hasattr(connection, "sync_connection"):
        return GivenSource(connection, lambda: SqlalchemySession(connection))
    if hasattr(connection, "sync_engine"):

        async def get() -> Any:
            return await connection.connect()

        async def put(taken: Any) -> None:
            await taken.close()

        return PoolSource(get, put, SqlalchemySession)
    return pools.adapt(connection)


class SqlalchemySession(Session):
    """An AsyncConnection."""

    driver = "sqlalchemy"

    def __init__(self, connection: Any) -> None:
        super().__init__()
        self._sqlalchemy = library("sqlalchemy", "sqlalchemy[asyncio]")
        self._connection = connection
        self._transactions: list[Any] = []
        self._raw: Any = None
        self._driver: Session | None = None

    async def call(self, work: Coroutine[Any, Any, T], patience: float = _PATIENCE_SECONDS) -> T:
        """Run a call. When cancelled, it has ``patience`` seconds to come to its end before it is stopped."""
        task = asyncio.get_running_loop().create_task(work)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.wait([task], timeout=patience)
            if not task.done() and await self._stop_below():
                await asyncio.wait([task], timeout=_STOP_SECONDS)
            if not task.done():
                task.cancel()
                await asyncio.wait([task])
            if not task.cancelled() and task.exception() is None:
                opened: Any = task.result()
                if isinstance(opened, _ResultCursor):
                    with contextlib.suppress(Exception):
                        await opened.close()
            raise

    async def _stop_below(self) -> bool:
        """Stop the statement by the driver's own connection, if it can."""
        below = self._raw
        with contextlib.suppress(Exception):
            if hasattr(below, "cancel_safe"):
                await below.cancel_safe(timeout=_STOP_SECONDS)
                return True
            if hasattr(below, "interrupt"):
                await below.interrupt()
                return True
        return False

    # ---- transactions

    def in_transaction(self) -> bool:
        """See `Session.in_transaction`."""
        return not self._connection.closed and bool(self._connection.in_transaction())

    async def execute(self, statement: str) -> None:
        """See `Session.execute`."""
        await self.call(self._connection.exec_driver_sql(statement))

    async def begin(self, isolation: str | None = None, readonly: bool = False) -> None:
        """See `Session.begin`."""
        if readonly:
            raise unsupported(self, "readonly")
        connection = self._connection
        if self.in_transaction():
            if isolation is not None:
                raise unsupported(self, "isolation in a transaction that is open")
            self._transactions.append(await self.call(_started(connection.begin_nested())))
            return
        if isolation is not None:
            await connection.execution_options(isolation_level=isolation.replace("_", " ").upper())
        self._transactions.append(await self.call(_started(connection.begin())))
        # The dialects begin a transaction with the first statement only.
        await self.execute("SELECT 1")

    async def _leave(self, commit: bool) -> None:
        transaction = self._transactions.pop()
        if commit:
            await self.call(transaction.commit())
        elif not self._connection.closed and not self._connection.invalidated:
            await self.call(transaction.rollback())

    async def commit_transaction(self) -> None:
        """See `Session.commit_transaction`."""
        await self.call(self._connection.commit())

    async def rollback_transaction(self) -> None:
        """See `Session.rollback_transaction`."""
        await self.call(self._connection.rollback())

    # ---- data

    async def query(self, statement: str, args: Sequence[Any], count: int) -> Cursor:
        """See `Session.query`."""
        if self._raw is None:
            self._raw = (await self._connection.get_raw_connection()).driver_connection
        return await self.call(self._query(statement, args, count))

    async def _query(self, statement: Any, args: Sequence[Any], count: int) -> Cursor:
        values = _by_name(args)
        changes = getattr(statement, "is_dml", False) or not is_declarable(statement)
        if isinstance(statement, str):
            statement = self._sqlalchemy.text(statement)
        if changes and self._connection.dialect.driver == "psycopg":
            # SQLAlchemy would declare a cursor of the server, which only reads.
            return _BufferedCursor(await self._connection.execute(statement, values))
        result = await self._connection.stream(
            statement, values, execution_options={"max_row_buffer": max(count, 1)}
        )
        return _ResultCursor(self, result)

    async def row_sink(self, plan: InsertPlan) -> RowSink:
        """See `Session.row_sink`."""
        if plan.table is None:
            return _ManySink(self, self._sqlalchemy.text(plan.statement))
        return await (await self._below()).row_sink(plan)

    async def copy_out(self, source: str, args: Sequence[Any], options: CopyOptions) -> BlockSource:
        """See `Session.copy_out`."""
        return await (await self._below()).copy_out(source, args, options)

    async def copy_in(self, table: Table, columns: tuple[str, ...] | None, options: CopyOptions) -> BlockSink:
        """See `Session.copy_in`."""
        return await (await self._below()).copy_in(table, columns, options)

    async def _below(self) -> Session:
        """The session of the driver's own connection."""
        if not self._connection.in_transaction():
            # SQLAlchemy begins its transaction, so that it also ends it.
            await self.execute("SELECT 1")
        if self._driver is None:
            raw = await self._connection.get_raw_connection()
            try:
                source = find_source(raw.driver_connection)
            except InvalidArgTypeError:
                raise unsupported(self, f"the driver {raw.driver_connection!r}") from None
            self._driver = await source.acquire()
        return self._driver

    # ---- the end

    async def is_usable(self) -> bool:
        """See `Session.is_usable`."""
        if self._connection.closed or self._connection.invalidated:
            return False
        return self._driver is None or await self._driver.is_usable()

    async def close(self) -> None:
        """See `Session.close`."""
        await self._connection.close()

    def terminate(self) -> None:
        """See `Session.terminate`."""
        if self._driver is not None:
            self._driver.terminate()

    async def discard(self) -> None:
        """See `Session.discard`."""
        self.terminate()
        if not self._connection.closed and not self._connection.invalidated:
            await self._connection.invalidate()

    async def detach(self) -> None:
        """See `Session.detach`."""
        if self._driver is not None:
            await self._driver.detach()


async def _started(transaction: Any) -> Any:
    return await transaction


def _by_name(args: Sequence[Any]) -> dict[str, Any] | None:
    if not args:
        return None
    if len(args) == 1 and isinstance(args[0], dict):
        return args[0]
    raise InvalidArgValueError(
        "SQLAlchemy takes values by name: write :name in the statement and pass one dict of values"
    )


class _ResultCursor(Cursor):
    def __init__(self, session: SqlalchemySession, result: Any) -> None:
        self._session = session
        self._result = result
        self.columns = tuple(result.keys()) if result._real_result.returns_rows else ()

    async def fetch(self, count: int) -> list[Any]:
        rows: Any = await self._session.call(self._result.fetchmany(count)) if self.columns else []
        return list(rows)

    async def close(self) -> None:
        await self._session.call(self._result.close())


class _BufferedCursor(Cursor):
    """A result that the driver has received as a whole."""

    def __init__(self, result: Any) -> None:
        self._result = result
        self.columns = tuple(result.keys()) if result.returns_rows else ()

    async def fetch(self, count: int) -> list[Any]:
        return list(self._result.fetchmany(count)) if self.columns else []

    async def close(self) -> None:
        self._result.close()


class _ManySink(RowSink):
    """Rows with names for a statement."""

    def __init__(self, session: SqlalchemySession, statement: Any) -> None:
        self._session = session
        self._statement = statement

    async def write(self, rows: list[Any]) -> None:
        if not isinstance(rows[0], dict):
            raise InvalidArgTypeError(f"SQLAlchemy's statements take rows with names: dicts; got {rows[0]!r}")
        await self._session.call(self._session._connection.execute(self._statement, rows), _WRITE_SECONDS)

    async def finish(self) -> None:
        return

    async def abort(self) -> None:
        return
