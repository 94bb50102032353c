"""Transforms between rows, record batches and the bytes of Arrow's IPC stream format."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from forebay._core.abort import AbortSignal
from forebay.errors import InvalidArgTypeError, InvalidArgValueError, TruncatedDataError
from forebay.formats._ipc_messages import MessageSplitter
from forebay.formats._record_batches import is_batch, load_pyarrow, name_twice, tuples_of
from forebay.formats._row_batches import BatchBuilder, check_schema
from forebay.streams.generics import Buffer
from forebay.streams.transform import Transform

__all__ = ["BatchesToRows", "IpcParser", "IpcStringifier", "RowsToBatches", "check_batch"]

# Rows that are made at a time, so that the loop gets its turn between them.
_SLICE = 1000
# Record batches from which on a stream has no room.
_BATCH_MARK = 2
_ROW_MARK = 1000


def check_batch(chunk: object) -> Any:
    """Return a record batch. Raises InvalidArgTypeError."""
    if is_batch(chunk):
        return chunk
    raise InvalidArgTypeError(
        f"record batches are needed, got {chunk!r:.200}; arrow.batches() makes them of rows"
    )


class BatchesToRows(Transform[Any, Any]):
    """The stream that `arrow.rows` returns."""

    def __init__(self, rows: type, high_water_mark: int | None, signal: AbortSignal | None) -> None:
        if rows is not tuple and rows is not dict:
            raise InvalidArgValueError(f"rows must be tuple or dict, got {rows!r}")
        self._as_dicts = rows is dict
        self._checked: Any = None
        super().__init__(
            object_mode=True,
            writable_high_water_mark=_BATCH_MARK,
            readable_high_water_mark=_ROW_MARK if high_water_mark is None else high_water_mark,
            signal=signal,
        )

    def _transform(self, chunk: Any) -> Iterator[Any]:
        batch = check_batch(chunk)
        names = batch.schema.names
        if self._as_dicts:
            twice = name_twice(names)
            if twice is not None:
                raise InvalidArgValueError(
                    f"rows=dict needs columns with different names, and {twice!r} is there twice"
                )
        return self._rows(batch, names)

    def _rows(self, batch: Any, names: list[str]) -> Iterator[Any]:
        for at in range(0, batch.num_rows, _SLICE):
            rows = tuples_of(batch.slice(at, _SLICE))
            if self._as_dicts:
                for row in rows:
                    yield dict(zip(names, row, strict=True))
            else:
                yield from rows


class RowsToBatches(Transform[Any, Any]):
    """The stream that `arrow.batches` returns. ``schema`` is the schema, or None before the first batch."""

    def __init__(
        self, schema: object, size: int, high_water_mark: int | None, signal: AbortSignal | None
    ) -> None:
        if isinstance(size, bool) or not isinstance(size, int):
            raise InvalidArgTypeError(f"size must be an int, got {size!r}")
        if size < 1:
            raise InvalidArgValueError(f"size must be 1 row or more, got {size}")
        self._builder = BatchBuilder(check_schema(schema))
        self._size = size
        self._gathered: list[Any] = []
        super().__init__(
            object_mode=True,
            writable_high_water_mark=_ROW_MARK,
            readable_high_water_mark=_BATCH_MARK if high_water_mark is None else high_water_mark,
            signal=signal,
        )

    @property
    def schema(self) -> Any:
        """The pyarrow.Schema of the record batches; None as long as it is not known."""
        return self._builder.schema

    def _transform_many(self, rows: list[Any]) -> Iterator[Any] | None:
        self._gathered += rows
        return self._full() if len(self._gathered) >= self._size else None

    def _full(self) -> Iterator[Any]:
        while len(self._gathered) >= self._size:
            rows, self._gathered = self._gathered[: self._size], self._gathered[self._size :]
            yield self._builder.build(rows)

    def _flush(self) -> Any:
        return self._builder.build(self._gathered) if self._gathered else None

    def _destroy(self, error: BaseException | None) -> None:
        self._gathered.clear()


class IpcParser(Transform[Buffer, Any]):
    """The stream that `arrow.parse_ipc` returns. ``schema`` is the schema, or None before it has arrived."""

    def __init__(self, high_water_mark: int | None, limit: int, signal: AbortSignal | None) -> None:
        load_pyarrow("pyarrow.ipc")
        self._splitter = MessageSplitter(limit)
        super().__init__(
            readable_object_mode=True,
            readable_high_water_mark=_BATCH_MARK if high_water_mark is None else high_water_mark,
            signal=signal,
        )

    @property
    def schema(self) -> Any:
        """The pyarrow.Schema of the record batches; None as long as it is not known."""
        return self._splitter.schema

    def _transform(self, chunk: Any) -> Iterator[Any]:
        return self._splitter.feed(chunk)

    def _flush(self) -> None:
        if not self._splitter.whole:
            raise TruncatedDataError("the Arrow data ends too early")


class IpcStringifier(Transform[Any, bytes]):
    """The stream that `arrow.stringify_ipc` returns."""

    def __init__(
        self, compression: str | None, schema: Any, high_water_mark: int | None, signal: AbortSignal | None
    ) -> None:
        self._ipc = load_pyarrow("pyarrow.ipc")
        self._options = self._ipc.IpcWriteOptions(compression=compression)
        self._schema = schema
        self._output = io.BytesIO()
        self._writer: Any = None
        super().__init__(
            writable_object_mode=True,
            writable_high_water_mark=_BATCH_MARK,
            readable_high_water_mark=high_water_mark,
            signal=signal,
        )

    def _transform(self, chunk: Any) -> bytes:
        batch = check_batch(chunk)
        self._open(batch.schema)
        self._writer.write(batch)
        return self._taken()

    def _flush(self) -> bytes:
        if self._writer is None and self._schema is None:
            raise InvalidArgValueError("no record batch came, and so no schema is known; give schema")
        self._open(self._schema)
        self._writer.close()
        return self._taken()

    def _open(self, schema: Any) -> None:
        if self._writer is None:
            self._writer = self._ipc.new_stream(self._output, self._schema or schema, options=self._options)

    def _taken(self) -> bytes:
        output = self._output.getvalue()
        self._output.seek(0)
        self._output.truncate()
        return output
