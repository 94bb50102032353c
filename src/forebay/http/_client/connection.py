# cython: nonecheck=True
"""ClientConnection: receive the responses of one connection, one request after the other."""

from __future__ import annotations

import select
import weakref
from typing import TYPE_CHECKING, Any

from forebay._core.unfinished import warn
from forebay.errors import HttpProtocolError, IncompleteMessageError
from forebay.http._messages.incoming import ClientResponse
from forebay.http._messages.parsed_connection import HttpConnection

if TYPE_CHECKING:
    from forebay.http._client.request import ClientRequest
    from forebay.http._limits import Limits
    from forebay.streams.duplex import Duplex

# Informational responses before the response. A server may send some to show that it is at work.
_MOST_INFORMATIONAL = 1000


class ClientConnection(HttpConnection):
    """One connection of an `Agent`, over any Duplex. It notifies ``owner`` when it is free, and when it is gone."""

    exchanges: int
    free_since: float
    key: Any
    _owner: Any
    _high_water_mark: int
    _request: Any
    _came: Any
    _informational: int
    _informed: int
    _until_close: bool
    _keeps: bool
    _silent: bool
    _over: bool
    _switches: bool
    _stalled: Any
    _stalled_name: Any

    def __init__(self, owner: Any, socket: Duplex, limits: Limits, high_water_mark: int) -> None:
        self._owner = owner
        self._high_water_mark = high_water_mark
        self._request = None
        self._came = None
        self._informational = 0
        self._informed = 0
        self._until_close = False
        self._keeps = True
        self._silent = True
        self._over = False
        self._switches = False
        self._stalled = None
        self._stalled_name = None
        self.exchanges = 0
        self.free_since = 0.0
        self.key = None
        self._c_start(socket, limits)

    @property
    def socket(self) -> Duplex:
        """The underlying stream."""
        return self._socket

    @property
    def usable(self) -> bool:
        """Whether the connection can send another request."""
        socket = self._socket
        return bool(
            self._keeps
            and self._request is None
            and not self._gone
            and not self._detached
            and not self._peer_ended
            and self._failed is None
            and not self._in_message
            and not socket._s_destroyed
            and not socket._w_ending
            # Unsolicited bytes must not be taken for the next response.
            and socket._r_length == 0
            and not has_come(socket)
        )

    def begin(self, request: ClientRequest) -> None:
        """Send ``request``, and pass it its response."""
        outgoing = request
        self._request = outgoing
        self._silent = True
        self._over = False
        self._informed = 0
        outgoing.reused = self.exchanges > 0
        self.exchanges += 1
        outgoing._s_tell("socket", self._socket)
        if outgoing._front is not None:
            # The program has the first request, which was redirected.
            outgoing._front._s_tell("socket", self._socket)
        if outgoing._s_destroyed:
            # A listener has destroyed the request before anything was sent.
            self._request = None
            self._owner._connection_free(self)
        else:
            outgoing._attach_transport(self)

    def count_bytes(self) -> int:
        """Return the number of bytes sent and received so far."""
        socket = self._socket
        sent = getattr(socket, "bytes_written", None)
        return int(socket._r_bytes + (socket._w_bytes - socket._w_length if sent is None else sent))

    @property
    def stalled(self) -> bool:
        """Whether a response is unread, and only the program holds it."""
        return self._stalled is not None

    @property
    def awaits_peer(self) -> bool:
        """Whether the peer has to act: to read what was written, or to send what is awaited."""
        if self._socket._w_length:
            return True
        request = self._request
        # The peer owes no response before it has the whole request, unless it has begun to respond.
        return bool(
            not self._paused and (self._incoming is not None or request is None or request._w_finished)
        )

    # ---- messages

    def _make_parser(self) -> Any:
        from httptools import HttpResponseParser

        self._parser = HttpResponseParser(self)
        return self._parser

    def _head_came(self) -> None:
        parser = self._parser
        request = self._request
        status = parser.get_status_code()
        if request is None or self._over:
            self._refuse("an unexpected response", 502)
        self._silent = False
        version = parser.get_http_version()
        if version != "1.1" and version != "1.0":
            self._refuse(f"HTTP/{version}", 502)
        if self._chunked and version == "1.0":
            self._refuse("a chunked body in HTTP/1.0", 502)
        if status < 100:
            self._refuse(f"the status {status:03}", 502)
        if status < 200 and status != 101:
            self._informed += 1
            if self._informed > _MOST_INFORMATIONAL:
                self._refuse(f"more than {_MOST_INFORMATIONAL:,} informational responses", 502)
            self._informational = status
            request._note_information(status, self._fields)
            return
        response = ClientResponse(self, self._high_water_mark)
        response.status_code = status
        response.status_message = "" if self._url is None else self._url.decode("latin-1")
        response.http_version = version
        response.url = request.url
        response.raw_headers = self._fields
        self._keeps = self._keeps and parser.should_keep_alive() and request._keep_alive
        self._incoming = response
        self._came = response
        if status == 101 or (request.method == "CONNECT" and 200 <= status < 300):
            response._whole()
            self._switches = True
        elif request.method == "HEAD" or status == 204 or status == 304 or self._length == 0:
            response._whole()
            if request.method == "HEAD":
                # Only the connection knows that a response to HEAD has no body.
                self._parser = None
                self._in_message = False
                self._message_came()
        elif self._length < 0 and not self._chunked:
            self._until_close = True
            self._keeps = False

    def _message_came(self) -> None:
        if self._informational:
            self._informational = 0
            return
        response = self._incoming
        if response is None:
            return
        self._incoming = None
        if not response.complete:
            response.complete = True
            if self._fields is not None:
                response.raw_trailers = self._fields
            if not response._s_destroyed:
                response._r_push_eof()
        self._over = True

    def _upgraded(self) -> None:
        if not self._switches:
            self._refused(HttpProtocolError("the peer switched protocols without being asked", 502))

    def _can_parse(self) -> Any:
        # Another protocol follows "101 Switching Protocols" or the response to CONNECT.
        return not self._switches and HttpConnection._can_parse(self)

    def _serve(self) -> bool:
        """Hand out the response after the parser has returned."""
        request = self._request
        if request is not None:
            request._tell_information()
        response = self._came
        if response is not None:
            self._came = None
            if self._switches:
                self._hand_over(request, response)
                return False
            if request is not None:
                request._response_came(response)
        if self._over:
            self._exchange_over()
        elif (
            self._in_message
            and self._request is None
            and self._incoming is None
            and self._stalled is None
            and self._failed is None
        ):
            self._refused(HttpProtocolError("the peer sent an unexpected response", 502))
        return False

    def _hand_over(self, request: ClientRequest, response: ClientResponse) -> None:
        self._incoming = None
        self._request = None
        self._keeps = False
        socket = self._detach()
        self._gone = True
        self._owner._connection_gone(self)
        request._upgrade_came(response, socket)

    def _exchange_over(self) -> None:
        """Finish the exchange: the response is complete. The connection becomes free when the request is sent, too."""
        request = self._request
        if request is not None:
            if not request._w_finished and not request._s_destroyed:
                if request._w_ending:
                    # The last bytes of the request are still being sent.
                    return
                self._keeps = False
            self._request = None
            self._over = False
            request._complete()
        if self._gone:
            return
        if (
            self._keeps
            and not self._peer_ended
            and self._held is None
            and self._failed is None
            # Bytes of another response have arrived.
            and not self._in_message
            and not self._after_cr
        ):
            self._owner._connection_free(self)
        else:
            self._close()

    def _close(self) -> None:
        """Close the connection without an error."""
        self._keeps = False
        socket = self._socket
        if not socket._s_destroyed:
            socket._s_destroy_stream(None)

    def close(self, error: BaseException | None = None) -> None:
        """Close the connection. ``error``, if there is one, fails the request or the response in progress."""
        self._take_back()
        if error is not None:
            self._failed = error
            self._break_off(error)
        self._close()

    def _outgoing_finished(self, outgoing: Any) -> None:
        if outgoing is self._request and self._over:
            self._exchange_over()

    def _outgoing_given_up(self, outgoing: Any, error: Any) -> None:
        self._take_back()
        if outgoing is not self._request:
            return
        self._request = None
        incoming = self._incoming
        self._incoming = None
        if incoming is not None:
            incoming._break(error, True)
        self._close()

    def _incoming_closed(self, incoming: Any, error: Any) -> None:
        self._take_back()
        if incoming is self._incoming:
            self._incoming = None
            request = self._request
            self._request = None
            if request is not None:
                request._complete()
            self._close()

    # ---- responses that are not read

    def _let_go(self) -> None:
        """Hold an unread response by a weak reference only, so that it can be freed if the program drops it."""
        response = self._incoming
        request = self._request
        if (
            request is None
            or response is self._came
            or not request._w_finished
            or request._is_watched()
            or response._is_heard()
        ):
            return
        stalled = weakref.ref(response, self._response_dropped)
        self._stalled_name = (request.method, request.url)
        self._stalled = stalled
        response._request = request
        self._incoming = None
        self._request = None

    def _take_back(self) -> None:
        """Hold a stalled response again, because the program or the peer acts on it."""
        stalled = self._stalled
        if stalled is None:
            return
        response = stalled()
        if response is not None:
            self._stalled = None
            self._incoming = response
            self._request = response._request
            response._request = None

    def _response_dropped(self, stalled: Any) -> None:
        """Free the place of a dropped response. The garbage collector may call this at any point, in any thread."""
        if self._stalled is stalled:
            try:
                self._owner._loop.call_soon_threadsafe(self._free_place, stalled)
            except RuntimeError:
                # The loop and its sockets are closed.
                return

    def _free_place(self, stalled: Any) -> None:
        if self._stalled is not stalled:
            return
        self._stalled = None
        method, url = self._stalled_name
        self._close()
        warn(
            f"the response to {method} {url} was dropped before it was read to its end, and its connection is closed;"
            " read the response or destroy it"
        )

    def _listeners_changed(self, incoming: Any) -> None:
        self._take_back()
        if self._body_full and incoming is self._incoming:
            self._let_go()

    def _body_wanted(self, incoming: Any) -> None:
        self._take_back()
        HttpConnection._body_wanted(self, incoming)

    # ---- faults of the peer

    def _refused(self, error: Any) -> None:
        self._failed = error
        self._held = None
        self._keeps = False
        if self._over:
            # Bytes after a complete response do not affect it, in whatever pieces they arrive.
            return
        self._break_off(error)
        self._close()

    def _break_off(self, error: Any) -> None:
        """End the exchange early: a response whose head arrived gets ``error``, otherwise the request fails with it."""
        incoming = self._incoming
        self._incoming = None
        request = self._request
        self._request = None
        response = self._came
        self._came = None
        if incoming is not None:
            incoming._break(error, False)
        if request is None:
            return
        request._tell_information()
        if response is not None:
            request._response_came(response)
        if self._over or incoming is not None:
            request._complete()
        else:
            request._s_destroy_stream(error)

    # ---- events of the socket

    def _socket_drained(self) -> None:
        request = self._request
        if request is not None:
            request._socket_drained()

    def _settle_reading(self) -> None:
        HttpConnection._settle_reading(self)
        if self._peer_ended and self._held is None and not self._gone and not self._detached:
            self._end_after_peer()
        elif self._body_full and self._incoming is not None and not self._gone:
            self._let_go()

    def _socket_ended(self) -> None:
        self._take_back()
        self._peer_ended = True
        if self._held is None and not self._working:
            self._end_after_peer()

    def _end_after_peer(self) -> None:
        """Handle the end of the peer's data, after all of it was parsed."""
        self._keeps = False
        if self._until_close and self._incoming is not None:
            self._until_close = False
            self._in_message = False
            self._message_came()
            self._exchange_over()
        elif self._over:
            # The rest of the request may still be on its way.
            return
        elif (self._request is None and self._incoming is None) or self._repeat():
            self._close()
        else:
            self._refused(self._cut_short())

    def _cut_short(self) -> Any:
        return IncompleteMessageError(
            "the connection was closed before there was a response"
            if self._silent
            else "the connection was closed before the response was whole"
        )

    def _repeat(self) -> bool:
        """Send the request again if the peer closed an idle connection while the request was on its way."""
        request = self._request
        if (
            request is None
            or not self._silent
            or self._in_message
            or not request.reused
            or not request._can_repeat()
        ):
            return False
        self._request = None
        request._begin_again()
        self._owner._send_again(request)
        return True

    def _socket_closed(self) -> None:
        if self._gone:
            return
        self._take_back()
        self._take_what_came()
        self._gone = True
        error = self._socket._s_errored
        if self._repeat():
            pass
        elif self._request is not None or self._incoming is not None:
            broken = error
            if broken is None or not self._silent:
                broken = self._cut_short()
                broken.__cause__ = error
            self._break_off(broken)
        self._c_release()
        self._owner._connection_gone(self)

    def _take_what_came(self) -> None:
        """Keep the received data of the response: the connection broke while the reader was behind."""
        while self._held is not None and self._incoming is not None and self._failed is None:
            self._body_full = False
            self._feed()
            self._serve()


def has_come(socket: Duplex) -> bool:
    """Return whether the kernel has unread bytes, or the end, for ``socket``."""
    sock = getattr(socket, "sock", None)
    if sock is None:
        return False
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))
