"""Checks of paths that callers give."""

from __future__ import annotations

import os

from forebay.errors import InvalidArgTypeError, InvalidArgValueError

__all__ = ["StrPath", "check_path"]

StrPath = str | bytes | os.PathLike[str] | os.PathLike[bytes]


def check_path(path: object) -> str | bytes:
    """Return the path in the form for ``os.open``."""
    if not isinstance(path, str | bytes | os.PathLike):
        raise InvalidArgTypeError(f"path must be a str, bytes or os.PathLike, got {path!r}")
    name: str | bytes = os.fspath(path)
    try:
        encoded = os.fsencode(name)
    except UnicodeEncodeError:
        raise InvalidArgValueError(
            f"path holds a character that a file's name cannot have, got {name!r}; such a name can be given as bytes"
        ) from None
    if b"\0" in encoded:
        raise InvalidArgValueError(f"path must not hold a null byte, got {name!r}")
    return name
