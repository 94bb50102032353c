# cython: nonecheck=True
"""ServerConnection: receive the requests of one connection, and answer them one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from forebay._core.scheduling.hook_runner import HookRunner, is_awaitable
from forebay._core.state.completion import Completion
from forebay.errors import (
    HttpError,
    IncompleteMessageError,
    PrematureCloseError,
    StreamError,
)
from forebay.http._messages import constants as k
from forebay.http._messages.incoming import ServerRequest
from forebay.http._server.request_receiver import RequestReceiver
from forebay.http._server.response import ServerResponse, first_line

if TYPE_CHECKING:
    from forebay.http._limits import Limits
    from forebay.http._messages.incoming import Incoming
    from forebay.streams.duplex import Duplex


class ServerConnection(RequestReceiver):
    """One connection of a `Server`, over any Duplex. ``frugal``: keep no parser between two requests."""

    _frugal: bool
    _runner: Any

    def __init__(
        self, server: Any, socket: Duplex, limits: Limits, high_water_mark: int, frugal: bool
    ) -> None:
        self._frugal = frugal
        self._runner = None
        self._start_receiving(server, high_water_mark)
        self._c_start(socket, limits)

    # ---- handling requests

    def _serve(self) -> bool:
        queue = self._queue
        if self._response is not None or not queue:
            if self._failed is not None and self._response is None and not self._ending:
                self._answer_failure()
            return False
        late = False
        corked = len(queue) > 1
        socket = self._socket
        if corked:
            socket._w_cork()
        try:
            while self._response is None and queue and not late and not self._gone and not self._ending:
                request = queue[0]
                del queue[0]
                if request._upgrades:
                    self._hand_over(request)
                    return False
                self._begin(request)
                # A request that comes alone waits for nothing.
                late = corked and socket._s_is_late()
        finally:
            if corked:
                socket._w_uncork_once()
        if self._failed is not None and self._response is None and not queue and not self._ending:
            self._answer_failure()
        return late

    def _begin(self, request: ServerRequest) -> None:
        server = self._server
        response = ServerResponse(
            self, request, request._keep_alive and not server._closing, self._high_water_mark
        )
        self._request = request
        self._response = response
        response._in_handler = True
        event = "request"
        if request._expects_continue and server._s_count("check_continue"):
            event = "check_continue"
        handler = None if server._s_events is None else server._s_events.get(event)
        if handler is None:
            response.status_code = 404
            response.end()
        elif type(handler) is list:
            # An exception of one handler does not affect later requests.
            errors = []
            for each in list(handler):
                error = self._call(each, request, response)
                if error is not None:
                    errors.append(error)
            response._in_handler = False
            for error in errors:
                self._handler_failed(request, response, error)
        else:
            error = self._call(handler, request, response)
            if error is not None:
                response._in_handler = False
                self._handler_failed(request, response, error)
        response._finish_after_handler()

    def _call(self, handler: Any, request: ServerRequest, response: ServerResponse) -> Any:
        """Call a handler. Return its exception, or None."""
        try:
            result = handler(request, response)
            if result is not None and is_awaitable(result):
                done = Completion()
                done._attach(response, k.HOOK_HANDLER)
                runner = self._runner
                if runner is None or runner._busy:
                    runner = self._runner = HookRunner()
                response._runner = runner
                runner.submit(result, done)
        except Exception as error:
            return error
        return None

    def _handler_done(self, outgoing: Any, error: Any) -> None:
        response = outgoing
        runner = response._runner
        response._runner = None
        if runner is not None and (self._gone or runner is not self._runner):
            runner.stop()
        if error is not None:
            response._in_handler = False
            self._handler_failed(response.request, response, error)

    def _handler_failed(self, request: ServerRequest, response: ServerResponse, error: Any) -> None:
        """Handle an exception of a handler: respond if possible, and report the exception unless the peer caused it."""
        over = self._gone or self._response is not response
        status = 500
        if isinstance(error, HttpError) and (
            error is request._s_errored or error is self._failed or error is request._coding_error
        ):
            # The peer caused the error, and the handler only met it.
            status = error.status
        elif not (isinstance(error, (StreamError, ConnectionError)) and self._was_left(response, error)):
            self._server._report("Exception in an HTTP handler", error, request)
        if over or response._w_ending or response._s_destroyed:
            if not over and response._ended_in_handler:
                response._finish_after_handler()
            return
        if response._head_sent:
            response._s_destroy_stream(None)
            return
        response._head_fixed = False
        response._fields.clear()
        response._trailers = None
        response.status_code = status
        response.status_message = None
        response._keep_alive = response._keep_alive and status == 500
        response.set_header("Content-Type", "text/plain")
        response.end(_text_of(status, error))

    def _was_left(self, response: ServerResponse, error: Any) -> bool:
        """Return whether the client left before it had the response. Errors of streams are expected then."""
        if response._w_finished or not response._s_destroyed:
            return False
        # The error with which the response was destroyed is a cause and not a consequence.
        return response._s_errored is None or (self._failed is not None and error is not response._s_errored)

    def _outgoing_finished(self, outgoing: Any) -> None:
        """Continue with the next request: the socket has taken the response."""
        response = outgoing
        if response is not self._response:
            return
        request = self._request
        self._response = None
        self._request = None
        self._served += 1
        if not response._keep_alive or self._ending or (self._server._closing and not self._queue):
            self._forget_request(request)
            self._end_socket()
            return
        if request.complete:
            self._forget_request(request)
        elif self._failed is None and self._incoming is request:
            self._rest_due = True
            if not request._is_read():
                self._give_up(request)
                self._discard(request)
        if self._peer_ended and not self._queue and self._held is None and self._failed is None:
            self._end_socket()
        elif not self._working:
            self._work()

    def _forget_request(self, request: Incoming) -> None:
        """End the exchange."""
        if (
            request is None
            or request._is_read()
            or (request.complete and request._r_length and not request._s_destroyed)
        ):
            # A body that has arrived whole can still be read.
            return
        if request.complete:
            if not request._r_close_unobserved(None):
                request._s_destroy_stream(None)
        else:
            self._give_up(request)

    def _give_up(self, request: Incoming) -> None:
        """Close the body after the response was sent. A later read raises an error."""
        error = PrematureCloseError(
            "the body of the request was given up when the response was out; read it before the response ends"
        )
        if not request._r_close_unobserved(error):
            request._s_destroy_unannounced(error)

    def _discard(self, request: ServerRequest) -> None:
        """Discard the rest of a body, or close the connection if the rest is long."""
        self._limit_discarding()
        if request._expects_continue or self._length - self._body_bytes > self._discard_left:
            self._end_socket()
            return
        self._discarding = True
        self._body_full = False

    def _discarded(self, size: Any) -> None:
        self._discard_left -= size
        if self._discard_left < 0 and self._response is None:
            self._end_socket()

    def _dropped(self, size: Any) -> None:
        self._discard_left -= size
        if self._discard_left < 0 and not self._paused:
            # The client gets the time of the whole body for the rest.
            self._paused = True
            socket = self._socket
            socket._r_pause()

    def _body_wanted(self, incoming: Any) -> None:
        request = incoming
        if request is self._incoming:
            if request._expects_continue and request is self._request and self._response is not None:
                self._response.write_continue()
            self._body_full = False
            self._work()

    def _incoming_closed(self, incoming: Any, error: Any) -> None:
        if incoming is self._incoming:
            # The response can still be sent. Body data that arrives until then is dropped.
            self._discarding = True
            self._limit_discarding()
            self._body_full = False
            if self._response is not None and not self._response._head_sent:
                self._response._keep_alive = False
            if not self._working:
                self._settle_reading()

    def _outgoing_given_up(self, outgoing: Any, error: Any) -> None:
        response = outgoing
        if response is not self._response:
            return
        request = self._request
        self._response = None
        self._request = None
        self._forget_request(request)
        if self._gone:
            return
        socket = self._socket
        while socket._w_corked:
            # The responses before this one are whole, and may wait for the end of a turn in which several requests came.
            socket._w_uncork_once()
        if error is not None and not response._head_sent:
            self._answer(response._failure_status, None)
        elif response._framing == k.UNTIL_CLOSE and hasattr(socket, "reset_and_destroy"):
            # An orderly end would mean that the body is whole.
            socket.reset_and_destroy()
        else:
            socket._s_destroy_stream(None)

    # ---- errors of the peer

    def _refused(self, error: Any) -> None:
        self._failed = error
        incoming = self._incoming
        if incoming is not None:
            self._incoming = None
            self._break_off(incoming, error)
        self._server._client_error(error, self._socket)

    def _break_off(self, request: ServerRequest, error: Any) -> None:
        """Fail a truncated body. Its handler gets the error, even if it was not called yet."""
        request._keep_alive = False
        if self._response is not None and self._request is request:
            self._response._keep_alive = False
        self._fail_request(request, error)

    def _fail_request(self, request: Incoming, error: Any) -> None:
        """Fail a body. If it is not being read, only later reads raise the error."""
        if request._s_destroyed:
            return
        if request._is_read() or request._s_count("error"):
            request._s_destroy_stream(error)
        elif not request._r_close_unobserved(error):
            request._s_destroy_unannounced(error)

    def _answer_failure(self) -> None:
        error = self._failed
        if (
            isinstance(error, HttpError)
            and not isinstance(error, IncompleteMessageError)
            and not self._rest_due
        ):
            self._answer(error.status, error)
        else:
            self._end_socket()

    def _answer(self, status: int, error: Any) -> None:
        """Respond without a response object, and close."""
        line = first_line(status, None)
        text = _text_of(status, error)
        socket = self._socket
        socket._w_write(
            f"{line}Connection: close\r\nContent-Type: text/plain\r\nContent-Length: {len(text)}\r\n\r\n".encode()
            + text,
            None,
            None,
        )
        self._end_socket()

    def _end_socket(self) -> None:
        """End the socket, and for a while discard data of the peer, so that the peer can read the response."""
        if self._ending or self._gone:
            return
        self._ending = True
        if self._failed is None:
            self._failed = HttpError("the connection is being closed")
        self._held = None
        self._limit_discarding()
        self._ended_at = 0.0
        socket = self._socket
        if self._paused:
            self._paused = False
            socket._r_resume()
        if not socket._w_ending:
            socket._w_end(None, None, None)

    def _settle_reading(self) -> None:
        if self._frugal and self._held is None and self.idle:
            self._save_memory()
        if not self._ending:
            RequestReceiver._settle_reading(self)
            if self._peer_ended and self._held is None:
                self._end_after_peer()

    # ---- events of the socket

    def _socket_drained(self) -> None:
        response = self._response
        if response is not None:
            response._socket_drained()

    def _socket_ended(self) -> None:
        self._peer_ended = True
        if self._held is None and not self._ending:
            self._end_after_peer()

    def _end_after_peer(self) -> None:
        """Handle the end of the peer's data, after all of it was parsed."""
        if self._in_message and self._failed is None:
            self._refused(IncompleteMessageError("the connection was closed in the middle of a request"))
        if self._response is None and not self._queue:
            self._end_socket()

    def _socket_closed(self) -> None:
        if self._gone:
            return
        self._gone = True
        error = self._socket._s_errored
        incoming = self._incoming
        self._incoming = None
        self._queue = None
        if incoming is not None and not incoming._s_destroyed:
            broken = IncompleteMessageError(
                "the connection was closed before the body of the request was whole"
            )
            broken.__cause__ = error
            self._fail_request(incoming, broken)
        response = self._response
        request = self._request
        self._response = None
        self._request = None
        if response is not None and not response._s_destroyed:
            response._s_destroy_stream(None)
        if request is not None and request is not incoming:
            self._forget_request(request)
        self._c_release()
        self._stop_runner()
        self._server._connection_gone(self)

    def _stop_runner(self) -> None:
        runner = self._runner
        if runner is not None and not runner._busy:
            self._runner = None
            runner.stop()

    def _hand_over(self, request: ServerRequest) -> None:
        """Pass the socket to the listener of an upgrade."""
        server = self._server
        self._incoming = None
        event = "connect" if request.method == "CONNECT" else "upgrade"
        socket = self._detach()
        self._gone = True
        self._stop_runner()
        server._connection_gone(self)
        server._hand_over(event, request, socket)

    # ---- the end of its use

    def _save_memory(self) -> None:
        """Free the parser of an idle connection; a new one is made quickly."""
        self._parser = None
        self._queue = None
        self._url = None

    def close_when_idle(self) -> None:
        """Close now if no request is in progress, otherwise after the response."""
        if self._response is not None:
            if not self._response._head_sent:
                self._response._keep_alive = False
        elif not self._in_message and not self._queue and not self._gone:
            self._end_socket()

    @property
    def idle(self) -> bool:
        """Whether no request is being received or handled."""
        return bool(self._response is None and not self._in_message and not self._queue)

    @property
    def socket(self) -> Duplex:
        """The underlying stream."""
        return self._socket


def _text_of(status: Any, error: Any) -> Any:
    """Return the body of an error response, which names an exceeded limit."""
    line = first_line(status, None)
    text = line[9 : len(line) - 2]
    if isinstance(error, HttpError) and "(Limits." in str(error):
        text = f"{text}: {error}"
    return f"{text}\n".encode()
