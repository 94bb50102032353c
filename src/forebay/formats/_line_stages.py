"""The stages that `lines.split` and `lines.join` return."""

from __future__ import annotations

import codecs
from itertools import repeat
from typing import Any

from forebay._core.abort import AbortSignal
from forebay.errors import InvalidArgTypeError, RecordError
from forebay.formats._arguments import checked_limit
from forebay.formats._checks import common_type
from forebay.formats._frames import SeparatedFrames
from forebay.formats._record_decoder import RecordDecoder
from forebay.formats._row_encoder import RowEncoder
from forebay.formats._text_encoding import TextEncoding


class LineSplitter(RecordDecoder):
    """The stream that `split` returns."""

    def __init__(
        self,
        *,
        keep_ends: bool,
        universal: bool,
        limit: int,
        encoding: str | None,
        high_water_mark: int | None,
        signal: AbortSignal | None,
    ) -> None:
        self._decoder: Any = None
        self._newline: Any = b"\n"
        self._return: Any = b"\r"
        self._both: Any = b"\r\n"
        if encoding is not None:
            TextEncoding(encoding)  # checks the name
            self._decoder = codecs.getincrementaldecoder(encoding)("strict")
            self._newline, self._return, self._both = "\n", "\r", "\r\n"
        self._keep_ends = keep_ends
        self._universal = universal
        self._frames = SeparatedFrames(self._newline)
        # Whether a carriage return has come; most input has none, or one in each line.
        self._has_returns = False
        # Whether the last character was one, which has ended a line already.
        self._after_return = False
        self._position = 0
        super().__init__(checked_limit(limit), None, high_water_mark, signal)

    def _decode(self, data: Any) -> list[Any]:
        if self._decoder is None:
            return self._lines_of(data if type(data) is bytes else bytes(data))
        return self._lines_of(self._text(data, False))

    def _decode_rest(self) -> list[Any]:
        lines = [] if self._decoder is None else self._lines_of(self._text(b"", True))
        rest = self._frames.rest()
        if rest:
            self._check([rest], lines)
            lines.append(rest)
        return lines

    def _text(self, data: Any, final: bool) -> Any:
        try:
            return self._decoder.decode(data, final)
        except UnicodeDecodeError as error:
            # The lines before it come first, as they do if they were in another piece.
            self.push_many(self._lines_of(error.object[: error.start].decode(error.encoding, "replace")))
            line, wrong = self._lines + 1, error.object[error.start : error.end]
            raise RecordError(
                f"line {line}: the bytes {wrong!r} are not in {error.encoding}: {error.reason}", line
            ) from error

    def _lines_of(self, data: Any) -> list[Any]:
        if self._universal:
            data = self._translated(data)
        size = self._frames.size + len(data)
        lines = self._frames.add(data)
        if not self._universal and not self._has_returns:
            self._has_returns = self._return in data
        if size > self._limit:
            self._check(lines, [])
        self._lines += len(lines)
        self._position += size - self._frames.size
        # A carriage return at the end may belong to the line's end.
        if self._frames.size > self._limit + 1:
            self.push_many(self._finished(lines))
            raise self._too_long(self._lines + 1, self._position)
        return self._finished(lines)

    def _finished(self, lines: list[Any]) -> list[Any]:
        if self._keep_ends:
            newline = self._newline
            return [line + newline for line in lines]
        if self._has_returns:
            return list(map(type(self._newline).removesuffix, lines, repeat(self._return)))
        return lines

    def _translated(self, data: Any) -> Any:
        """Turn each line end into a newline."""
        if self._after_return and data[:1] == self._newline:
            data = data[1:]
            self._after_return = False
        if data:
            self._after_return = data[-1:] == self._return
        if self._return in data:
            data = data.replace(self._both, self._newline).replace(self._return, self._newline)
        return data

    def _check(self, lines: list[Any], before: list[Any]) -> None:
        """Raise the error of the first line that is too long, after ``before`` and the lines before it are pushed."""
        position = self._position
        for index, line in enumerate(lines):
            size = len(line) if self._universal else len(line.removesuffix(self._return))
            if size > self._limit:
                self.push_many([*before, *self._finished(lines[:index])])
                raise self._too_long(self._lines + index + 1, position)
            position += len(line) + 1

    def _too_long(self, line: int, position: int) -> RecordError:
        if self._decoder is None:
            return super()._too_long(line, position)
        return RecordError(
            f"line {line}: a record has more than {self._limit:,} characters; is its end missing? "
            f"Otherwise give a larger limit",
            line,
        )


class Joiner(RowEncoder):
    """The stream that `lines.join` and `frames.join` return."""

    def __init__(
        self, end: Any, encoding: str | None, high_water_mark: int | None, signal: AbortSignal | None
    ) -> None:
        self._encoding = None if encoding is None else TextEncoding(encoding)
        self._text_end = end if isinstance(end, str) else None
        if self._encoding is not None and isinstance(end, str):
            end = self._encoding.encode(end)
        if not isinstance(end, bytes):
            raise InvalidArgTypeError(f"end must be bytes or a str, got {end!r}")
        self._end = end
        # With an end such as b"aa", one may begin in the row and end behind it.
        self._overlaps = any(end[:size] == end[-size:] for size in range(1, len(end)))
        super().__init__(high_water_mark, signal)

    def _encode_rows(self, rows: list[Any]) -> bytes:
        end = self._end
        items = rows if common_type(rows) is bytes else [self._encode_one(row) for row in rows]
        output = end.join([*items, b""])
        # In a row, the end would make two rows of it.
        if end and (self._overlaps or output.count(end) != len(items)):
            self._find_end_in_row(rows, items)
        return output

    def _encode_one(self, row: Any) -> bytes:
        if isinstance(row, str):
            if self._encoding is None:
                raise InvalidArgTypeError(f"a row must be bytes, got {row!r:.80}; encode it first")
            return self._encoding.encode(row)
        try:
            return bytes(memoryview(row))
        except TypeError:
            raise InvalidArgTypeError(f"a row must be bytes or str, got {row!r:.80}") from None

    def _find_end_in_row(self, rows: list[Any], items: list[bytes]) -> None:
        end = self._end
        for number, (row, item) in enumerate(zip(rows, items, strict=True), self._rows + 1):
            if isinstance(row, str) and self._text_end is not None:
                # The bytes of the end may be those of halves of other characters.
                found = self._text_end in row
            else:
                found = (item + end).find(end) != len(item)
            if found:
                raise RecordError(f"row {number} cannot be written: it has the end {end!r} in it")
