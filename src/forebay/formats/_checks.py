"""Checks of many rows, or of a block of lines, at once."""

from __future__ import annotations

from typing import Any

__all__ = ["all_end_with_newline", "common_length", "common_type", "has_none", "one_object_in_each_line"]


def has_none(rows: list[Any]) -> bool:
    """Return whether one of the rows is None."""
    return type(None) in set(map(type, rows))


def common_type(rows: list[Any]) -> type | None:
    """Return the type of all rows, or None if they have several, or if there is no row."""
    types = set(map(type, rows))
    return types.pop() if len(types) == 1 else None


def common_length(rows: list[Any]) -> int:
    """Return the length of all rows, or -1 if they have several, or if there is no row."""
    lengths = set(map(len, rows))
    return lengths.pop() if len(lengths) == 1 else -1


def all_end_with_newline(lines: list[str]) -> bool:
    """Return whether each of the lines ends with ``\\n``, and none with ``\\r`` alone or another line end of str."""
    return {line[-1:] for line in lines} == {"\n"}


def one_object_in_each_line(lines: bytes, count: int) -> bool:
    r"""Return whether ``lines``, which are ``count`` values of JSON, are one object in each line.

    A value over two lines and two values in one line would not change their number. But no value has a ``}``, a line end and a
    ``{`` in it, so between as many pieces as values there is one value in each.
    """
    # Faster than count(), which looks at each byte.
    if count != len(lines) - len(lines.replace(b"\n", b"")) or not lines.startswith(b"{"):
        return False
    between = b"}\r\n{" if lines.endswith(b"\r\n") else b"}\n{"
    return lines.count(between) == count - 1
