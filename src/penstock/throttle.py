"""Throttle: a Transform that lets bytes through no faster than at a given rate."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from time import monotonic
from typing import Any

from penstock.errors import InvalidArgTypeError, OutOfRangeError
from penstock.transform import Transform

__all__ = ["Throttle", "throttle"]

# A chunk passes in pieces of at most this much time and this many bytes.
_PIECE_SECONDS = 0.05
_LARGEST_PIECE_BYTES = 64 * 1024
# How much of a delay (of a timer, or of a reader that made it wait) the throttle may make up for afterwards.
_CREDIT_SECONDS = 0.05


class Throttle(Transform):
    """What `throttle` returns. ``bytes_per_second``: the rate."""

    def __init__(self, bytes_per_second: float, high_water_mark: int | None, signal: Any) -> None:
        if isinstance(bytes_per_second, bool) or not isinstance(bytes_per_second, int | float):
            raise InvalidArgTypeError(f"bytes_per_second must be a number, got {bytes_per_second!r}")
        if not 0 < bytes_per_second < float("inf"):
            raise OutOfRangeError(f"bytes_per_second must be above 0 and finite, got {bytes_per_second!r}")
        super().__init__(high_water_mark=high_water_mark, signal=signal)
        self.bytes_per_second = bytes_per_second
        self._piece_bytes = int(max(1, min(_LARGEST_PIECE_BYTES, bytes_per_second * _PIECE_SECONDS)))
        # When, in seconds of the monotonic clock, the last piece was due; None before the first.
        self._due: float | None = None

    async def _transform(self, chunk: Any) -> AsyncIterator[Any]:
        size = len(chunk)
        if size <= self._piece_bytes:
            await self._turn(size)
            yield chunk
            return
        data = memoryview(chunk)
        for at in range(0, size, self._piece_bytes):
            piece = data[at : at + self._piece_bytes]
            await self._turn(len(piece))
            yield piece

    async def _turn(self, nbytes: int) -> None:
        """Wait until ``nbytes`` more may pass: at the end of the time that they take."""
        now = monotonic()
        last = now if self._due is None else max(self._due, now - _CREDIT_SECONDS)
        self._due = last + nbytes / self.bytes_per_second
        if self._due > now:
            await asyncio.sleep(self._due - now)


def throttle(bytes_per_second: float, *, high_water_mark: int | None = None, signal: Any = None) -> Throttle:
    """A Transform that passes on what it gets, at no more than ``bytes_per_second``.

    At no time have more bytes passed than the rate allows since the first one came; time in which none came,
    or in which nobody took them, is not made up for, but for 0.05 s. Chunks that take longer than 0.05 s are
    split. Who writes is told to wait by the ordinary means: ``write()`` says False, and 'drain' follows.

    ``high_water_mark``: bytes, for both sides. ``signal``: an `AbortSignal` that destroys the stream. Raises
    InvalidArgTypeError and OutOfRangeError for what is no rate.
    """
    return Throttle(bytes_per_second, high_water_mark, signal)
