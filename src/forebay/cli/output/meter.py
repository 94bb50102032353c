"""The rate of what is done, and the time that is left."""

from __future__ import annotations

from collections import deque

__all__ = ["Meter"]

# The rate is the mean over this number of past seconds.
_RATE_SECONDS = 3.0


class Meter:
    """Compute a rate and the remaining time from samples of a counter. ``total``: all bytes, None if unknown."""

    def __init__(self, total: int | None) -> None:
        self.total = total
        self.done = 0
        self._looks: deque[tuple[float, int]] = deque()

    def look(self, now: float, done: int) -> None:
        """Add a sample: at ``now`` seconds, ``done`` bytes are done."""
        self.done = done
        self._looks.append((now, done))
        while len(self._looks) > 2 and now - self._looks[1][0] >= _RATE_SECONDS:
            self._looks.popleft()

    @property
    def rate(self) -> float:
        """The recent rate in bytes per second; 0 before the second sample."""
        if len(self._looks) < 2:
            return 0.0
        (then, before), (now, done) = self._looks[0], self._looks[-1]
        return (done - before) / (now - then) if now > then else 0.0

    @property
    def part(self) -> float | None:
        """The finished part, from 0.0 to 1.0."""
        return min(1.0, self.done / self.total) if self.total else None

    @property
    def seconds_left(self) -> float | None:
        if self.total is None or self.rate <= 0:
            return None
        return max(0, self.total - self.done) / self.rate
