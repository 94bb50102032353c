"""Arguments of file streams: paths, descriptors, ranges and Node's words for how a file is opened."""

from __future__ import annotations

import os
from typing import Any

from forebay._system.paths import check_path
from forebay.errors import InvalidArgTypeError, InvalidArgValueError, MissingArgsError, OutOfRangeError

__all__ = [
    "check_atomic",
    "check_fd",
    "check_flags",
    "check_mode",
    "check_position",
    "check_source",
]

_SYNC = getattr(os, "O_SYNC", 0)
_BINARY = getattr(os, "O_BINARY", 0)
_CREATE = os.O_CREAT | os.O_TRUNC
_APPEND = os.O_CREAT | os.O_APPEND
_ACCESS = os.O_RDONLY | os.O_WRONLY | os.O_RDWR

_WORDS = {
    "r": os.O_RDONLY,
    "rs": os.O_RDONLY | _SYNC,
    "r+": os.O_RDWR,
    "rs+": os.O_RDWR | _SYNC,
    "w": os.O_WRONLY | _CREATE,
    "wx": os.O_WRONLY | _CREATE | os.O_EXCL,
    "w+": os.O_RDWR | _CREATE,
    "wx+": os.O_RDWR | _CREATE | os.O_EXCL,
    "a": os.O_WRONLY | _APPEND,
    "ax": os.O_WRONLY | _APPEND | os.O_EXCL,
    "as": os.O_WRONLY | _APPEND | _SYNC,
    "a+": os.O_RDWR | _APPEND,
    "ax+": os.O_RDWR | _APPEND | os.O_EXCL,
    "as+": os.O_RDWR | _APPEND | _SYNC,
}
_WORDS |= {"sr": _WORDS["rs"], "sr+": _WORDS["rs+"], "xw": _WORDS["wx"], "xw+": _WORDS["wx+"]}
_WORDS |= {"xa": _WORDS["ax"], "xa+": _WORDS["ax+"], "sa": _WORDS["as"], "sa+": _WORDS["as+"]}


def check_flags(flags: object, *, write: bool) -> int:
    """Return the flags for ``os.open`` of a word or a number. They must allow what the stream does."""
    if isinstance(flags, str):
        if flags not in _WORDS:
            known = ", ".join(
                repr(word) for word in ("r", "r+", "w", "wx", "w+", "wx+", "a", "ax", "a+", "ax+")
            )
            raise InvalidArgValueError(f"flags must be an int or one of {known}; got {flags!r}")
        number = _WORDS[flags]
    elif isinstance(flags, int) and not isinstance(flags, bool):
        number = flags
    else:
        raise InvalidArgTypeError(f"flags must be a str or an int, got {flags!r}")
    refused = os.O_RDONLY if write else os.O_WRONLY
    if number & _ACCESS == refused:
        verb, other = ("write", "'w' or 'r+'") if write else ("read", "'r' or 'r+'")
        raise InvalidArgValueError(f"flags={flags!r} does not let the stream {verb}; use {other}")
    return number | _BINARY


def check_fd(fd: object) -> int:
    if isinstance(fd, bool) or not isinstance(fd, int):
        hint = (
            "; pass its fileno(), and auto_close=False where the object closes it"
            if hasattr(fd, "fileno")
            else ""
        )
        raise InvalidArgTypeError(f"fd must be an int, got {fd!r}{hint}")
    if not 0 <= fd < 2**31:
        raise OutOfRangeError(f"fd must be a file descriptor, 0 or more, got {fd}")
    return fd


def check_source(path: object, fd: object) -> tuple[str | bytes | None, int | None]:
    """Return the path and the descriptor. One of them must be given."""
    if path is None and fd is None:
        raise MissingArgsError("a file stream needs a path or fd=")
    return (None if path is None else check_path(path)), (None if fd is None else check_fd(fd))


def check_mode(mode: object) -> None:
    """Return the permissions of a new file."""
    if isinstance(mode, bool) or not isinstance(mode, int):
        raise InvalidArgTypeError(
            f"mode must be an int, the permissions of a new file such as 0o644, got {mode!r}; how it is opened is flags="
        )
    if not 0 <= mode <= 0o7777:
        raise OutOfRangeError(f"mode must be from 0 to 0o7777, got {mode}")


def check_position(name: str, value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidArgTypeError(f"{name} must be an int, got {value!r}")
    if not 0 <= value < 2**63:
        raise OutOfRangeError(f"{name} must be a byte offset of 0 or more, got {value}")
    return value


def check_atomic(flags: Any, start: int | None, fd: int | None) -> None:
    """Raise InvalidArgValueError for options that contradict ``atomic=True``, which replaces a whole file by its path."""
    if fd is not None:
        raise InvalidArgValueError(
            "atomic=True needs a path to rename to; without atomic, fd= is written as it is"
        )
    if start is not None:
        raise InvalidArgValueError(
            "atomic=True writes the whole file anew; to change a part of one use flags='r+' and start= without atomic"
        )
    if isinstance(flags, str):
        flags = _WORDS.get(flags, 0)
    if flags & (os.O_APPEND | os.O_EXCL) or not flags & os.O_TRUNC or not flags & os.O_CREAT:
        raise InvalidArgValueError(
            "atomic=True replaces the file, so flags must be 'w'; to append or to keep what is there leave atomic out"
        )
