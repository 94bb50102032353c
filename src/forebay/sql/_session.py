"""The interface between the streams and a connection to a database. The adapter of each driver implements it.

An adapter never changes the text of a statement and never formats values into it. Each coroutine of this module stops the
statement on the server when it is cancelled, and ends when the connection is quiet again.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from forebay.errors import InvalidArgValueError
from forebay.sql._table_names import Table

__all__ = [
    "COPY_IN",
    "COPY_OUT",
    "BlockSink",
    "BlockSource",
    "CopyOptions",
    "Cursor",
    "InsertPlan",
    "Levels",
    "RowSink",
    "Session",
    "unsupported",
]


# What does the same with any driver.
COPY_OUT = "; use query() and forebay.formats.csv.stringify()"
COPY_IN = "; use forebay.formats.csv.parse() and insert()"


@dataclass(frozen=True)
class CopyOptions:
    """The format of the bytes of a COPY."""

    format: str = "csv"
    header: bool = False
    delimiter: str | None = None
    null: str | None = None


@dataclass(frozen=True)
class InsertPlan:
    """Where the rows of an `Insert` go, and how."""

    #: Exactly one of the two is given.
    table: Table | None
    statement: str | None
    columns: tuple[str, ...] | None
    #: "auto", "copy", "executemany" or "values".
    method: str
    #: None, "ignore" or "update".
    on_conflict: str | None
    #: The columns that identify a row, for on_conflict="update".
    key: tuple[str, ...]


class Cursor(ABC):
    """The rows of one running query."""

    #: The names of the columns; empty if the statement returns no rows.
    columns: tuple[str, ...] = ()

    @abstractmethod
    async def fetch(self, count: int) -> list[Any]:
        """Return up to ``count`` rows; none at the end."""

    @abstractmethod
    async def close(self) -> None:
        """Discard the rest of the rows, and release their resources in the server and the driver."""


class RowSink(ABC):
    """Takes rows for one table or one statement."""

    @abstractmethod
    async def write(self, rows: list[Any]) -> None:
        """Hand rows to the driver, which may still buffer some of them."""

    @abstractmethod
    async def finish(self) -> None:
        """Return when the server has all rows."""

    @abstractmethod
    async def abort(self) -> None:
        """Discard the rows that the server has not accepted yet, and leave the connection usable."""


class BlockSource(ABC):
    """The bytes that a COPY sends."""

    @abstractmethod
    async def read(self) -> bytes:
        """Return the next bytes, about 64 KiB; b"" at the end."""

    @abstractmethod
    async def close(self) -> None:
        """Discard the rest, and leave the connection usable if the driver can do that."""


class BlockSink(ABC):
    """Takes the bytes of a COPY."""

    @abstractmethod
    async def write(self, blocks: list[Any]) -> None:
        """Hand buffers to the server."""

    @abstractmethod
    async def finish(self) -> int | None:
        """Return the number of rows that the server has read, or None if the driver does not report it."""

    @abstractmethod
    async def abort(self) -> None:
        """Cancel the COPY, and leave the connection usable."""


class Levels:
    """The transactions of one connection that streams have begun: a transaction, or savepoints in the caller's."""

    def __init__(self) -> None:
        self._names: list[str | None] = []
        self._count = 0

    def enter(self, inside: bool) -> str | None:
        """Begin a level. Return the statement for a savepoint, or None if a transaction has to be begun."""
        if not inside:
            self._names.append(None)
            return None
        self._count += 1
        name = f"forebay_{self._count}"
        self._names.append(name)
        return f"SAVEPOINT {name}"

    def leave(self, commit: bool) -> tuple[str, ...] | None:
        """End the last level. Return the statements for a savepoint, or None if the transaction has to be ended."""
        name = self._names.pop()
        if name is None:
            return None
        release = f"RELEASE SAVEPOINT {name}"
        return (release,) if commit else (f"ROLLBACK TO SAVEPOINT {name}", release)


