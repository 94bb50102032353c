"""What both adapters for psycopg share."""

from __future__ import annotations

import datetime
import decimal
import os
import select
import socket
import uuid
from collections.abc import Generator, Iterator, Sequence
from itertools import count
from typing import Any, Protocol

from forebay.sql._adapters import library
from forebay.sql._blocking import DriverSocket
from forebay.sql._session import InsertPlan
from forebay.sql._table_names import Table, quoted

__all__ = [
    "CANCEL_SECONDS",
    "STREAM_ROWS",
    "Abandoned",
    "Blocks",
    "binary_types",
    "column_types_statement",
    "copy_rows_statement",
    "cursor_name",
    "describe",
    "formatted",
    "in_transaction",
    "is_usable",
    "made_no_rows",
    "psycopg",
    "server_has_answered",
    "sever",
    "transaction_modes",
]

#: Rows of a chunk of libpq, for a statement that a cursor of the server cannot run.
STREAM_ROWS = 100
#: Seconds that a request to cancel may take.
CANCEL_SECONDS = 4.0
generators: Any = library("psycopg.generators", "psycopg")
psycopg: Any = library("psycopg", "psycopg[binary]")

# Bytes of a block, of which psycopg brings each row by itself.
_BLOCK = 64 * 1024
_Status = psycopg.pq.TransactionStatus
_OPEN = (_Status.INTRANS, _Status.INERROR, _Status.ACTIVE)
_QUIET = (_Status.IDLE, _Status.INTRANS, _Status.INERROR)

# The types whose values psycopg sends in binary form, by their numbers in pg_type, and the classes of such values. Values of
# another class are sent as text, which the server converts.
_INT = (int,)
_TEXT = (str,)
_FLOAT = (float, int)
_JSON = (dict, list, psycopg.types.json.Json, psycopg.types.json.Jsonb)
_BINARY: dict[int, tuple[type, ...]] = {
    16: (bool,),
    17: (bytes, bytearray, memoryview),
    19: _TEXT,
    20: _INT,
    21: _INT,
    23: _INT,
    25: _TEXT,
    114: _JSON,
    700: _FLOAT,
    701: _FLOAT,
    1042: _TEXT,
    1043: _TEXT,
    1082: (datetime.date,),
    1114: (datetime.datetime,),
    1184: (datetime.datetime,),
    1186: (datetime.timedelta,),
    1700: (decimal.Decimal, int),
    2950: (uuid.UUID,),
    3802: _JSON,
}
_NAIVE, _AWARE = 1114, 1184

_numbers = count(1)


class Abandoned(Exception):
    """With this, a COPY is left before its end.

    psycopg sends the message to the server, and a message over 10,000 bytes closes the connection.
    """

    def __init__(self) -> None:
        super().__init__("aborted by the client")


class _Formatter(Protocol):
    def write_row(self, row: Sequence[Any]) -> Any: ...


def cursor_name() -> str:
    """Return a name for a cursor of the server."""
    return f"forebay_{next(_numbers)}"


def in_transaction(connection: Any) -> bool:
    """Whether a transaction is open."""
    return bool(connection.pgconn.transaction_status in _OPEN)


def is_usable(connection: Any) -> bool:
    """Whether the connection is open and quiet. What became of the program's own transaction is the program's concern."""
    return bool(not connection.closed and connection.pgconn.transaction_status in _QUIET)


def made_no_rows(connection: Any) -> bool:
    """Whether a ProgrammingError of `stream()` only says that the statement has no result: the server had no error."""
    return bool(connection.pgconn.transaction_status == _Status.INTRANS)


def describe(connection: Any, cursor: Any) -> Generator[Any, Any, tuple[str, ...]]:
    """Ask the server for the columns of a statement that gave no row: `stream()` learns them from the first one."""
    connection.pgconn.send_prepare(b"", cursor._query.query)
    yield from generators.execute(connection.pgconn)
    connection.pgconn.send_describe_prepared(b"")
    (result,) = yield from generators.execute(connection.pgconn)
    encoding = connection.info.encoding
    return tuple((result.fname(at) or b"").decode(encoding) for at in range(result.nfields))


