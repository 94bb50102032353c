"""Server-sent events: `parse` reads an event stream, and `stringify` writes one.

The format is that of the WHATWG's HTML standard, chapter 9.2: UTF-8 text of fields, with an empty line after each event.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from forebay._core.abort import AbortSignal
from forebay.formats._event_stages import EventParser, EventWriter, ServerEvent

if TYPE_CHECKING:
    from forebay.streams.generics import Buffer
    from forebay.streams.transform import Transform

__all__ = ["EventParser", "ServerEvent", "comment", "parse", "stringify"]


def parse(
    *, limit: int = 1 << 20, high_water_mark: int | None = None, signal: AbortSignal | None = None
) -> Transform[Buffer, ServerEvent]:
    r"""Make a Transform from the bytes of an event stream to `ServerEvent` objects.

    Lines end with ``\n``, ``\r\n`` or ``\r``. Comments and unknown fields are skipped. Bytes that are not UTF-8 become U+FFFD.
    An event without an empty line behind it is incomplete and dropped, as in a browser. To connect again, send the ``id`` of the
    last event as the header field Last-Event-ID.

    Args:
        limit: The largest size of an event in bytes. The stream fails with RecordError at a larger one.
        high_water_mark: Events that wait for their reader. None is 16.
        signal: An `AbortSignal` that destroys the stream.

    Returns:
        The stream. Its ``retry`` is the last reconnection time that the server sent, in seconds, or None.

    Raises:
        InvalidArgTypeError: The limit has the wrong type.
        OutOfRangeError: The limit is less than 1.
    """
    return EventParser(limit, high_water_mark, signal)


def stringify(
    *, high_water_mark: int | None = None, signal: AbortSignal | None = None
) -> Transform[ServerEvent | str | dict[str, Any], bytes]:
    """Make a Transform from events to the bytes of an event stream, for a response of the type ``text/event-stream``.

    An event is a `ServerEvent`, a str (its data), or a dict with the keys of a ServerEvent. The bytes of each event are passed on
    at once. The stream fails with RecordError at something else, and at a line break in ``event`` or ``id``.

    Args:
        high_water_mark: Events that wait. None is 16.
        signal: An `AbortSignal` that destroys the stream.

    Returns:
        The stream.
    """
    return EventWriter(high_water_mark, signal)


def comment(text: str = "") -> bytes:
    """Return a comment, which clients ignore. Sent now and then, it keeps proxies from closing a silent connection.

    Args:
        text: The text.

    Returns:
        The bytes.
    """
    return b"".join(b": %s\n" % line.encode() for line in text.split("\n")) + b"\n"
