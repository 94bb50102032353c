"""The summary of a finished copy, as text and as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from forebay.cli.output.units import rate_text, row_rate_text, rows_text, seconds_text, size_text
from forebay.stats import SideStats, StreamStats

__all__ = ["Summary"]


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures of one copy. Sizes are bytes, times seconds."""

    source: str
    target: str
    #: None where no bytes pass, but rows.
    bytes_read: int | None
    bytes_written: int | None
    #: None where no rows pass.
    rows: int | None
    seconds: float
    atomic: bool
    peak_memory: int
    #: Name and hexadecimal digits.
    hash: tuple[str, str] | None
    #: Each stage's name and counters, in order.
    stages: list[tuple[str, StreamStats]]

    @property
    def bytes_per_second(self) -> float | None:
        """The rate of what is written; of what is read, if only that is bytes."""
        return self._rate(self.bytes_read if self.bytes_written is None else self.bytes_written)

    @property
    def rows_per_second(self) -> float | None:
        return self._rate(self.rows)

    def _rate(self, count: int | None) -> float | None:
        if count is None:
            return None
        return count / self.seconds if self.seconds > 0 else 0.0

    def _source_side(self) -> SideStats:
        side = self.stages[0][1].readable
        assert side is not None
        return side

    def _fullest(self) -> tuple[str, SideStats]:
        """Return the buffer that came nearest to its mark, or went furthest above it, and the name of its stage."""
        sides = [
            (name, side)
            for name, stats in self.stages
            for side in (stats.writable, stats.readable)
            if side is not None
        ]
        return max(sides, key=lambda named: _highest_fill(named[1]))

    def text(self) -> str:
        """Return two lines, or three with a hash."""
        source = self._source_side()
        name, fullest = self._fullest()
        times = "once" if source.stalls == 1 else f"{source.stalls} times"
        paused = f"paused {times}, {seconds_text(source.stalled)} in all" if source.stalls else "never paused"
        size = rows_text if fullest.object_mode else size_text
        fill = f"highest fill {size(fullest.peak)} of {size(fullest.high_water_mark)}"
        if fullest.peak:
            fill += f" ({name})"
        lines = [
            f"copied {self._amount()} in {seconds_text(self.seconds)}, {self._rates()}",
            f"source {paused}; {fill}; peak memory {size_text(self.peak_memory)}",
        ]
        if self.hash is not None:
            lines.append(" ".join(self.hash))
        return "\n".join(lines)

    def _amount(self) -> str:
        parts = [] if self.rows is None else [rows_text(self.rows)]
        if self.bytes_written is not None:
            parts.append(size_text(self.bytes_written))
        amount = ", ".join(parts)
        if self.bytes_read not in (None, self.bytes_written):
            amount += f" from {size_text(self.bytes_read or 0)}"
        return amount

    def _rates(self) -> str:
        parts = [] if self.rows_per_second is None else [row_rate_text(self.rows_per_second)]
        if self.bytes_per_second is not None:
            parts.append(rate_text(self.bytes_per_second))
        return ", ".join(parts)

    def json(self) -> str:
        """Return one JSON object in one line."""
        from json import dumps

        from forebay._backend import backend

        source = self._source_side()
        _, fullest = self._fullest()
        return dumps(
            {
                "source": self.source,
                "target": self.target,
                "bytes": self.bytes_written,
                "bytes_read": self.bytes_read,
                "rows": self.rows,
                "seconds": round(self.seconds, 6),
                "bytes_per_second": _rounded(self.bytes_per_second),
                "rows_per_second": _rounded(self.rows_per_second),
                "pauses": source.stalls,
                "paused_seconds": round(source.stalled, 6),
                "highest_fill": round(_highest_fill(fullest), 4),
                "highest_fill_bytes": None if fullest.object_mode else fullest.peak,
                "highest_fill_rows": fullest.peak if fullest.object_mode else None,
                "high_water_mark": fullest.high_water_mark,
                "peak_memory_bytes": self.peak_memory,
                "hash": None if self.hash is None else {"name": self.hash[0], "hexdigest": self.hash[1]},
                "atomic": self.atomic,
                "backend": backend,
                "stages": [
                    {
                        "name": name,
                        "writable": _side_fields(stats.writable),
                        "readable": _side_fields(stats.readable),
                    }
                    for name, stats in self.stages
                ],
            }
        )


def _rounded(rate: float | None) -> float | None:
    return None if rate is None else round(rate, 1)


def _highest_fill(side: SideStats) -> float:
    return side.peak / side.high_water_mark if side.high_water_mark else float(side.peak > 0)


def _side_fields(side: SideStats | None) -> dict[str, Any] | None:
    if side is None:
        return None
    return {
        "chunks": side.chunks,
        "bytes": side.bytes,
        "peak": side.peak,
        "high_water_mark": side.high_water_mark,
        "stalls": side.stalls,
        "stalled_seconds": round(side.stalled, 6),
    }
