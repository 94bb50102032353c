"""The base of the stages from rows to bytes: one call encodes all rows that were written in one go."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from forebay._core.abort import AbortSignal
from forebay._core.scheduling.ticks import next_tick
from forebay._core.state.completion import Completion
from forebay._core.state.many import take_waiting
from forebay.errors import RecordError, StreamDestroyedError
from forebay.formats._arguments import ROWS, row_mark
from forebay.streams.transform import Transform


class RowEncoder(Transform[Any, bytes]):
    """A Transform from rows to bytes. A subclass encodes a list of rows in `_encode_rows`."""

    def __init__(self, high_water_mark: int | None, signal: AbortSignal | None) -> None:
        super().__init__(
            writable_object_mode=True, writable_high_water_mark=row_mark(high_water_mark), signal=signal
        )
        # Rows that were encoded, ever.
        self._rows = 0

    def _encode_rows(self, rows: list[Any]) -> bytes:
        """Return the rows as bytes, with what belongs before the first one."""
        raise NotImplementedError

    def _transform(self, row: Any) -> Completion:
        # The rows that the writer adds before it returns to the loop are encoded with this one.
        done = Completion()
        next_tick(self._encode_waiting, row, done)
        return done

    def _encode_waiting(self, row: Any, done: Completion) -> None:
        if self.destroyed:
            done.reject(StreamDestroyedError("a row was not encoded: the stream was destroyed"))
            return
        rows = [row]
        waiting = take_waiting(self)
        if waiting is not None:
            rows += waiting
        try:
            output = self._encoded(rows)
        except Exception as error:
            done.reject(error)
        else:
            done.resolve(output)

    def _transform_many(self, rows: list[Any]) -> bytes | Iterator[bytes]:
        if len(rows) <= 2 * ROWS:
            return self._encoded(rows)
        return (self._encoded(rows[at : at + ROWS]) for at in range(0, len(rows), ROWS))

    def _encoded(self, rows: list[Any]) -> bytes:
        output = self._encode_rows(rows)
        self._rows += len(rows)
        return output

    def _find_wrong_row(self, rows: list[Any], error: Exception) -> Exception:
        """Return an error that names the first row that cannot be encoded; ``error`` if each of them can."""
        for number, row in enumerate(rows, self._rows + 1):
            try:
                self._encode_one(row)
            except Exception as wrong:
                found = RecordError(f"row {number} cannot be encoded: {wrong}")
                found.__cause__ = wrong
                return found
        return error

    def _encode_one(self, row: Any) -> object:
        """Encode one row only to see whether it can be."""
        raise NotImplementedError
