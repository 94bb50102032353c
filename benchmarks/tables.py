"""The tables of a measurement, in plain text or in Markdown."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from benchmarks.machine import caption, machine
from benchmarks.report import figure, markdown, spread, table
from benchmarks.results import Measurement, Row, Run

Layout = Callable[[Sequence[str], Sequence[Sequence[str]]], str]

HEAD = ["case", "side", "unit", "median", "min-max", "ratio", "min-max", "beside"]


def cells(row: Row) -> list[str]:
    ratio = ["", "", ""]
    if row.ratio is not None:
        ratio = [f"{row.ratio.median:.2f}", spread(row.ratio), row.beside or ""]
    return [row.case, row.side, row.unit, figure(row.sample.median), spread(row.sample), *ratio]


def without_repeats(lines: Sequence[list[str]]) -> list[list[str]]:
    """The lines with the name of a case in its first line only."""
    seen = ""
    shorter = []
    for case, *rest in lines:
        shorter.append(["" if case == seen else case, *rest])
        seen = case
    return shorter


def rows_text(rows: Sequence[Row], layout: Layout) -> str:
    """One table; the columns of ratios only where there are some."""
    width = len(HEAD) if any(row.ratio is not None for row in rows) else HEAD.index("ratio")
    return layout(HEAD[:width], without_repeats([cells(row)[:width] for row in rows]))


def measurement_text(
    measurement: Measurement, about: dict[str, object] | None = None, *, in_markdown: bool = False
) -> str:
    """The table of one comparison under its caption, which names machine, versions and date."""
    layout = markdown if in_markdown else table
    rounds = measurement.options.get("rounds")
    head = f"{measurement.comparison}: {caption(about or machine(), measurement.versions)}"
    blocks = [f"**{head}**" if in_markdown else head]
    if rounds:
        blocks.append(
            f"Medians of {rounds} round{'' if rounds == 1 else 's'}. A ratio above 1 says that forebay does better."
        )
    if measurement.options.get("quick"):
        blocks.append("A quick run shows that everything works; its figures say nothing.")
    blocks.append(rows_text(measurement.rows, layout))
    if measurement.mean is not None:
        blocks.append(f"geometric mean of the ratios: {measurement.mean:.2f}")
    if measurement.missing:
        blocks.append(f"left out, since missing: {', '.join(measurement.missing)}")
    return "\n\n".join(blocks)


def run_text(run: Run, *, in_markdown: bool = False) -> str:
    """The tables of all comparisons of a run."""
    return "\n\n\n".join(
        measurement_text(each, dict(run.machine), in_markdown=in_markdown) for each in run.measurements
    )
