"""Statistics of streams and pipelines: how much passed, how full the buffers are, and which stage the others wait for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

# A stage holds the flow up if its writers waited at least this fraction of the longest wait.
_NOTABLE = 0.5


class SideStats(NamedTuple):
    """The counters of one side of a stream.

    Sizes are in bytes; in objects in object mode; in characters for a readable side with an encoding.
    """

    #: The number of chunks that the side has received since it was made.
    chunks: int
    #: The total size of these chunks.
    bytes: int
    #: The size of the buffer now.
    length: int
    #: The high-water mark.
    high_water_mark: int
    #: The largest size that the buffer ever had.
    peak: int
    #: The number of stalls. A readable side stalls while it waits for a full destination; a writable side is stalled while
    #: its writers wait for 'drain'.
    stalls: int
    #: The total time of the stalls in seconds, with the present stall included.
    stalled: float
    #: Whether sizes count objects.
    object_mode: bool

    @property
    def fill(self) -> float:
        """The buffer size divided by the mark: 1.0 is full, and more is above the mark."""
        return self.length / self.high_water_mark if self.high_water_mark else float(self.length > 0)


class StreamStats(NamedTuple):
    """The counters of a stream.

    ``readable`` and ``writable`` are its sides, or None. The other attributes are those of the writable side, or of the
    readable side if there is no other.
    """

    #: The name of the stream's class.
    name: str
    readable: SideStats | None
    writable: SideStats | None

    def _main(self) -> SideStats:
        side = self.writable or self.readable
        assert side is not None
        return side

    @property
    def chunks(self) -> int:
        """The number of chunks that came in, ever."""
        return self._main().chunks

    @property
    def bytes(self) -> int:
        """The size of these chunks: bytes, or objects in object mode."""
        return self._main().bytes

    @property
    def length(self) -> int:
        """The size of the buffer now: bytes, or objects in object mode."""
        return self._main().length

    @property
    def high_water_mark(self) -> int:
        """The high-water mark: bytes, or objects in object mode."""
        return self._main().high_water_mark

    @property
    def peak(self) -> int:
        """The largest size that the buffer ever had."""
        return self._main().peak

    @property
    def stalls(self) -> int:
        """How often the flow had to wait."""
        return self._main().stalls

    @property
    def stalled(self) -> float:
        """How long the flow had to wait, in seconds, including a wait in progress."""
        return self._main().stalled

    @property
    def fill(self) -> float:
        """The buffer size divided by the mark: 1.0 is full, and more is above the mark."""
        return self._main().fill


def stream_stats(stream: Any) -> StreamStats:
    """Return the present counters of a stream.

    Args:
        stream: The stream.
    """
    return StreamStats(
        stream._s_class_name(),
        SideStats(*stream._s_side_stats(True)) if stream._s_has_side(True) else None,
        SideStats(*stream._s_side_stats(False)) if stream._s_has_side(False) else None,
    )


def flow_stats(stages: Sequence[Any]) -> list[StreamStats]:
    """Return the counters of the stages that are streams, in order.

    Args:
        stages: The stages of a pipeline.
    """
    return [stream_stats(stage) for stage in stages if hasattr(stage, "_s_side_stats")]


def bottleneck(stages: Sequence[Any]) -> Any:
    """Return the stage that the others wait for: the last stage that held its writers up, or the source if there is none.

    Args:
        stages: The stages of a pipeline.
    """
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
    """Return one line for each stage: its buffers against their marks, and which stage the others wait for.

    Args:
        stages: The stages of a pipeline.
    """
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
    if hasattr(stage, "_s_class_name"):
        return str(stage._s_class_name())
    return str(getattr(stage, "__name__", type(stage).__name__))


def _bar(side: SideStats) -> str:
    full = min(round(side.fill * 10), 10)
    unit = "" if side.object_mode else " B"
    return f"[{'#' * full}{'.' * (10 - full)}] {side.length}/{side.high_water_mark}{unit}"
