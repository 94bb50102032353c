"""MySQL and MariaDB through PyMySQL, mysqlclient and mysql-connector-python, in a thread."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from forebay.sql._blocking import BlockingCursor, BlockingRowSink, DriverSocket, ThreadSession
from forebay.sql._drivers import pools
from forebay.sql._drivers.dbapi import DbapiCursor, DbapiSession, DbapiSink, run, source_of
from forebay.sql._drivers.mysql_common import (
    begin_statements,
    columns_statement,
    insert_statement,
    is_answer,
)
from forebay.sql._session import InsertPlan, Session, unsupported
from forebay.sql._source import GivenSource, Source

__all__ = ["BlockingMysqlSession", "adapt"]

_IN_TRANSACTION = 1
# The server's answers to a name that it does not know, and to SET TRANSACTION in a transaction.
_UNKNOWN_VARIABLE = 1193
_TRANSACTION_IS_OPEN = 1568


def adapt(connection: Any) -> Source | None:
    """Return the source for a connection or a pool."""
    if not hasattr(connection, "cursor"):
        return pools.adapt(connection)
    if hasattr(connection, "server_status") or hasattr(connection, "in_transaction"):
        return source_of(connection, BlockingMysqlSession)
    return _AskingSource(connection)


class _AskingSource(GivenSource):
    """A connection of mysqlclient, which does not tell whether the program has begun a transaction."""

    def __init__(self, connection: Any) -> None:
        super().__init__(connection, lambda: ThreadSession(BlockingMysqlSession(connection)))

    async def acquire(self) -> Session:
        """See `Source.acquire`."""
        session = await super().acquire()
        assert isinstance(session, ThreadSession)
        assert isinstance(session.blocking, BlockingMysqlSession)
        try:
            await session.call(session.blocking.ask)
        except BaseException:
            await session.detach()
            raise
        return session


class BlockingMysqlSession(DbapiSession):
    """A connection of one of the three drivers. With unread rows it cannot be used again, and is closed."""

    # A request to end the statement goes through another connection.
    interrupt_blocks = True

    def __init__(self, connection: Any) -> None:
        super().__init__(connection)
        self._library = type(connection).__module__.partition(".")[0]
        self._reads = False
        # Whether the program's transaction was open at the start, where the driver does not tell.
        self._inside = False
        # Asked for now: mysqlclient refuses the question while a call runs.
        number = self._socket()
        self._driver_socket = None if number is None else DriverSocket(number)

    # ---- transactions

    def ask(self) -> None:
        """Ask the server whether a transaction is open. The answer changes nothing for the next one."""
        try:
            self._inside = bool(self._value_of("in_transaction"))
        except Exception as error:
            if not error.args or error.args[0] != _UNKNOWN_VARIABLE:
                raise
            self._ask_by_setting()

    def _value_of(self, variable: str) -> Any:
        cursor = self._connection.cursor()
        try:
            cursor.execute(f"SELECT @@{variable} AS value")
            row = cursor.fetchall()[0]
            return row["value"] if isinstance(row, dict) else row[0]
        finally:
            cursor.close()

    def _ask_by_setting(self) -> None:
        """Ask a server of MySQL, which has no such variable: it takes settings of the next transaction only if none is open."""
        mode = "READ ONLY" if self._value_of("transaction_read_only") else "READ WRITE"
        cursor = self._connection.cursor()
        try:
            cursor.execute(f"SET TRANSACTION {mode}")
        except Exception as error:
            if not error.args or error.args[0] != _TRANSACTION_IS_OPEN:
                raise
            self._inside = True
        finally:
            cursor.close()

    def _told_transaction(self) -> bool | None:
        told = super()._told_transaction()
        if told is None and isinstance(getattr(self._connection, "server_status", None), int):
            told = bool(self._connection.server_status & _IN_TRANSACTION)
        # What the drivers know is from the last result that was read.
        return None if not told and self._begun else told

    def _autocommit(self) -> bool:
        get = getattr(self._connection, "get_autocommit", None)
        return bool(get()) if callable(get) else bool(self._connection.autocommit)

    def begin_transaction(self, isolation: str | None, readonly: bool) -> None:
        """See `Session.begin_transaction`."""
        for statement in begin_statements(isolation, readonly):
            self.execute(statement)
        self._switched = True

    def in_transaction(self) -> bool:
        """See `Session.in_transaction`."""
        return not self._gone() and (self._inside or self._switched or super().in_transaction())

    def _ended(self) -> None:
        self._begun = self._switched = False

    # ---- data

    def query(self, statement: str, args: Sequence[Any], count: int) -> BlockingCursor:
        """See `Session.query`."""
        self._begun = True
        cursor = self._unbuffered()
        self._reads = self._unread = True
        try:
            run(cursor, statement, args)
        except Exception as error:
            self._unread = not is_answer(error)
            raise
        finally:
            self._reads = False
        return _UnbufferedCursor(self, cursor)

    def _unbuffered(self) -> Any:
        """A cursor that reads rows as they are asked for, of the kind that the connection's cursors are."""
        connection = self._connection
        if self._library == "mysql":
            return connection.cursor(buffered=False)
        cursors = sys.modules[f"{self._library}.cursors"]
        own = getattr(connection, "cursorclass", None)
        dicts = isinstance(own, type) and "Dict" in own.__name__
        return connection.cursor(cursors.SSDictCursor if dicts else cursors.SSCursor)

    def fetch(self, cursor: Any, count: int) -> list[Any]:
        """Read rows, and note the end of the result."""
        self._reads = True
        try:
            rows = list(cursor.fetchmany(count))
        except Exception as error:
            self._unread = not is_answer(error)
            raise
        finally:
            self._reads = False
        self._unread = self._unread and len(rows) == count
        return rows

    def row_sink(self, plan: InsertPlan) -> BlockingRowSink:
        """See `Session.row_sink`."""
        if plan.method == "copy":
            raise unsupported(self, 'method="copy"')
        if plan.on_conflict is not None and plan.columns is None:
            assert plan.table is not None
            cursor = self._connection.cursor()
            run(cursor, columns_statement(plan.table), ())
            plan = replace(plan, columns=tuple(column[0] for column in cursor.description))
            cursor.fetchall()
            cursor.close()
        self._begun = True
        return DbapiSink(
            self._connection.cursor(), lambda width: plan.statement or insert_statement(plan, width)
        )

    # ---- the end

    def interrupt(self) -> None:
        """See `BlockingSession.interrupt`. A statement that writes comes to its end: stopped, it costs the connection."""
        if self._reads:
            self._kill()
            self.sever()

    def _kill(self) -> None:
        """End the statement on the server, where the driver keeps what it has connected with."""
        connection = self._connection
        options = {
            name: value
            for name in ("host", "port", "user", "password", "unix_socket")
            if (value := getattr(connection, f"_{name}", None) or getattr(connection, name, None))
        }
        if "password" not in options:
            return
        number = getattr(connection, "connection_id", None) or connection.thread_id()
        try:
            second = (
                type(connection)(**options) if self._library != "mysql" else self._module.connect(**options)
            )
        except Exception:
            return
        try:
            cursor = second.cursor()
            cursor.execute(f"KILL {int(number)}")
        except Exception:
            return
        finally:
            second.close()

    def sever(self) -> None:
        """See `BlockingSession.sever`."""
        if self._driver_socket is not None and not self._gone():
            self._driver_socket.sever()

    def _socket(self) -> int | None:
        connection = self._connection
        if self._gone():
            return None
        if hasattr(connection, "fileno"):
            return int(connection.fileno())
        sock = getattr(connection, "_sock", None) or getattr(
            getattr(connection, "_socket", None), "sock", None
        )
        return None if sock is None else int(sock.fileno())

    def _gone(self) -> bool:
        connection = self._connection
        if self._library == "mysql":
            return getattr(connection, "_socket", True) is None
        return not connection.open

    def is_usable(self) -> bool:
        """See `Session.is_usable`."""
        return not self._unread and not self._gone()

    def close(self) -> None:
        """See `Session.close`."""
        if not self._gone():
            if self._library == "mysql" and self._unread:
                # Its `close` would read all the rest.
                self._connection.shutdown()
                if hasattr(self._connection, "unread_result"):
                    # A pool connects it again.
                    self._connection.unread_result = False
            else:
                self._connection.close()


class _UnbufferedCursor(DbapiCursor):
    def __init__(self, session: BlockingMysqlSession, cursor: Any) -> None:
        super().__init__(cursor)
        self._session = session
        self._failed = False
        if not self.columns:
            session._unread = False

    def fetch(self, count: int) -> list[Any]:
        try:
            return self._session.fetch(self._cursor, count) if self.columns else []
        except Exception:
            self._failed = True
            raise

    def close(self) -> None:
        if not self._session.is_usable():
            self._let_go()
            return
        try:
            self._cursor.close()
        except Exception:
            # mysqlclient reports the error of the rows once more.
            if not self._failed:
                raise

    def _let_go(self) -> None:
        """Keep the cursor from reading all the rest, in `close` or when it is deleted."""
        result: Any = getattr(self._cursor, "_result", None)
        if hasattr(result, "unbuffered_active"):
            result.unbuffered_active = False
        if hasattr(self._cursor, "connection"):
            self._cursor.connection = None
