"""MySQL and MariaDB through asyncmy and aiomysql."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from typing import Any, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

from forebay.errors import InvalidArgValueError
from forebay.sql._adapters import library
from forebay.sql._arguments import parameters
from forebay.sql._drivers.mysql_common import (
    begin_statements,
    columns_statement,
    insert_statement,
    is_answer,
)
from forebay.sql._session import Cursor, InsertPlan, RowSink, Session, unsupported
from forebay.sql._source import GivenSource, OpenedSource, PoolSource, Source

__all__ = ["MysqlSession", "adapt", "open_url"]

T = TypeVar("T")

_IN_TRANSACTION = 1
# Seconds in which a statement that writes may come to its end after the stream was destroyed.
_PATIENCE_SECONDS = 2.0
# Seconds for the second connection that ends a statement on the server.
_KILL_SECONDS = 2.0


def adapt(connection: Any) -> Source | None:
    """Return the source for a connection or a pool of asyncmy or aiomysql."""
    if hasattr(connection, "acquire"):
        return PoolSource(connection.acquire, _putter(connection), MysqlSession)
    if hasattr(connection, "cursor") and hasattr(connection, "ensure_closed"):
        return GivenSource(connection, lambda: MysqlSession(connection))
    return None


def _putter(pool: Any) -> Any:
    async def put(connection: Any) -> None:
        released = pool.release(connection)
        if released is not None:
            await released
        if hasattr(connection, "closed") and connection.closed:
            # aiomysql wakes the waiting tasks only for a connection that is open. A waiting task can now open a new one.
            await pool._wakeup()

    return put


def open_url(url: str | os.PathLike[str]) -> Source:
    """Return a source that opens a connection to ``mysql://user:password@host/database``."""
    options = connect_options(os.fspath(url))

    async def connect() -> Session:
        driver = library("asyncmy", "asyncmy")
        return MysqlSession(await driver.connect(autocommit=True, **options))

    return OpenedSource(connect)


def connect_options(url: str) -> dict[str, Any]:
    """Return the arguments of `connect` for a URL. Its parameters are passed on: ``charset``, ``connect_timeout``, ..."""
    parts = urlsplit(url)
    options: dict[str, Any] = {"host": parts.hostname or "localhost", "port": parts.port or 3306}
    if parts.username is not None:
        options["user"] = unquote(parts.username)
    if parts.password is not None:
        options["password"] = unquote(parts.password)
    if len(parts.path) > 1:
        options["db"] = unquote(parts.path[1:])
    for name, value in parse_qsl(parts.query):
        if name in options:
            raise InvalidArgValueError(f"connection has {name!r} twice: in the URL and among its parameters")
        options[name] = int(value) if value.isdigit() else value
    return options


