"""The stage that `csv.parse` returns."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import StringIO
from typing import Any

from forebay.errors import InvalidArgTypeError, InvalidArgValueError, RecordError
from forebay.formats._arguments import checked_names
from forebay.formats._blocks import RecordBlocks
from forebay.formats._checks import all_end_with_newline
from forebay.formats._record_decoder import RecordDecoder
from forebay.formats._row_shape import RowShape
from forebay.formats._text_encoding import TextEncoding

# A line behind the last one of a block: it is a record without a field, unless the block ends inside a record.
_END = "\n"
_BOM = "\ufeff"


class CsvParser(RecordDecoder):
    """The stream that `parse` returns."""

    def __init__(
        self,
        dialect: Any,
        *,
        columns: bool | Sequence[str] | None,
        rows: type | None,
        types: Mapping[str, Callable[[str], Any]] | Sequence[Callable[[str], Any] | None] | None,
        null: str | None,
        skip_empty_lines: bool | None,
        encoding: str,
        limit: int,
        on_error: Callable[[RecordError], object] | None,
        high_water_mark: int | None,
        signal: Any,
    ) -> None:
        if columns is False:
            columns = None
        names = None if columns is None or columns is True else checked_names("columns", columns)
        if rows not in (None, dict, tuple, list):
            raise InvalidArgTypeError(f"rows must be dict, tuple, list or None, got {rows!r:.80}")
        if rows is dict and columns is None:
            raise InvalidArgValueError("rows=dict needs names: columns=True, or a sequence of them")
        if null is not None and not isinstance(null, str):
            raise InvalidArgTypeError(f"null must be a str or None, got {null!r}")
        kind = rows if rows is not None else list if columns is None else dict
        if skip_empty_lines is not None:
            skip_empty_lines = bool(skip_empty_lines)
        self._shape = RowShape(kind, types, null, skip_empty_lines, columns is not None)
        if names is not None:
            self._shape.set_columns(names)
        self._dialect = dialect
        self._encoding = TextEncoding(encoding)
        quote = None if dialect.quoting == csv.QUOTE_NONE else dialect.quotechar
        self._blocks = RecordBlocks(quote, dialect.escapechar)
        # Bytes before the text that waits; whether there was any text.
        self._position = self._encoding.mark
        self._begun = False
        super().__init__(limit, on_error, high_water_mark, signal)

    @property
    def columns(self) -> tuple[str, ...] | None:
        """The names of the columns; None until they are known, and without names. A 'columns' event tells them."""
        return self._shape.columns

    def _decode(self, data: Any) -> list[Any]:
        return self._rows_of(self._text(data, False))

    def _rows_of(self, text: str) -> list[Any]:
        block = self._blocks.add(text) if text else ""
        rows = self._records(block, False) if block else []
        if self._bytes - self._position > self._limit:
            block = self._blocks.lines()
            if block:
                rows += self._records(block, False)
            if self._bytes - self._position > self._limit:
                self.push_many(rows)
                raise self._too_long(self._lines + 1, self._position)
        return rows

    def _decode_rest(self) -> list[Any]:
        # An error of the last bytes comes behind the records that wait.
        last = self._text(b"", True)
        rest = self._blocks.rest() + last
        rows = self._records(rest, True) if rest else []
        return rows + self._shape.rest()

    def _text(self, data: Any, final: bool) -> str:
        try:
            return self._without_mark(self._encoding.decoder.decode(data, final))
        except UnicodeDecodeError as error:
            # The records before it come first, as they do if they were in another piece.
            good = error.object[: error.start].decode(self._encoding.name, "replace")
            self._bytes += error.start - len(error.object)
            rows = self._rows_of(self._without_mark(good))
            block = self._blocks.lines()
            self.push_many(rows + self._records(block, False) if block else rows)
            raise self._undecodable(error) from None

    def _without_mark(self, text: str) -> str:
        if text and not self._begun:
            self._begun = True
            if text.startswith(_BOM):
                self._position += self._encoding.size(_BOM)
                return text[1:]
        return text

    def _undecodable(self, error: UnicodeDecodeError) -> RecordError:
        position = self._bytes
        rest = self._blocks.rest().replace("\r\n", "\n")
        line = self._lines + 1 + rest.count("\n") + rest.count("\r")
        return RecordError(
            f"line {line} (byte {position}): the bytes {error.object[error.start : error.end]!r} are not in "
            f"{self._encoding.name}: {error.reason}",
            line,
            position,
        )

    # ---- records

    def _records(self, block: str, final: bool) -> list[Any]:
        """Return the rows of a block of lines. A record that its end cuts goes back, unless the input is ``final``."""
        lines = block.splitlines(True)
        if not all_end_with_newline(lines):
            # Line ends that only str knows, or a lone "\r"; or no line end behind the last line.
            lines = list(StringIO(block, newline=""))
        size = self._encoding.size(block)
        with _field_limit(self._limit):
            rows: list[Any] = []
            if self._shape.needs_header:
                lines = self._one_by_one(lines, final, rows, header_only=True)
                size = self._encoding.size("".join(lines))
            if lines and (size > self._limit or not self._all_at_once(lines, final, size, rows)):
                self._one_by_one(lines, final, rows)
        return rows

    def _all_at_once(self, lines: list[str], final: bool, size: int, rows: list[Any]) -> bool:
        """Add the rows of these lines; return False, and add nothing, if a record needs a look of its own."""
        if final:
            return False
        records: list[list[str]] = []
        lines.append(_END)
        try:
            records.extend(csv.reader(lines, self._dialect))
            if not records or records.pop():
                # The block ends inside a record.
                return False
            shaped = self._shape.rows(records)
        except Exception:
            return False
        finally:
            lines.pop()
        rows += shaped
        self._lines += len(lines)
        self._position += size
        return True

    def _one_by_one(
        self, lines: list[str], final: bool, rows: list[Any], header_only: bool = False
    ) -> list[str]:
        """Add the rows of these lines, with a look at each record. Return the lines that remain behind the header."""
        count = len(lines)
        reader = csv.reader([*lines, *([] if final else [_END])], self._dialect)
        start = 0
        while start < count and (self._shape.needs_header or not header_only):
            error: Exception | None = None
            record: list[str] = []
            try:
                record = next(reader)
            except StopIteration:
                break
            except csv.Error as failure:
                error = failure
            end = reader.line_num
            if end > count:
                self._blocks.give_back("".join(lines[start:]))
                return []
            self._add(record, error, "".join(lines[start:end]), rows)
            self._lines += end - start
            start = end
        return lines[start:]

    def _add(self, record: list[str], error: Exception | None, text: str, rows: list[Any]) -> None:
        line, position = self._lines + 1, self._position
        size = self._encoding.size(text)
        if size > self._limit:
            self.push_many(rows)
            raise self._too_long(line, position)
        needs_header = self._shape.needs_header
        try:
            if error is not None:
                raise error
            rows += self._shape.rows([record])
        except Exception as failure:
            reason = self._shape.reason(record, failure)
            wrong = RecordError(f"line {line} (byte {position}){reason}", line, position)
            wrong.__cause__ = failure
            if needs_header:
                raise wrong from failure
            self._wrong(rows, wrong)
        self._position += size
        if needs_header and self.columns is not None:
            self.emit("columns", self.columns)


@contextmanager
def _field_limit(limit: int) -> Iterator[None]:
    """Let a field be as long as a record: the csv module's own limit is one for the whole program."""
    before = csv.field_size_limit()
    if before >= limit:
        yield
        return
    csv.field_size_limit(limit)
    try:
        yield
    finally:
        csv.field_size_limit(before)
