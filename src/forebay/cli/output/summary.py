"""The summary of a finished copy, as text and as JSON."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

from forebay.cli.output.units import rate_text, seconds_text, size_text
from forebay.stats import SideStats, StreamStats

__all__ = ["Summary", "peak_memory"]


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures of one copy. Sizes are bytes, times seconds."""

    source: str
    target: str
    bytes_read: int
    bytes_written: int
    seconds: float
    atomic: bool
    peak_memory: int
    #: Name and hexadecimal digits.
    hash: tuple[str, str] | None
    #: Each stage's name and counters, in order.
    stages: list[tuple[str, StreamStats]]

    @property
    def bytes_per_second(self) -> float:
        return self.bytes_written / self.seconds if self.seconds > 0 else 0.0

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
        fill = f"highest fill {size_text(fullest.peak)} of {size_text(fullest.high_water_mark)}"
        if fullest.peak:
            fill += f" ({name})"
        amount = size_text(self.bytes_written)
        if self.bytes_read != self.bytes_written:
            amount += f" from {size_text(self.bytes_read)}"
        lines = [
            f"copied {amount} in {seconds_text(self.seconds)}, {rate_text(self.bytes_per_second)}",
            f"source {paused}; {fill}; peak memory {size_text(self.peak_memory)}",
        ]
        if self.hash is not None:
            lines.append(" ".join(self.hash))
        return "\n".join(lines)

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
                "seconds": round(self.seconds, 6),
                "bytes_per_second": round(self.bytes_per_second, 1),
                "pauses": source.stalls,
                "paused_seconds": round(source.stalled, 6),
                "highest_fill": round(_highest_fill(fullest), 4),
                "highest_fill_bytes": fullest.peak,
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


def peak_memory() -> int:
    """Return the most memory in bytes that this process had in use at a time (its resident set)."""
    try:
        # getrusage also counts the process before it became this program: a part of its parent.
        with open("/proc/self/status", "rb") as status:
            for line in status:
                if line.startswith(b"VmHWM:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
