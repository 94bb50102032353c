"""Timeouts of a client."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable
from dataclasses import dataclass, fields
from time import monotonic
from typing import Any

from forebay.errors import HttpTimeoutError, InvalidArgTypeError, OutOfRangeError

__all__ = ["Timeouts", "Watch", "as_timeouts"]

# Number of checks within the idle time: an idle connection is found at most an eighth of the time too late.
_LOOKS = 8


@dataclass(frozen=True, kw_only=True)
class Timeouts:
    """How long the parts of a request may take, in seconds. None means no limit.

    All but ``total`` start anew with every redirect, and when a request is sent again.

    Args:
        connect: Until the connection is open, including TLS and a proxy's tunnel.
        response: From the end of the request until the head of the response.
        idle: Without any byte, while the server has to send, or has to take what the client sends.
        total: For everything, until the response is complete.
        pool: Until one of an agent's ``max_connections`` is free.

    Raises:
        InvalidArgTypeError: A time has the wrong type.
        OutOfRangeError: A time is not above 0.
    """

    connect: float | None = 30.0
    response: float | None = 120.0
    idle: float | None = 60.0
    total: float | None = None
    pool: float | None = None

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
    """Return a Timeouts; a number is the total."""
    if timeout is None:
        return _USUAL
    return timeout if isinstance(timeout, Timeouts) else Timeouts(total=timeout)


_USUAL = Timeouts()


def _gone() -> None:
    """Return a Timeouts; a number is the total time."""


class Watch:
    """Watch one exchange. A part that takes too long fails with HttpTimeoutError.

    The exchange reports its state: `queued`, `opening`, then `connected`, and again after a redirect.
    """

    def __init__(self, timeouts: Timeouts, exchange: Any) -> None:
        self._timeouts = timeouts
        # Weak, so that a response that the program drops is freed with its exchange.
        self._exchange: Callable[[], Any] = weakref.ref(exchange)
        self._loop = asyncio.get_running_loop()
        self._began = self._since = self._active_at = monotonic()
        # Before there is a connection: the time limit, and the text of its error.
        self._limit: float | None = None
        self._why = ""
        self._connection: Any = None
        self._bytes = -1
        self._timer: asyncio.TimerHandle | None = None

    def stop(self) -> None:
        """Stop watching."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._connection = None
        self._exchange = _gone

    def queued(self, what: str) -> None:
        """Note that all connections are in use; ``what`` says which."""
        limit = self._timeouts.pool
        self._enter(None, limit, f"no connection became free within {limit} s: {what}")

    def opening(self) -> None:
        """Note that a connection is being opened."""
        limit = self._timeouts.connect
        self._enter(None, limit, f"there was no connection within {limit} s")

    def connected(self, connection: Any) -> None:
        """Note that the request is on its way on ``connection``."""
        self._enter(connection, None, "")

    def between(self) -> None:
        """Note that a redirect came, and the next request has not started yet."""
        self._enter(None, None, "")

    def _enter(self, connection: Any, limit: float | None, why: str) -> None:
        self._connection = connection
        self._limit = limit
        self._why = why
        self._since = self._active_at = monotonic()
        self._bytes = -1
        if self._timer is not None:
            self._timer.cancel()
        self._look()

    def _look(self) -> None:
        self._timer = None
        exchange = self._exchange()
        if exchange is None:
            self._connection = None
            return
        now = monotonic()
        limits = self._timeouts
        # Pairs of a time and the text of the error that is due then. A mere check has no text.
        due: list[tuple[float, str]] = []
        if limits.total is not None:
            due.append((self._began + limits.total, f"the exchange took longer than {limits.total} s"))
        if self._connection is not None:
            self._add_progress(due, now, exchange)
        elif self._limit is not None:
            due.append((self._since + self._limit, self._why))
        late = [item for item in due if item[1] and item[0] <= now]
        if late:
            exchange.time_out(HttpTimeoutError(f"{exchange.method} {exchange.url}: {min(late)[1]}"))
        elif due:
            self._timer = self._loop.call_later(max(min(due)[0] - now, 0.001), self._look)

    def _add_progress(self, due: list[tuple[float, str]], now: float, exchange: Any) -> None:
        limits = self._timeouts
        if limits.idle is not None:
            count = self._connection.count_bytes()
            if count != self._bytes or not self._connection.awaits_peer:
                self._bytes = count
                self._active_at = now
            due.append((self._active_at + limits.idle, f"nothing came or went for {limits.idle} s"))
            due.append((now + limits.idle / _LOOKS, ""))
        if limits.response is not None and exchange.response is None:
            sent_at = exchange.sent_at
            if sent_at:
                why = f"there was no response within {limits.response} s"
                due.append((max(sent_at, self._since) + limits.response, why))
            else:
                due.append((now + limits.response, ""))
