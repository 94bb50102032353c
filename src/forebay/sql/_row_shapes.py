"""The form in which a query gives its rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from forebay.errors import InvalidArgTypeError, InvalidArgValueError

__all__ = ["ARROW", "RowShape", "check_shape", "converter"]

ARROW = "arrow"

#: The values of the argument ``rows``: None, tuple, dict, "arrow", or a function that gets the names of the columns and
#: returns the function that makes a row.
RowShape = Any

Convert = Callable[[list[Any]], list[Any]]


def check_shape(rows: RowShape) -> RowShape:
    if rows is None or rows is tuple or rows is dict or rows == ARROW or callable(rows):
        return rows
    raise InvalidArgTypeError(
        f'rows must be None, tuple, dict, "arrow", or a function that gets the names of the columns; got {rows!r}'
    )


def converter(rows: RowShape, columns: Sequence[str]) -> Convert | None:
    """Return the function that converts a batch, or None if the driver's rows are given as they are."""
    if rows is None or rows == ARROW:
        return None
    if rows is tuple:
        return _to_tuples
    if rows is dict:
        doubled = sorted({name for name in columns if columns.count(name) > 1})
        if doubled:
            raise InvalidArgValueError(
                f"rows=dict needs columns with different names, and the query has {doubled[0]!r} twice; "
                "rename one with AS, or use rows=tuple"
            )
        return _dict_maker(tuple(columns))
    make = rows(tuple(columns))
    if not callable(make):
        raise InvalidArgTypeError(f"rows must return a function that makes a row, and it returned {make!r}")
    return lambda batch: list(map(make, batch))


def _to_tuples(batch: list[Any]) -> list[Any]:
    if type(batch[0]) is tuple:
        return batch
    if isinstance(batch[0], dict):
        return [tuple(row.values()) for row in batch]
    return list(map(tuple, batch))


def _dict_maker(columns: tuple[str, ...]) -> Convert:
    def to_dicts(batch: list[Any]) -> list[Any]:
        if isinstance(batch[0], dict):
            return batch
        return [dict(zip(columns, row, strict=True)) for row in batch]

    return to_dicts
