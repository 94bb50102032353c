"""Checks of the arguments that the formats share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from forebay.errors import InvalidArgTypeError, OutOfRangeError

# Rows that a stage holds on the side of its rows: the batch of a database, at which the price of a call no longer counts.
ROWS = 1000


def row_mark(high_water_mark: int | None) -> int:
    """The mark of the side of the rows."""
    return ROWS if high_water_mark is None else high_water_mark


def checked_limit(limit: Any) -> int:
    if isinstance(limit, bool) or not isinstance(limit, int):
        raise InvalidArgTypeError(f"limit must be a number of bytes, got {limit!r}")
    if limit < 1:
        raise OutOfRangeError(f"limit must be at least 1 byte, got {limit}")
    return limit


def checked_function(name: str, value: Any) -> Callable[..., Any] | None:
    if value is not None and not callable(value):
        raise InvalidArgTypeError(f"{name} must be a function or None, got {value!r:.80}")
    return value  # type: ignore[no-any-return]


def checked_names(name: str, value: Any) -> tuple[str, ...]:
    """The names of columns. Raises InvalidArgTypeError for anything else than a sequence of str."""
    if (
        isinstance(value, str)
        or not isinstance(value, Sequence)
        or not all(isinstance(each, str) for each in value)
    ):
        raise InvalidArgTypeError(f"{name} must be the names of the columns, got {value!r:.80}")
    return tuple(value)
