"""Checks of arguments: separators, the policy for long lines, and whether an object was initialized."""

from __future__ import annotations

from typing import Any, Literal

#: The policies for a line that is longer than the limit.
LongLines = Literal["error", "skip", "split"]


class NotInitializedError(AttributeError):
    """The error for an object whose class did not call forebay's ``__init__``."""

    def __init__(self) -> None:
        super().__init__("super().__init__() was not called by the __init__() of a subclass")


def separator_of(separator: Any) -> bytes | list[bytes]:
    """Return one separator as bytes, or several as a list of bytes, the shortest first."""
    if type(separator) is bytes and separator:
        return separator
    if isinstance(separator, tuple):
        several = sorted([_separator_bytes(one) for one in separator], key=len)
        if not several:
            raise ValueError("Separator should contain at least one element")
        if not several[0]:
            raise ValueError("Separator should be at least one-byte string")
        return several if len(several) > 1 else several[0]
    one = _separator_bytes(separator)
    if not one:
        raise ValueError("Separator should be at least one-byte string")
    return one


def _separator_bytes(separator: Any) -> bytes:
    if isinstance(separator, (bytes, bytearray, memoryview)):
        return bytes(separator)
    raise TypeError(
        f"separator must be a bytes-like object or a tuple of them, not {type(separator).__name__}"
    )


def checked_long_lines(long_lines: LongLines) -> LongLines:
    """Return the argument if it is a known policy, else raise."""
    if long_lines in ("error", "skip", "split"):
        return long_lines
    raise ValueError(f"long_lines must be 'error', 'skip' or 'split', not {long_lines!r}")
