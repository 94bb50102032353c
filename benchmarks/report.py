"""Results as text, as JSON, and as a plot."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import forebay
from benchmarks.pairing import Sample


def machine() -> dict[str, Any]:
    """Return the machine and the versions of the measurement."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "forebay": forebay.__version__,
        "backend": forebay.backend,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cpus": os.cpu_count(),
        "load": list(os.getloadavg()) if hasattr(os, "getloadavg") else None,
    }


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


def write_json(path: str, content: dict[str, Any]) -> None:
    Path(path).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def progress(text: str) -> None:
    """A line on stderr, so that stdout is the report and nothing else."""
    print(text, file=sys.stderr, flush=True)


def load_pyplot() -> Any:
    """matplotlib's pyplot, drawing to files; ends the program with a hint where it is not installed."""
    try:
        import matplotlib
    except ImportError:
        raise SystemExit(
            "--plot needs matplotlib, which is not installed: pip install '.[bench]', or leave --plot out"
        ) from None
    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot


OURS = "#2a7f9e"
THEIRS = "#c05a2e"


def plot_bars(
    path: str, title: str, label: str, bars: Sequence[tuple[str, Sample, str]], *, log: bool
) -> None:
    """Draw a bar for each (name, sample, colour): its median, and a line from the least to the greatest value.

    Bars start at 0, and on a logarithmic axis, which is for ratios, at 1.
    """
    pyplot = load_pyplot()
    names = [name for name, _, _ in bars]
    medians = [sample.median for _, sample, _ in bars]
    below = [sample.median - min(sample.values) for _, sample, _ in bars]
    above = [max(sample.values) - sample.median for _, sample, _ in bars]
    drawing, axes = pyplot.subplots(figsize=(11, 1.4 + 0.22 * len(names)))
    base = 1 if log else 0
    axes.barh(names, [median - base for median in medians], left=base, color=[colour for *_, colour in bars])
    axes.errorbar(medians, names, xerr=[below, above], fmt="none", elinewidth=0.8, ecolor="#444444")
    if log:
        axes.set_xscale("log")
        axes.axvline(1, color="#222222", linewidth=1)
    axes.xaxis.set_major_formatter(pyplot.FuncFormatter(lambda value, _: f"{value:g}"))
    axes.invert_yaxis()
    axes.margins(y=0.01)
    axes.tick_params(axis="y", labelsize=7)
    axes.grid(axis="x", linewidth=0.4, alpha=0.6)
    axes.set_axisbelow(True)
    axes.set_xlabel(label)
    axes.set_title(title)
    drawing.savefig(path, dpi=150, bbox_inches="tight")
    pyplot.close(drawing)
