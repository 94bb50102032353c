"""SQLite through aiosqlite, whose connection has a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Sequence
from typing import Any, TypeVar

from forebay.sql._arguments import parameters
from forebay.sql._blocking import INTERRUPT_SECONDS
from forebay.sql._drivers.sqlite import row_statement
from forebay.sql._session import Cursor, InsertPlan, RowSink, Session
from forebay.sql._source import GivenSource, Source

__all__ = ["AiosqliteSession", "adapt"]

T = TypeVar("T")

# Seconds that a write which was cancelled may still take. An INSERT that is interrupted rolls the whole transaction back, also
# what the program did in it before the stream.
_WRITE_SECONDS = 3.0


def adapt(connection: Any) -> Source | None:
    """Return the source for a connection of aiosqlite."""
    if hasattr(connection, "execute_fetchall"):
        return GivenSource(connection, lambda: AiosqliteSession(connection))
    return None


class AiosqliteSession(Session):
    """A connection of aiosqlite. Its calls are interrupted, and come to their end before the next one."""

    driver = "aiosqlite"
    query_in_transaction = False

    def __init__(self, connection: Any) -> None:
        super().__init__()
        self._connection = connection

    async def call(self, work: Awaitable[T], patience: float = 0.0) -> T:
        """Run a call of the driver. Cancelling interrupts it after ``patience`` seconds and waits for its end.

        A cursor that it has opened is closed.
        """
        future = asyncio.ensure_future(work)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            if patience:
                await asyncio.wait([future], timeout=patience)
            while not future.done():
                await self._connection.interrupt()
                # Once more, if the driver's thread had not begun with the call.
                await asyncio.wait([future], timeout=INTERRUPT_SECONDS)
            if not future.cancelled() and future.exception() is None:
                close = getattr(future.result(), "close", None)
                if close is not None:
                    with contextlib.suppress(Exception):
                        await close()
            raise

    def in_transaction(self) -> bool:
        """See `Session.in_transaction`."""
        return bool(self._connection.in_transaction)

    async def execute(self, statement: str) -> None:
        """See `Session.execute`."""
        await self.call(self._execute(statement))

    async def _execute(self, statement: str) -> None:
        cursor = await self._connection.execute(statement)
        await cursor.close()

    async def begin_transaction(self, isolation: str | None, readonly: bool) -> None:
        """See `Session.begin_transaction`. SQLite's transactions are always serializable."""
        await self.execute("BEGIN" if readonly else "BEGIN IMMEDIATE")

    async def query(self, statement: str, args: Sequence[Any], count: int) -> Cursor:
        """See `Session.query`."""
        cursor = await self.call(self._connection.execute(statement, parameters(args)))
        return _AiosqliteCursor(self, cursor)

    async def row_sink(self, plan: InsertPlan) -> RowSink:
        """See `Session.row_sink`."""
        return _AiosqliteSink(self, self._connection, plan)

    async def is_usable(self) -> bool:
        """See `Session.is_usable`."""
        try:
            self._connection.total_changes  # noqa: B018 - it raises ValueError after `close`
        except ValueError:
            return False
        return True

    async def close(self) -> None:
        """See `Session.close`."""
        await self._connection.close()

    def terminate(self) -> None:
        """Interrupt what runs. `discard` closes the connection: after ``stop`` the program's own ``close`` would never return."""
        work = self._connection.interrupt()
        # It waits for nothing.
        with contextlib.suppress(StopIteration, ValueError):
            work.send(None)

    async def discard(self) -> None:
        """See `Session.discard`."""
        self.terminate()
        await self._connection.close()


class _AiosqliteCursor(Cursor):
    def __init__(self, session: AiosqliteSession, cursor: Any) -> None:
        self._session = session
        self._cursor = cursor
        self.columns = tuple(column[0] for column in cursor.description or ())

    async def fetch(self, count: int) -> list[Any]:
        rows: Any = await self._session.call(self._cursor.fetchmany(count))
        return list(rows)

    async def close(self) -> None:
        await self._cursor.close()


class _AiosqliteSink(RowSink):
    def __init__(self, session: AiosqliteSession, connection: Any, plan: InsertPlan) -> None:
        self._session = session
        self._connection = connection
        self._plan = plan
        self._statement = plan.statement

    async def write(self, rows: list[Any]) -> None:
        if self._statement is None:
            self._statement = row_statement(self._plan, len(rows[0]))
        await self._session.call(self._many(self._statement, rows), _WRITE_SECONDS)

    async def _many(self, statement: str, rows: list[Any]) -> None:
        cursor = await self._connection.executemany(statement, rows)
        await cursor.close()

    async def finish(self) -> None:
        return

    async def abort(self) -> None:
        return
