"""Stalls: how often and how long producers waited for room in a stream."""

from __future__ import annotations

from forebay._core.fields import give_defaults
from forebay._core.scheduling import clock


class Stalls:
    """The stalls of a stream; made when it stalls for the first time."""

    count: int
    _over: float
    _since: float

    def begin(self) -> None:
        if self._since == 0:
            self.count += 1
            self._since = clock.monotonic()

    def end(self) -> None:
        if self._since != 0:
            now = clock.monotonic()
            self._over += now - self._since
            self._since = 0

    def seconds(self) -> float:
        """Return the time of all stalls, including the present one."""
        now = clock.monotonic()
        return self._over + (now - self._since if self._since else 0.0)


def stalls_of(stalls: Stalls | None) -> tuple[int, float]:
    """Return count and seconds, also for a stream that never stalled."""
    if stalls is None:
        return 0, 0.0
    return stalls.count, stalls.seconds()


give_defaults(Stalls)
