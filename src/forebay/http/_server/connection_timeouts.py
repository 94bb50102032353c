"""Timeouts of a server's connection: when the client has to act, and how long it may take."""

from __future__ import annotations

from typing import Any

from forebay.errors import HttpTimeoutError
from forebay.http._messages.parsed_connection import HttpConnection

# Seconds in which the peer may stop sending after its last response. An earlier close could destroy the response on its way.
_LINGER_SECONDS = 2.0
# Seconds that a body may be behind its rate if there is no idle_time.
_BEHIND_SECONDS = 60.0


class ServerClock(HttpConnection):
    """The time limits of a `ServerConnection`. The server makes it check the clock regularly."""

    _request: Any
    _response: Any
    _ending: bool
    _served: int
    _looked_at: float
    _came: int
    _sent: int
    _came_since: float
    _sent_since: float
    _waited: float
    _waited_for_body: float
    _idle_since: float
    _ended_at: float
    _head_since: float

    def _start_clock(self) -> None:
        self._request = self._response = None
        self._ending = False
        self._served = 0
        self._looked_at = 0.0
        self._came = self._sent = -1
        self._came_since = self._sent_since = 0.0
        self._head_since = 0.0
        self._idle_since = 0.0
        self._waited = self._waited_for_body = 0.0
        self._ended_at = 0.0

    def check_time(self, now: float) -> None:
        """Disconnect a peer that exceeds a limit. The server calls this regularly. ``now``: monotonic seconds."""
        socket = self._socket
        passed = now - self._looked_at if self._looked_at else 0.0
        self._looked_at = now
        self._note_progress(now)
        if self._ending:
            if self._ended_at == 0 or socket._w_length:
                self._ended_at = now
            if now - self._ended_at > _LINGER_SECONDS or self._is_over(
                now - self._sent_since, self._limits.idle_time
            ):
                socket._s_destroy_stream(None)
        elif self._response is not None:
            self._head_since = self._idle_since = 0.0
            self._check_exchange(now, passed)
        else:
            self._stop_runner()
            if self._in_head or not (self._served or self._in_message):
                self._idle_since = 0.0
                self._check_head(now, passed)
            elif self._in_message:
                self._idle_since = 0.0
                if self._paused:
                    self._came_since = now
                elif (late := self._late_body(now, passed)) is not None:
                    self._refused(late)
                    self._end_socket()
            else:
                self._check_idle(now)

    def _check_exchange(self, now: float, passed: float) -> None:
        """Check the limits while a request is handled."""
        socket = self._socket
        limit = self._limits.idle_time
        request = self._request
        if socket._w_length or self._response._direct:
            self._came_since = now
            if self._is_over(now - self._sent_since, limit):
                socket._s_destroy_stream(None)
        elif (
            self._in_message
            and not self._in_head
            and not self._paused
            and self._incoming is request
            and not request._expects_continue
        ):
            late = self._late_body(now, passed)
            if late is not None:
                self._refused(late)
        elif self._peer_ended:
            # The client may be waiting for its response. If it has gone, only a write would show that.
            since = self._came_since if self._came_since > self._sent_since else self._sent_since
            if self._is_over(now - since, limit):
                socket._s_destroy_stream(None)
        else:
            self._came_since = self._sent_since = now

    def _late_body(self, now: float, passed: float) -> Any:
        """Check the limits of a body that the client has to send. Return an error if one is exceeded."""
        limits = self._limits
        self._waited += passed
        self._waited_for_body += passed
        behind = limits.idle_time
        if self._is_over(now - self._came_since, behind):
            return _late("nothing more of the body", "idle_time")
        if self._is_over(self._waited, limits.request_time):
            return _late("no whole request in time", "request_time")
        rate = limits.body_rate
        if rate is not None:
            if behind is None:
                behind = _BEHIND_SECONDS
            if self._waited_for_body - self._body_bytes / rate > behind:
                return _late("the body too slowly", "body_rate")
        return None

    def _check_head(self, now: float, passed: float) -> None:
        """Check the limit of a head that has begun, or of the first head of the connection."""
        if self._head_since == 0:
            self._head_since = now
            return
        limits = self._limits
        limit = "header_time"
        self._waited += passed
        if not self._is_over(now - self._head_since, limits.header_time):
            if not self._in_head or not self._is_over(self._waited, limits.request_time):
                return
            limit = "request_time"
        if self._in_head:
            self._refused(_late("no whole head in time", limit))
            self._answer(408, self._failed)
        else:
            self._end_socket()

    def _check_idle(self, now: float) -> None:
        """Check the limit of the next request. Blank lines do not count as a request."""
        self._head_since = 0.0
        if self._idle_since == 0:
            self._idle_since = now
            return
        if self._held is None:
            self._save_memory()
        if self._is_over(now - self._idle_since, self._limits.keep_alive_time):
            self._end_socket()

    def _note_progress(self, now: float) -> None:
        """Return the received and sent bytes. A socket counts the bytes of the direct path itself."""
        socket = self._socket
        sent = getattr(socket, "bytes_written", None)
        if sent is None:
            sent = socket._w_bytes - socket._w_length
        if socket._r_bytes != self._came:
            self._came = socket._r_bytes
            self._came_since = now
        if sent != self._sent:
            self._sent = sent
            self._sent_since = now

    def _is_over(self, seconds: float, limit: Any) -> bool:
        return limit is not None and seconds > limit

    # ---- for the connection

    def _stop_runner(self) -> None:
        raise NotImplementedError

    def _save_memory(self) -> None:
        """Start an idle period."""

    def _answer(self, status: int, error: Any) -> None:
        raise NotImplementedError

    def _end_socket(self) -> None:
        raise NotImplementedError


def _late(what: Any, limit: Any) -> Any:
    return HttpTimeoutError(f"the client sent {what} (Limits.{limit})")
