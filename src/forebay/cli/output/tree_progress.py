"""The progress of the copy of a tree: a line that is rewritten on a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

import contextlib
from time import monotonic
from typing import TextIO

from forebay._system.tree_copy import Counts
from forebay.cli.output.meter import Meter
from forebay.cli.output.tree_summary import counts_text
from forebay.cli.output.units import rate_text

__all__ = ["TreeProgress"]

_LINE_EVERY_SECONDS = 2.0
_ERASE_TO_END = "\x1b[K"


class TreeProgress:
    """Show the progress inside a block: ``with TreeProgress(...) as progress:``, and call `look` a few times a second."""

    def __init__(self, out: TextIO, counts: Counts) -> None:
        self._out = out
        self._counts = counts
        self._meter = Meter(None)
        self._live = out.isatty()
        self._next = monotonic() + (0.0 if self._live else _LINE_EVERY_SECONDS)
        self._drawn = False

    def __enter__(self) -> TreeProgress:
        self._meter.look(monotonic(), 0)
        return self

    def __exit__(self, *_: object) -> None:
        if self._drawn and self._live:
            self._print(f"\r{_ERASE_TO_END}")

    def look(self) -> None:
        """Take a sample, and print what is done if it is time."""
        now = monotonic()
        self._meter.look(now, self._counts.nbytes)
        if self._live:
            self._print(f"\r{self.line()}{_ERASE_TO_END}")
            self._drawn = True
        elif now >= self._next:
            self._next = now + _LINE_EVERY_SECONDS
            self._print(f"{self.line()}\n")

    def line(self) -> str:
        """Return "12 files, 3 folders, 24 MiB, 2.1 GiB/s"."""
        return f"{counts_text(self._counts)}, {rate_text(self._meter.rate)}"

    def _print(self, text: str) -> None:
        # The copy continues if the terminal is closed.
        with contextlib.suppress(OSError, ValueError):
            self._out.write(text)
            self._out.flush()
