"""Failures of the command: one line on standard error, and an exit status."""

from __future__ import annotations

import contextlib
import os
import sys
import unicodedata

__all__ = ["Failure", "complain", "in_one_line"]


# The text for an empty name.
NO_NAME = "''"
# Control and format characters, and line breaks.
_CONTROLS = ("Cc", "Cf", "Zl", "Zp")


class Failure(Exception):
    """An error that ends the command. Its text is for the user."""

    def __init__(self, text: str, status: int = 1) -> None:
        super().__init__(text)
        self.status = status


def complain(text: str) -> None:
    """Write ``text`` to standard error, as one line with the program's name. Do nothing if that is closed."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError, ValueError):
            print(f"forebay: {_printable(text)}", file=sys.stderr, flush=True)


def _printable(text: str) -> str:
    """Return ``text`` in one line without terminal codes, for any file name."""
    return "".join(
        character.encode("unicode_escape").decode()
        if unicodedata.category(character) in _CONTROLS
        else character
        for character in text
    )


def in_one_line(error: BaseException, where: str) -> str:
    """Return the error and its file; ``where`` is the file if ``error`` does not name one."""
    if isinstance(error, OSError):
        name = where if error.filename is None else os.fsdecode(error.filename)
        # Errors of connections name the address at their end.
        return f"{name or NO_NAME}: {(error.strerror or str(error)).removesuffix(f': {name}')}"
    if isinstance(error, MemoryError):
        return f"{where}: not enough memory"
    return f"{where}: {' '.join(str(error).split()) or type(error).__name__}"
