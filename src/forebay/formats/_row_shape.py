"""What a record of CSV becomes: the check of its fields, their types, and the form of the row."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from forebay.errors import InvalidArgTypeError, InvalidArgValueError
from forebay.formats._checks import common_length


class _Uneven(Exception):
    """A record has another number of fields than there are columns."""


class RowShape:
    """The form of the rows. Its methods take many records at a time, and fail as a whole."""

    def __init__(
        self,
        kind: type,
        types: Mapping[str, Callable[[str], Any]] | Sequence[Callable[[str], Any] | None] | None,
        null: str | None,
        skip_empty: bool | None,
        named: bool,
    ) -> None:
        self.columns: tuple[str, ...] | None = None
        self.needs_header = named
        self._kind = kind
        self._null = null
        self._skip_empty = skip_empty
        self._types = _checked_types(types, named)
        self._width: int | None = None
        # Whether a record with several fields has come.
        self._several = False
        # Without names: whether a record has come, and the empty lines before it.
        self._begun = False
        self._leading = 0
        # For each column its function, or None.
        self._functions: list[Callable[[str], Any] | None] = []
        self._converts = null is not None
        if self._types is not None and not isinstance(self._types, Mapping):
            self._take_functions(list(self._types))

    def set_columns(self, names: Sequence[str]) -> None:
        """Take the names of the columns. Raises InvalidArgValueError if they do not fit the options."""
        if self._kind is dict:
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise InvalidArgValueError(
                    f"{len(names) - len(set(names)) + len(twice)} columns are called {', '.join(map(repr, twice))}, and a "
                    f"dict holds one of each name; give columns=, or rows=tuple"
                )
        if isinstance(self._types, Mapping):
            unknown = [name for name in self._types if name not in names]
            if unknown:
                raise InvalidArgValueError(
                    f"types has {', '.join(map(repr, unknown))}, and the columns are {', '.join(map(repr, names))}"
                )
            self._take_functions([self._types.get(name) for name in names])
        elif self._width is not None and self._width != len(names):
            raise InvalidArgValueError(
                f"types has {self._width} functions, and there are {len(names)} columns"
            )
        self.columns = tuple(names)
        self._width = len(names)
        self.needs_header = False

    def _take_functions(self, functions: list[Callable[[str], Any] | None]) -> None:
        self._functions = functions
        self._width = len(functions)
        self._converts = self._null is not None or any(function is not None for function in functions)

    def rows(self, records: list[list[str]]) -> list[Any]:
        """Return the records as rows. The header is taken from the only record, if it is still needed."""
        length = common_length(records)
        if (length < 1 and not all(records)) or self._leading:
            records = self._with_empty_lines(records)
            length = common_length(records)
        if not records:
            return []
        self._begun = True
        if length != 1:
            self._several = True
        if self.needs_header:
            self.set_columns(records[0])
            return []
        if self._width is not None and length != self._width:
            raise _Uneven
        made: Any = records
        if self._converts:
            made = self._converted(records) if length >= 0 else [self._nulled(record) for record in records]
        if self._kind is dict:
            names: Any = self.columns
            return [dict(zip(names, record)) for record in made]  # noqa: B905 - their lengths are checked
        if self._kind is tuple:
            return list(made) if made is not records and length >= 0 else list(map(tuple, made))
        return records if made is records else list(map(list, made))

    def _with_empty_lines(self, records: list[list[str]]) -> list[list[str]]:
        """Decide what empty lines are, which the csv module reads as records without a field."""
        if self._skip_empty or (self._skip_empty is None and self.needs_header):
            return [record for record in records if record]
        if self._width == 1:
            return [record or [""] for record in records]
        if self._skip_empty is False:
            return records
        if self._width is not None:
            return [record for record in records if record]
        return self._in_data_without_names(records)

    def _in_data_without_names(self, records: list[list[str]]) -> list[list[str]]:
        """Empty lines are records where the other records have one field. Those before the first record wait for it."""
        kept: list[list[str]] = []
        begun = self._begun
        for record in records:
            if record:
                self._several = self._several or len(record) > 1
                if self._leading and not self._several:
                    kept += ([""] for _ in range(self._leading))
                self._leading = 0
                begun = True
                kept.append(record)
            elif not begun:
                self._leading += 1
            elif not self._several:
                kept.append([""])
        return kept

    def rest(self) -> list[Any]:
        """Return the rows that the end of the input completes: those of empty lines, if there is nothing else."""
        count, self._leading = self._leading, 0
        return self.rows([[""] for _ in range(count)]) if count else []

    def _converted(self, records: list[list[str]]) -> Any:
        """All fields of one column after the other, which takes a call for each column instead of one for each field."""
        null = self._null
        columns: list[Any] = list(zip(*records, strict=True))
        functions = self._functions or [None] * len(columns)
        for at, function in enumerate(functions):
            if null is not None:
                column = columns[at]
                if function is None:
                    columns[at] = [None if field == null else field for field in column]
                else:
                    columns[at] = [None if field == null else function(field) for field in column]
            elif function is not None:
                columns[at] = list(map(function, columns[at]))
        return zip(*columns, strict=True)

    def _nulled(self, record: list[str]) -> list[str | None]:
        return [None if field == self._null else field for field in record]

    def reason(self, record: list[str], failure: Exception) -> str:
        """Say what is wrong with a record that `rows` or the csv module has refused."""
        if isinstance(failure, _Uneven):
            fields = "1 field" if len(record) == 1 else f"{len(record)} fields"
            return f": {fields}, and there are {self._width} columns"
        if isinstance(failure, csv.Error):
            if "unexpected end of data" in str(failure):
                return ": the input ends inside a quoted field"
            return f": {failure}"
        for at, (function, field) in enumerate(zip(self._functions, record, strict=False)):
            if function is None or (self._null is not None and field == self._null):
                continue
            try:
                function(field)
            except Exception as refused:
                name = str(at + 1) if self.columns is None else repr(self.columns[at])
                return f", column {name}: {refused}"
        return f": {failure}"


def _checked_types(types: Any, named: bool) -> Any:
    if types is None:
        return None
    if isinstance(types, Mapping):
        if not named:
            raise InvalidArgValueError("types by name needs names of columns; give a sequence of functions")
        functions = list(types.values())
    elif isinstance(types, Sequence) and not isinstance(types, str):
        functions = [function for function in types if function is not None]
    else:
        raise InvalidArgTypeError(
            f"types must be functions by the names of columns, or a sequence of them, got {types!r:.80}"
        )
    for function in functions:
        if not callable(function):
            raise InvalidArgTypeError(f"types must have functions, such as int, got {function!r:.80}")
    return types
