"""How long a client waits, and for what."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, fields
from time import monotonic
from typing import Any

from penstock.errors import HttpTimeoutError, InvalidArgTypeError, OutOfRangeError

__all__ = ["Timeouts", "Watch", "as_timeouts"]


@dataclass(frozen=True, kw_only=True)
class Timeouts:
    """How long a request may take, in seconds; None is for ever.

    ``connect``: until there is a connection, TLS included. ``response``: from the end of the request until the head of
    the response. ``idle``: without any byte, where one is due from the server or the server takes none. ``total``: for
    everything, until the response is complete.
    """

    connect: float | None = 30.0
    response: float | None = 120.0
    idle: float | None = 60.0
    total: float | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise InvalidArgTypeError(f"{field.name} must be a number of seconds or None, got {value!r}")
            if not value > 0:
                raise OutOfRangeError(f"{field.name} must be above 0, got {value!r}")


def as_timeouts(timeout: Timeouts | float | None) -> Timeouts:
    """A number is the total."""
    if isinstance(timeout, Timeouts):
        return timeout
    return Timeouts(total=timeout)


class Watch:
    """Looks after one exchange; what takes too long fails with HttpTimeoutError."""

    def __init__(self, timeouts: Timeouts, request: Any) -> None:
        self._timeouts = timeouts
        self._request = request
        self._loop = asyncio.get_running_loop()
        self._began = monotonic()
        self._connection: Any = None
        self._sent_at = 0.0
        self._bytes = -1
        self._active_at = self._began
        self._timer: asyncio.TimerHandle | None = None
        self._look()

    def stop(self) -> None:
        """It is over."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._request = self._connection = None

    def connected(self, connection: Any) -> None:
        """The request is on its way on ``connection``."""
        self._connection = connection
        self._active_at = monotonic()
        self._bytes = -1
        if self._timer is not None:
            self._timer.cancel()
        self._look()

    def _look(self) -> None:
        self._timer = None
        request = self._request
        if request is None:
            return
        now = monotonic()
        due: list[tuple[float, str]] = []
        limits = self._timeouts
        if limits.total is not None:
            due.append((self._began + limits.total, f"the exchange took longer than {limits.total} s"))
        if self._connection is None:
            if limits.connect is not None:
                due.append(
                    (self._began + limits.connect, f"there was no connection within {limits.connect} s")
                )
        else:
            self._see_progress(now)
            if limits.idle is not None:
                due.append((self._active_at + limits.idle, f"nothing came or went for {limits.idle} s"))
            if limits.response is not None and request.response is None:
                if not request.writable_finished:
                    # Look again: it counts from the end of the request.
                    due.append((now + limits.response, ""))
                else:
                    self._sent_at = self._sent_at or now
                    due.append(
                        (self._sent_at + limits.response, f"there was no response within {limits.response} s")
                    )
        if not due:
            return
        when, why = min(due)
        if when <= now and why:
            request._time_out(HttpTimeoutError(f"{request.method} {request.url}: {why}"))
            return
        self._timer = self._loop.call_later(max(when - now, 0.001), self._look)

    def _see_progress(self, now: float) -> None:
        count = self._connection.count_bytes()
        if count != self._bytes or not self._connection.awaits_peer:
            self._bytes = count
            self._active_at = now
