"""Bytes or text in any pieces, cut at a separator."""

from __future__ import annotations

from typing import Any

# Pieces that are joined to one, so that input in tiny pieces takes no more memory than it has bytes.
_MOST_PIECES = 256


class Pieces:
    """The beginning of a frame whose end has not come."""

    def __init__(self, empty: Any) -> None:
        self._empty = empty
        self._small: list[Any] = []
        self._large: list[Any] = []
        #: Bytes, or characters.
        self.size = 0

    def add(self, piece: Any) -> None:
        self._small.append(piece)
        self.size += len(piece)
        if len(self._small) == _MOST_PIECES:
            self._large.append(self._empty.join(self._small))
            self._small.clear()

    def take(self, last: Any) -> Any:
        """Return all pieces and ``last``, joined, and begin anew."""
        if not self.size:
            return last
        whole = self._empty.join([*self._large, *self._small, last])
        self._small.clear()
        self._large.clear()
        self.size = 0
        return whole


class SeparatedFrames:
    """Cuts at a separator, as ``split`` of the whole would."""

    def __init__(self, separator: Any) -> None:
        self._separator = separator
        self._empty = separator[:0]
        self._pieces = Pieces(self._empty)
        # The last of what waits, in which a separator may have begun, and how much of it that can be.
        self._overlap = len(separator) - 1
        self._tail = self._empty

    @property
    def size(self) -> int:
        """Bytes, or characters, that wait for their separator."""
        return self._pieces.size

    def add(self, data: Any) -> list[Any]:
        """Return the frames that are complete with ``data``, without their separators."""
        pieces = self._pieces
        if self._overlap and pieces.size:
            near = self._tail + data
            if self._separator not in near:
                pieces.add(data)
                self._tail = near[-self._overlap :]
                return []
            data = pieces.take(data)
        frames: list[Any] = data.split(self._separator)
        rest = frames.pop()
        if frames and pieces.size:
            frames[0] = pieces.take(frames[0])
        if rest:
            pieces.add(rest)
            if self._overlap:
                self._tail = rest[-self._overlap :]
        return frames

    def rest(self) -> Any:
        """Take the frame that is not complete."""
        return self._pieces.take(self._empty)
