"""What a stream and a pipeline know of themselves: how much passed, how full they are, who waits for whom."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

# A stage holds the flow up where writers waited for it this large a part of the longest wait.
_NOTABLE = 0.5


@dataclass(frozen=True, slots=True)
class SideStats:
    """One side of a stream. Sizes are bytes; objects in object mode, characters of a readable with an encoding."""

    #: Chunks that came in, ever.
    chunks: int
    #: Their size.
    bytes: int
    #: What is buffered now.
    length: int
    high_water_mark: int
    #: The most that was ever buffered.
    peak: int
    #: How often the flow had to wait: a readable for its destinations, a writable's writers for it.
    stalls: int
    #: How long, in seconds, a wait that still goes on included.
    stalled: float
    object_mode: bool

    @property
    def fill(self) -> float:
        """The buffer against the mark: 1.0 is full, and more than that is over it."""
        return self.length / self.high_water_mark if self.high_water_mark else float(self.length > 0)


@dataclass(frozen=True, slots=True)
class StreamStats:
    """A stream's sides; the other attributes are those of the writable side, or of the readable where that is all."""

    name: str
    readable: SideStats | None
    writable: SideStats | None

    def _main(self) -> SideStats:
        side = self.writable or self.readable
        assert side is not None
        return side

    @property
    def chunks(self) -> int:
        return self._main().chunks

    @property
    def bytes(self) -> int:
        return self._main().bytes

    @property
    def length(self) -> int:
        return self._main().length

    @property
    def high_water_mark(self) -> int:
        return self._main().high_water_mark

    @property
    def peak(self) -> int:
        return self._main().peak

    @property
    def stalls(self) -> int:
        return self._main().stalls

    @property
    def stalled(self) -> float:
        return self._main().stalled

    @property
    def fill(self) -> float:
        return self._main().fill


def stream_stats(stream: Any) -> StreamStats:
    """The counters of ``stream`` as they are now."""
    return StreamStats(
        type(stream).__name__,
        SideStats(*stream._s_side_stats(True)) if stream._s_has_side(True) else None,
        SideStats(*stream._s_side_stats(False)) if stream._s_has_side(False) else None,
    )


def flow_stats(stages: Sequence[Any]) -> list[StreamStats]:
    """The counters of those stages that are streams, in order."""
    return [stream_stats(stage) for stage in stages if hasattr(stage, "_s_side_stats")]


def bottleneck(stages: Sequence[Any]) -> Any:
    """The stage that the others wait for: the last that held its writers up, or the source where none did."""
    waits = [
        stage._s_side_stats(False)[6] if hasattr(stage, "_s_side_stats") and stage._s_has_side(False) else 0.0
        for stage in stages
    ]
    longest = max(waits)
    if longest <= 0:
        return stages[0]
    return next(
        stage
        for stage, wait in zip(reversed(stages), reversed(waits), strict=True)
        if wait >= longest * _NOTABLE
    )


def drawing(stages: Sequence[Any]) -> str:
    """A line for each stage: its buffers against their marks, and which of them is waited for."""
    slowest = bottleneck(stages)
    return "\n".join(_lines(stages, slowest))


def _lines(stages: Sequence[Any], slowest: Any) -> Iterator[str]:
    names = [_name(stage) for stage in stages]
    width = max(map(len, names))
    for index, (stage, name) in enumerate(zip(stages, names, strict=True)):
        line = f"{'   ' if index == 0 else '-> '}{name:<{width}}"
        if hasattr(stage, "_s_side_stats"):
            stats = stream_stats(stage)
            for label, side in (("in", stats.writable), ("out", stats.readable)):
                if side is not None:
                    line += f"  {label} {_bar(side)}"
        if stage is slowest:
            line += "  <- the others wait for this one"
        yield line


def _name(stage: Any) -> str:
    return str(getattr(stage, "__name__", type(stage).__name__))


def _bar(side: SideStats) -> str:
    full = min(round(side.fill * 10), 10)
    unit = "" if side.object_mode else " B"
    return f"[{'#' * full}{'.' * (10 - full)}] {side.length}/{side.high_water_mark}{unit}"
