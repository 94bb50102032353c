"""Names of tables, as they are given to `forebay.sql`, and how SQL writes them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from forebay.errors import InvalidArgTypeError, InvalidArgValueError

__all__ = ["Table", "is_statement", "parse_table", "quoted"]

# A name of letters and digits, or any text in double quotes.
_PART = r'(?:[^\W\d][\w$]*|"(?:[^"]|"")+")'
_NAME = re.compile(rf"\s*(?:({_PART})\s*\.\s*)?({_PART})\s*\Z")
_COMMENT = r"(?:\s*(?:--[^\n]*\n|/\*.*?\*/|\())*\s*"
_WORDS = (
    "alter|call|copy|create|delete|desc|describe|drop|exec|execute|explain|from|insert|merge|pragma|replace|select|show|"
    "summarize|table|update|upsert|values|with"
)
_STATEMENT = re.compile(rf"{_COMMENT}(?:{_WORDS})\b\s*\S", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True)
class Table:
    """A table and, if it was given, its schema."""

    name: str
    schema: str | None = None

    def sql(self, quote: str = '"') -> str:
        """Return the name as it is written in a statement."""
        parts = [self.name] if self.schema is None else [self.schema, self.name]
        return ".".join(quoted(part, quote) for part in parts)

    def __str__(self) -> str:
        return self.name if self.schema is None else f"{self.schema}.{self.name}"


def quoted(name: str, quote: str = '"') -> str:
    """Return an identifier in quotes."""
    return quote + name.replace(quote, quote * 2) + quote


def is_statement(text: str) -> bool:
    """Whether ``text`` is a statement and not the name of a table."""
    return _NAME.match(text) is None and _STATEMENT.match(text) is not None


def parse_table(argument: str, text: object) -> Table:
    """Return the table that ``text`` names: ``"big"``, ``"public.big"``, ``'"Mixed Case"'``.

    A name without quotes is taken as it is written, and names in double quotes without the quotes.
    """
    if not isinstance(text, str):
        raise InvalidArgTypeError(f"{argument} must be the name of a table as a str, got {text!r}")
    match = _NAME.match(text)
    if match is None:
        raise InvalidArgValueError(
            f'{argument} must be the name of a table, like "orders" or "public.orders", got {text!r}; '
            "put a name with other characters into double quotes"
        )
    schema, name = (None if part is None else _unquoted(part) for part in match.groups())
    assert name is not None
    return Table(name, schema)


def _unquoted(part: str) -> str:
    return part[1:-1].replace('""', '"') if part.startswith('"') else part
