"""Arrow: record batches to rows and back, Parquet files, and Arrow's IPC formats, through pyarrow.

::

    await pipeline(sql.query(con, "from big", rows="arrow"), arrow.write_parquet("big.parquet"))
    await pipeline(arrow.read_parquet("big.parquet", columns=["id", "t"]), arrow.rows(rows=dict), sink)

The chunk of these streams is a ``pyarrow.RecordBatch``, and their marks count record batches. Files are read and written in a
worker thread. See docs/arrow.md.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, overload

from forebay._core.abort import AbortSignal
from forebay.errors import InvalidArgTypeError, InvalidArgValueError, OutOfRangeError
from forebay.formats._arrow_files import BatchFileReader, BatchFileWriter
from forebay.formats._arrow_formats import IpcReader, IpcWriter, ParquetReader, ParquetWriter
from forebay.formats._arrow_stages import BatchesToRows, IpcParser, IpcStringifier, RowsToBatches
from forebay.formats._row_batches import check_schema

if TYPE_CHECKING:
    from forebay.streams.generics import Buffer
    from forebay.streams.transform import Transform

__all__ = [
    "BatchFileReader",
    "BatchFileWriter",
    "batches",
    "parse_ipc",
    "read_ipc",
    "read_parquet",
    "rows",
    "stringify_ipc",
    "write_ipc",
    "write_parquet",
]

StrPath = str | bytes | os.PathLike[str] | os.PathLike[bytes]
ParquetCompression = Literal["zstd", "snappy", "gzip", "brotli", "lz4"]
IpcCompression = Literal["zstd", "lz4"]

_PARQUET_COMPRESSIONS = ("zstd", "snappy", "gzip", "brotli", "lz4", None)
_IPC_COMPRESSIONS = ("zstd", "lz4", None)
_IPC_FORMATS = ("file", "stream")
# The largest part of a message that is taken from bytes, so that damaged data does not take all memory.
_LIMIT = 1 << 30


@overload
def rows(
    *,
    rows: type[tuple[Any, ...]] = tuple,
    high_water_mark: int | None = None,
    signal: AbortSignal | None = None,
) -> Transform[Any, tuple[Any, ...]]: ...
@overload
def rows(
    *, rows: type[dict[Any, Any]], high_water_mark: int | None = None, signal: AbortSignal | None = None
) -> Transform[Any, dict[str, Any]]: ...
def rows(
    *, rows: type = tuple, high_water_mark: int | None = None, signal: AbortSignal | None = None
) -> Transform[Any, Any]:
    """Make a Transform from record batches (or tables) to rows.

    Args:
        rows: ``tuple`` or ``dict``.
        high_water_mark: The number of rows to make ahead. None is 1,000.
        signal: An `AbortSignal` that destroys the stream.

    Returns:
        The stream.

    Raises:
        InvalidArgValueError: ``rows`` is something else.
    """
    return BatchesToRows(rows, high_water_mark, signal)


def batches(
    schema: Any = None,
    size: int = 10_000,
    *,
    high_water_mark: int | None = None,
    signal: AbortSignal | None = None,
) -> RowsToBatches:
    """Make a Transform from rows to record batches.

    A row is a mapping, or a sequence in the order of the columns. The stream fails with InvalidArgValueError at a row that has
    other columns or other types than the first ones.

    Args:
        schema: A ``pyarrow.Schema``, or the names of the columns. None takes the names from the first row. Types that are not
            given are those of the rows of the first batch.
        size: The number of rows of a record batch. The last one has the rest.
        high_water_mark: The number of record batches to make ahead. None is 2.
        signal: An `AbortSignal` that destroys the stream.

    Returns:
        The stream. Its ``schema`` is the schema, or None before the first record batch.

    Raises:
        ImportError: pyarrow is not installed.
        InvalidArgTypeError: An argument has the wrong type.
        InvalidArgValueError: An argument has a wrong value.
    """
    return RowsToBatches(schema, size, high_water_mark, signal)


def read_parquet(
    path: StrPath,
    *,
    columns: Sequence[str] | None = None,
    row_groups: Sequence[int] | None = None,
    batch: int = 10_000,
    high_water_mark: int | None = None,
    signal: AbortSignal | None = None,
) -> BatchFileReader:
    """Make a Readable of the record batches of a Parquet file. Memory does not grow with the file or its row groups.

    The stream emits 'schema' with the ``pyarrow.Schema`` before the first record batch.

    Args:
        path: The path of the file.
        columns: The columns to read. None is all.
        row_groups: The numbers of the row groups to read, from 0 on, in this order. None is all.
        batch: The number of rows of a record batch, at most.
        high_water_mark: The number of record batches to read ahead. None is 2.
        signal: An `AbortSignal` that destroys the stream.

    Returns:
        The stream.

    Raises:
        ImportError: pyarrow is not installed.
        InvalidArgTypeError: An argument has the wrong type.
        OutOfRangeError: A number is outside its range.
    """
    names = None if columns is None else _listed("columns", columns, str)
    groups = None if row_groups is None else _listed("row_groups", row_groups, int)
    return ParquetReader(path, names, groups, _count("batch", batch), high_water_mark, signal)


def write_parquet(
    path: StrPath,
    *,
    schema: Any = None,
    row_group: int = 100_000,
    compression: ParquetCompression | None = "zstd",
    atomic: bool = True,
    high_water_mark: int | None = None,
    signal: AbortSignal | None = None,
) -> BatchFileWriter:
    """Make a Writable of record batches, or of rows, that writes a Parquet file.

    Rows are mappings, or sequences in the order of ``schema``. A row group is kept in memory until it is complete, or has
    64 MiB.

    Args:
        path: The path of the file.
        schema: A ``pyarrow.Schema``, or the names of the columns. None is that of the first record batch or rows.
        row_group: The number of rows of a row group, at most.
        compression: How pages are compressed. None is not at all.
        atomic: Whether the file appears in its place only when it is complete, at 'finish'. False writes to it directly.
        high_water_mark: The number of queued chunks from which on ``write()`` returns False. None is 2 record batches or
            1,000 rows.
        signal: An `AbortSignal` that destroys the stream.

    Returns:
        The stream.

    Raises:
        ImportError: pyarrow is not installed.
        InvalidArgTypeError: An argument has the wrong type.
        InvalidArgValueError: An argument has a wrong value.
        OutOfRangeError: A number is outside its range.
    """
    _choice("compression", compression, _PARQUET_COMPRESSIONS)
    group = _count("row_group", row_group)
    return ParquetWriter(path, schema, group, compression, atomic, high_water_mark, signal)


def read_ipc(
    path: StrPath, *, high_water_mark: int | None = None, signal: AbortSignal | None = None
) -> BatchFileReader:
    """Make a Readable of the record batches of a file in Arrow's file format ("Feather") or stream format.

    The stream emits 'schema' with the ``pyarrow.Schema`` before the first record batch.

    Args:
        path: The path of the file.
        high_water_mark: The number of record batches to read ahead. None is 2.
        signal: An `AbortSignal` that destroys the stream.

    Returns:
        The stream.

    Raises:
        ImportError: pyarrow is not installed.
        InvalidArgTypeError: An argument has the wrong type.
    """
    return IpcReader(path, high_water_mark, signal)


def write_ipc(
    path: StrPath,
    *,
    schema: Any = None,
    format: Literal["file", "stream"] = "file",
    compression: IpcCompression | None = None,
    atomic: bool = True,
    high_water_mark: int | None = None,
    signal: AbortSignal | None = None,
) -> BatchFileWriter:
    """Make a Writable of record batches, or of rows, that writes a file in Arrow's file or stream format.

    Args:
        path: The path of the file.
        schema: A ``pyarrow.Schema``, or the names of the columns. None is that of the first record batch or rows.
        format: "file" can be read from any record batch on, "stream" only from the first.
        compression: How record batches are compressed. None is not at all.
        atomic: Whether the file appears in its place only when it is complete, at 'finish'. False writes to it directly.
        high_water_mark: The number of queued chunks from which on ``write()`` returns False. None is 2 record batches or
            1,000 rows.
        signal: An `AbortSignal` that destroys the stream.

    Returns:
        The stream.

    Raises:
        ImportError: pyarrow is not installed.
        InvalidArgTypeError: An argument has the wrong type.
        InvalidArgValueError: An argument has a wrong value.
    """
    _choice("format", format, _IPC_FORMATS)
    _choice("compression", compression, _IPC_COMPRESSIONS)
    return IpcWriter(path, schema, format, compression, atomic, high_water_mark, signal)


def parse_ipc(
    *, limit: int = _LIMIT, high_water_mark: int | None = None, signal: AbortSignal | None = None
) -> Transform[Buffer, Any]:
    """Make a Transform from the bytes of Arrow's IPC stream format, for example from a socket, to record batches.

    The stream fails with DamagedDataError if the data is damaged, and with TruncatedDataError if it ends too early.

    Args:
        limit: The size of the largest record batch in bytes that is accepted.
        high_water_mark: The number of record batches to make ahead. None is 2.
        signal: An `AbortSignal` that destroys the stream.

    Returns:
        The stream.

    Raises:
        ImportError: pyarrow is not installed.
        InvalidArgTypeError: ``limit`` is not an int.
        OutOfRangeError: ``limit`` is less than 1.
    """
    return IpcParser(high_water_mark, _count("limit", limit), signal)


def stringify_ipc(
    *,
    compression: IpcCompression | None = None,
    schema: Any = None,
    high_water_mark: int | None = None,
    signal: AbortSignal | None = None,
) -> Transform[Any, bytes]:
    """Make a Transform from record batches to the bytes of Arrow's IPC stream format.

    Args:
        compression: How record batches are compressed. None is not at all.
        schema: A ``pyarrow.Schema``. None is that of the first record batch.
        high_water_mark: The number of bytes to make ahead. None is 64 KiB.
        signal: An `AbortSignal` that destroys the stream.

    Returns:
        The stream.

    Raises:
        ImportError: pyarrow is not installed.
        InvalidArgTypeError: An argument has the wrong type.
        InvalidArgValueError: An argument has a wrong value.
    """
    _choice("compression", compression, _IPC_COMPRESSIONS)
    if schema is not None and check_schema(schema) is not schema:
        raise InvalidArgTypeError(f"schema must be a pyarrow.Schema, got {schema!r}")
    return IpcStringifier(compression, schema, high_water_mark, signal)


def _count(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidArgTypeError(f"{name} must be an int, got {value!r}")
    if value < 1:
        raise OutOfRangeError(f"{name} must be 1 or more, got {value}")
    return value


def _choice(name: str, value: object, choices: tuple[object, ...]) -> None:
    if value not in choices:
        raise InvalidArgValueError(f"{name} must be one of {', '.join(map(repr, choices))}; got {value!r}")


def _listed(name: str, values: Sequence[Any], kind: type) -> list[Any]:
    if isinstance(values, str | bytes) or not hasattr(values, "__iter__"):
        raise InvalidArgTypeError(f"{name} must be a sequence, got {values!r}")
    listed = list(values)
    for value in listed:
        if not isinstance(value, kind) or isinstance(value, bool):
            raise InvalidArgTypeError(f"{name} must have {kind.__name__} values only, got {value!r} in it")
    return listed
