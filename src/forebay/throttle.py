"""Throttle: a Transform that lets bytes or objects through no faster than at a given rate."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from time import monotonic
from typing import Any

from forebay.errors import InvalidArgTypeError, MissingArgsError, OutOfRangeError
from forebay.streams.transform import Transform

__all__ = ["Throttle", "throttle"]

# A chunk passes in pieces of at most this much time and this many bytes.
_PIECE_SECONDS = 0.05
_LARGEST_PIECE_BYTES = 64 * 1024
# How much of a delay (of a timer, or of a reader that made it wait) the throttle may make up for afterwards.
_CREDIT_SECONDS = 0.05


class Throttle(Transform):
    """What `throttle` returns. ``bytes_per_second`` or ``items_per_second``: the rate; the other is None."""

    def __init__(
        self,
        bytes_per_second: float | None,
        items_per_second: float | None,
        high_water_mark: int | None,
        signal: Any,
    ) -> None:
        by_items = items_per_second is not None
        if by_items == (bytes_per_second is not None):
            raise MissingArgsError("throttle() needs one rate: bytes_per_second or items_per_second")
        name = "items_per_second" if by_items else "bytes_per_second"
        self._rate = _checked_rate(name, items_per_second if by_items else bytes_per_second)
        super().__init__(high_water_mark=high_water_mark, object_mode=by_items, signal=signal)
        self.bytes_per_second = bytes_per_second
        self.items_per_second = items_per_second
        self._piece_bytes = int(max(1, min(_LARGEST_PIECE_BYTES, self._rate * _PIECE_SECONDS)))
        # When, in seconds of the monotonic clock, the next item may pass, or the last piece was due; None at first.
        self._due: float | None = None

    async def _transform(self, chunk: Any) -> AsyncIterator[Any]:
        if self.items_per_second is not None:
            await self._item_turn()
            yield chunk
            return
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
        self._due = last + nbytes / self._rate
        if self._due > now:
            await asyncio.sleep(self._due - now)

    async def _item_turn(self) -> None:
        """Wait until one more item may pass: the first at once, the next when the time of the one before is over."""
        now = monotonic()
        due = now if self._due is None else max(self._due, now - _CREDIT_SECONDS)
        self._due = due + 1 / self._rate
        if due > now:
            await asyncio.sleep(due - now)


def _checked_rate(name: str, rate: Any) -> float:
    if isinstance(rate, bool) or not isinstance(rate, int | float):
        raise InvalidArgTypeError(f"{name} must be a number, got {rate!r}")
    if not 0 < rate < float("inf"):
        raise OutOfRangeError(f"{name} must be above 0 and finite, got {rate!r}")
    return rate


def throttle(
    bytes_per_second: float | None = None,
    *,
    items_per_second: float | None = None,
    high_water_mark: int | None = None,
    signal: Any = None,
) -> Throttle:
    """A Transform that passes on what it gets, at no more than ``bytes_per_second``, or ``items_per_second``.

    At no time have more bytes passed than the rate allows since the first one came; time in which none came,
    or in which nobody took them, is not made up for, but for 0.05 s. Chunks that take longer than 0.05 s are
    split. With ``items_per_second`` it is in object mode: the first object passes at once, each other one
    ``1 / items_per_second`` seconds after the one before. Who writes is told to wait by the ordinary means:
    ``write()`` says False, and 'drain' follows.

    ``high_water_mark``: bytes, or objects, for both sides. ``signal``: an `AbortSignal` that destroys the
    stream. Raises MissingArgsError where not one rate is given, InvalidArgTypeError and OutOfRangeError for
    what is none.
    """
    return Throttle(bytes_per_second, items_per_second, high_water_mark, signal)
