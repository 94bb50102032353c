# cython: nonecheck=True
"""A connection: httptools parses bytes into messages, within the limits and at the pace of their consumer.

httptools cannot stop inside its input. So no piece goes beyond the end of a message, and the rest waits here. The pieces in
which bytes arrive therefore do not change the messages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from forebay._core.listeners import Listener
from forebay._core.scheduling.ticks import next_tick
from forebay._core.state import constants as state
from forebay.errors import HttpProtocolError
from forebay.http._messages.transport import MessageTransport
from forebay.streams.duplex import Duplex

if TYPE_CHECKING:
    pass


# The end of a head, and of trailers.
_EMPTY_LINE = b"\r\n\r\n"
# Parts of it at the end of a piece, and the rest at the beginning of the next one.
_BEGUN_LINES = ((b"\r\n\r", b"\n"), (b"\r\n", b"\r\n"), (b"\r", b"\n\r\n"))
# The longest pieces for the parser: in a head, and in a chunked body.
_HEAD_PIECE = 4 * 1024
_CHUNKED_PIECE = 16 * 1024
# The longest Content-Length that fits into 63 bits.
_MOST_LENGTH_DIGITS = 18
# The allowed overhead of chunked coding: a number of bytes, and a multiple of the body.
_CHUNK_OVERHEAD_BYTES = 64 * 1024
_CHUNK_OVERHEAD_TIMES = 16


class SocketListener(Listener):
    """One event of a connection's socket."""

    _connection: Any
    _on: int

    def __init__(self, connection: Any, on: Any) -> None:
        self._connection = connection
        self._on = on

    def _notify0(self) -> None:
        connection = self._connection
        if self._on == state.ON_DRAIN:
            connection._socket_drained()
        elif self._on == state.ON_END:
            connection._socket_ended()
        elif self._on == state.ON_CLOSE:
            connection._socket_closed()

    def _notify1(self, arg: Any) -> None:
        # Only 'error' has an argument. A Duplex without auto_destroy needs this call to emit 'close'.
        connection = self._connection
        socket = connection._socket
        socket._s_destroy_stream(arg)

    def __call__(self, *args: Any) -> None:
        if not args:
            self._notify0()


