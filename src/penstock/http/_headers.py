"""Header fields: what came, as a mapping that does not mind case; what is to go, checked before it does."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from penstock.errors import InvalidArgTypeError, InvalidHeaderError

__all__ = ["HeaderFields", "HeaderValue", "Headers", "check_name", "check_value", "header_items"]

HeaderValue = str | int | list[str] | tuple[str, ...]
HeaderFields = Mapping[str, HeaderValue] | Iterable[tuple[str, HeaderValue]]

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch
# Line breaks would start another header; the other controls mean nothing in one.
_NOT_IN_VALUE = re.compile(r"[^\t\x20-\x7e\x80-\xff]").search
# Names that were found good, and their lower case; programs use few of them.
_checked_names: dict[str, str] = {}
_MOST_CHECKED_NAMES = 500


def check_name(name: object) -> str:
    """The name in lower case. Raises InvalidHeaderError for what is no name, InvalidArgTypeError for what is no str."""
    lower = _checked_names.get(name) if type(name) is str else None
    if lower is not None:
        return lower
    if not isinstance(name, str):
        raise InvalidArgTypeError(f"a header name must be a str, got {name!r}")
    if not _TOKEN(name):
        raise InvalidHeaderError(f"{name!r} cannot be a header name; letters, digits and hyphens can")
    if len(_checked_names) < _MOST_CHECKED_NAMES:
        _checked_names[name] = name.lower()
    return name.lower()


def check_value(name: str, value: object) -> str:
    """The value as text. Raises InvalidHeaderError for line breaks and what is not Latin-1."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise InvalidArgTypeError(f"the value of the header {name!r} must be a str or an int, got {value!r}")
    if _NOT_IN_VALUE(value):
        raise InvalidHeaderError(
            f"the value of the header {name!r} must be Latin-1 without line breaks and other control characters,"
            f" got {value!r}; encode it, for example with urllib.parse.quote()"
        )
    return value


def header_items(headers: HeaderFields) -> list[tuple[str, HeaderValue]]:
    """The fields of a mapping or of pairs."""
    if isinstance(headers, Mapping):
        return list(headers.items())
    if isinstance(headers, str | bytes):
        raise InvalidArgTypeError(f"headers must be a mapping or pairs of name and value, got {headers!r}")
    return list(headers)


class Headers(Mapping[str, str]):
    """The header fields of a message that came, by name in any case.

    A field that came several times is one value, joined by ``", "`` (``"; "`` for Cookie); `get_all` has them one by
    one, which Set-Cookie needs. The bytes are read as Latin-1.
    """

    __slots__ = ("_fields",)

    def __init__(self, raw: Iterable[tuple[bytes, bytes]]) -> None:
        fields: dict[str, list[str]] = {}
        for name, value in raw:
            fields.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
        self._fields = fields

    def __getitem__(self, name: str) -> str:
        values = self._fields[name.lower()]
        if len(values) == 1:
            return values[0]
        return ("; " if name.lower() == "cookie" else ", ").join(values)

    def get_all(self, name: str) -> list[str]:
        """Every value of ``name`` in the order in which they came; empty where there is none."""
        return list(self._fields.get(name.lower(), ()))

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._fields

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __repr__(self) -> str:
        return f"Headers({dict(self)!r})"
