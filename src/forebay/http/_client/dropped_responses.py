"""DroppedResponses: find responses that are garbage, so that waiting requests get their places."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from time import monotonic

__all__ = ["DroppedResponses"]

# Seconds between two collections: the first value, the largest value, and a factor for the duration of the last one.
_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 60.0
_PAUSE_TIMES = 20


class DroppedResponses:
    """Run the garbage collector while requests wait for the places of unread responses.

    A request and its response refer to each other, so only the garbage collector finds those that a program has dropped.
    ``is_short`` returns whether there are unread responses, or None if no request waits.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, is_short: Callable[[], bool | None]) -> None:
        self._loop = loop
        self._is_short = is_short
        self._pause = _FIRST_PAUSE
        self._not_before = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def look(self) -> None:
        """Note that a request waits."""
        if self._timer is None:
            self._timer = self._loop.call_later(max(0.0, self._not_before - monotonic()), self._collect)

    def stop(self) -> None:
        """Stop, because the agent is closed."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _collect(self) -> None:
        self._timer = None
        short = self._is_short()
        if short is None:
            self._pause = _FIRST_PAUSE
            return
        pause = _FIRST_PAUSE
        if short:
            began = monotonic()
            gc.collect()
            pause = max(self._pause, _PAUSE_TIMES * (monotonic() - began))
            self._pause = min(2 * self._pause, _LONGEST_PAUSE)
        self._not_before = monotonic() + pause
        self.look()
