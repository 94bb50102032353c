"""Two saved runs side by side: what changed, and whether it is more than noise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.machine import differences
from benchmarks.pairing import Sample
from benchmarks.report import figure, table
from benchmarks.results import INSTRUCTIONS, Measurement, Row, Run

# Percent by which something may get worse: of times, and of counts, which are the same for the same build.
TOLERANCE = 25.0
COUNT_TOLERANCE = 1.0


@dataclass(frozen=True)
class Change:
    """One figure of forebay, or its ratio to a peer, in both runs."""

    comparison: str
    case: str
    what: str
    unit: str
    old: Sample
    new: Sample
    lower_is_better: bool
    # Whether it decides on the exit status.
    decides: bool

    @property
    def gain(self) -> float:
        """How many times as good the new one is."""
        if not self.old.median or not self.new.median:
            return 1.0
        gain = self.new.median / self.old.median
        return 1 / gain if self.lower_is_better else gain

    @property
    def is_outside(self) -> bool:
        """Whether the ranges of both runs have nothing in common."""
        return min(self.new.values) > max(self.old.values) or max(self.new.values) < min(self.old.values)

    def is_slower(self, tolerance: float | None) -> bool:
        """Whether it got worse by more than noise and by more than the tolerance, in percent."""
        if tolerance is None:
            tolerance = COUNT_TOLERANCE if self.unit == INSTRUCTIONS else TOLERANCE
        return self.decides and self.is_outside and self.gain < 1 / (1 + tolerance / 100)

    def verdict(self, tolerance: float | None) -> str:
        if self.is_slower(tolerance):
            return "SLOWER"
        if not self.is_outside:
            return ""
        return "better" if self.gain > 1 else "worse"

    def cells(self, tolerance: float | None) -> list[str]:
        gain = f"{self.gain:.2f}" if self.unit != INSTRUCTIONS else f"{self.gain:.4f}"
        figures = [figure(self.old.median), figure(self.new.median), gain]
        return [f"{self.comparison} {self.case}", self.what, self.unit, *figures, self.verdict(tolerance)]


@dataclass(frozen=True)
class Comparing:
    """What two runs have in common, and what stands against comparing them."""

    changes: Sequence[Change]
    warnings: Sequence[str]

    def slower(self, tolerance: float | None) -> list[Change]:
        return [change for change in self.changes if change.is_slower(tolerance)]

    def text(self, tolerance: float | None) -> str:
        head = ["case", "what", "unit", "old", "new", "new/old", ""]
        outside = [change for change in self.changes if change.is_outside]
        slower = self.slower(tolerance)
        end = [
            "new/old above 1 says that the new run is better. A case with a peer is judged by its ratio, which was "
            "measured in the same minutes, any other by forebay's own figure.",
            f"{len(self.changes)} figures; outside the spread of both runs: {len(outside)}; "
            f"slower beyond the tolerance: {len(slower)}",
        ]
        return "\n\n".join([table(head, [change.cells(tolerance) for change in self.changes]), *end])


def ratio_of_case(row: Row) -> tuple[str, str] | None:
    """The side of forebay, and the unit, that a ratio is about."""
    if row.ratio is None:
        return None
    return (row.side if row.ours else str(row.beside)), row.unit


def changes_of(old: Measurement, new: Measurement) -> Iterator[Change]:
    """The figures of forebay and the ratios that both have."""
    before = {row.key: row for row in old.rows}
    with_ratio = {
        (row.case, ratio_of_case(row))
        for row in new.rows
        if row.ratio is not None and row.key in before and before[row.key].beside == row.beside
    }
    for row in new.rows:
        other = before.get(row.key)
        if other is None:
            continue
        if row.ours:
            decides = (row.case, (row.side, row.unit)) not in with_ratio
            yield Change(
                new.comparison,
                row.case,
                row.side,
                row.unit,
                other.sample,
                row.sample,
                row.lower_is_better,
                decides,
            )
        if row.ratio is not None and other.ratio is not None and row.beside == other.beside:
            yield Change(
                new.comparison,
                row.case,
                row.pair,
                f"ratio of {row.unit}",
                other.ratio,
                row.ratio,
                False,
                True,
            )


def warnings_of(old: Run, new: Run) -> Iterator[str]:
    """What makes the figures differ without a change of forebay."""
    for difference in differences(old.machine, new.machine):
        yield f"the runs differ in {difference}"
    before = {each.comparison: each for each in old.measurements}
    for each in new.measurements:
        other = before.get(each.comparison)
        if other is None:
            continue
        for name in sorted(set(each.versions) | set(other.versions)):
            was, now = other.versions.get(name, "missing"), each.versions.get(name, "missing")
            if was != now:
                yield f"{each.comparison}: {name} was {was} and is {now}"
        for name in sorted(set(each.options) & set(other.options) - {"only", "dir", "rounds", "timeout"}):
            if each.options[name] != other.options[name]:
                yield f"{each.comparison}: --{name.replace('_', '-')} was {other.options[name]} and is {each.options[name]}"
    if single := without_spread(old, new):
        yield f"measured once, so every difference is outside the spread: {', '.join(single)}"


def without_spread(*runs: Run) -> list[str]:
    """The comparisons whose times were measured once."""
    return sorted(
        {
            each.comparison
            for run in runs
            for each in run.measurements
            if any(len(row.sample.values) == 1 and row.unit != INSTRUCTIONS for row in each.rows)
        }
    )


def compare(old: Run, new: Run) -> Comparing:
    before = {each.comparison: each for each in old.measurements}
    changes = [
        change
        for each in new.measurements
        if each.comparison in before
        for change in changes_of(before[each.comparison], each)
    ]
    return Comparing(changes, list(warnings_of(old, new)))
