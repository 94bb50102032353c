"""Make record batches of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import Any

from forebay.errors import InvalidArgTypeError, InvalidArgValueError
from forebay.formats._record_batches import load_pyarrow, name_twice

__all__ = ["BatchBuilder", "check_schema"]

# They have a length, and are no rows.
_TEXTS = {str, bytes, bytearray}


def check_schema(schema: object) -> Any:
    """Return a schema, a tuple of the names of columns, or None. Raises InvalidArgTypeError and InvalidArgValueError."""
    if schema is None:
        return None
    names = getattr(schema, "names", schema)
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise InvalidArgTypeError(
            f"schema must be a pyarrow.Schema or the names of the columns, got {schema!r}"
        )
    names = tuple(names)
    for name in names:
        if not isinstance(name, str):
            raise InvalidArgTypeError(f"schema must be a pyarrow.Schema or names as str, got {name!r} in it")
    twice = name_twice(names)
    if twice is not None:
        raise InvalidArgValueError(f"schema has the column {twice!r} twice")
    return names if names is schema or not hasattr(schema, "field") else schema


class BatchBuilder:
    """Makes record batches of lists of rows: tuples or other sequences, or mappings.

    The first list decides about the names and the types, as far as ``schema`` does not: None, a schema, or names.
    """

    def __init__(self, schema: Any) -> None:
        self._pyarrow = load_pyarrow()
        #: The schema; None before the first batch, unless it was given.
        self.schema: Any = schema if hasattr(schema, "field") else None
        self._names: tuple[str, ...] | None = (
            None if schema is None else tuple(getattr(schema, "names", schema))
        )
        self._pick: Callable[[Any], Any] | None = None
        self._count = 0
        self._begun = False

    def build(self, rows: list[Any]) -> Any:
        """Return the record batch of ``rows``, at least one.

        Raises:
            InvalidArgValueError: A row does not have the columns, or a value not the type, of the rows before.
            InvalidArgTypeError: A row is no sequence and no mapping.
        """
        if not self._begun:
            self._look_at(rows[0])
        assert self._names is not None
        values = [self._values(at, row) for at, row in enumerate(rows)] if self._pick else rows
        self._check_widths(values)
        columns: Sequence[Any] = list(zip(*values, strict=True)) or [()] * len(self._names)
        types = [None] * len(columns) if self.schema is None else self.schema.types
        arrays = [
            self._array(name, kind, column)
            for name, kind, column in zip(self._names, types, columns, strict=True)
        ]
        if self.schema is None:
            self.schema = self._pyarrow.schema(
                [(name, array.type) for name, array in zip(self._names, arrays, strict=True)]
            )
        self._count += len(rows)
        return self._pyarrow.RecordBatch.from_arrays(arrays, schema=self.schema)

    def _look_at(self, row: Any) -> None:
        self._begun = True
        keys = getattr(row, "keys", None)
        if callable(keys):
            names = tuple(map(str, keys()))
            if self._names is None:
                self._names = names
            only = self._names[0] if len(self._names) == 1 else None
            self._pick = itemgetter(*self._names) if only is None else lambda row: (row[only],)
        elif self._names is None:
            raise InvalidArgValueError(
                f"rows without names need schema: a pyarrow.Schema, or the names of the columns; got {row!r:.200}"
            )

    def _values(self, at: int, row: Any) -> Any:
        assert self._pick is not None
        try:
            if len(row) == len(self._names or ()):
                return self._pick(row)
        except (KeyError, IndexError, TypeError):
            pass
        raise InvalidArgValueError(
            f"{self._at(at)} must have the columns {self._named()}, and is {row!r:.200}"
        )

    def _check_widths(self, rows: list[Any]) -> None:
        assert self._names is not None
        width = len(self._names)
        try:
            if set(map(len, rows)) == {width} and not _TEXTS & set(map(type, rows)):
                return
        except TypeError:
            pass
        for at, row in enumerate(rows):
            if not hasattr(row, "__len__") or isinstance(row, str | bytes):
                raise InvalidArgTypeError(
                    f"{self._at(at)} must be a sequence or a mapping, and is {row!r:.200}"
                )
            if len(row) != width:
                raise InvalidArgValueError(
                    f"{self._at(at)} must have {width} values, for {self._named()}, and is {row!r:.200}"
                )

    def _array(self, name: str, kind: Any, values: Sequence[Any]) -> Any:
        wrong = (self._pyarrow.ArrowException, TypeError, ValueError, OverflowError)
        try:
            return self._pyarrow.array(values, type=kind)
        except wrong as error:
            failure: BaseException = error
        for at, value in enumerate(values):
            try:
                self._pyarrow.array([*values[:1], value], type=kind)
            except wrong:
                expected = f"of the type {kind}" if kind is not None else "of one type"
                raise InvalidArgValueError(
                    f"{self._at(at)} has {value!r:.200} in the column {name!r}, whose values are {expected}; "
                    "give schema if the first rows do not show the types"
                ) from failure
        raise failure

    def _at(self, at: int) -> str:
        return f"row {self._count + at + 1:,}"

    def _named(self) -> str:
        return ", ".join(self._names or ())
