"""Numbers and tables as text."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from benchmarks.pairing import Sample


def figure(value: float) -> str:
    """Return a number with three significant digits and separated thousands."""
    if value >= 100:
        digits = len(str(int(value)))
        return f"{round(value, 3 - digits):,.0f}"
    return f"{value:.3g}"


def spread(sample: Sample) -> str:
    """The least and the greatest value."""
    return f"{figure(min(sample.values))}-{figure(max(sample.values))}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return columns under a head, the first aligned left and all others right."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]

    def line(row: Sequence[str]) -> str:
        cells = [
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        return "  ".join(cells).rstrip()

    return "\n".join([line(head), "  ".join("-" * width for width in widths), *map(line, rows)])


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return the same as a table of Markdown."""

    def line(row: Sequence[str]) -> str:
        return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"

    ruler = ["---", *("---:" for _ in head[1:])]
    return "\n".join([line(head), line(ruler), *map(line, rows)])


def progress(text: str) -> None:
    """A line on stderr, so that stdout is the report and nothing else."""
    print(text, file=sys.stderr, flush=True)
