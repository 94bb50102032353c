"""The stages that `json.stringify_lines` and `json.stringify_array` return."""

from __future__ import annotations

import json
from typing import Any

from forebay._core.abort import AbortSignal
from forebay.errors import InvalidArgTypeError, OutOfRangeError
from forebay.formats._json_library import JsonWriter
from forebay.formats._row_encoder import RowEncoder


class JsonLinesWriter(RowEncoder):
    """The stream that `stringify_lines` returns."""

    def __init__(self, high_water_mark: int | None, signal: AbortSignal | None) -> None:
        self._json = JsonWriter()
        super().__init__(high_water_mark, signal)

    def _encode_rows(self, rows: list[Any]) -> bytes:
        try:
            return self._json.lines(rows)
        except Exception as error:
            raise self._find_wrong_row(rows, error) from error

    def _encode_one(self, row: Any) -> object:
        return self._json.one(row)


class JsonArrayWriter(JsonLinesWriter):
    """The stream that `stringify_array` returns."""

    def __init__(self, indent: int | None, high_water_mark: int | None, signal: AbortSignal | None) -> None:
        if indent is not None and (isinstance(indent, bool) or not isinstance(indent, int)):
            raise InvalidArgTypeError(f"indent must be a number of spaces or None, got {indent!r}")
        if indent is not None and indent < 0:
            raise OutOfRangeError(f"indent must not be negative, got {indent}")
        self._indent = indent
        super().__init__(high_water_mark, signal)

    def _encode_rows(self, rows: list[Any]) -> bytes:
        # No line of JSON has a line end in it.
        items = super()._encode_rows(rows)[:-1]
        if self._indent is None:
            return (b"," if self._rows else b"[") + items.replace(b"\n", b",")
        return (b",\n" if self._rows else b"[\n") + b",\n".join(map(self._indented, items.split(b"\n")))

    def _indented(self, item: bytes) -> bytes:
        margin = " " * self._indent  # type: ignore[operator]
        text = json.dumps(json.loads(item), indent=self._indent, ensure_ascii=False)
        return (margin + text.replace("\n", "\n" + margin)).encode()

    def _flush(self) -> bytes:
        if not self._rows:
            return b"[]\n"
        return b"]\n" if self._indent is None else b"\n]\n"
