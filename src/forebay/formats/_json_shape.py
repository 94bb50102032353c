"""Checks of JSON before ijson gets it: it has no limits of its own for the depth and for the digits of an integer."""

from __future__ import annotations

import re
import sys

from forebay.errors import RecordError

__all__ = ["ShapeCheck"]

#: The deepest nesting. ijson keeps the path of each level, so its memory grows with the square of the depth.
MOST_LEVELS = 500

# Rounds that take away pairs of brackets.
_FEW_LEVELS = 4
_DIGITS = b"0123456789"
_digits = re.compile(rb"[0-9]*").match
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


class ShapeCheck:
    """Follows a document in pieces, and knows which bytes are inside of strings."""

    def __init__(self) -> None:
        self._inside = False
        # A backslash at the end of a piece.
        self._escape = b""
        self._levels = 0
        # The digits at the end of what came.
        self._run = 0

    def look(self, data: bytes) -> None:
        """Raise RecordError if the document is nested too deeply, or has an integer that Python does not convert."""
        if self._escape:
            data = self._escape + data
            self._escape = b""
        if b"\\" in data:
            data = data.replace(b"\\\\", b"").replace(b'\\"', b"")
            if data.endswith(b"\\"):
                self._escape = b"\\"
        pieces = data.split(b'"')
        if self._inside:
            self._run = 0
        outside = b'"'.join(pieces[1::2] if self._inside else pieces[::2])
        if len(pieces) % 2 == 0:
            self._inside = not self._inside
            outside += b'"'
        if outside:
            self._check_levels(outside)
            self._check_digits(outside)

    def _check_levels(self, text: bytes) -> None:
        brackets = text.translate(None, _NO_BRACKETS)
        # Most brackets are in pairs a few levels deep, and need no look.
        few = brackets
        for _ in range(_FEW_LEVELS):
            few = few.replace(b"[]", b"").replace(b"{}", b"")
        deepest, levels = _levels_of(few, self._levels)
        if deepest + _FEW_LEVELS > MOST_LEVELS:
            deepest, levels = _levels_of(brackets, self._levels)
            if deepest > MOST_LEVELS:
                raise RecordError(f"the document is nested more than {MOST_LEVELS} levels deep")
        self._levels = levels

    def _check_digits(self, text: bytes) -> None:
        most = sys.get_int_max_str_digits()
        if not most:
            return
        first = _run_at(text, 0)
        longest = self._run + first
        # A run that is too long has a digit in one of these places.
        for at in range(first, len(text), most):
            if text[at] in _DIGITS:
                near = text[max(0, at - most) : at]
                longest = max(longest, len(near) - len(near.rstrip(_DIGITS)) + _run_at(text, at))
        if longest > most:
            raise RecordError(
                f"a number has more than {most:,} digits, the limit of sys.set_int_max_str_digits()"
            )
        self._run = longest if first == len(text) else len(text) - len(text.rstrip(_DIGITS))


def _levels_of(brackets: bytes, levels: int) -> tuple[int, int]:
    """Return the most levels behind any of these brackets, and those behind all of them."""
    deepest = levels
    for bracket in brackets:
        if bracket in b"[{":
            levels += 1
            deepest = max(deepest, levels)
        elif levels:
            levels -= 1
    return deepest, levels


def _run_at(text: bytes, at: int) -> int:
    """Return the number of digits from a place on."""
    found = _digits(text, at)
    return 0 if found is None else found.end() - at
