"""Results as text, as JSON, and as a drawing."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import penstock


def machine() -> dict[str, Any]:
    """What the figures were measured on and with."""
    return {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "penstock": penstock.__version__,
        "backend": penstock.backend,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cpus": os.cpu_count(),
        "load": list(os.getloadavg()) if hasattr(os, "getloadavg") else None,
    }


def figure(value: float) -> str:
    """Three significant digits, with thousands apart."""
    if value >= 100:
        digits = len(str(int(value)))
        return f"{round(value, 3 - digits):,.0f}"
    return f"{value:.3g}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns under a head, the first to the left and all others to the right."""
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
            "--plot needs matplotlib, which is not installed: pip install 'penstock[bench]', or leave --plot out"
        ) from None
    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot


def plot_ratios(path: str, title: str, label: str, ratios: Sequence[tuple[str, float, float, float]]) -> None:
    """Draw a bar for each (name, median, least, greatest) ratio, on a logarithmic axis with a line at 1."""
    pyplot = load_pyplot()
    names = [name for name, *_ in ratios]
    medians = [median for _, median, _, _ in ratios]
    below = [median - least for _, median, least, _ in ratios]
    above = [greatest - median for _, median, _, greatest in ratios]
    drawing, axes = pyplot.subplots(figsize=(11, 1.2 + 0.22 * len(names)))
    colours = ["#2a7f9e" if median >= 1 else "#c05a2e" for median in medians]
    axes.barh(
        names, medians, xerr=[below, above], color=colours, error_kw={"elinewidth": 0.8, "ecolor": "#444444"}
    )
    axes.axvline(1, color="#222222", linewidth=1)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(pyplot.FuncFormatter(lambda value, _: f"{value:g}"))
    axes.invert_yaxis()
    axes.margins(y=0.01)
    axes.tick_params(axis="y", labelsize=7)
    axes.grid(axis="x", linewidth=0.4, alpha=0.6)
    axes.set_axisbelow(True)
    axes.set_xlabel(label)
    axes.set_title(title)
    drawing.tight_layout()
    drawing.savefig(path, dpi=150)
    pyplot.close(drawing)
