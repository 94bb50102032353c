# cython: nonecheck=True
"""Messages to send: the head, and a body that is framed as the head announces it: chunked, or of a known length."""

from __future__ import annotations

from email.utils import formatdate
from time import time
from typing import TYPE_CHECKING, Any, Self

from forebay._core.scheduling import clock, this_thread
from forebay.errors import ContentLengthMismatchError, HeadersSentError, InvalidHeaderError
from forebay.http._messages import constants as k
from forebay.http._messages.body_types import WritableBody
from forebay.http._messages.header_checks import check_name, check_value
from forebay.http._messages.headers import header_items
from forebay.streams.writable import Writable

if TYPE_CHECKING:
    from forebay.http._messages.headers import HeaderFields, HeaderValue
    from forebay.http._messages.transport import MessageTransport
    from forebay.streams.duplex import Duplex
    from forebay.streams.generics import Buffer

#: Pieces of a write up to this size are joined; larger ones leave by a gather write.
_JOINED_BYTES = 16 * 1024

_date_line = ""
# The time on the monotonic clock until which the cached header is right.
_date_until = 0.0


def date_line() -> str:
    """Return the present Date header, which is made once per second."""
    global _date_line, _date_until
    now = clock.monotonic()
    if now < _date_until:
        return _date_line
    date = time()
    line = f"Date: {formatdate(date, usegmt=True)}\r\n"
    if not this_thread.FREE_THREADED:
        _date_line = line
        _date_until = now + 1 - date % 1
    return line