class HttpConnection(MessageTransport):
    """The receiving half of a connection, for client and server. It is also the socket's 'data' listener.

    Subclasses handle messages: `_head_came`, `_message_came`, and `_refused` for invalid input. The parser calls the methods
    that begin with ``on_``.
    """

    _limits: Any
    _parser: Any
    _on_end: Any
    _on_close: Any
    _on_error: Any
    _on_drain: Any
    _incoming: Any
    _held: Any
    _held_at: int
    _working: bool
    _resting: bool
    _paused: bool
    _peer_ended: bool
    _gone: bool
    _detached: bool
    _failed: Any
    _last_came: bool
    _body_full: bool
    _discarding: bool
    _first_piece: Any
    _after_cr: bool
    _last_bytes: Any
    _in_head: bool
    _in_message: bool
    _header_bytes: int
    _unfinished_bytes: int
    _most_header_bytes: int
    _most_headers: int
    _most_body_bytes: int
    _url: Any
    _fields: Any
    _host_count: int
    _host: Any
    _length: int
    _chunked: bool
    _expects: bool
    _upgrade_named: bool
    _body_bytes: int
    _fed_bytes: int

    def _c_start(self, socket: Duplex, limits: Any) -> None:
        self._socket = socket
        self._limits = limits
        self._parser = None
        self._incoming = None
        self._held = None
        self._held_at = 0
        self._working = False
        self._resting = False
        self._paused = False
        self._peer_ended = False
        self._gone = False
        self._detached = False
        self._failed = None
        self._last_came = False
        self._body_full = False
        self._discarding = False
        self._in_head = False
        self._in_message = False
        self._after_cr = False
        self._last_bytes = b""
        self._first_piece = None
        self._header_bytes = 0
        self._unfinished_bytes = 0
        self._most_header_bytes = limits.header_bytes
        self._most_headers = limits.headers
        self._most_body_bytes = -1 if limits.body_bytes is None else limits.body_bytes
        self._forget_message()
        self._on_end = SocketListener(self, state.ON_END)
        self._on_close = SocketListener(self, state.ON_CLOSE)
        self._on_error = SocketListener(self, state.ON_ERROR)
        self._on_drain = None
        socket._s_add("end", self._on_end, False)
        socket._s_add("close", self._on_close, False)
        socket._s_add("error", self._on_error, False)
        socket._s_add("data", self, False)

    def _c_release(self) -> None:
        """Stop using the socket, and break the reference cycles of this connection."""
        socket = self._socket
        if self._on_end is not None:
            socket._s_remove("data", self)
            socket._s_remove("end", self._on_end)
            socket._s_remove("close", self._on_close)
            socket._s_remove("error", self._on_error)
        if self._on_drain is not None:
            socket._s_remove("drain", self._on_drain)
        self._on_end = self._on_close = self._on_error = self._on_drain = None
        self._parser = None
        self._held = None

    def _await_drain(self) -> None:
        if self._on_drain is None and not self._gone and not self._detached:
            self._on_drain = SocketListener(self, state.ON_DRAIN)
            socket = self._socket
            socket._s_add("drain", self._on_drain, False)

    # ---- callbacks of the parser

    def _forget_message(self) -> None:
        self._url = None
        self._fields = None
        self._host_count = 0
        self._host = None
        self._length = -1
        self._chunked = False
        self._expects = False
        self._upgrade_named = False
        self._body_bytes = 0
        self._fed_bytes = 0

    def on_message_begin(self) -> None:
        self._forget_message()
        self._header_bytes = 0
        self._unfinished_bytes = 0
        self._in_head = True
        self._in_message = True

    def on_url(self, url: bytes) -> None:
        self._url = url if self._url is None else self._url + url
        self._count_header(len(url))

    def on_status(self, status: Any) -> None:
        self._url = status if self._url is None else self._url + status
        self._count_header(len(status))

    def on_header(self, name: bytes, value: bytes) -> None:
        fields = self._fields
        if fields is None:
            fields = self._fields = []
        if len(fields) >= self._most_headers:
            self._refuse(f"more than {self._most_headers} header fields (Limits.headers)", 431)
        self._count_header(len(name) + len(value) + 4)
        length = len(value)
        if length and value[length - 1] in b" \t":
            value = value.rstrip()
        fields.append((name, value))
        if not self._in_head:
            return
        # Compare the length first: most fields have another length, and then need no lower-case copy.
        size = len(name)
        if size == 4:
            if name.lower() == b"host":
                self._host_count += 1
                self._host = value
        elif size == 14:
            if name.lower() == b"content-length":
                if len(value) > _MOST_LENGTH_DIGITS:
                    self._refuse("a Content-Length beyond all bounds", 413)
                self._length = int(value)
        elif size == 17:
            if name.lower() == b"transfer-encoding":
                if value.lower() != b"chunked":
                    self._refuse(f"Transfer-Encoding {value!r}; only chunked is understood", 501)
                self._chunked = True
        elif size == 6:
            if name.lower() == b"expect":
                if value.lower() != b"100-continue":
                    self._refuse(f"Expect {value!r}; only 100-continue is understood", 417)
                self._expects = True
        elif size == 7 and name.lower() == b"upgrade":
            self._upgrade_named = True

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._header_bytes = 0
        if self._fields is None:
            self._fields = []
        if 0 <= self._most_body_bytes < self._length:
            self._refuse(
                f"a body of {self._length} bytes, more than {self._most_body_bytes} (Limits.body_bytes)", 413
            )
        self._head_came()
        # Later fields of this message are trailers.
        self._fields = None

    def on_body(self, data: Any) -> None:
        size = len(data)
        self._body_bytes += size
        if 0 <= self._most_body_bytes < self._body_bytes:
            self._refuse(f"a body of more than {self._most_body_bytes} bytes (Limits.body_bytes)", 413)
        incoming = self._incoming
        if self._discarding:
            self._discarded(size)
        elif incoming is not None:
            try:
                if not incoming._r_push(data, None):
                    self._body_full = True
            except Exception as error:
                # A listener raised this; it is not an error of the peer.
                incoming._s_fail(error, False)
        else:
            self._refuse("an unexpected body", 400)

    def _discarded(self, size: int) -> None:
        """Count ``size`` received bytes of an unread body."""

    def _dropped(self, size: int) -> None:
        """Count ``size`` received bytes after the last message."""

    def on_message_complete(self) -> None:
        self._in_message = False
        self._unfinished_bytes = 0
        self._body_full = False
        self._message_came()

    def _count_header(self, size: int) -> None:
        self._header_bytes += size
        if self._header_bytes > self._most_header_bytes:
            self._refuse(f"a head of more than {self._most_header_bytes} bytes (Limits.header_bytes)", 431)

    def _refuse(self, message: str, status: int) -> None:
        self._failed = HttpProtocolError(f"the peer sent {message}", status)
        raise self._failed

    def _head_came(self) -> None:
        raise NotImplementedError

    def _message_came(self) -> None:
        raise NotImplementedError

    def _refused(self, error: Any) -> None:
        """Handle invalid HTTP of the peer; nothing more is read."""
        raise NotImplementedError

    def _upgraded(self) -> None:
        """Handle a head that asks for another protocol; the parser has stopped behind it."""
        raise NotImplementedError

    # ---- data from the socket

    def _notify1(self, chunk: Any) -> None:
        if self._failed is not None or self._gone or self._last_came:
            # Data that the peer sends after the last message.
            self._dropped(len(chunk))
            return
        if self._held is not None:
            self._held = bytes(self._rest()) + bytes(chunk)
        else:
            self._held = chunk if type(chunk) is bytes else bytes(chunk)
        self._held_at = 0
        self._work()

    def __call__(self, chunk: Any) -> None:
        self._notify1(chunk)

    def _has_room(self) -> bool:
        return not self._body_full

    def _can_parse(self) -> bool:
        return (
            self._held is not None
            and self._failed is None
            and not self._last_came
            and not self._detached
            and not self._gone
            and self._has_room()
        )

    def _rest(self) -> Any:
        held = self._held
        return held if self._held_at == 0 else memoryview(held)[self._held_at :]

    def _work(self) -> None:
        """Parse the held bytes and process the messages while there is room."""
        if self._working or self._resting:
            return
        self._working = True
        try:
            while True:
                while self._can_parse():
                    self._feed()
                if self._serve():
                    # The peer sent very many messages at once. The loop has its turn before the next one.
                    self._resting = True
                    next_tick(self._go_on)
                    break
                if not self._can_parse():
                    break
        finally:
            self._working = False
        self._settle_reading()

    def _go_on(self) -> None:
        self._resting = False
        if not (self._gone or self._detached):
            self._work()

    def _serve(self) -> bool:
        """Process the received messages. Return whether the loop must have its turn before the others."""
        return False

    def _feed(self) -> None:
        """Give the parser a piece of the held bytes that ends at the end of the message or before it."""
        if not self._in_message and not self._skip_blank_lines():
            return
        held = self._held
        size = len(held) - self._held_at
        limit = size
        if not self._in_message or self._in_head:
            limit = self._to_empty_line(min(size, _HEAD_PIECE))
        elif self._chunked:
            limit = self._to_empty_line(min(size, _CHUNKED_PIECE))
        elif self._length > self._body_bytes:
            limit = min(size, self._length - self._body_bytes)
        if size <= limit:
            piece = self._rest()
            self._held = None
        else:
            size = limit
            if size <= _HEAD_PIECE:
                piece = held[self._held_at : self._held_at + size]
            else:
                piece = memoryview(held)[self._held_at : self._held_at + size]
            self._held_at += size
        self._parse(piece, size)

    def _skip_blank_lines(self) -> bool:
        """Skip blank lines (CR LF) before a message. Return whether more bytes follow.

        The parser would also skip a bare CR or a bare LF.
        """
        held = self._held
        at = self._held_at
        size = len(held)
        while at < size:
            byte = held[at]
            if self._after_cr:
                if byte != 10:
                    self._refuse_before("a bare carriage return before a message", 400)
                    return False
                self._after_cr = False
            elif byte == 13:
                self._after_cr = True
            elif byte == 10:
                self._refuse_before("a bare line feed before a message", 400)
                return False
            else:
                break
            at += 1
            self._unfinished_bytes += 1
        self._held_at = at
        if at == size:
            self._held = None
        self._check_unfinished()
        return self._held is not None

    def _refuse_before(self, message: str, status: int) -> None:
        """Refuse bytes before the parser sees them."""
        self._held = None
        self._failed = HttpProtocolError(f"the peer sent {message}", status)
        self._refused(self._failed)

    def _to_empty_line(self, most: int) -> int:
        """Return the number of held bytes up to the end of an empty line, or ``most`` if there is no such line in them."""
        held = self._held
        at = self._held_at
        last = self._last_bytes
        if last:
            # The line may begin in the previous piece.
            for begun, rest in _BEGUN_LINES:
                if last.endswith(begun) and held.startswith(rest, at) and len(rest) <= most:
                    return len(rest)
        found = held.find(_EMPTY_LINE, at, at + most)
        return most if found < 0 else found + 4 - at  # compiled: found is at or after `at`

    def _parse(self, piece: Any, size: int) -> None:
        parser = self._parser
        if parser is None:
            parser = self._make_parser()
        self._first_piece = None if self._in_message else piece
        if not self._in_message or self._in_head:
            # The parser resets this to 0 if a message begins in this piece.
            self._unfinished_bytes += size
        try:
            parser.feed_data(piece)
        except Exception as error:
            self._parser_stopped(error, piece)
            return
        finally:
            self._first_piece = None
        if self._in_message and (self._in_head or self._chunked):
            held = bytes(piece[size - 3 :]) if size > 3 else self._last_bytes + bytes(piece)
            self._last_bytes = held[max(0, len(held) - 3) :]
        else:
            self._last_bytes = b""
        if self._in_head or not self._in_message:
            self._check_unfinished()
        elif self._chunked:
            self._fed_bytes += size
            if (
                self._fed_bytes - self._body_bytes
                > _CHUNK_OVERHEAD_BYTES + self._body_bytes * _CHUNK_OVERHEAD_TIMES
            ):
                self._refuse_before("hardly anything but chunk extensions", 400)

    def _check_unfinished(self) -> None:
        """Limit blank lines before a head and unfinished fields, for which the parser makes no callback."""
        if self._unfinished_bytes > 2 * self._most_header_bytes + _HEAD_PIECE:
            self._refuse_before(
                f"a head of more than {self._most_header_bytes} bytes (Limits.header_bytes)", 431
            )

    def _make_parser(self) -> Any:
        raise NotImplementedError

    def _parser_stopped(self, error: Any, piece: Any) -> None:
        kind = type(error).__name__
        if kind == "HttpParserUpgrade":
            offset = error.args[0]
            rest = memoryview(piece)[offset:]
            if self._held is not None:
                self._held = bytes(rest) + bytes(self._rest())
                self._held_at = 0
            elif len(rest):
                self._held = bytes(rest)
                self._held_at = 0
            self._upgraded()
            return
        if self._failed is None:
            if not isinstance(error, _parser_errors()):
                raise error
            if kind == "HttpParserCallbackError" and error.__context__ is not None:
                # This is not an error of the peer; errors of the peer set `_failed`.
                raise error.__context__
            self._failed = HttpProtocolError(f"the peer sent invalid HTTP/1.1: {error}")
            self._failed.__cause__ = error
        self._held = None
        self._refused(self._failed)

    def _settle_reading(self) -> None:
        """Resume or pause the socket."""
        if self._gone or self._detached:
            return
        socket = self._socket
        if self._held is not None or not self._has_room():
            if not self._paused:
                self._paused = True
                socket._r_pause()
        elif self._paused:
            self._paused = False
            socket._r_resume()

    def _body_limit(self) -> int | None:
        return None if self._most_body_bytes < 0 else self._most_body_bytes

    def _body_wanted(self, incoming: Any) -> None:
        if incoming is self._incoming:
            self._body_full = False
            self._work()

    def _socket_drained(self) -> None:
        raise NotImplementedError

    def _socket_ended(self) -> None:
        raise NotImplementedError

    def _socket_closed(self) -> None:
        raise NotImplementedError

    def _detach(self) -> Any:
        """Release the socket to another protocol, with its unparsed bytes, and stop reading it."""
        socket = self._socket
        rest = None if self._held is None else bytes(self._rest())
        socket._r_pause()
        self._detached = True
        self._c_release()
        if rest:
            socket._r_unshift(rest, None)
        # Put the bytes back: the first listener starts the flow.
        socket._r_undecide()
        return socket


def _parser_errors() -> Any:
    from httptools import HttpParserError

    return HttpParserError