class MysqlSession(Session):
    """A connection of asyncmy or aiomysql.

    Both close a connection whose call is cancelled, and one with unread rows cannot be used again: the protocol has no way to
    leave a result early.
    """

    query_in_transaction = False

    def __init__(self, connection: Any) -> None:
        super().__init__()
        self._connection = connection
        self._module: Any = sys.modules[type(connection).__module__.partition(".")[0]]
        self.driver = self._module.__name__
        # Whether a statement may have begun a transaction, where autocommit is off.
        self._begun = False
        # Whether a result is not read to its end.
        self._unread = False

    def in_transaction(self) -> bool:
        """See `Session.in_transaction`."""
        if self._closed():
            return False
        return bool(self._connection.server_status & _IN_TRANSACTION) or (
            self._begun and not self._connection.get_autocommit()
        )

    def _closed(self) -> bool:
        connection = self._connection
        if hasattr(connection, "closed"):
            return bool(connection.closed)
        return not connection.connected or bool(connection._stream_broken)

    async def whole(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a call that is short. Where its caller is cancelled it comes to its end: stopped, it costs the connection."""
        task = asyncio.get_running_loop().create_task(work)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.wait([task], timeout=_PATIENCE_SECONDS)
            if not task.done():
                self._unread = True
                task.cancel()
                await asyncio.wait([task])
            if not task.cancelled():
                # Taken note of.
                task.exception()
            raise

    async def execute(self, statement: str) -> None:
        """See `Session.execute`."""
        await self.whole(self._execute(statement))

    async def _execute(self, statement: str) -> Any:
        async with self._connection.cursor() as cursor:
            await cursor.execute(statement)
            return cursor.description

    async def begin_transaction(self, isolation: str | None, readonly: bool) -> None:
        """See `Session.begin_transaction`."""
        for statement in begin_statements(isolation, readonly):
            await self.execute(statement)

    async def commit_transaction(self) -> None:
        """See `Session.commit_transaction`."""
        await self.whole(self._connection.commit())
        self._begun = False

    async def rollback_transaction(self) -> None:
        """See `Session.rollback_transaction`."""
        await self.whole(self._connection.rollback())
        self._begun = False

    async def query(self, statement: str, args: Sequence[Any], count: int) -> Cursor:
        """See `Session.query`."""
        cursor = await self.new_cursor(self._unbuffered())
        self._unread = True
        try:
            await cursor.execute(statement, parameters(args) if args else None)
        except Exception as error:
            self._unread = not is_answer(error)
            raise
        return _UnbufferedCursor(self, cursor)

    def _unbuffered(self) -> Any:
        """The class of cursors that read rows as they are asked for, of the kind that the connection's cursors are."""
        cursors = sys.modules[f"{self._module.__name__}.cursors"]
        own = getattr(self._connection, "_cursor_cls", None) or getattr(self._connection, "cursorclass", None)
        return cursors.SSDictCursor if hasattr(own, "dict_type") else cursors.SSCursor

    async def row_sink(self, plan: InsertPlan) -> RowSink:
        """See `Session.row_sink`."""
        if plan.method == "copy":
            raise unsupported(self, 'method="copy"')
        if plan.on_conflict is not None and plan.columns is None:
            assert plan.table is not None
            description = await self.whole(self._execute(columns_statement(plan.table)))
            plan = replace(plan, columns=tuple(column[0] for column in description))
        return _ManySink(self, await self.new_cursor(), plan)

    def read(self) -> None:
        """Note that a result was read to its end."""
        self._unread = False

    async def new_cursor(self, *kind: Any) -> Any:
        """Return a cursor. Its statement may begin a transaction."""
        self._begun = True
        made = self._connection.cursor(*kind)
        return made if hasattr(made, "execute") else await made

    async def is_usable(self) -> bool:
        """See `Session.is_usable`."""
        return not self._closed() and not self._unread

    async def close(self) -> None:
        """See `Session.close`."""
        await self._connection.ensure_closed()

    def terminate(self) -> None:
        """See `Session.terminate`."""
        self._connection.close()

    async def discard(self) -> None:
        """See `Session.discard`. A server goes on with a statement whose client has gone, until it is told to end it."""
        self.terminate()
        if self._unread:
            with contextlib.suppress(Exception):
                async with asyncio.timeout(_KILL_SECONDS):
                    await self._kill()

    async def _kill(self) -> None:
        connection = self._connection
        options = {
            name: value
            for name in ("host", "port", "user", "password", "unix_socket")
            if (value := getattr(connection, f"_{name}", None) or getattr(connection, name, None))
        }
        context = getattr(connection, "_ssl_context", None)
        if context is not None:
            options["ssl"] = context
        number = connection.thread_id()
        second = await self._module.connect(**options)
        try:
            await second.kill(number)
        finally:
            second.close()


class _UnbufferedCursor(Cursor):
    def __init__(self, session: MysqlSession, cursor: Any) -> None:
        self._session = session
        self._cursor = cursor
        self.columns = tuple(column[0] for column in cursor.description or ())
        if not self.columns:
            session.read()

    async def fetch(self, count: int) -> list[Any]:
        if not self.columns:
            return []
        try:
            rows = await self._cursor.fetchmany(count)
        except Exception as error:
            if is_answer(error):
                self._session.read()
            raise
        if len(rows) < count:
            self._session.read()
        return list(rows)

    async def close(self) -> None:
        if await self._session.is_usable():
            # Otherwise it would read all the rest.
            await self._cursor.close()


class _ManySink(RowSink):
    """Rows for a table or a statement. The drivers make one INSERT of many, of 1 MB at most."""

    def __init__(self, session: MysqlSession, cursor: Any, plan: InsertPlan) -> None:
        self._session = session
        self._cursor = cursor
        self._plan = plan
        self._statement = plan.statement

    async def write(self, rows: list[Any]) -> None:
        if self._statement is None:
            self._statement = insert_statement(self._plan, len(rows[0]))
        await self._session.whole(self._cursor.executemany(self._statement, rows))

    async def finish(self) -> None:
        await self._session.whole(self._cursor.close())

    async def abort(self) -> None:
        # Nothing of it is open.
        return
