"""Throttle: a Transform that limits the bytes or the objects per second."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from forebay._core.abort import AbortSignal
from forebay.streams.operators.rate_limit import RateLimit
from forebay.streams.transform import Transform

__all__ = ["Throttle", "throttle"]


class Throttle(Transform[Any, Any]):
    """The stream that `throttle` returns."""

    def __init__(
        self,
        bytes_per_second: float | None,
        items_per_second: float | None,
        burst: float | None,
        high_water_mark: int | None,
        signal: AbortSignal | None,
    ) -> None:
        self._limit = RateLimit("throttle", bytes_per_second, items_per_second, burst)
        super().__init__(high_water_mark=high_water_mark, object_mode=self._limit.by_items, signal=signal)
        #: The rate in bytes per second, or None.
        self.bytes_per_second = bytes_per_second
        #: The rate in objects per second, or None.
        self.items_per_second = items_per_second

    async def _transform(self, chunk: Any) -> AsyncIterator[Any]:
        if not self._limit.by_items:
            async for piece in self._limit.pieces(chunk):
                yield piece
            return
        wait = self._limit.turn_of_item()
        if wait is not None:
            await wait
        yield chunk


def throttle(
    bytes_per_second: float | None = None,
    *,
    items_per_second: float | None = None,
    burst: float | None = None,
    high_water_mark: int | None = None,
    signal: AbortSignal | None = None,
) -> Throttle:
    """Make a Transform that passes its input on at a limited rate.

    At no time have more bytes passed than the rate allows since the first byte came. Idle time gives no credit beyond
    0.05 s. A chunk that takes longer than 0.05 s is split; the pieces are `memoryview` objects.

    With ``items_per_second`` the stream is in object mode: the first object passes at once, and each further object at least
    ``1 / items_per_second`` seconds after the previous one. The writer waits as for any stream: `write` returns False, and
    'drain' follows.

    Args:
        bytes_per_second: The rate in bytes per second.
        items_per_second: The rate in objects per second. Give one of the two rates.
        burst: How many bytes or objects may pass at once at first and after idle time, as in a token bucket of this size. None
            gives no credit beyond 0.05 s of idle time.
        high_water_mark: The high-water mark of both sides: bytes, or objects. None is the default.
        signal: An `AbortSignal` that destroys the stream.

    Returns:
        The stream.

    Raises:
        MissingArgsError: There is not exactly one rate.
        InvalidArgTypeError: The rate or the burst is not a number.
        OutOfRangeError: The rate is not above 0 and finite, or the burst is below 1.
    """
    return Throttle(bytes_per_second, items_per_second, burst, high_water_mark, signal)
