"""The number of rows that one trip to the database brings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["BatchSize"]

#: The number of rows of the first trip. Their size is not known yet, and a row can take a megabyte.
_FIRST = 16


class BatchSize:
    """The size of the next batch: it doubles up to ``most`` rows, and is smaller if the rows are wide.

    The width of a row is that of its ``str`` and ``bytes`` values. The first and the last row of a batch are measured.
    """

    def __init__(self, most: int, most_bytes: int) -> None:
        self._most = most
        self._most_bytes = most_bytes
        #: Rows of the next trip.
        self.rows = min(most, _FIRST)

    def saw(self, batch: list[Any]) -> None:
        """Note the rows that a trip has brought."""
        if not batch:
            return
        rows = min(self._most, max(self.rows, len(batch)) * 2)
        width = max(row_width(batch[0]), row_width(batch[-1]))
        self.rows = max(1, min(rows, self._most_bytes // width)) if width else rows


def row_width(row: Any) -> int:
    """Return the size of the ``str`` and ``bytes`` values of a row, in characters and bytes."""
    if isinstance(row, Mapping):
        values: Iterable[Any] = row.values()
    elif isinstance(row, str | bytes):
        return len(row)
    else:
        values = row if hasattr(row, "__iter__") else ()
    return sum(len(value) for value in values if isinstance(value, str | bytes | bytearray | memoryview))
