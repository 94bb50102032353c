"""How the command fails: one line on standard error, and an exit status."""

from __future__ import annotations

import contextlib
import os
import sys

__all__ = ["Failure", "complain", "in_one_line"]


class Failure(Exception):
    """The command cannot go on; its text is for the user."""

    def __init__(self, text: str, status: int = 1) -> None:
        super().__init__(text)
        self.status = status


def complain(text: str) -> None:
    """Write ``text`` to standard error, as one line with the program's name; nothing where that is closed."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError, ValueError):
            print(f"penstock: {text}", file=sys.stderr, flush=True)


def in_one_line(error: BaseException, where: str) -> str:
    """What went wrong and with which file; ``where`` is the file if ``error`` does not say."""
    if isinstance(error, OSError):
        name = where if error.filename is None else os.fsdecode(error.filename)
        # Errors of connections end with the place.
        return f"{name}: {(error.strerror or str(error)).removesuffix(f': {name}')}"
    if isinstance(error, MemoryError):
        return f"{where}: not enough memory"
    return f"{where}: {' '.join(str(error).split()) or type(error).__name__}"
