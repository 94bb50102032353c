# cython: nonecheck=True
"""Checks of header fields before they are sent: names are tokens, values have no line breaks."""

from __future__ import annotations

import re
from typing import Any

from forebay.errors import InvalidArgTypeError, InvalidHeaderError

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch
# Line breaks would start another header; other control characters are not allowed either.
_NOT_IN_VALUE = re.compile(r"[^\t\x20-\x7e\x80-\xff]").search
# Valid names and their lower-case forms; a program uses few names.
_checked_names: dict[Any, str] = {}
_MOST_CHECKED_NAMES = 500


def check_name(name: object) -> str:
    """Return the name in lower case. Raise InvalidHeaderError if it is not a name, InvalidArgTypeError if not a str."""
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
    """Return the value as text. Raises InvalidHeaderError for line breaks and characters outside Latin-1."""
    if type(value) is str:
        text = value
        if text.isascii() and text.isprintable():
            return text
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