class Outgoing(WritableBody):
    """A message to send; the stream is its body."""

    _transport: Any
    _fields: Any
    _trailers: Any
    _head_fixed: bool
    _head_sent: bool
    _head_wanted: bool
    _framing: int
    _announced: int
    _body_bytes: int
    _waiting: bool
    _in_handler: bool
    _ended_in_handler: bool
    _direct: bool
    _held_chunks: Any

    def __init__(self, transport: MessageTransport | None, high_water_mark: int) -> None:
        self._start_outgoing(transport, high_water_mark, True)

    def _start_outgoing(
        self, transport: MessageTransport | None, high_water_mark: int, auto_destroy: bool
    ) -> None:
        self._transport = transport
        self._fields = {}
        self._trailers = None
        self._head_fixed = False
        self._head_sent = False
        self._framing = k.UNDECIDED
        self._announced = 0
        self._body_bytes = 0
        self._head_wanted = False
        self._direct = False
        self._held_chunks = None
        self._waiting = False
        self._in_handler = False
        self._ended_in_handler = False
        self._w_start(None, None, None, high_water_mark, False, "utf8", False)
        self._w_has_own_hooks()
        self._s_start(None, None, auto_destroy, True, None)

    # ---- header fields

    def set_header(self, name: str, value: HeaderValue) -> Self:
        """Set a header field, and replace a field of that name. Return the message.

        Args:
            name: The name of the field.
            value: A str, an int, or a list of str for a field that is sent several times.

        Raises:
            HeadersSentError: The head was sent.
            InvalidHeaderError: The header must not be sent, for example because it contains a line break.
            InvalidArgTypeError: The name or the value has the wrong type.
        """
        self._refuse_if_fixed("set_header")
        lower = check_name(name)
        if type(value) is str or not isinstance(value, (list, tuple)):
            self._fields[lower] = (name, check_value(name, value))
        else:
            self._fields[lower] = (name, [check_value(name, item) for item in value])
        return self

    def append_header(self, name: str, value: HeaderValue) -> Self:
        """Add a value to a header field, which is then sent once more. Return the message.

        Args:
            name: The name of the field.
            value: As for `set_header`.

        Raises:
            HeadersSentError, InvalidHeaderError, InvalidArgTypeError: As for `set_header`.
        """
        self._refuse_if_fixed("append_header")
        lower = check_name(name)
        before = self._fields.get(lower)
        values = [
            check_value(name, item) for item in (value if isinstance(value, (list, tuple)) else [value])
        ]
        if before is not None:
            values = [*(before[1] if type(before[1]) is list else [before[1]]), *values]
        self._fields[lower] = (name, values[0] if len(values) == 1 else values)
        return self

    def set_headers(self, headers: HeaderFields) -> Self:
        """Set several header fields. Return the message.

        Args:
            headers: A mapping, or pairs of name and value.

        Raises:
            HeadersSentError, InvalidHeaderError, InvalidArgTypeError: As for `set_header`.
        """
        for name, value in header_items(headers):
            self.set_header(name, value)
        return self

    def get_header(self, name: str) -> str | list[str] | None:
        """Return the value of a field that was set: a str, a list of str, or None.

        Args:
            name: The name of the field, in any case.
        """
        field = self._fields.get(name.lower())
        return None if field is None else field[1]

    def has_header(self, name: str) -> bool:
        """Return whether a field was set.

        Args:
            name: The name of the field, in any case.
        """
        return name.lower() in self._fields

    def remove_header(self, name: str) -> Self:
        """Remove a field that was set. Return the message.

        Args:
            name: The name of the field, in any case.

        Raises:
            HeadersSentError: The head was sent.
        """
        self._refuse_if_fixed("remove_header")
        self._fields.pop(name.lower(), None)
        return self

    def get_header_names(self) -> list[str]:
        """Return the names of the fields that were set, in lower case."""
        return list(self._fields)

    def add_trailers(self, headers: HeaderFields) -> Self:
        """Send fields after the body, which has to be chunked. Return the message.

        Args:
            headers: A mapping, or pairs of name and value.

        Raises:
            InvalidHeaderError: As for `set_header`, and for a field that must not be a trailer (Content-Length,
                Transfer-Encoding, Trailer, Host, ...).
            InvalidArgTypeError: As for `set_header`.
        """
        lines = []
        for name, value in header_items(headers):
            if check_name(name) in _NEVER_TRAILERS:
                raise InvalidHeaderError(f"{name} cannot be a trailer; it has to come before the body")
            for item in value if isinstance(value, (list, tuple)) else [value]:
                lines.append(f"{name}: {check_value(name, item)}\r\n")
        self._trailers = (self._trailers or "") + "".join(lines)
        return self

    @property
    def headers_sent(self) -> bool:
        """Whether the head is fixed, so that header fields cannot be changed any more."""
        return bool(self._head_fixed)

    @property
    def socket(self) -> Duplex[Buffer, bytes] | None:
        """The stream that the message is sent on, such as a Socket; None before there is one."""
        return None if self._transport is None else self._transport._socket

    def flush_headers(self) -> Self:
        """Send the head now, before the body. Return the message."""
        if self._transport is None:
            self._head_wanted = True
        elif not self._head_sent and not self._s_destroyed and not self._w_ending:
            self._put(self._make_head(-1), None, None)
        return self

    def _refuse_if_fixed(self, what: str) -> None:
        if self._head_fixed:
            raise HeadersSentError(f"{what}() after the headers were sent")

    # ---- the head

    def _first_line(self) -> str:
        raise NotImplementedError

    def _more_fields(self) -> str:
        """Return the lines that this kind of message adds."""
        return ""

    def _frame(self, length: int) -> str:
        """Choose the framing if the program has not. Return its header lines. ``length`` is that of the body, or -1."""
        raise NotImplementedError

    def _frame_as_set(self) -> bool:
        """Take the framing from the header fields; return whether they determine it."""
        coding = self._fields.get("transfer-encoding")
        length = self._fields.get("content-length")
        if coding is not None:
            if length is not None:
                raise InvalidHeaderError(
                    "Content-Length and Transfer-Encoding exclude each other; leave one out"
                )
            if type(coding[1]) is not str or coding[1].lower() != "chunked":
                raise InvalidHeaderError(f"Transfer-Encoding can only be 'chunked', got {coding[1]!r}")
            self._framing = k.CHUNKED
            return True
        if length is not None:
            text = length[1]
            if type(text) is not str or not text.isascii() or not text.isdigit():
                raise InvalidHeaderError(f"Content-Length must be a number of bytes, got {text!r}")
            self._framing = k.BY_LENGTH
            self._announced = int(text)
            return True
        return False

    def _make_head(self, length: int) -> bytes:
        """Return the bytes of the head. ``length`` is that of the whole body if it is known, otherwise -1."""
        self._head_fixed = True
        parts = [self._first_line()]
        framing = self._frame(length)
        for name, value in self._fields.values():
            if type(value) is list:
                for item in value:
                    parts.append(f"{name}: {item}\r\n")
            else:
                parts.append(f"{name}: {value}\r\n")
        parts.append(self._more_fields())
        parts.append(framing)
        parts.append("\r\n")
        self._head_sent = True
        return "".join(parts).encode("latin-1")

    # ---- the body

    def _put(self, first: Any, chunk: Any, last: Any) -> None:
        """Pass up to three pieces to the socket as one write. ``first`` and ``last`` may be None."""
        socket = self._transport._socket
        if chunk is None or len(chunk) == 0:
            if first is None:
                first = last
            elif last is not None:
                first = first + last
            if first is not None:
                socket._w_write(first, None, None)
        elif first is None and last is None:
            socket._w_write(chunk, None, None)
        elif len(chunk) <= _JOINED_BYTES:
            if first is None:
                first = b""
            socket._w_write(first + chunk if last is None else b"".join((first, chunk, last)), None, None)
        else:
            socket._w_cork()
            if first is not None:
                socket._w_write(first, None, None)
            socket._w_write(chunk, None, None)
            if last is not None:
                socket._w_write(last, None, None)
            socket._w_uncork_once()

    def _put_body(self, chunk: Any) -> None:
        """Send one framed chunk, and the head before the first."""
        if self._direct:
            raise HeadersSentError("write() while a file is being sent")
        head = None if self._head_sent else self._make_head(-1)
        size = len(chunk)
        if self._framing == k.NO_BODY:
            chunk = None
        elif self._framing == k.BY_LENGTH:
            self._count(size)
        elif self._framing == k.CHUNKED and size:
            prefix = b"%x\r\n" % size
            self._put(prefix if head is None else head + prefix, chunk, b"\r\n")
            return
        self._put(head, chunk, None)

    def _count(self, size: int) -> None:
        self._body_bytes += size
        if self._body_bytes > self._announced:
            raise ContentLengthMismatchError(
                f"the body is longer than its Content-Length of {self._announced} bytes"
            )

    def _w_call_write(self, chunk: Any) -> None:
        if self._transport is None:
            # The write continues when there is a connection.
            self._held_chunks = [chunk]
            return
        try:
            self._put_body(chunk)
        except Exception as error:
            self._w_written(error)
            return
        self._after_put()

    def _w_call_writev(self, chunks: Any) -> None:
        if self._transport is None:
            self._held_chunks = chunks
            return
        socket = self._transport._socket
        socket._w_cork()
        try:
            for chunk in chunks:
                self._put_body(chunk)
        except Exception as error:
            self._w_written(error)
            return
        finally:
            socket._w_uncork_once()
        self._after_put()

    def _after_put(self) -> None:
        """Complete the write when the socket has room again."""
        if self._has_room():
            self._w_written(None)
        else:
            self._await_room()

    def _has_room(self) -> bool:
        """Return whether the socket takes more at once. A failed socket never does, and its 'close' ends the wait."""
        socket = self._transport._socket
        return not (socket._w_need_drain or socket._s_destroyed or socket._s_errored is not None)

    def _await_room(self) -> None:
        self._waiting = True
        transport = self._transport
        transport._await_drain()

    def _socket_drained(self) -> None:
        """Continue the write or the end that waited for room in the socket."""
        if self._waiting:
            self._waiting = False
            if self._w_final_called:
                self._w_on_final(None)
            else:
                self._w_written(None)

    def _attach_transport(self, transport: MessageTransport) -> None:
        """Start to send after a connection was found: the head and the waiting data."""
        self._transport = transport
        socket = transport._socket
        socket._w_cork()
        try:
            if self._head_wanted or self._w_ending:
                self._put(self._make_head(self._w_length if self._w_ending else -1), None, None)
            held = self._held_chunks
            self._held_chunks = None
            if held is not None:
                if len(held) == 1:
                    self._w_call_write(held[0])
                else:
                    self._w_call_writev(held)
            elif self._w_final_called and not self._w_final_done:
                self._end_body()
        except Exception as error:
            self._s_destroy_stream(error)
        finally:
            socket._w_uncork_once()

    def _begin_direct(self, length: int) -> Any:
        """Send the head. The caller writes ``length`` bytes of body to the returned socket."""
        self._put(self._make_head(length), None, None)
        self._direct = True
        return self._transport._socket

    def _end_direct(self, length: int) -> None:
        """Count ``length`` body bytes that the socket has taken. `end` follows."""
        self._direct = False
        self._body_bytes += length
        self._s_count_direct(length, 1)

    # ---- the end

    def _w_end(self, chunk: Any, encoding: Any, callback: Any) -> None:
        """Send a message that is ended at once as one write, with a Content-Length."""
        if (
            self._head_sent
            or self._w_ending
            or self._s_destroyed
            or self._w_corked
            or self._w_length
            or self._transport is None
            or self._s_errored is not None
        ):
            Writable._w_end(self, chunk, encoding, callback)
            return
        if chunk is None:
            self._put_whole(None, 0)
        else:
            if type(chunk) is not bytes:
                chunk = self._w_checked(chunk, encoding)
            self._put_whole(chunk, len(chunk))
        if self._in_handler and callback is None and not self._s_destroyed:
            # The connection finishes the message after the handler has returned, usually without a tick.
            self._w_end_unannounced()
            self._ended_in_handler = True
        else:
            Writable._w_end(self, None, None, callback)

    def _put_whole(self, chunk: Any, size: int) -> None:
        try:
            head = self._make_head(size)
            if self._framing == k.CHUNKED:
                # Only if the program has set the header.
                if size:
                    self._put(b"%s%x\r\n" % (head, size), chunk, b"\r\n")
                else:
                    self._put(head, None, None)
            else:
                if self._framing == k.BY_LENGTH:
                    self._count(size)
                self._put(head, None if self._framing == k.NO_BODY else chunk, None)
        except Exception as error:
            self._s_fail(error, False)
            return
        if size:
            self._s_count_written(size, 1)

    def _w_call_final(self) -> None:
        if self._transport is not None:
            self._end_body()

    def _end_body(self) -> None:
        try:
            last = None if self._head_sent else self._make_head(0)
            if self._framing == k.CHUNKED:
                tail = (
                    b"0\r\n\r\n" if self._trailers is None else f"0\r\n{self._trailers}\r\n".encode("latin-1")
                )
                last = tail if last is None else last + tail
            elif self._framing == k.BY_LENGTH and self._body_bytes != self._announced:
                raise ContentLengthMismatchError(
                    f"the body ended after {self._body_bytes} bytes, but its Content-Length is {self._announced}"
                )
            self._put(last, None, None)
        except Exception as error:
            self._w_on_final(error)
            return
        if self._has_room():
            self._w_on_final(None)
        else:
            self._await_room()

    def _finish_after_handler(self) -> None:
        """Finish a message that was ended inside its handler; without 'finish' if it has no listener."""
        self._in_handler = False
        if not self._ended_in_handler or self._s_destroyed:
            return
        self._ended_in_handler = False
        transport = self._transport
        if (
            self._has_room()
            and self._framing != k.CHUNKED
            and (self._framing != k.BY_LENGTH or self._body_bytes == self._announced)
            and self._w_finish_unobserved()
        ):
            transport._outgoing_finished(self)
        else:
            self._w_finish_check(True)

    def _s_call_destroy(self, error: Any) -> None:
        transport = self._transport
        self._s_after_destroy(error)
        if transport is not None:
            if self._w_finished and error is None:
                transport._outgoing_finished(self)
            else:
                transport._outgoing_given_up(self, error)


_NEVER_TRAILERS = frozenset(
    (
        "content-length",
        "transfer-encoding",
        "trailer",
        "host",
        "connection",
        "content-encoding",
        "content-type",
        "content-range",
        "authorization",
        "set-cookie",
        "te",
    )
)
