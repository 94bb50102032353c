"""The stages that `sse.parse` and `sse.stringify` return."""

from __future__ import annotations

import codecs
from typing import Any, NamedTuple

from forebay._core.abort import AbortSignal
from forebay.errors import RecordError
from forebay.formats._arguments import checked_limit
from forebay.formats._frames import Pieces
from forebay.streams.transform import Transform

# A reconnection time of more digits is ignored.
_MOST_DIGITS = 15


class ServerEvent(NamedTuple):
    """One server-sent event.

    Attributes:
        data: The text of the event.
        event: Its type; "message" if the server names none.
        id: The last id that the server has sent, "" if there was none.
        retry: The seconds after which a client should connect again, for `stringify`. `parse` leaves it None.
    """

    data: str
    event: str = "message"
    id: str = ""
    retry: float | None = None


class EventParser(Transform[Any, ServerEvent]):
    """The stream that `parse` returns."""

    def __init__(self, limit: int, high_water_mark: int | None, signal: AbortSignal | None) -> None:
        self._limit = checked_limit(limit)
        #: The reconnection time that the server sent last, in seconds; None before.
        self.retry: float | None = None
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._begun = False
        self._after_return = False
        # The beginning of a line whose end has not come.
        self._rest = Pieces("")
        self._data: list[str] = []
        self._event = ""
        self._id = ""
        self._size = 0
        self._count = 0
        super().__init__(readable_object_mode=True, readable_high_water_mark=high_water_mark, signal=signal)

    def _transform(self, chunk: Any) -> None:
        text = self._decoder.decode(chunk)
        if not text:
            return
        if not self._begun:
            self._begun = True
            text = text.removeprefix("\ufeff")
            if not text:
                return
        after_return, self._after_return = self._after_return, text[-1] == "\r"
        if after_return and text[0] == "\n":
            text = text[1:]
        if "\r" in text:
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        first, *lines = text.split("\n")
        if not lines:
            if first:
                self._rest.add(first)
        else:
            self._take(self._rest.take(first))
            for line in lines[:-1]:
                self._take(line)
            if lines[-1]:
                self._rest.add(lines[-1])
        self._check_size(self._rest.size)

    def _check_size(self, more: int) -> None:
        if self._size + more > self._limit:
            raise RecordError(
                f"event {self._count + 1} has more than {self._limit:,} bytes; is its empty line missing? "
                f"Otherwise give a larger limit"
            )

    def _take(self, line: str) -> None:
        if not line:
            self._dispatch()
            return
        self._size += len(line) + 1
        self._check_size(0)
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._event = value
        elif name == "id":
            if "\0" not in value:
                self._id = value
        elif name == "retry" and value.isascii() and value.isdigit() and len(value) <= _MOST_DIGITS:
            self.retry = int(value) / 1000

    def _dispatch(self) -> None:
        data, self._data = self._data, []
        event, self._event = self._event, ""
        self._size = 0
        if data:
            self._count += 1
            self.push(ServerEvent("\n".join(data), event or "message", self._id))


class EventWriter(Transform[Any, bytes]):
    """The stream that `stringify` returns."""

    def __init__(self, high_water_mark: int | None, signal: AbortSignal | None) -> None:
        self._count = 0
        super().__init__(writable_object_mode=True, writable_high_water_mark=high_water_mark, signal=signal)

    def _transform(self, event: Any) -> bytes:
        self._count += 1
        try:
            return encode_event(event)
        except (TypeError, ValueError) as error:
            raise RecordError(f"event {self._count} cannot be written: {error}") from error


def encode_event(event: Any) -> bytes:
    """Return the bytes of an event. Raises TypeError and ValueError."""
    if isinstance(event, str):
        event = ServerEvent(event)
    elif isinstance(event, dict):
        event = ServerEvent(**event)
    elif not isinstance(event, ServerEvent):
        raise TypeError(f"an event is a ServerEvent, a str or a dict, got {event!r:.80}")
    lines = []
    if event.event != "message":
        lines.append(f"event: {_one_line('event', event.event)}")
    if event.id:
        lines.append(f"id: {_one_line('id', event.id)}")
    if event.retry is not None:
        if isinstance(event.retry, bool) or not isinstance(event.retry, (int, float)) or not event.retry >= 0:
            raise ValueError(f"retry must be seconds, got {event.retry!r}")
        lines.append(f"retry: {round(event.retry * 1000)}")
    if not isinstance(event.data, str):
        raise TypeError(f"data must be a str, got {event.data!r:.80}")
    data = event.data.replace("\r\n", "\n").replace("\r", "\n")
    lines += [f"data: {line}" for line in data.split("\n")]
    return ("\n".join(lines) + "\n\n").encode()


def _one_line(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str, got {value!r:.80}")
    if any(mark in value for mark in "\r\n\0"):
        raise ValueError(f"{name} must not contain a line break or a null character, got {value!r:.80}")
    return value