def transaction_modes(connection: Any, isolation: str | None, readonly: bool) -> str:
    """Return the modes of a transaction, as BEGIN and SET TRANSACTION write them, with the connection's own settings."""
    if isolation is None and connection.isolation_level is not None:
        isolation = connection.isolation_level.name
    words = [] if isolation is None else [f"ISOLATION LEVEL {isolation.replace('_', ' ').upper()}"]
    if readonly or connection.read_only is not None:
        words.append("READ ONLY" if readonly or connection.read_only else "READ WRITE")
    if connection.deferrable is not None:
        words.append("DEFERRABLE" if connection.deferrable else "NOT DEFERRABLE")
    return ", ".join(words)


def sever(connection: Any) -> None:
    """Cut the connection off. A call that waits for it gets an error."""
    if not connection.closed:
        DriverSocket(connection.pgconn.socket).sever()


# ---- rows to a table


def binary_types(description: Sequence[Any], rows: list[Any]) -> list[int] | None:
    """Return the types of a table's columns if the first rows can be sent in binary form, else None: they are sent as text."""
    types = [column.type_code for column in description]
    if not all(number in _BINARY for number in types):
        return None
    for row in rows:
        if len(row) != len(types):
            return None
        for number, value in zip(types, row, strict=True):
            if value is None:
                continue
            if type(value) not in _BINARY[number]:
                return None
            if number in (_NAIVE, _AWARE) and (value.tzinfo is None) is not (number == _NAIVE):
                return None
    return types


def copy_rows_statement(table: Table, columns: tuple[str, ...] | None, binary: bool) -> str:
    """Return the COPY for rows."""
    names = "" if columns is None else f" ({', '.join(map(quoted, columns))})"
    return f"COPY {table.sql()}{names} FROM STDIN{' (FORMAT BINARY)' if binary else ''}"


def column_types_statement(plan: InsertPlan) -> str:
    """Return the query that tells the types of the columns of an insert."""
    assert plan.table is not None
    names = "*" if plan.columns is None else ", ".join(map(quoted, plan.columns))
    return f"SELECT {names} FROM {plan.table.sql()} LIMIT 0"


def formatted(formatter: _Formatter, rows: list[Any]) -> Iterator[Any]:
    """Format rows, and give what fills a block. The formatter keeps the rest."""
    write_row = formatter.write_row
    for row in rows:
        block = write_row(row)
        if block:
            yield block


def server_has_answered(pgconn: Any) -> bool:
    """Whether the server has sent an error in the middle of a COPY, to which libpq would listen at its end only."""
    if pgconn.ssl_in_use or not select.select([pgconn.socket], (), (), 0)[0]:
        return False
    with socket.socket(fileno=os.dup(pgconn.socket)) as copy:
        try:
            answers = copy.recv(_BLOCK, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except OSError:
            return False
    at = 0
    while at < len(answers):
        if answers[at : at + 1] == b"E":
            return True
        # A notice, perhaps: its kind, and its length with the four bytes of the length itself.
        at += 1 + int.from_bytes(answers[at + 1 : at + 5], "big")
    # The server has closed the connection.
    return not answers


# ---- bytes of a table


class Blocks:
    """The bytes of a COPY, in blocks. psycopg's own `read` brings a row at a time."""

    def __init__(self, pgconn: Any) -> None:
        self._pgconn = pgconn
        #: Whether the server has sent all.
        self.ended = False

    def read(self) -> Generator[Any, Any, bytes]:
        """Read the rows that are there, up to a block; b"" at the end. psycopg's `Connection.wait` runs it."""
        pieces: list[Any] = []
        size = 0
        get = self._pgconn.get_copy_data
        while size < _BLOCK and not self.ended:
            length, piece = get(1)
            if length > 0:
                pieces.append(piece)
                size += length
            elif length < 0:
                self.ended = True
                for result in (yield from psycopg.generators.fetch_many(self._pgconn)):
                    if result.status != psycopg.pq.ExecStatus.COMMAND_OK:
                        raise psycopg.errors.error_from_result(result)
            elif pieces:
                break
            else:
                while not (yield psycopg.waiting.Wait.R):
                    continue
                self._pgconn.consume_input()
        return b"".join(pieces)
