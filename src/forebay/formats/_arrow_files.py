"""Files of record batches: read and written by pyarrow in a worker thread."""

from __future__ import annotations

import asyncio
import os
from abc import abstractmethod
from collections.abc import Iterator
from functools import partial
from typing import Any

from forebay._core.abort import AbortSignal
from forebay._core.state.completion import Completion
from forebay._system.open_file import OpenFile
from forebay._system.worker_pool import SerialExecutor
from forebay.errors import InvalidArgTypeError, InvalidArgValueError
from forebay.formats._record_batches import is_batch
from forebay.formats._row_batches import BatchBuilder, check_schema
from forebay.streams.readable import Readable
from forebay.streams.writable import Writable

__all__ = ["BatchFileReader", "BatchFileWriter", "check_path"]

StrPath = str | bytes | os.PathLike[str] | os.PathLike[bytes]

# Record batches to read ahead, and those from which on a writer has no room.
_BATCH_MARK = 2
# Before the first chunk it is not known whether chunks are rows or batches.
_FIRST_MARK = 16
_ROW_MARK = 1000
# Rows of a record batch that is made of rows.
_ROWS = 10_000
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_CLOEXEC", 0)


def check_path(path: object) -> str | bytes:
    """Return a path as str or bytes. Raises InvalidArgTypeError."""
    if isinstance(path, str | bytes | os.PathLike):
        return os.fspath(path)
    raise InvalidArgTypeError(f"path must be a str, bytes or a path, got {path!r}")


class BatchFileReader(Readable[Any]):
    """The record batches of a file.

    ``schema`` is the pyarrow.Schema, or None before the file is open; the event 'schema' reports it. ``row_count`` is the
    number of rows that the stream has given so far. ``path`` is the path that was given.
    """

    def __init__(self, path: Any, high_water_mark: int | None, signal: AbortSignal | None) -> None:
        self._name = check_path(path)
        self.path = path
        self.schema: Any = None
        self.row_count: int = 0
        self._batches: Iterator[Any] | None = None
        self._executor = SerialExecutor(asyncio.get_running_loop(), self._close_quietly)
        super().__init__(
            object_mode=True,
            high_water_mark=_BATCH_MARK if high_water_mark is None else high_water_mark,
            signal=signal,
        )

    @abstractmethod
    def _open_file(self, path: str) -> tuple[Any, Iterator[Any]]:
        """In a worker: open the file. Return its schema and its record batches."""

    @abstractmethod
    def _close_file(self) -> None:
        """In a worker: close the file, if it is open."""

    def _close_quietly(self) -> None:
        self._batches = None
        self._close_file()

    def _construct(self) -> Completion:
        done = Completion()
        self._executor.submit(partial(self._open_file, os.fsdecode(self._name)), partial(self._opened, done))
        return done

    def _opened(
        self, done: Completion, opened: tuple[Any, Iterator[Any]] | None, error: BaseException | None
    ) -> None:
        if error is not None or opened is None:
            done.reject(self._about(error))
            return
        self.schema, self._batches = opened
        done.resolve()
        self._s_tell("schema", self.schema)

    def _about(self, error: BaseException | None) -> BaseException:
        assert error is not None
        if isinstance(error, OSError) and error.filename is None:
            error.filename = self._name
        else:
            error.add_note(f"in {os.fsdecode(self._name)!r}")
        return error

    def _read(self, size: int) -> None:
        self._executor.submit(self._next, self._arrived)

    def _next(self) -> Any:
        """In a worker: return the next record batch that has rows, or None."""
        assert self._batches is not None
        return next((batch for batch in self._batches if batch.num_rows), None)

    def _arrived(self, batch: Any, error: BaseException | None) -> None:
        if self.destroyed:
            return
        if error is not None:
            self.destroy(self._about(error))
            return
        if batch is not None:
            self.row_count += batch.num_rows
        self.push(batch)

    def _destroy(self, error: BaseException | None) -> Completion:
        done = Completion()

        def closed(_: Any, failure: BaseException | None) -> None:
            failure = error if error is not None else failure
            if failure is None:
                done.resolve()
            else:
                done.reject(failure)

        self._executor.finish(self._close_quietly, closed)
        return done


