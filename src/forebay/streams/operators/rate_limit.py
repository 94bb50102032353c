"""A token bucket: how long a piece of bytes, or an item, has to wait so that a rate is kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from time import monotonic
from typing import Any

from forebay.errors import InvalidArgTypeError, MissingArgsError, OutOfRangeError

# A chunk passes in pieces of at most this much time and this many bytes.
_PIECE_SECONDS = 0.05
_LARGEST_PIECE_BYTES = 64 * 1024
# Without a burst: how much of a delay (of a timer, or of a reader that made it wait) may be made up for afterwards.
_CREDIT_SECONDS = 0.05


class RateLimit:
    """The limit of one stream.

    Args:
        name: The function that the limit is for.
        bytes_per_second: The rate in bytes.
        items_per_second: The rate in items. There is one of both.
        burst: The bytes or items that may pass at once after idle time. None is hardly any: see `_CREDIT_SECONDS`.

    Raises:
        MissingArgsError: There is not exactly one rate.
        InvalidArgTypeError: A rate or the burst is not a number.
        OutOfRangeError: A rate or the burst is out of range.
    """

    def __init__(
        self,
        name: str,
        bytes_per_second: float | None,
        items_per_second: float | None,
        burst: float | None,
    ) -> None:
        #: Whether items are counted, and not bytes.
        self.by_items = items_per_second is not None
        if self.by_items == (bytes_per_second is not None):
            raise MissingArgsError(f"{name}() needs one rate: bytes_per_second or items_per_second")
        given = "items_per_second" if self.by_items else "bytes_per_second"
        self._rate = _checked_rate(given, items_per_second if self.by_items else bytes_per_second)
        self._piece_bytes = int(max(1, min(_LARGEST_PIECE_BYTES, self._rate * _PIECE_SECONDS)))
        # When, in seconds of the monotonic clock, the next item may pass, or the last piece was due; None at first.
        self._due: float | None = None
        if burst is None:
            self._credit, self._first_credit = _CREDIT_SECONDS, 0.0
        else:
            _checked_rate("burst", burst)
            if burst < 1:
                raise OutOfRangeError(f"burst must be at least 1, got {burst!r}")
            # An item passes when it is due, and so the first one needs no credit.
            self._credit = self._first_credit = (burst - 1 if self.by_items else burst) / self._rate
            if not self.by_items:
                self._piece_bytes = int(max(1, min(self._piece_bytes, burst)))

    def turn_of_item(self, item: Any = None) -> Awaitable[None] | None:
        """Return what to await before one more item passes; None if it may pass at once."""
        now = monotonic()
        due = self._earliest(now)
        self._due = due + 1 / self._rate
        return asyncio.sleep(due - now) if due > now else None

    def turn_of_bytes(self, nbytes: int) -> Awaitable[None] | None:
        """Return what to await before ``nbytes`` more pass: the time that they take; None if they may pass at once."""
        now = monotonic()
        due = self._due = self._earliest(now) + nbytes / self._rate
        return asyncio.sleep(due - now) if due > now else None

    def _earliest(self, now: float) -> float:
        if self._due is None:
            return now - self._first_credit
        return max(self._due, now - self._credit)

    async def pieces(self, chunk: Any) -> AsyncIterator[Any]:
        """Give the pieces of a chunk of bytes, each of them when its time has come."""
        size = len(chunk)
        data = chunk if size <= self._piece_bytes else memoryview(chunk).cast("B")
        for at in range(0, size, self._piece_bytes):
            piece = data if data is chunk else data[at : at + self._piece_bytes]
            wait = self.turn_of_bytes(len(piece))
            if wait is not None:
                await wait
            yield piece


def _checked_rate(name: str, rate: Any) -> float:
    if isinstance(rate, bool) or not isinstance(rate, int | float):
        raise InvalidArgTypeError(f"{name} must be a number, got {rate!r}")
    if not 0 < rate < float("inf"):
        raise OutOfRangeError(f"{name} must be above 0 and finite, got {rate!r}")
    return rate
