"""Checks of the arguments of `forebay.sql`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from forebay.errors import InvalidArgTypeError, InvalidArgValueError, OutOfRangeError
from forebay.sql._session import CopyOptions

__all__ = [
    "METHODS",
    "TRANSACTIONS",
    "check_choice",
    "check_columns",
    "check_copy",
    "check_count",
    "check_named",
    "check_query",
    "check_seconds",
    "check_statement",
    "parameters",
]

TRANSACTIONS = ("stream", "batch", None)
METHODS = ("auto", "copy", "executemany", "values")
_STATEMENT_LIBRARIES = ("psycopg", "sqlalchemy")
_COPY_FORMATS = ("csv", "text", "binary")


def check_statement(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise InvalidArgTypeError(f"{name} must be a str, got {value!r}")
    if not value.strip():
        raise InvalidArgValueError(f"{name} must not be empty")
    return value


def check_query(name: str, value: object) -> Any:
    """Check a statement, which may be an object that the driver makes: an expression of SQLAlchemy, a ``psycopg.sql.SQL``."""
    if type(value).__module__.partition(".")[0] in _STATEMENT_LIBRARIES:
        return value
    return check_statement(name, value)


def check_count(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidArgTypeError(f"{name} must be an int, got {value!r}")
    if value < 1:
        raise OutOfRangeError(f"{name} must be 1 or more, got {value}")
    return value


def check_seconds(name: str, value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidArgTypeError(f"{name} must be a number of seconds or None, got {value!r}")
    if not value > 0:
        raise OutOfRangeError(f"{name} must be more than 0 seconds, got {value}")
    return value


def check_choice(name: str, value: Any, choices: tuple[Any, ...]) -> Any:
    if value not in choices:
        raise InvalidArgValueError(f"{name} must be one of {', '.join(map(repr, choices))}; got {value!r}")
    return value


def check_columns(name: str, value: object) -> tuple[str, ...] | None:
    if value is None:
        return None
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise InvalidArgTypeError(f"{name} must be the names of columns, like ('id', 'name'); got {value!r}")
    names = tuple(value)
    for column in names:
        if not isinstance(column, str):
            raise InvalidArgTypeError(
                f"{name} must be the names of columns as str, got {column!r} among them"
            )
    if not names:
        raise InvalidArgValueError(f"{name} must not be empty; None stands for all columns")
    if len(set(names)) != len(names):
        raise InvalidArgValueError(f"{name} has a column twice: {names!r}")
    return names


def check_copy(format: object, header: object, delimiter: object, null: object) -> CopyOptions:
    check_choice("format", format, _COPY_FORMATS)
    if not isinstance(header, bool):
        raise InvalidArgTypeError(f"header must be True or False, got {header!r}")
    for name, value in (("delimiter", delimiter), ("null", null)):
        if value is not None and not isinstance(value, str):
            raise InvalidArgTypeError(f"{name} must be a str or None, got {value!r}")
    if isinstance(delimiter, str) and len(delimiter.encode()) != 1:
        raise InvalidArgValueError(f"delimiter must be one single-byte character, got {delimiter!r}")
    if format == "binary" and (header or delimiter is not None or null is not None):
        raise InvalidArgValueError('format="binary" has no header, delimiter or null')
    return CopyOptions(format, header, delimiter, null)  # type: ignore[arg-type]


def check_named(format: object, columns: object) -> None:
    """Check the arguments beside ``header="columns"``."""
    if format != "csv":
        raise InvalidArgValueError(f'header="columns" is for format="csv", got format={format!r}')
    if columns is not None:
        raise InvalidArgValueError(
            'header="columns" takes the columns from the header line; leave columns out'
        )


def parameters(args: Sequence[Any]) -> Any:
    """Return the values of placeholders as PEP 249 takes them: one dict alone gives them by name."""
    return args[0] if len(args) == 1 and isinstance(args[0], dict) else tuple(args)
