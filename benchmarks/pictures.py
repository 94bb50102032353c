"""Pictures of a run: a panel for each comparison, with the ratios or, where there are none, the figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.machine import caption
from benchmarks.results import Measurement, Row, Run, units

OURS = "#2a7f9e"
THEIRS = "#c05a2e"
RATIO = "how many times as good forebay is (medians; lines from least to greatest)"


def load_pyplot() -> Any:
    """matplotlib's pyplot, drawing to files; ends the program with a hint where it is not installed."""
    try:
        import matplotlib
    except ImportError:
        raise SystemExit(
            "a plot needs matplotlib, which is not installed: pip install '.[bench]', or leave the plot out"
        ) from None
    matplotlib.use("Agg")
    # Text stays text, and two pictures of the same figures are the same file.
    matplotlib.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "forebay"}
    from matplotlib import pyplot

    return pyplot


class Panel:
    """The bars of one comparison: of its ratios, or of the figures in one unit."""

    def __init__(self, measurement: Measurement, rows: Sequence[Row], *, of_ratios: bool) -> None:
        self.measurement = measurement
        self.rows = rows
        self.of_ratios = of_ratios

    @property
    def names(self) -> list[str]:
        return [f"{row.case}: {row.pair if self.of_ratios else row.side}" for row in self.rows]

    def draw(self, pyplot: Any, axes: Any) -> None:
        """Draw a bar for each row. Bars start at 0, and those of ratios, on a logarithmic axis, at 1."""
        samples = [row.ratio if self.of_ratios and row.ratio else row.sample for row in self.rows]
        medians = [sample.median for sample in samples]
        below = [sample.median - min(sample.values) for sample in samples]
        above = [max(sample.values) - sample.median for sample in samples]
        base = 1 if self.of_ratios else 0
        places = range(len(self.rows))
        colours = [OURS if self.is_good(row) else THEIRS for row in self.rows]
        axes.barh(places, [median - base for median in medians], left=base, color=colours)
        axes.errorbar(medians, places, xerr=[below, above], fmt="none", elinewidth=0.8, ecolor="#444444")
        axes.set_yticks(places, self.names, fontsize=7)
        if self.of_ratios:
            axes.set_xscale("log")
            axes.axvline(1, color="#222222", linewidth=1)
        self.decorate(pyplot, axes)

    def is_good(self, row: Row) -> bool:
        return row.ratio.median >= 1 if self.of_ratios and row.ratio else row.ours

    def decorate(self, pyplot: Any, axes: Any) -> None:
        if self.of_ratios:
            axes.xaxis.set_major_locator(pyplot.matplotlib.ticker.LogLocator(subs=(1, 2, 5)))
            axes.xaxis.set_minor_formatter(pyplot.NullFormatter())
        axes.xaxis.set_major_formatter(pyplot.FuncFormatter(lambda value, _: f"{value:g}"))
        axes.invert_yaxis()
        axes.margins(y=0.01)
        axes.grid(axis="x", linewidth=0.4, alpha=0.6)
        axes.set_axisbelow(True)
        axes.set_xlabel(RATIO if self.of_ratios else self.rows[0].unit)
        axes.set_title(self.measurement.comparison)


def panels(run: Run) -> list[Panel]:
    found = []
    for each in run.measurements:
        if each.ratios:
            found.append(Panel(each, each.ratios, of_ratios=True))
            continue
        for unit in units(each.rows):
            of_unit = [row for row in each.rows if row.unit == unit]
            found.append(Panel(each, of_unit, of_ratios=False))
    return found


def plot(run: Run, path: str) -> None:
    """Draw the run into a file, with versions and date below."""
    pyplot = load_pyplot()
    every = panels(run)
    heights = [1.2 + 0.22 * len(panel.rows) for panel in every]
    drawing, axes = pyplot.subplots(
        len(every),
        figsize=(11, 0.4 + sum(heights)),
        height_ratios=heights,
        squeeze=False,
        layout="constrained",
    )
    for panel, (place,) in zip(every, axes, strict=True):
        panel.draw(pyplot, place)
    peers = {name: version for each in run.measurements for name, version in each.versions.items()}
    drawing.supxlabel(caption(run.machine, peers), fontsize=6, wrap=True)
    drawing.savefig(path, dpi=150, metadata={"Date": None} if path.endswith(".svg") else None)
    pyplot.close(drawing)
