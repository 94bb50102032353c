"""Limits for peers: sizes, counts and times, with defaults that are safe on an open port."""

from __future__ import annotations

from dataclasses import dataclass, fields

from forebay.errors import InvalidArgTypeError, OutOfRangeError

__all__ = ["Limits"]


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The limits of a server's connections, or of an agent's. Times are in seconds; None means no limit.

    ``request_time`` and ``body_rate`` apply to a server only. They count the time in which the server waits for the client,
    not that in which the handler does not read.

    Args:
        header_bytes: The bytes of the first line and all header fields of a message, including trailers.
        headers: The number of header fields.
        body_bytes: The bytes of the body of a message.
        pipelined: How many requests of a connection may wait for their turn.
        header_time: For the whole head of a message, from its first byte; of the first message, from the start of the
            connection.
        idle_time: Without any byte, while the peer has to send, has to take data, or has ended its side and waits for its
            answer.
        keep_alive_time: How long an idle connection is kept between two messages.
        request_time: For a whole request, head and body.
        body_rate: The bytes per second at which a body has to arrive. A client may be ``idle_time`` behind this rate.

    Raises:
        InvalidArgTypeError: A limit has the wrong type.
        OutOfRangeError: A limit is not above 0.
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
        """Return the shortest of the times, in seconds; None if there is none."""
        times = (self.header_time, self.idle_time, self.keep_alive_time, self.request_time)
        return min((time for time in times if time is not None), default=None)
