"""The burst of a loop: the writes of its sockets in one round of callbacks, and the work at the end of the round."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from forebay._core.scheduling import constants as k
from forebay._core.scheduling.ticks import Ticked, current_queue, report

if TYPE_CHECKING:
    import asyncio

# The most rounds through the tick queue of one burst.
_MOST_ROUNDS = 256
_ATTRIBUTE = "_forebay_burst"


class Bursting:
    """An object that writes in bursts, for `_stream`, and is called when a burst is over."""

    _stream: Any

    def _burst_over(self) -> None:
        raise NotImplementedError


class Burst(Ticked):
    """The channels that have written since the loop last ran its callbacks.

    All share one tick. It moves behind every other tick, so it runs when there are no others.
    """

    _queue: Any
    _members: Any
    _scheduled: bool
    _rounds: int

    def __init__(self, queue: Any) -> None:
        self._queue = queue
        self._members = []
        self._scheduled = False
        self._rounds = 0

    def add(self, member: Bursting) -> None:
        self._members.append(member)
        if not self._scheduled:
            self._scheduled = True
            self._rounds = 0
            queue = self._queue
            queue.add(self, k.TICK_ONLY, None)

    def _s_run_tick(self, op: int, arg: Any) -> None:
        queue = self._queue
        if queue._fifo.size and self._rounds < _MOST_ROUNDS:
            self._rounds += 1
            queue.add(self, k.TICK_ONLY, None)
            return
        self._scheduled = False
        members = self._members
        self._members = []
        for each in members:
            member = each
            try:
                member._burst_over()
            except Exception as error:
                report(queue._loop, "Exception in a forebay callback", error, member._stream)


def current_burst(loop: asyncio.AbstractEventLoop) -> Burst:
    """Return the present burst of a loop."""
    burst = getattr(loop, _ATTRIBUTE, None)
    if burst is None:
        burst = Burst(current_queue())
        setattr(loop, _ATTRIBUTE, burst)
    return burst
