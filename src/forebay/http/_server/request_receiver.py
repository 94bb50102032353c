# cython: nonecheck=True
"""Requests as a server's connection receives them: their heads are checked here, and they queue up to be answered."""

from __future__ import annotations

import re
from typing import Any

from forebay.errors import HttpProtocolError
from forebay.http._messages.incoming import Incoming, ServerRequest
from forebay.http._server.connection_timeouts import ServerClock

# The longest rest of an unread body that is received to keep the connection.
_MOST_DISCARDED_BYTES = 256 * 1024
# A name or an address, and a port (RFC 9110, 7.2). A comma would separate a list.
_HOST = re.compile(rb"(?:\[[0-9A-Za-z:.%_~-]+\]|[0-9A-Za-z._~%!$&'()*+;=-]*)(?::[0-9]{0,5})?").fullmatch
# The text between the target and the end of the first line.
_VERSION_1_1 = b" HTTP/1.1\r\n"

# The methods of HTTP among those that the parser knows.
_METHODS = {
    name.encode(): name
    for name in (
        *("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "QUERY", "SEARCH"),
        *("COPY", "LOCK", "MKCOL", "MOVE", "PROPFIND", "PROPPATCH", "UNLOCK"),
        *("BIND", "REBIND", "UNBIND", "ACL", "REPORT", "MKACTIVITY", "CHECKOUT", "MERGE", "MKCALENDAR"),
        *("LINK", "UNLINK", "PURGE", "M-SEARCH", "NOTIFY", "SUBSCRIBE", "UNSUBSCRIBE"),
    )
}


class RequestReceiver(ServerClock):
    """The receiving half of a `ServerConnection`: handles the messages that its parser finds."""

    _server: Any
    _high_water_mark: Any
    _good_host: Any
    _queue: Any
    _rest_due: bool
    _discard_left: int

    def _start_receiving(self, server: Any, high_water_mark: Any) -> None:
        self._server = server
        self._high_water_mark = high_water_mark
        self._queue = None
        self._good_host = None
        self._rest_due = False
        self._discard_left = 0
        self._start_clock()

    def _make_parser(self) -> Any:
        from httptools import HttpRequestParser

        self._parser = HttpRequestParser(self)
        return self._parser

    def _has_room(self) -> bool:
        queue = self._queue
        if self._body_full or self._ending:
            return False
        if queue is None or len(queue) == 0:
            return True
        last = queue[-1]
        return len(queue) < self._limits.pipelined and not last._upgrades

    def _head_came(self) -> None:
        parser = self._parser
        method: Any = _METHODS.get(parser.get_method())
        if method is None:
            self._refuse("a method that HTTP does not have", 501)
        version = self._version(len(method))
        if version == "1.1":
            if self._host_count != 1:
                self._refuse("no Host header" if self._host_count == 0 else "several Host headers", 400)
        elif version == "1.0":
            if self._host_count > 1:
                self._refuse("several Host headers", 400)
            if self._chunked:
                self._refuse("a chunked body in HTTP/1.0", 400)
        else:
            self._refuse(f"HTTP/{version}", 505)
        if self._host_count and self._host != self._good_host:
            if not _HOST(self._host):
                self._refuse(f"the Host {self._host!r}", 400)
            self._good_host = self._host
        self._head_since = self._idle_since = self._waited_for_body = 0.0
        request = ServerRequest(self, self._high_water_mark)
        request.method = method
        request.http_version = version
        request.url = self._url.decode("latin-1")
        request.raw_headers = self._fields
        request._keep_alive = parser.should_keep_alive()
        if (self._upgrade_named or method == "CONNECT") and parser.should_upgrade():
            request._upgrades = True
        if self._chunked or self._length > 0:
            request._expects_continue = self._expects and version == "1.1"
        else:
            request._whole()
        self._incoming = request
        self._discarding = False
        if self._queue is None:
            self._queue = []
        self._queue.append(request)

    def _version(self, method_size: int) -> str:
        """Return the version. It usually follows in the parsed piece; the parser makes a new str each time."""
        piece = self._first_piece
        # A later message in the same piece has another position.
        self._first_piece = None
        if piece is not None:
            at = method_size + 1 + len(self._url)
            if piece[at : at + len(_VERSION_1_1)] == _VERSION_1_1:
                return "1.1"
        return str(self._parser.get_http_version())

    def _message_came(self) -> None:
        request = self._incoming
        self._incoming = None
        request._expects_continue = False
        if not request.complete:
            request.complete = True
            if self._fields is not None:
                request.raw_trailers = self._fields
            if not request._s_destroyed:
                request._r_push_eof()
        self._waited = 0.0
        if not request._keep_alive and not request._upgrades:
            # Bytes after the last request of a connection are ignored.
            self._last_came = True
            self._held = None
            self._limit_discarding()
        if self._rest_due:
            self._rest_due = False
            self._forget_request(request)

    def _upgraded(self) -> None:
        request = self._queue[-1]
        wanted = "connect" if request.method == "CONNECT" else "upgrade"
        server = self._server
        if server._s_count(wanted):
            if self._length > 0 or self._chunked:
                self._queue.pop()
                self._refused(HttpProtocolError("the peer sent an upgrade request with a body", 400))
        elif wanted == "connect":
            self._queue.pop()
            self._refused(HttpProtocolError("the peer sent CONNECT, and this server is not a proxy", 501))
        else:
            self._queue.pop()
            self._parse_without_upgrade(request)

    def _parse_without_upgrade(self, request: ServerRequest) -> None:
        """Parse on: without an 'upgrade' listener this is an ordinary request, but the parser took it for the last one."""
        fields = request.raw_headers
        lines = [f"{request.method} {request.url} HTTP/{request.http_version}\r\n".encode("latin-1")]
        for name, value in fields:
            if name.lower() != b"upgrade":
                lines.append(b"%s: %s\r\n" % (name, value))
        lines.append(b"\r\n")
        self._make_parser().feed_data(b"".join(lines))
        again = self._queue[-1]
        again.raw_headers = fields

    def _limit_discarding(self) -> None:
        """Discard at most `_MOST_DISCARDED_BYTES` bytes from here on."""
        self._discard_left = _MOST_DISCARDED_BYTES

    # ---- for the connection

    def _forget_request(self, request: Incoming) -> None:
        raise NotImplementedError