class BatchFileWriter(Writable[Any]):
    """A file of the record batches that are written, or of rows.

    ``schema`` is the pyarrow.Schema, or None as long as it is not known. ``rows_written`` is the number of rows that were
    handed to pyarrow. ``path`` is the path that was given.
    """

    def __init__(
        self,
        path: Any,
        schema: object,
        atomic: bool,
        high_water_mark: int | None,
        signal: AbortSignal | None,
    ) -> None:
        if not isinstance(atomic, bool):
            raise InvalidArgTypeError(f"atomic must be True or False, got {atomic!r}")
        name = check_path(path)
        loop = asyncio.get_running_loop()
        self.path = path
        self.rows_written: int = 0
        self._builder = BatchBuilder(check_schema(schema))
        self._gathered: list[Any] = []
        # None as long as it is not known whether chunks are record batches.
        self._columnar: bool | None = None
        self._begun = False
        self._atomic = atomic
        self._mark_given = high_water_mark is not None
        self._file = OpenFile(loop, name, None, True)
        self._executor = SerialExecutor(loop, self._close_quietly)
        super().__init__(
            object_mode=True,
            high_water_mark=_FIRST_MARK if high_water_mark is None else high_water_mark,
            signal=signal,
        )

    @property
    def schema(self) -> Any:
        """The pyarrow.Schema of the file; None as long as it is not known."""
        return self._builder.schema

    @abstractmethod
    def _begin_file(self, fd: int, schema: Any) -> None:
        """In a worker: begin to write."""

    @abstractmethod
    def _write_batch(self, batch: Any) -> None:
        """In a worker: write a record batch, or keep it for a while."""

    @abstractmethod
    def _end_file(self) -> None:
        """In a worker: write what was kept, and the end of the file. The descriptor stays open."""

    @abstractmethod
    def _drop_file(self) -> None:
        """In a worker: forget what was kept. The descriptor stays open."""

    # ---- hooks

    def _construct(self) -> Completion:
        return self._run(partial(self._file.open, _WRITE, 0o666, atomic=self._atomic))

    def _write(self, chunk: Any) -> Completion:
        return self._writev([chunk])

    def _writev(self, chunks: list[Any]) -> Completion:
        if self._columnar is None:
            self._columnar = is_batch(chunks[0])
            if not self._columnar and not self._mark_given:
                self._s_set_write_mark(_ROW_MARK)
            elif self._columnar and not self._mark_given:
                self._s_set_write_mark(_BATCH_MARK)
        return self._run(partial(self._take, chunks))

    def _final(self) -> Completion:
        return self._run(self._finish)

    def _destroy(self, error: BaseException | None) -> Completion:
        done = Completion()
        self._file.interrupt.set()

        def closed(_: Any, failure: BaseException | None) -> None:
            failure = error if error is not None else failure
            if failure is None:
                done.resolve()
            else:
                done.reject(failure)

        self._executor.finish(self._close, closed)
        return done

    def _run(self, job: Any) -> Completion:
        done = Completion()

        def finished(_: Any, error: BaseException | None) -> None:
            if error is None:
                done.resolve()
            else:
                done.reject(error)

        self._executor.submit(job, finished)
        return done

    # ---- in a worker

    def _take(self, chunks: list[Any]) -> None:
        if self._columnar:
            for chunk in chunks:
                self._take_batch(chunk)
            return
        self._gathered += chunks
        while len(self._gathered) >= _ROWS:
            self._take_rows(_ROWS)

    def _take_rows(self, count: int) -> None:
        rows, self._gathered = self._gathered[:count], self._gathered[count:]
        if any(map(is_batch, rows)):
            raise InvalidArgTypeError("a record batch follows rows")
        self._add(self._builder.build(rows))

    def _take_batch(self, batch: Any) -> None:
        if not is_batch(batch):
            raise InvalidArgTypeError(f"a row follows record batches: {batch!r:.200}")
        if self._builder.schema is None:
            self._builder.schema = batch.schema
        schema = self._builder.schema
        self._add(batch if batch.schema.equals(schema) else self._fitted(batch, schema))

    def _fitted(self, batch: Any, schema: Any) -> Any:
        if batch.schema.names == schema.names:
            try:
                return batch.cast(schema)
            except (ValueError, TypeError) as error:
                reason = str(error)
        else:
            reason = "other columns"
        raise InvalidArgValueError(
            f"a record batch does not fit into the schema of the file ({reason}): "
            f"{_in_a_line(batch.schema)}, where the file has {_in_a_line(schema)}"
        )

    def _begin(self) -> None:
        if not self._begun:
            self._begun = True
            self._begin_file(self._file.write_fd, self._builder.schema)

    def _add(self, batch: Any) -> None:
        self._begin()
        self._write_batch(batch)
        self.rows_written += batch.num_rows

    def _finish(self) -> None:
        if self._gathered:
            self._take_rows(len(self._gathered))
        if self._builder.schema is None:
            raise InvalidArgValueError(
                "nothing was written, so the columns of the file are not known; give schema"
            )
        self._begin()
        self._end_file()
        if self._file.replaces:
            self._file.publish()

    def _close(self) -> None:
        self._gathered.clear()
        try:
            self._drop_file()
        finally:
            self._file.close()

    def _close_quietly(self) -> None:
        self._gathered.clear()
        self._drop_file()
        self._file.discard()


def _in_a_line(schema: Any) -> str:
    return ", ".join(f"{field.name} {field.type}" for field in schema)
