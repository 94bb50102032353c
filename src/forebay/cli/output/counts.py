"""What has passed through the ends of a copy: bytes, rows, or both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["Counts"]


class Counts:
    """The counters of the first and the last stage. Each count is None if its unit does not pass there."""

    def __init__(self, stages: Sequence[tuple[str, Any]]) -> None:
        self._reader = stages[0][1]
        self._writer = stages[-1][1]

    def bytes_read(self) -> int | None:
        return _count(self._reader, "bytes_read")

    def bytes_written(self) -> int | None:
        return _count(self._writer, "bytes_written")

    def rows(self) -> int | None:
        """The rows so far."""
        written = _count(self._writer, "rows_written")
        return _count(self._reader, "row_count") if written is None else written

    def all_rows(self) -> int | None:
        """The rows of a copy that is done. A server that reads a table's bytes counts their rows only at the end."""
        rows = self.rows()
        return _count(self._writer, "rows_committed") if rows is None else rows


def _count(stream: Any, name: str) -> int | None:
    count: int | None = getattr(stream, name, None)
    return count
