"""The library that reads and writes JSON: msgspec, else orjson, else the json module. They read and write the same values.

What JSON has no form for becomes: dates and times, text as in ISO 8601; Decimal and UUID, their digits as text; bytes, base64 as
text; a set, a list; a record of a database, an object; NaN and the infinities, null.
"""

from __future__ import annotations

import datetime
import json
import math
import re
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence, Set
from decimal import Decimal
from enum import Enum
from functools import partial
from importlib import import_module
from typing import Any
from uuid import UUID

from forebay.errors import InvalidArgTypeError
from forebay.formats._checks import one_object_in_each_line

__all__ = ["JsonReader", "JsonWriter", "required"]

_FAST = ("msgspec", "orjson")
_LONG_NUMBER = re.compile(rb"\d{19}")
_ZERO = datetime.timedelta(0)
_DAY = datetime.timedelta(days=1)


def find_library() -> Any:
    """The fastest library that is installed."""
    for name in _FAST:
        try:
            return import_module(name)
        except ImportError:
            continue
    return json


def required(name: str, what: str) -> Any:
    """Import a library. Raise ImportError, with what to install, if it is missing."""
    try:
        return import_module(name)
    except ImportError as error:
        raise ImportError(f"{what} needs {name}; pip install {name}", name=name) from error


# ---- reading


class JsonReader:
    """Reads a value from each line. ``type_`` is what msgspec makes of it; None needs no msgspec.

    With ``decimals``, numbers with a fraction are Decimal.
    """

    def __init__(self, type_: Any, decimals: bool) -> None:
        library = find_library() if type_ is None else required("msgspec", "parse_lines(type=...)")
        self._decoder: Any = None
        if library.__name__ == "msgspec":
            hook = {"float_hook": Decimal} if decimals else {}
            try:
                self._decoder = (
                    library.json.Decoder(**hook) if type_ is None else library.json.Decoder(type_, **hook)
                )
            except TypeError as error:
                raise InvalidArgTypeError(f"type must be one that msgspec reads: {error}") from None
            self._load: Callable[[bytes], Any] = self._decoder.decode
        elif library is json or decimals:
            # orjson has no Decimal.
            self._load = partial(
                json.loads, parse_float=Decimal if decimals else float, parse_constant=_refuse_constant
            )
        else:
            self._load = partial(_load_exactly, library.loads)

    def all_at_once(self, lines: bytes) -> list[Any]:
        """Return the values of whole lines. Raises an Exception if one is wrong, or if there are not as many as lines."""
        if self._decoder is not None:
            values: list[Any] = self._decoder.decode_lines(lines)
            if one_object_in_each_line(lines, len(values)):
                return values
        return list(map(self._load, lines.split(b"\n")[:-1]))

    def one(self, line: bytes) -> Any:
        """Return the value of a line. Raises an Exception if it is wrong."""
        return self._load(line)


def _load_exactly(loads: Callable[[bytes], Any], line: bytes) -> Any:
    """Read a value with orjson, and one with long numbers with json: orjson makes a float of an integer of more than 64 bits."""
    if _LONG_NUMBER.search(line) is None:
        return loads(line)
    return json.loads(line, parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


# ---- writing


class JsonWriter:
    """Writes rows as JSON."""

    def __init__(self) -> None:
        library = find_library()
        self._lines: Callable[[list[Any]], bytes] | None = None
        self._encode: Callable[[Any], bytes] = _dumps
        if library.__name__ == "msgspec":
            encoder = library.json.Encoder(enc_hook=default)
            self._encode, self._lines = encoder.encode, encoder.encode_lines
        elif library.__name__ == "orjson":
            # Its own form of a time with an offset is an error.
            options = library.OPT_NON_STR_KEYS | library.OPT_PASSTHROUGH_DATETIME
            self._encode = lambda row: bytes(library.dumps(row, default, options))

    def lines(self, rows: list[Any]) -> bytes:
        """Return a line for each row. Raises TypeError if a row has what cannot be written."""
        if self._lines is not None:
            try:
                return self._lines(rows)
            except TypeError:
                # One of the rows has what the library does not take, such as a key that is None.
                pass
        lines = list(map(self.one, rows))
        lines.append(b"")
        return b"\n".join(lines)

    def one(self, row: Any) -> bytes:
        try:
            return self._encode(row)
        except TypeError:
            return _dumps(row)


def default(value: Any) -> Any:
    """Return the form of a value that JSON has none for. Raises TypeError if forebay has none either."""
    for kind, form in _FORMS:
        if isinstance(value, kind):
            return form(value)
    if hasattr(value, "keys") and hasattr(value, "__getitem__"):
        # A record of a database.
        return {str(key): value[key] for key in value.keys()}  # noqa: SIM118 - it may iterate over its values
    raise TypeError(f"a {type(value).__name__} has no form in JSON")


def _iso(value: datetime.datetime | datetime.time) -> str:
    text = value.isoformat()
    return text.removesuffix("+00:00") + "Z" if text.endswith("+00:00") else text


def _duration(value: datetime.timedelta) -> str:
    if not value:
        return "P0D"
    days, rest = divmod(abs(value), _DAY)
    text = f"{'-' if value < _ZERO else ''}P{f'{days}D' if days else ''}"
    if rest:
        fraction = f".{rest.microseconds:06}".rstrip("0") if rest.microseconds else ""
        text += f"T{rest.seconds}{fraction}S"
    return text


def _base64(value: bytes | bytearray | memoryview) -> str:
    return b64encode(value).decode()


_FORMS: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    (Enum, lambda value: value.value),
    ((datetime.datetime, datetime.time), _iso),
    (datetime.date, datetime.date.isoformat),
    (datetime.timedelta, _duration),
    ((Decimal, UUID), str),
    ((bytes, bytearray, memoryview), _base64),
    (Mapping, dict),
    ((Set, tuple), list),
)


def _dumps(row: Any) -> bytes:
    """Write a row with the json module, which is the one that takes everything once it is made plain."""
    try:
        return _compact(row)
    except (TypeError, ValueError):
        return _compact(_plain(row))


def _compact(row: Any) -> bytes:
    text = json.dumps(row, default=default, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode()


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {_key(key): _plain(each) for key, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray, memoryview)):
        return [_plain(each) for each in value]
    return _plain(default(value))


def _key(key: Any) -> Any:
    return key if key is None or isinstance(key, (str, int, float)) else _plain(key)
