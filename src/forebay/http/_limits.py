"""What a peer may ask for: sizes, counts and times, with defaults that are safe on an open port."""

from __future__ import annotations

from dataclasses import dataclass, fields

from forebay.errors import InvalidArgTypeError, OutOfRangeError

__all__ = ["Limits"]


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The limits of a server's connections, or of an agent's. Times are in seconds, None for no limit.

    ``header_bytes``: of the first line and all header fields of a message, trailers included. ``headers``: their
    number. ``body_bytes``: of one message's body, None for any. ``pipelined``: requests that may wait for their turn
    on a connection. ``header_time``: for the whole head of a message, from its first byte (of a connection's first
    message, from the connection's beginning). ``idle_time``: without any byte, where one is due from the peer, the
    peer takes none, or it has ended its side and waits for its answer. ``keep_alive_time``: an idle connection is kept
    so long between two messages.

    Of a server only: ``request_time``: for a whole request, head and body. ``body_rate``: bytes a second that a body
    has to come at; a client may be ``idle_time`` behind that. Both count the time in which the server waits for the
    client, not that in which the handler does not read. None for neither.
    """

    header_bytes: int = 32 * 1024
    headers: int = 100
    body_bytes: int | None = 1024**3
    pipelined: int = 16
    header_time: float | None = 30.0
    idle_time: float | None = 60.0
    keep_alive_time: float | None = 60.0
    request_time: float | None = None
    body_rate: float | None = 240.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is None and field.name not in ("header_bytes", "headers", "pipelined"):
                continue
            whole = not field.name.endswith(("_time", "_rate"))
            if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
                raise InvalidArgTypeError(
                    f"{field.name} must be {'an int' if whole else 'a number'}, got {value!r}"
                )
            if not (value > 0 or (value == 0 and field.name == "body_bytes")):
                raise OutOfRangeError(f"{field.name} must be above 0, got {value!r}")

    def shortest_time(self) -> float | None:
        """The shortest of the times, in seconds; None where there is none."""
        times = (self.header_time, self.idle_time, self.keep_alive_time, self.request_time)
        return min((time for time in times if time is not None), default=None)
