"""The stage that `csv.stringify` returns."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from io import StringIO
from operator import itemgetter
from typing import Any

from forebay._core.abort import AbortSignal
from forebay.errors import InvalidArgTypeError, InvalidArgValueError
from forebay.formats._arguments import checked_names
from forebay.formats._checks import common_length, common_type
from forebay.formats._row_encoder import RowEncoder
from forebay.formats._text_encoding import TextEncoding

# What str() of bytes, of a bytearray and of a memoryview contains.
_SIGNS_OF_BYTES = ("b'", 'b"', "<memory at ")
# A record of this text alone, without quotes, ends the input of PostgreSQL's COPY.
_END_OF_COPY = "\\."
# One of these is in each of them, too, and is found much faster.
_FIRST_SIGNS = ("'", "<")
_BYTES = (bytes, bytearray, memoryview)


class CsvWriter(RowEncoder):
    """The stream that `stringify` returns."""

    def __init__(
        self,
        dialect: Any,
        *,
        columns: Sequence[str] | None,
        header: bool,
        null: str,
        encoding: str,
        high_water_mark: int | None,
        signal: AbortSignal | None,
    ) -> None:
        if not isinstance(null, str):
            raise InvalidArgTypeError(f"null must be a str, got {null!r}")
        #: The names of the columns; None until they are known.
        self.columns: tuple[str, ...] | None = None if columns is None else checked_names("columns", columns)
        self._dialect = dialect
        self._header = bool(header)
        self._null = null
        self._encoding = TextEncoding(encoding)
        self._begun = False
        # How the values are taken from a mapping.
        self._getter: Callable[[Any], Sequence[Any]] | None = None
        # The stream that is piped into this one, until the first row has come.
        self._source: Any = None
        super().__init__(high_water_mark, signal)
        self.on("pipe", self._piped)

    def _piped(self, source: Any) -> None:
        self._source = source

    def _flush(self) -> bytes | None:
        return None if self._begun else self._begin(None) or None

    def _encode_rows(self, rows: list[Any]) -> bytes:
        try:
            kind = common_type(rows)
            kinds = set(map(type, rows)) if kind is None else {kind}
            _check_kinds(kinds)
            head = b"" if self._begun else self._begin(rows[0])
            text = self._text_of(rows, kinds)
            if _may_have_bytes(text):
                _refuse_bytes(rows)
            return head + self._encoding.encode(text)
        except Exception as error:
            raise self._find_wrong_row(rows, error) from error

    def _encode_one(self, row: Any) -> object:
        kinds = {type(row)}
        _check_kinds(kinds)
        text = self._text_of([row], kinds)
        _refuse_bytes([row])
        return self._encoding.encode(text)

    def _begin(self, first: Any) -> bytes:
        """Return what belongs before the first row; there is none if that is None."""
        if self.columns is None:
            self.columns = _names_of_row(first) or _names_of(self._source)
        if self.columns is None and self._header and first is not None:
            raise InvalidArgValueError(
                f"stringify() has no names for the header, and the first row is a {type(first).__name__}: give columns=, or "
                f"header=False"
            )
        self._begun = True
        self._source = None
        self.off("pipe", self._piped)
        if not self._header or self.columns is None:
            return self._encoding.bom
        return self._encoding.bom + self._encoding.encode(self._written([self.columns]))

    # ---- rows

    def _text_of(self, rows: list[Any], kinds: set[type]) -> str:
        mappings = [kind for kind in kinds if issubclass(kind, Mapping)]
        if mappings:
            rows = self._values(rows) if len(mappings) == len(kinds) else self._mixed_values(rows)
        elif self.columns is not None and common_length(rows) != len(self.columns):
            self._refuse_length(rows)
        if self._null:
            rows = [[self._null if value is None else value for value in row] for row in rows]
        text = self._written(rows)
        if ("\\" in text and _END_OF_COPY in text) or (
            "\r" in text and "\r" not in self._dialect.lineterminator
        ):
            return "".join(map(self._with_more_quotes, rows))
        return text

    def _written(self, rows: Sequence[Sequence[Any]], **options: Any) -> str:
        # A new one for each block: one that is used again copies its text another time.
        text = StringIO(newline="")
        csv.writer(text, self._dialect, **options).writerows(rows)
        return text.getvalue()

    def _values(self, rows: list[Any]) -> list[Any]:
        """The values of mappings in the order of the columns."""
        columns = self._known_columns()
        if self._getter is None:
            self._getter = _getter(columns)
        try:
            if common_length(rows) == len(columns):
                return list(map(self._getter, rows))
        except KeyError:
            pass
        return [self._values_of(row) for row in rows]

    def _values_of(self, row: Mapping[str, Any]) -> list[Any]:
        columns = self._known_columns()
        values = [row.get(name) for name in columns]
        if len(row) > sum(name in row for name in columns):
            unknown = [key for key in row if key not in columns]
            raise InvalidArgValueError(
                f"{', '.join(map(repr, unknown))} is no column; the columns are {', '.join(columns)}"
            )
        return values

    def _mixed_values(self, rows: list[Any]) -> list[Any]:
        values = [self._values_of(row) if isinstance(row, Mapping) else list(row) for row in rows]
        if self.columns is not None:
            self._refuse_length(values)
        return values

    def _known_columns(self) -> tuple[str, ...]:
        if self.columns is None:
            raise InvalidArgValueError("a mapping has no order of its own among other rows: give columns=")
        return self.columns

    def _refuse_length(self, rows: list[Any]) -> None:
        """Raise for a row with another number of values than there are columns."""
        columns = self._known_columns()
        for row in rows:
            if len(row) != len(columns):
                raise InvalidArgValueError(f"{len(row)} values, and there are {len(columns)} columns")

    def _with_more_quotes(self, row: Sequence[Any]) -> str:
        """One row, with quotes that the csv module leaves out: it quotes a "\\r" only if it is part of the line end."""
        if self._dialect.quoting == csv.QUOTE_MINIMAL and [str(value) for value in row] == [_END_OF_COPY]:
            return self._written([row], quoting=csv.QUOTE_ALL)
        if not any("\r" in str(value) for value in row):
            return self._written([row])
        text = self._written([row], lineterminator="\r\n")
        return text.removesuffix("\r\n") + str(self._dialect.lineterminator)


def _check_kinds(kinds: set[type]) -> None:
    for kind in kinds:
        if issubclass(kind, (str, *_BYTES)) or not hasattr(kind, "__iter__"):
            raise InvalidArgTypeError(f"a row must be a sequence of values or a mapping, got {kind.__name__}")


def _may_have_bytes(text: str) -> bool:
    return any(sign in text for sign in _FIRST_SIGNS) and any(sign in text for sign in _SIGNS_OF_BYTES)


def _refuse_bytes(rows: list[Any]) -> None:
    for row in rows:
        for value in row.values() if isinstance(row, Mapping) else row:
            if isinstance(value, _BYTES):
                raise InvalidArgTypeError(
                    f"a value is {type(value).__name__}, which CSV has no form for: decode it, or write its hex() or base64"
                )


def _getter(columns: tuple[str, ...]) -> Callable[[Any], Sequence[Any]]:
    if len(columns) == 1:
        name = columns[0]
        return lambda row: (row[name],)
    get: Callable[[Any], Sequence[Any]] = itemgetter(*columns)
    return get


def _names_of_row(row: Any) -> tuple[str, ...] | None:
    """The names that a row itself has: the keys of a mapping or of a database's record, the fields of a named tuple."""
    names = getattr(type(row), "_fields", None)
    if names is None and hasattr(row, "keys"):
        names = row.keys()
    return None if names is None else tuple(map(str, names))


def _names_of(source: Any) -> tuple[str, ...] | None:
    names = getattr(source, "columns", None)
    return tuple(map(str, names)) if isinstance(names, Sequence) else None
