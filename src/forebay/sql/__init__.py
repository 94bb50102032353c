"""Databases: the rows of a query as a Readable, a table as a Writable, and both as bytes.

::

    async with asyncpg.create_pool(url) as pool:
        await pipeline(sql.copy_out(pool, "select * from orders"), fs.create_write_stream("orders.csv", atomic=True))
        await pipeline(sql.query(pool, "select id, name from users"), sql.insert(pool, "people"))

A driver is imported only when a connection of it is passed. A connection is one of:

- a connection of the program: it is used by one stream at a time, and stays open;
- a pool: each stream takes a connection and gives it back;
- a function that returns a new connection, which the stream closes;
- a URL or the path of a SQLite or DuckDB file: the stream opens and closes the connection;
- the result of ``async with transaction(...)``.

**Memory.** A query holds its high-water mark in rows and two batches: one that arrives and one that is passed on. Wide rows
make the batches and the mark smaller. An insert holds its high-water mark and one batch. See docs/databases.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeVar, overload

from forebay._core.abort import AbortSignal
from forebay.sql._connection_use import CLEANUP_SECONDS
from forebay.sql._copy_in import CopyIn
from forebay.sql._copy_out import CopyOut
from forebay.sql._insert import Insert
from forebay.sql._query import Query
from forebay.sql._transaction import Transaction

__all__ = [
    "CLEANUP_SECONDS",
    "CopyIn",
    "CopyOut",
    "Insert",
    "Query",
    "Transaction",
    "copy_in",
    "copy_out",
    "insert",
    "query",
    "transaction",
]

_T = TypeVar("_T")


@overload
def query(
    connection: object,
    sql: object,
    *args: Any,
    rows: type[dict[Any, Any]],
    batch: int | None = None,
    batch_bytes: int = 1048576,
    ahead: bool = True,
    timeout: float | None = None,
    high_water_mark: int | None = None,
    signal: AbortSignal | None = None,
) -> Query[dict[str, Any]]: ...
@overload
def query(
    connection: object,
    sql: object,
    *args: Any,
    rows: type[tuple[Any, ...]],
    batch: int | None = None,
    batch_bytes: int = 1048576,
    ahead: bool = True,
    timeout: float | None = None,
    high_water_mark: int | None = None,
    signal: AbortSignal | None = None,
) -> Query[tuple[Any, ...]]: ...
@overload
def query(
    connection: object,
    sql: object,
    *args: Any,
    rows: Callable[[tuple[str, ...]], Callable[[Any], _T]],
    batch: int | None = None,
    batch_bytes: int = 1048576,
    ahead: bool = True,
    timeout: float | None = None,
    high_water_mark: int | None = None,
    signal: AbortSignal | None = None,
) -> Query[_T]: ...
@overload
def query(
    connection: object,
    sql: object,
    *args: Any,
    rows: Literal["arrow"] | None = None,
    batch: int | None = None,
    batch_bytes: int = 1048576,
    ahead: bool = True,
    timeout: float | None = None,
    high_water_mark: int | None = None,
    signal: AbortSignal | None = None,
) -> Query[Any]: ...
def query(
    connection: object,
    sql: object,
    *args: Any,
    rows: Any = None,
    batch: int | None = None,
    batch_bytes: int = 1048576,
    ahead: bool = True,
    timeout: float | None = None,
    high_water_mark: int | None = None,
    signal: AbortSignal | None = None,
) -> Query[Any]:
    """Make a Readable of the rows of a query. Rows come in batches, and only as fast as they are read.

    The stream emits 'columns' with the names of the columns before the first row. If it is left early, the statement is
    cancelled on the server. The query runs in a transaction or a savepoint if its driver needs one; 'end' comes after its
    commit.

    Args:
        connection: A connection, a pool, a function that returns a connection, a URL, a path, or a transaction.
        sql: The statement, with placeholders as the driver writes them. It is never changed. It may also be a statement object
            of SQLAlchemy or psycopg.
        args: The values of the placeholders.
        rows: The form of a row. None keeps the driver's own type, ``tuple`` and ``dict`` convert to it, "arrow" gives record
            batches. A function gets the names of the columns and returns the function that makes a row.
        batch: The number of rows of one trip to the server, at most, or about those of a record batch. None is 1,000, or 10,000
            in a record batch.
        batch_bytes: About the size of a batch in bytes, by which wide rows make the batches smaller.
        ahead: Whether the next batch is requested while the rows of one are passed on.
        timeout: Seconds that opening and each trip may take. None is no limit.
        high_water_mark: The number of rows, or of record batches, to read ahead. None is ``batch``, or 2 record batches.
        signal: An `AbortSignal` that destroys the stream.

    Returns:
        The stream.

    Raises:
        ConnectionBusyError: Another stream uses the connection.
        ImportError: The driver of the URL is not installed.
        InvalidArgTypeError: An argument has the wrong type.
        InvalidArgValueError: An argument has a wrong value.
        OutOfRangeError: A number is outside its range.
    """
    return Query(
        connection,
        sql,
        args,
        rows=rows,
        batch=batch,
        batch_bytes=batch_bytes,
        ahead=ahead,
        timeout=timeout,
        high_water_mark=high_water_mark,
        signal=signal,
    )


def insert(
    connection: object,
    into: str,
    *,
    columns: Sequence[str] | None = None,
    batch: int = 1000,
    linger: float | None = None,
    method: Literal["auto", "copy", "executemany", "values"] = "auto",
    transaction: Literal["stream", "batch"] | None = "stream",
    on_conflict: Literal["ignore", "update"] | None = None,
    key: Sequence[str] | None = None,
    timeout: float | None = None,
    high_water_mark: int | None = None,
    signal: AbortSignal | None = None,
) -> Insert[Any]:
    """Make a Writable of rows for a table or a statement. It sends queued rows together in one call.

    A row is a sequence of values in the order of the columns, or a mapping. 'finish' comes after the commit. If the stream
    fails or is left early, the rows that were not committed are rolled back.

    Args:
        connection: A connection, a pool, a function that returns a connection, a URL, a path, or a transaction.
        into: The name of a table, or an INSERT or UPDATE statement that is run for each row.
        columns: The names of the columns. None is those of the first mapping, or all columns of the table in their order.
        batch: The number of rows of one trip to the server, at most.
        linger: Seconds that rows may wait for a batch to be full. None: rows wait only while another batch is on its way.
        method: How rows reach the table. "auto" is the fastest that the driver has: "copy", "values" (an INSERT of many
            rows) or "executemany".
        transaction: "stream" commits once, at the end: all rows or none. "batch" commits each batch and emits 'commit' with
            ``rows_committed``. None leaves it to the connection: each call commits by itself, or when the program commits.
        on_conflict: What happens to a row whose key is in the table: "ignore" drops the new row, "update" replaces the old
            one, None is an error.
        key: The columns that identify a row, for ``on_conflict``.
        timeout: Seconds that opening and each trip may take. None is no limit.
        high_water_mark: ``write()`` returns False when this number of rows is queued. None is ``batch``.
        signal: An `AbortSignal` that destroys the stream.

    Returns:
        The stream.

    Raises:
        ConnectionBusyError: Another stream uses the connection.
        ImportError: The driver of the URL is not installed.
        InvalidArgTypeError: An argument has the wrong type.
        InvalidArgValueError: An argument has a wrong value.
        OutOfRangeError: A number is outside its range.
    """
    return Insert(
        connection,
        into,
        columns=columns,
        batch=batch,
        linger=linger,
        method=method,
        transaction=transaction,
        on_conflict=on_conflict,
        key=key,
        timeout=timeout,
        high_water_mark=high_water_mark,
        signal=signal,
    )


def copy_out(
    connection: object,
    source: str,
    *args: Any,
    format: Literal["csv", "text", "binary"] = "csv",
    header: bool = False,
    delimiter: str | None = None,
    null: str | None = None,
    timeout: float | None = None,
    high_water_mark: int | None = None,
    signal: AbortSignal | None = None,
) -> CopyOut:
    """Make a Readable of the bytes of a table or a query, which the server writes: PostgreSQL's ``COPY ... TO``.

    This is the cheapest way from a database to a file: no row becomes a Python object. It works with asyncpg, psycopg 3, and
    SQLAlchemy over one of these. For other databases, put `forebay.formats.csv.stringify` behind a `query`.

    Args:
        connection: A connection, a pool, a function that returns a connection, a URL, or a transaction.
        source: The name of a table, or a query.
        args: The values of the placeholders of the query.
        format: "csv", "text" or "binary".
        header: Whether the names of the columns are the first line.
        delimiter: The character between values. None is the server's default.
        null: How NULL is written. None is the server's default.
        timeout: Seconds that opening and each block may take. None is no limit.
        high_water_mark: The number of bytes to read ahead. None is 256 KiB.
        signal: An `AbortSignal` that destroys the stream.

    Returns:
        The stream.

    Raises:
        ConnectionBusyError: Another stream uses the connection.
        ImportError: The driver of the URL is not installed.
        InvalidArgTypeError: An argument has the wrong type.
        InvalidArgValueError: An argument has a wrong value.
        OutOfRangeError: A number is outside its range.
    """
    return CopyOut(
        connection,
        source,
        args,
        format=format,
        header=header,
        delimiter=delimiter,
        null=null,
        timeout=timeout,
        high_water_mark=high_water_mark,
        signal=signal,
    )


def copy_in(
    connection: object,
    table: str,
    *,
    columns: Sequence[str] | None = None,
    format: Literal["csv", "text", "binary"] = "csv",
    header: bool | Literal["columns"] = False,
    delimiter: str | None = None,
    null: str | None = None,
    transaction: Literal["stream"] | None = "stream",
    timeout: float | None = None,
    high_water_mark: int | None = None,
    signal: AbortSignal | None = None,
) -> CopyIn:
    """Make a Writable of bytes that the server reads into a table: PostgreSQL's ``COPY ... FROM``.

    'finish' comes after the commit. If the stream fails or is left early, the table gets no row. It works with asyncpg, psycopg
    3, and SQLAlchemy over one of these. For other databases, put `forebay.formats.csv.parse` before an `insert`.

    Args:
        connection: A connection, a pool, a function that returns a connection, a URL, or a transaction.
        table: The name of a table.
        columns: The columns that the bytes have. None is all columns of the table in their order.
        format: "csv", "text" or "binary".
        header: Whether the first line is the names of the columns. "columns" also takes the columns, and their order, from
            that line of CSV; True only skips it.
        delimiter: The character between values. None is the server's default.
        null: How NULL is written. None is the server's default.
        transaction: "stream" begins a transaction and commits it at the end. None leaves it to the connection.
        timeout: Seconds that opening and each block may take. None is no limit.
        high_water_mark: ``write()`` returns False when this number of bytes is queued. None is 1 MiB.
        signal: An `AbortSignal` that destroys the stream.

    Returns:
        The stream.

    Raises:
        ConnectionBusyError: Another stream uses the connection.
        ImportError: The driver of the URL is not installed.
        InvalidArgTypeError: An argument has the wrong type.
        InvalidArgValueError: An argument has a wrong value.
        OutOfRangeError: A number is outside its range.
    """
    return CopyIn(
        connection,
        table,
        columns=columns,
        format=format,
        header=header,
        delimiter=delimiter,
        null=null,
        transaction=transaction,
        timeout=timeout,
        high_water_mark=high_water_mark,
        signal=signal,
    )


def transaction(
    connection: object,
    *,
    isolation: Literal["read_uncommitted", "read_committed", "repeatable_read", "serializable"] | None = None,
    readonly: bool = False,
) -> Transaction:
    """Make a transaction for several streams. Use it with ``async with``, and give it to the streams as their connection.

    The end of the block commits, an exception in it rolls back. The streams use the connection one after the other.

    Args:
        connection: A connection, a pool, a function that returns a connection, a URL or a path.
        isolation: The isolation level. None is the server's default.
        readonly: Whether the transaction only reads.

    Returns:
        The transaction.

    Raises:
        ImportError: The driver of the URL is not installed.
        InvalidArgTypeError: An argument has the wrong type.
        InvalidArgValueError: An argument has a wrong value.
    """
    return Transaction(connection, isolation, readonly)
