"""The summary of the copy of a tree, as text and as JSON."""

from __future__ import annotations

from forebay._system.tree_copy import Counts
from forebay.cli.output.memory import peak_memory
from forebay.cli.output.units import rate_text, seconds_text, size_text

__all__ = ["TreeSummary", "counts_text"]


def counts_text(counts: Counts) -> str:
    """Return what was copied: "12 files, 3 folders, 1 link, 24 MiB"."""
    parts = [_some(counts.files, "file"), _some(counts.folders, "folder")]
    if counts.links:
        parts.append(_some(counts.links, "link"))
    return ", ".join([*parts, size_text(counts.nbytes)])


def _some(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


class TreeSummary:
    """The figures of one copy. Times are seconds."""

    def __init__(
        self, source: str, target: str, counts: Counts, seconds: float, atomic: bool, jobs: int
    ) -> None:
        self._source = source
        self._target = target
        self._counts = counts
        self._seconds = seconds
        self._atomic = atomic
        self._jobs = jobs

    @property
    def _rate(self) -> float:
        return self._counts.nbytes / self._seconds if self._seconds > 0 else 0.0

    def text(self) -> str:
        """Return one line, or two if something failed."""
        counts = self._counts
        line = f"copied {counts_text(counts)} in {seconds_text(self._seconds)}, {rate_text(self._rate)}"
        if counts.failed:
            line += f"\nnot copied: {counts.failed:,}, see above"
        return line

    def json(self) -> str:
        """Return one JSON object in one line."""
        from json import dumps

        from forebay._backend import backend

        counts = self._counts
        return dumps(
            {
                "source": self._source,
                "target": self._target,
                "files": counts.files,
                "folders": counts.folders,
                "links": counts.links,
                "bytes": counts.nbytes,
                "failed": counts.failed,
                "seconds": round(self._seconds, 6),
                "bytes_per_second": round(self._rate, 1),
                "peak_memory_bytes": peak_memory(),
                "atomic": self._atomic,
                "jobs": self._jobs,
                "backend": backend,
            }
        )
