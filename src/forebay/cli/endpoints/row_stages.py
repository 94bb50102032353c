"""Stages between rows, and between the formats of rows, for the ends of a copy."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date, datetime, time
from json import dumps
from math import isfinite
from typing import Any

from forebay.errors import RecordError
from forebay.formats._json_parser import with_floats
from forebay.formats._row_encoder import RowEncoder
from forebay.streams.transform import Transform

__all__ = [
    "CopiedJson",
    "CsvRows",
    "JsonArray",
    "JsonValues",
    "PlainValues",
    "WholeRows",
    "array_text",
    "json_text",
]

# Rows that a stage holds.
_MARK = 1000
# Values that every driver takes.
_PLAIN = {int, float, str, bytes, type(None)}
# Values that JSON has, and floats, which may be none.
_JSON = {int, float, str, bool, type(None)}
_CONTAINERS = {list, dict}
_ESCAPE = re.compile(rb"\\(.)", re.DOTALL)


class CsvRows(RowEncoder):
    """Rows as dicts → CSV as PostgreSQL writes it: a NULL is ``null`` without quotes, and a text that could be one is quoted.

    ``forms`` has functions for the values of some columns, by their names.
    """

    def __init__(
        self, delimiter: str, header: bool, null: str, forms: Mapping[str, Callable[[Any], Any]] | None = None
    ) -> None:
        super().__init__(None, None)
        self._delimiter = delimiter
        self._header = header
        self._null = null
        self._forms = forms
        self._special = re.compile(f'[{re.escape(delimiter)}"\r\n]|^\\s|\\s$|^\\\\\\.$')
        # The stream that is piped into this one, for the names if there is no row.
        self._source: Any = None
        self.on("pipe", self._piped)

    def _piped(self, source: Any) -> None:
        self._source = source

    def _encode_rows(self, rows: list[Any]) -> bytes:
        head = self._take_header(rows[0])
        if self._forms:
            rows = list(map(self._in_form, rows))
        join, text = self._delimiter.join, self._text
        return (head + "".join([join(map(text, row.values())) + "\n" for row in rows])).encode()

    def _in_form(self, row: dict[str, Any]) -> dict[str, Any]:
        forms = self._forms
        assert forms is not None
        return {
            name: value if value is None or name not in forms else forms[name](value)
            for name, value in row.items()
        }

    def _flush(self) -> bytes:
        names = getattr(self._source, "columns", None)
        return self._take_header(names).encode() if names else b""

    def _take_header(self, names: Iterable[str]) -> str:
        if not self._header:
            return ""
        self._header = False
        return self._delimiter.join(map(self._text, names)) + "\n"

    def _text(self, value: Any) -> str:
        if value is None:
            return self._null
        kind = type(value)
        if kind is int or kind is float:
            text = repr(value)
        elif kind is bool:
            text = "t" if value else "f"
        else:
            text = value if kind is str else text_of(value)
            if self._special.search(text) is not None:
                return _quoted(text)
        return _quoted(text) if text == self._null else text


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def text_of(value: Any) -> str:
    """Return the text of a value as PostgreSQL reads it. Lists and objects are JSON."""
    if isinstance(value, bytes | bytearray | memoryview):
        return "\\x" + value.hex()
    if isinstance(value, list | tuple | dict):
        return json_text(value)
    if isinstance(value, datetime):
        return value.isoformat(" ")
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value)


def array_text(value: Any) -> Any:
    """Return the text of a list as PostgreSQL writes an array. Any other value is returned as it is."""
    if not isinstance(value, list | tuple):
        return value
    return "{" + ",".join(map(_element, value)) + "}"


def _element(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, list | tuple):
        return str(array_text(value))
    text = value if isinstance(value, str) else text_of(value)
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def json_text(value: Any) -> str:
    """Return a value as JSON."""
    return dumps(value, ensure_ascii=False, default=text_of)


class PlainValues(Transform[Any, Any]):
    """Rows as dicts → the same with values that SQLite and MySQL take: numbers, texts and bytes."""

    def __init__(self) -> None:
        super().__init__(object_mode=True, high_water_mark=_MARK)

    def _transform(self, row: Any) -> Any:
        kinds = set(map(type, row.values()))
        if kinds <= _PLAIN and (float not in kinds or all(value == value for value in row.values())):
            return row
        return {name: _plain(value) for name, value in row.items()}


def _plain(value: Any) -> Any:
    if type(value) in _PLAIN:
        # SQLite would make a NULL of NaN.
        return value if value == value else "NaN"
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, bytearray | memoryview):
        return bytes(value)
    return text_of(value)


class JsonValues(Transform[Any, Any]):
    r"""Rows as dicts → the same with texts for what JSON has no form for, as PostgreSQL writes them: ``\x00ff``, ``NaN``."""

    def __init__(self) -> None:
        super().__init__(object_mode=True, high_water_mark=_MARK)

    def _transform(self, row: Any) -> Any:
        kinds = set(map(type, row.values()))
        if kinds <= _JSON and (float not in kinds or all(map(_is_finite, row.values()))):
            return row
        return {name: _for_json(value) for name, value in row.items()}


def _is_finite(value: Any) -> bool:
    return type(value) is not float or isfinite(value)


def _for_json(value: Any) -> Any:
    if isinstance(value, float) and not isfinite(value):
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, bytes | bytearray | memoryview):
        return text_of(value)
    if isinstance(value, list | tuple):
        return list(map(_for_json, value))
    if isinstance(value, dict):
        return {key: _for_json(each) for key, each in value.items()}
    return value


class WholeRows(Transform[Any, Any]):
    """Objects of JSON → rows with the columns of the first one. A missing value is NULL, a new name is an error.

    ``exact`` are the columns in whose lists a Decimal stays one.
    """

    def __init__(self, exact: Collection[str] = ()) -> None:
        super().__init__(object_mode=True, high_water_mark=_MARK)
        self._exact = exact
        self._empty: dict[str, Any] | None = None
        self._count = 0

    def _transform(self, item: Any) -> Any:
        self._count += 1
        if not isinstance(item, Mapping):
            raise RecordError(f"row {self._count} is not an object of JSON but {item!r:.80}")
        if self._empty is None:
            self._empty = dict.fromkeys(item)
        row = {**self._empty, **item}
        if len(row) != len(self._empty):
            new = next(name for name in item if name not in self._empty)
            raise RecordError(f"row {self._count} has {new!r}, which the first row does not have")
        if not _CONTAINERS.isdisjoint(map(type, row.values())):
            for name, value in row.items():
                if type(value) in _CONTAINERS and name not in self._exact:
                    row[name] = with_floats(value)
        return row


class CopiedJson(Transform[Any, bytes]):
    """PostgreSQL's COPY of one column of JSON, in text format → JSON lines."""

    def __init__(self, high_water_mark: int | None = None) -> None:
        super().__init__(high_water_mark=high_water_mark)
        self._left = b""

    def _transform(self, chunk: Any) -> bytes:
        data = self._left + chunk
        # An odd number of backslashes at the end: the last one begins an escape.
        odd = (len(data) - len(data.rstrip(b"\\"))) % 2
        self._left = data[len(data) - odd :]
        data = data[: len(data) - odd]
        return _ESCAPE.sub(_unescaped, data) if b"\\" in data else data


def _unescaped(escape: re.Match[bytes]) -> bytes:
    # In JSON, a control character can only be white space between values.
    return b"\\" if escape[1] == b"\\" else b" "


class JsonArray(Transform[Any, bytes]):
    """JSON lines → one array."""

    def __init__(self, high_water_mark: int | None = None) -> None:
        super().__init__(high_water_mark=high_water_mark)
        # What comes before the next line.
        self._before = b"[\n"

    def _transform(self, chunk: Any) -> bytes:
        data = bytes(chunk)
        if not data:
            return data
        before, self._before = self._before, b""
        if data.endswith(b"\n"):
            data = data[:-1]
            self._before = b",\n"
        return before + data.replace(b"\n", b",\n")

    def _flush(self) -> bytes:
        return b"[]\n" if self._before == b"[\n" else b"\n]\n"
