"""The stages that `json.parse_lines` and `json.parse_array` return."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from forebay._core.abort import AbortSignal
from forebay.errors import InvalidArgTypeError, RecordError
from forebay.formats._blocks import LineBlocks
from forebay.formats._checks import has_none
from forebay.formats._json_library import JsonReader, required
from forebay.formats._json_shape import ShapeCheck
from forebay.formats._record_decoder import OnError, RecordDecoder

_BOM = b"\xef\xbb\xbf"
_MAY_HAVE_DECIMALS = {Decimal, dict, list}
_NULL = "a null cannot pass through a stream, in which None is the end"


class JsonLinesParser(RecordDecoder):
    """The stream that `parse_lines` returns."""

    def __init__(
        self,
        type_: Any,
        *,
        decimals: bool,
        limit: int,
        on_error: OnError | None,
        high_water_mark: int | None,
        signal: AbortSignal | None,
    ) -> None:
        self._reader = JsonReader(type_, decimals)
        self._blocks = LineBlocks()
        # Bytes before the line that waits; whether there was a line.
        self._position = 0
        self._begun = False
        super().__init__(limit, on_error, high_water_mark, signal)

    def _decode(self, data: Any) -> list[Any]:
        block = self._blocks.add(data if type(data) is bytes else bytes(data))
        rows = self._values(block) if block else []
        if self._blocks.size > self._limit:
            self.push_many(rows)
            self._without_bom(self._blocks.rest())
            raise self._too_long(self._lines + 1, self._position)
        return rows

    def _decode_rest(self) -> list[Any]:
        rest = self._blocks.rest()
        return self._one_by_one(self._without_bom(rest)) if rest else []

    def _without_bom(self, block: bytes) -> bytes:
        if not self._begun:
            self._begun = True
            if block.startswith(_BOM):
                self._position = len(_BOM)
                return block[len(_BOM) :]
        return block

    def _values(self, block: bytes) -> list[Any]:
        block = self._without_bom(block)
        if len(block) > self._limit:
            return self._one_by_one(block)
        try:
            rows = self._reader.all_at_once(block)
        except Exception:
            return self._one_by_one(block)
        if has_none(rows):
            return self._one_by_one(block)
        self._lines += len(rows)
        self._position += len(block)
        return rows

    def _one_by_one(self, block: bytes) -> list[Any]:
        rows: list[Any] = []
        lines = block.split(b"\n")
        if not lines[-1]:
            lines.pop()
        for line in lines:
            number, position = self._lines + 1, self._position
            if len(line) > self._limit:
                self.push_many(rows)
                raise self._too_long(number, position)
            if line and not line.isspace():
                try:
                    row = self._reader.one(line)
                    if row is None:
                        raise ValueError(_NULL)
                    rows.append(row)
                except Exception as failure:
                    error = RecordError(f"line {number} (byte {position}): {failure}", number, position)
                    error.__cause__ = failure
                    self._wrong(rows, error)
            self._lines = number
            self._position += len(line) + 1
        return rows


class JsonArrayParser(RecordDecoder):
    """The stream that `parse_array` returns."""

    def __init__(
        self, path: str, *, decimals: bool, high_water_mark: int | None, signal: AbortSignal | None
    ) -> None:
        if not isinstance(path, str):
            raise InvalidArgTypeError(f"path must be a str, got {path!r}")
        self._library = required("ijson", "parse_array()")
        self._found: list[Any] = self._library.sendable_list()
        self._parser = self._library.items_coro(self._found, path)
        self._decimals = decimals
        self._shape = ShapeCheck()
        super().__init__(1, None, high_water_mark, signal)

    def _decode(self, data: Any) -> list[Any]:
        data = bytes(data)
        self._shape.look(data)
        return self._next(lambda: self._parser.send(data))

    def _decode_rest(self) -> list[Any]:
        return self._next(self._parser.close)

    def _next(self, step: Any) -> list[Any]:
        try:
            step()
        except (self._library.JSONError, ArithmeticError, RecursionError) as failure:
            # Besides what is not JSON, a number may be too large, and an item too deep.
            self.push_many(self._take())
            what = str(failure).partition("\n")[0]
            raise RecordError(f"byte {self._bytes} or before: {what}", None, self._bytes) from failure
        return self._take()

    def _take(self) -> list[Any]:
        rows = list(self._found)
        self._found.clear()
        if has_none(rows):
            self.push_many(rows[: rows.index(None)])
            raise RecordError(f"{_NULL}; the item ends before byte {self._bytes}", None, self._bytes)
        return rows if self._decimals else list(map(with_floats, rows))


def with_floats(value: Any) -> Any:
    """Return a value with a float for each Decimal. The library itself would refuse integers of more than 64 bits then."""
    kind = type(value)
    if kind is Decimal:
        return float(value)
    if kind is dict:
        for key, each in value.items():
            if type(each) in _MAY_HAVE_DECIMALS:
                value[key] = with_floats(each)
    elif kind is list:
        return list(map(with_floats, value))
    return value
