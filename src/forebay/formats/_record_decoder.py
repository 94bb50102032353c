"""The base of the stages from bytes to rows: input in slices, output in lists, and what is done with wrong records."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from forebay._core.abort import AbortSignal
from forebay.errors import RecordError
from forebay.formats._arguments import checked_function, checked_limit, row_mark
from forebay.streams.generics import Buffer
from forebay.streams.transform import Transform

# Bytes that are decoded in one call of the library: some 200 rows, which stay in the processor's cache until they are
# handed on. Between two calls the stage waits for room.
_SLICE = 16 * 1024

#: What is called with a wrong record, to have it skipped.
OnError = Callable[[RecordError], object]


class RecordDecoder(Transform[Buffer, Any]):
    """A Transform from bytes to rows. A subclass finds the rows of more bytes in `_decode`, and of the last in `_decode_rest`."""

    def __init__(
        self,
        limit: int,
        on_error: OnError | None,
        high_water_mark: int | None,
        signal: AbortSignal | None,
    ) -> None:
        self._limit = checked_limit(limit)
        self._on_error = checked_function("on_error", on_error)
        # Bytes that came in, ever, and lines that were decoded.
        self._bytes = 0
        self._lines = 0
        super().__init__(
            readable_object_mode=True, readable_high_water_mark=row_mark(high_water_mark), signal=signal
        )

    def _decode(self, data: Any) -> list[Any]:
        """Return the rows that are complete with these bytes."""
        raise NotImplementedError

    def _decode_rest(self) -> list[Any]:
        """Return the rows that the end of the input completes."""
        raise NotImplementedError

    def _transform(self, chunk: Any) -> Iterator[Any] | None:
        if len(chunk) > _SLICE:
            return self._decode_in_slices(chunk)
        self._bytes += len(chunk)
        rows = self._decode(chunk)
        if rows:
            self.push_many(rows)
        return None

    def _transform_many(self, chunks: list[Any]) -> Iterator[Any] | None:
        return self._transform(b"".join(chunks))

    def _decode_in_slices(self, data: Any) -> Iterator[Any]:
        whole = memoryview(data)
        # Slices that end with a line need no copy of what remains.
        line_end = getattr(data, "rfind", None)
        at = 0
        while at < len(whole):
            cut = 0 if line_end is None else line_end(b"\n", at, at + _SLICE) + 1
            end = cut or min(at + _SLICE, len(whole))
            piece = whole[at:end]
            at = end
            self._bytes += len(piece)
            rows = self._decode(piece)
            if rows:
                # The stream waits for room behind what a generator gives.
                last = rows.pop()
                self.push_many(rows)
                yield last

    def _flush(self) -> None:
        rows = self._decode_rest()
        if rows:
            self.push_many(rows)

    def _wrong(self, rows: list[Any], error: RecordError) -> None:
        """Have a wrong record skipped, or raise its error after the rows before it are pushed."""
        if self._on_error is not None:
            self._on_error(error)
            return
        self.push_many(rows)
        raise error

    def _too_long(self, line: int, position: int) -> RecordError:
        return RecordError(
            f"line {line} (byte {position}): a record has more than {self._limit:,} bytes; is its end missing? "
            f"Otherwise give a larger limit",
            line,
            position,
        )