class Session(ABC):
    """One connection, used by one stream at a time."""

    #: Whether a query has to run in a transaction: for a cursor of the server, or so that it can be stopped in the middle.
    query_in_transaction = True
    #: Whether a `RowSink` takes record batches as well as rows.
    takes_batches = False

    def __init__(self) -> None:
        self._levels = Levels()

    # ---- transactions

    @abstractmethod
    def in_transaction(self) -> bool:
        """Whether a transaction is open. A transaction that has failed is open until it is rolled back."""

    @abstractmethod
    async def execute(self, statement: str) -> None:
        """Run a statement without parameters and without a result."""

    async def begin_transaction(self, isolation: str | None, readonly: bool) -> None:
        """Begin a transaction. None is open on the connection."""
        await self.execute(begin_statement(isolation, readonly))

    async def commit_transaction(self) -> None:
        """Commit the transaction."""
        await self.execute("COMMIT")

    async def rollback_transaction(self) -> None:
        """Roll the transaction back."""
        await self.execute("ROLLBACK")

    async def begin(self, isolation: str | None = None, readonly: bool = False) -> None:
        """Begin a transaction, or a savepoint if one is open."""
        savepoint = self._levels.enter(self.in_transaction())
        if savepoint is None:
            await self.begin_transaction(isolation, readonly)
        else:
            await self.execute(savepoint)

    async def commit(self) -> None:
        """Commit the transaction or the savepoint of the last `begin`."""
        await self._leave(True)

    async def rollback(self) -> None:
        """Roll back the transaction or the savepoint of the last `begin`."""
        await self._leave(False)

    async def _leave(self, commit: bool) -> None:
        statements = self._levels.leave(commit)
        if statements is not None:
            for statement in statements:
                await self.execute(statement)
        elif commit:
            await self.commit_transaction()
        elif self.in_transaction():
            await self.rollback_transaction()

    # ---- data

    @abstractmethod
    async def query(self, statement: str, args: Sequence[Any], count: int) -> Cursor:
        """Start a query. ``count`` is the number of rows of the first fetch."""

    async def query_arrow(self, statement: str, args: Sequence[Any], count: int) -> Cursor:
        """Start a query that gives Arrow record batches of about ``count`` rows, one for each `Cursor.fetch`."""
        raise unsupported(self, 'rows="arrow"')

    @abstractmethod
    async def row_sink(self, plan: InsertPlan) -> RowSink:
        """Make a sink for rows."""

    async def copy_out(self, source: str, args: Sequence[Any], options: CopyOptions) -> BlockSource:
        """Start to read a table or a query as bytes."""
        raise unsupported(self, "copy_out()", COPY_OUT)

    async def copy_in(self, table: Table, columns: tuple[str, ...] | None, options: CopyOptions) -> BlockSink:
        """Start to write bytes into a table."""
        raise unsupported(self, "copy_in()", COPY_IN)

    # ---- the beginning and the end

    def opened(self) -> None:
        """Note that the connection was opened for the stream: no transaction of a program is open in it."""
        return

    def pause(self) -> None:
        """The stream is being destroyed, and the program may close the connection next: wait a moment for the running call."""
        return

    async def settle(self) -> None:
        """After a call was cancelled: wait until the state of the transaction is known."""
        return

    async def is_usable(self) -> bool:
        """Whether the connection is open and can run the next statement."""
        return True

    @abstractmethod
    async def close(self) -> None:
        """Close the connection in good order."""

    @abstractmethod
    def terminate(self) -> None:
        """Close the connection at once, even in the middle of a call. May be called more than once."""

    async def discard(self) -> None:
        """Close the connection at once, and return when no call waits for it any more."""
        self.terminate()

    async def detach(self) -> None:
        """Release the resources of the adapter, for example its thread. The connection stays open."""
        return


def begin_statement(isolation: str | None, readonly: bool) -> str:
    """The statement that begins a transaction, as the SQL standard and PostgreSQL write it."""
    words = ["BEGIN"]
    if isolation is not None:
        words.append(f"ISOLATION LEVEL {isolation.replace('_', ' ').upper()}")
    if readonly:
        words.append("READ ONLY")
    return " ".join(words)


def unsupported(session: object, what: str, instead: str = "") -> InvalidArgValueError:
    """The error of a driver that has no such operation, with what does the same."""
    driver = getattr(session, "driver", type(session).__name__)
    return InvalidArgValueError(f"{what} is not available for {driver}{instead}")
