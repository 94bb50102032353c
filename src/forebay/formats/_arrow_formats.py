"""Parquet files, and files in Arrow's IPC formats."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from forebay._core.abort import AbortSignal
from forebay.formats._arrow_files import BatchFileReader, BatchFileWriter
from forebay.formats._record_batches import load_pyarrow

__all__ = ["IpcReader", "IpcWriter", "ParquetReader", "ParquetWriter"]

# Bytes that are read at a time from each column of a Parquet file.
_COLUMN_BUFFER = 1 << 18
# Bytes in memory with which a row group of a Parquet file is written, also if it has few rows.
_GROUP_BYTES = 64 << 20
_FILE_MAGIC = b"ARROW1"


class ParquetReader(BatchFileReader):
    """The stream that `arrow.read_parquet` returns."""

    def __init__(
        self,
        path: Any,
        columns: list[str] | None,
        row_groups: list[int] | None,
        batch: int,
        high_water_mark: int | None,
        signal: AbortSignal | None,
    ) -> None:
        self._parquet = load_pyarrow("pyarrow.parquet")
        self._columns = columns
        self._row_groups = row_groups
        self._batch = batch
        self._opened_file: Any = None
        super().__init__(path, high_water_mark, signal)

    def _open_file(self, path: str) -> tuple[Any, Iterator[Any]]:
        source = self._opened_file = load_pyarrow().OSFile(path, "rb")
        file = self._parquet.ParquetFile(source, buffer_size=_COLUMN_BUFFER, pre_buffer=False)
        schema = file.schema_arrow
        if self._columns is not None:
            for name in self._columns:
                if name not in schema.names:
                    raise ValueError(f"the file has no column {name!r}; it has {', '.join(schema.names)}")
            schema = load_pyarrow().schema([schema.field(name) for name in self._columns])
        return schema, self._read_groups(file)

    def _read_groups(self, file: Any) -> Iterator[Any]:
        groups = range(file.num_row_groups) if self._row_groups is None else self._row_groups
        for group in groups:
            if not 0 <= group < file.num_row_groups:
                raise ValueError(f"the file has no row group {group}; it has {file.num_row_groups} of them")
            yield from file.iter_batches(
                batch_size=self._batch, row_groups=[group], columns=self._columns, use_threads=False
            )

    def _close_file(self) -> None:
        source, self._opened_file = self._opened_file, None
        if source is not None:
            source.close()


class ParquetWriter(BatchFileWriter):
    """The stream that `arrow.write_parquet` returns."""

    def __init__(
        self,
        path: Any,
        schema: object,
        row_group: int,
        compression: str | None,
        atomic: bool,
        high_water_mark: int | None,
        signal: AbortSignal | None,
    ) -> None:
        self._parquet = load_pyarrow("pyarrow.parquet")
        self._row_group = row_group
        self._compression = compression
        self._kept: list[Any] = []
        self._kept_rows = 0
        self._kept_bytes = 0
        self._writer: Any = None
        super().__init__(path, schema, atomic, high_water_mark, signal)

    def _begin_file(self, fd: int, schema: Any) -> None:
        self._sink = io.FileIO(fd, "w", closefd=False)
        self._writer = self._parquet.ParquetWriter(
            self._sink, schema, compression=self._compression or "none", store_schema=True
        )

    def _write_batch(self, batch: Any) -> None:
        while self._kept_rows + batch.num_rows >= self._row_group:
            room = self._row_group - self._kept_rows
            self._keep(batch.slice(0, room))
            self._write_group()
            batch = batch.slice(room)
        if batch.num_rows:
            self._keep(batch)
            if self._kept_bytes >= _GROUP_BYTES:
                self._write_group()

    def _keep(self, batch: Any) -> None:
        self._kept.append(batch)
        self._kept_rows += batch.num_rows
        self._kept_bytes += batch.nbytes

    def _write_group(self) -> None:
        kept, self._kept, self._kept_rows, self._kept_bytes = self._kept, [], 0, 0
        self._writer.write_table(load_pyarrow().Table.from_batches(kept), row_group_size=self._row_group)

    def _end_file(self) -> None:
        if self._kept:
            self._write_group()
        writer, self._writer = self._writer, None
        writer.close()

    def _drop_file(self) -> None:
        self._kept.clear()
        _close_quietly(self)


class IpcReader(BatchFileReader):
    """The stream that `arrow.read_ipc` returns."""

    def __init__(self, path: Any, high_water_mark: int | None, signal: AbortSignal | None) -> None:
        self._ipc = load_pyarrow("pyarrow.ipc")
        self._pyarrow = load_pyarrow()
        self._opened_file: Any = None
        super().__init__(path, high_water_mark, signal)

    def _open_file(self, path: str) -> tuple[Any, Iterator[Any]]:
        source = self._opened_file = self._pyarrow.OSFile(path, "rb")
        magic = source.read(len(_FILE_MAGIC))
        source.seek(0)
        if magic == _FILE_MAGIC:
            file = self._ipc.open_file(source)
            return file.schema, map(file.get_batch, range(file.num_record_batches))
        stream = self._ipc.open_stream(source)
        return stream.schema, iter(stream)

    def _close_file(self) -> None:
        source, self._opened_file = self._opened_file, None
        if source is not None:
            source.close()


class IpcWriter(BatchFileWriter):
    """The stream that `arrow.write_ipc` returns."""

    def __init__(
        self,
        path: Any,
        schema: object,
        format: str,
        compression: str | None,
        atomic: bool,
        high_water_mark: int | None,
        signal: AbortSignal | None,
    ) -> None:
        self._ipc = load_pyarrow("pyarrow.ipc")
        self._options = self._ipc.IpcWriteOptions(compression=compression)
        self._new = self._ipc.new_file if format == "file" else self._ipc.new_stream
        self._writer: Any = None
        super().__init__(path, schema, atomic, high_water_mark, signal)

    def _begin_file(self, fd: int, schema: Any) -> None:
        self._sink = io.FileIO(fd, "w", closefd=False)
        self._writer = self._new(self._sink, schema, options=self._options)

    def _write_batch(self, batch: Any) -> None:
        self._writer.write(batch)

    def _end_file(self) -> None:
        writer, self._writer = self._writer, None
        writer.close()

    def _drop_file(self) -> None:
        _close_quietly(self)


def _close_quietly(stream: Any) -> None:
    """End a writer of pyarrow that has not come to its end. What it still writes goes to a file that is discarded."""
    writer, stream._writer = stream._writer, None
    if writer is not None:
        try:
            writer.close()
        except Exception:
            # The error that has stopped the stream is the one to report.
            return
