"""What a comparison gives, and how it is stored: the same rows for all of them.

A saved run is a JSON object: ``format`` (its name and version), ``machine``, and ``measurements``, one for each
comparison, with the versions of everything in it, the options of the run, and its rows.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmarks.pairing import Sample, geometric_mean

FORMAT = "forebay-benchmarks 1"

OURS = "forebay"

# How the units of CPU time begin, which stand beside rates.
CPU = "CPU "

# The unit of counts, which are the same for the same build.
INSTRUCTIONS = "instructions"


class NotSaved(Exception):
    """A file is not a saved run."""


@dataclass(frozen=True)
class Row:
    """One side of one case, in one unit."""

    case: str
    side: str
    unit: str
    sample: Sample
    lower_is_better: bool = False
    # The side of the same case that it is compared with; one of the two is forebay's.
    beside: str | None = None
    # How many times as good forebay is as its peer, round by round: above 1, forebay does better.
    ratio: Sample | None = None

    @property
    def ours(self) -> bool:
        """Whether it is forebay's own figure."""
        return self.side.startswith(OURS)

    @property
    def pair(self) -> str:
        """The two sides of its ratio, forebay first."""
        return f"{self.side} / {self.beside}" if self.ours else f"{self.beside} / {self.side}"

    @property
    def key(self) -> tuple[str, str, str]:
        return self.case, self.side, self.unit

    def as_json(self) -> dict[str, Any]:
        return {
            "case": self.case,
            "side": self.side,
            "unit": self.unit,
            "lower_is_better": self.lower_is_better,
            "sample": self.sample.as_json(),
            "beside": self.beside,
            "ratio": self.ratio and self.ratio.as_json(),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Row:
        ratio = stored["ratio"]
        return cls(
            str(stored["case"]),
            str(stored["side"]),
            str(stored["unit"]),
            sample_from_json(stored["sample"]),
            bool(stored["lower_is_better"]),
            stored["beside"],
            None if ratio is None else sample_from_json(ratio),
        )


def sample_from_json(stored: Mapping[str, Any]) -> Sample:
    values = tuple(float(value) for value in stored["rounds"])
    if not values or not all(map(math.isfinite, values)):
        raise ValueError("a sample needs one finite number or more")
    return Sample(values)


def rows_of(
    case: str,
    unit: str,
    samples: Mapping[str, Sample],
    *,
    lower_is_better: bool = False,
    beside: Mapping[str, str] | None = None,
) -> list[Row]:
    """Return a row for each side. ``beside`` names the other side of each ratio.

    There is no ratio to a side that is not there, nor one of figures that are not above 0.
    """
    rows = []
    for side, sample in samples.items():
        row = Row(case, side, unit, sample, lower_is_better)
        other = (beside or {}).get(side)
        # Nothing is any number of times as good as nothing.
        if (
            other is not None
            and other in samples
            and other != side
            and min(*sample.values, *samples[other].values) > 0
        ):
            own, peer = (sample, samples[other]) if row.ours else (samples[other], sample)
            ratio = peer.over(own) if lower_is_better else own.over(peer)
            row = replace(row, beside=other, ratio=ratio)
        rows.append(row)
    return rows


@dataclass(frozen=True)
class Measurement:
    """One comparison, measured."""

    comparison: str
    rows: Sequence[Row]
    # Of everything that took part.
    versions: Mapping[str, str] = field(default_factory=dict)
    # What was left out, and how to get it.
    missing: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    # What was said by programs that failed.
    failures: Sequence[str] = ()

    @property
    def ratios(self) -> list[Row]:
        return [row for row in self.rows if row.ratio is not None]

    @property
    def mean(self) -> float | None:
        """The geometric mean of the ratios; that of a rate counts, and not that of the CPU time beside it."""
        medians = [
            row.ratio.median for row in self.rows if row.ratio is not None and not row.unit.startswith(CPU)
        ]
        return geometric_mean(medians) if medians else None

    def only(self, patterns: Sequence[str]) -> Measurement:
        """The same with the rows whose comparison or case contains one of the patterns."""
        if not patterns:
            return self
        rows = [row for row in self.rows if any(text in f"{self.comparison} {row.case}" for text in patterns)]
        return replace(self, rows=rows)

    def as_json(self) -> dict[str, Any]:
        return {
            "comparison": self.comparison,
            "versions": dict(self.versions),
            "missing": dict(self.missing),
            "options": dict(self.options),
            "failures": list(self.failures),
            "mean_ratio": self.mean,
            "rows": [row.as_json() for row in self.rows],
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Measurement:
        return cls(
            str(stored["comparison"]),
            [Row.from_json(row) for row in stored["rows"]],
            dict(stored["versions"]),
            dict(stored["missing"]),
            dict(stored["options"]),
            list(stored["failures"]),
        )


@dataclass(frozen=True)
class Run:
    """Measurements on one machine."""

    machine: Mapping[str, Any]
    measurements: Sequence[Measurement]

    def save(self, path: str | Path) -> None:
        content = {
            "format": FORMAT,
            "machine": dict(self.machine),
            "measurements": [each.as_json() for each in self.measurements],
        }
        Path(path).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")

    def only(self, patterns: Sequence[str]) -> Run:
        """The same with the measurements that have rows of the patterns."""
        chosen = [each.only(patterns) for each in self.measurements]
        return Run(self.machine, [each for each in chosen if each.rows])


def load(path: str | Path) -> Run:
    """Read a saved run.

    Raises NotSaved, which names the file and says what is wrong with it.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise NotSaved(f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise NotSaved(f"{path} is not JSON: {error}") from None
    found = content.get("format") if isinstance(content, dict) else None
    if found != FORMAT:
        told = f"its format is {found!r}" if found else "it has no 'format'"
        raise NotSaved(
            f"{path} is not a saved run: {told}, and this version reads {FORMAT!r}. "
            "Save one by: python -m benchmarks run NAME --save FILE"
        )
    try:
        return Run(
            dict(content["machine"]), [Measurement.from_json(each) for each in content["measurements"]]
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        said = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise NotSaved(f"{path} is a damaged run: {said}") from None


def units(rows: Iterable[Row]) -> list[str]:
    return list(dict.fromkeys(row.unit for row in rows))
