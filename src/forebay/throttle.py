"""Throttle: a Transform that limits the bytes or the objects per second."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from time import monotonic
from typing import Any

from forebay._core.abort import AbortSignal
from forebay.errors import InvalidArgTypeError, MissingArgsError, OutOfRangeError
from forebay.streams.transform import Transform

__all__ = ["Throttle", "throttle"]

# A chunk passes in pieces of at most this much time and this many bytes.
_PIECE_SECONDS = 0.05
_LARGEST_PIECE_BYTES = 64 * 1024
# How much of a delay (of a timer, or of a reader that made it wait) the throttle may make up for afterwards.
_CREDIT_SECONDS = 0.05


class Throttle(Transform[Any, Any]):
    """The stream that `throttle` returns."""

    def __init__(
        self,
        bytes_per_second: float | None,
        items_per_second: float | None,
        high_water_mark: int | None,
        signal: AbortSignal | None,
    ) -> None:
        by_items = items_per_second is not None
        if by_items == (bytes_per_second is not None):
            raise MissingArgsError("throttle() needs one rate: bytes_per_second or items_per_second")
        name = "items_per_second" if by_items else "bytes_per_second"
        self._rate = _checked_rate(name, items_per_second if by_items else bytes_per_second)
        super().__init__(high_water_mark=high_water_mark, object_mode=by_items, signal=signal)
        #: The rate in bytes per second, or None.
        self.bytes_per_second = bytes_per_second
        #: The rate in objects per second, or None.
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
        """Wait until ``nbytes`` more may pass: until the time that they take is over."""
        now = monotonic()
        last = now if self._due is None else max(self._due, now - _CREDIT_SECONDS)
        self._due = last + nbytes / self._rate
        if self._due > now:
            await asyncio.sleep(self._due - now)

    async def _item_turn(self) -> None:
        """Wait until one more item may pass: the first at once, the next when the time of the previous one is over."""
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
    signal: AbortSignal | None = None,
) -> Throttle:
    """Make a Transform that passes its input on at a limited rate.

    At no time have more bytes passed than the rate allows since the first byte came. Idle time gives no credit beyond
    0.05 s. A chunk that takes longer than 0.05 s is split. With ``items_per_second`` the stream is in object mode: the first
    object passes at once, and each further object at least ``1 / items_per_second`` seconds after the previous one. The
    writer waits as for any stream: `write` returns False, and 'drain' follows.

    Args:
        bytes_per_second: The rate in bytes per second.
        items_per_second: The rate in objects per second. Give one of the two rates.
        high_water_mark: The high-water mark of both sides: bytes, or objects. None is the default.
        signal: An `AbortSignal` that destroys the stream.

    Returns:
        The stream.

    Raises:
        MissingArgsError: There is not exactly one rate.
        InvalidArgTypeError: The rate is not a number.
        OutOfRangeError: The rate is not above 0 and finite.
    """
    return Throttle(bytes_per_second, items_per_second, high_water_mark, signal)
