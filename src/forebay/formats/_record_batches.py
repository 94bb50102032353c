"""Arrow record batches: recognise them, and make rows of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from importlib import import_module
from itertools import pairwise
from typing import Any

__all__ = ["dicts_of", "is_batch", "load_pyarrow", "name_twice", "tuples_of"]

# The letters of the struct module for the types whose values a buffer has one after the other.
_LETTERS = {
    "int8": "b",
    "int16": "h",
    "int32": "i",
    "int64": "q",
    "uint8": "B",
    "uint16": "H",
    "uint32": "I",
    "uint64": "Q",
    "float": "f",
    "double": "d",
}
_EPOCH = datetime(1970, 1, 1)


def load_pyarrow(module: str = "pyarrow") -> Any:
    """Import pyarrow, or a module of it. Raises ImportError that says what to install."""
    try:
        return import_module(module)
    except ImportError as error:
        raise ImportError(f"Arrow data needs {module}; pip install pyarrow", name=module) from error


def is_batch(chunk: object) -> bool:
    """Whether ``chunk`` is a record batch or a table of pyarrow."""
    return hasattr(chunk, "num_rows") and hasattr(chunk, "schema") and hasattr(chunk, "columns")


def tuples_of(batch: Any) -> list[tuple[Any, ...]]:
    """Return the rows of a record batch or a table as tuples."""
    if not batch.num_columns:
        return [()] * batch.num_rows
    return list(zip(*map(_values, batch.columns), strict=True))


def dicts_of(batch: Any) -> list[dict[str, Any]]:
    """Return the rows of a record batch or a table as dicts. The columns have different names."""
    names = batch.schema.names
    return [dict(zip(names, row, strict=True)) for row in tuples_of(batch)]


def name_twice(names: Sequence[str]) -> str | None:
    """Return a name that is in ``names`` more than once, or None."""
    seen: set[str] = set()
    return next((name for name in names if name in seen or seen.add(name)), None)  # type: ignore[func-returns-value]


def _values(column: Any) -> list[Any]:
    """Return the values of a column: from its buffer where that is possible, as pyarrow's own way takes ten times as long."""
    read = None if column.null_count or not hasattr(column, "buffers") else _reader(column.type)
    values: list[Any] = column.to_pylist() if read is None else read(column)
    return values


def _reader(kind: Any) -> Callable[[Any], list[Any]] | None:
    name = str(kind)
    if name in _LETTERS:
        letter = _LETTERS[name]
        return lambda column: _numbers(column, letter)
    if name == "string":
        return _texts
    if name == "timestamp[us]":
        return _timestamps
    return None


def _numbers(column: Any, letter: str) -> list[Any]:
    if not len(column):
        return []
    values = memoryview(column.buffers()[1]).cast("B")
    size = len(column) * column.type.byte_width
    start = column.offset * column.type.byte_width
    numbers: list[Any] = values[start : start + size].cast(letter).tolist()  # type: ignore[call-overload]
    return numbers


def _timestamps(column: Any) -> list[Any]:
    try:
        return [_EPOCH + timedelta(0, 0, value) for value in _numbers(column, "q")]
    except OverflowError:
        # pyarrow's error names the value.
        values: list[Any] = column.to_pylist()
        return values


def _texts(column: Any) -> list[Any]:
    if not len(column):
        return []
    _, offsets, data = column.buffers()
    start, size = column.offset * 4, (len(column) + 1) * 4
    ends = memoryview(offsets).cast("B")[start : start + size].cast("i").tolist()
    first, last = ends[0], ends[-1]
    block = b"" if data is None else bytes(memoryview(data)[first:last])
    if block.isascii():
        text = block.decode("ascii")
        return [text[a - first : b - first] for a, b in pairwise(ends)]
    return [block[a - first : b - first].decode() for a, b in pairwise(ends)]
