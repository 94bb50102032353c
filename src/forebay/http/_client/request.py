# cython: nonecheck=True
"""ClientRequest: the request of a client."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from forebay._core.scheduling import clock
from forebay._core.scheduling.operation import Operation
from forebay._core.scheduling.ticks import report, running_loop
from forebay._core.state import constants as state
from forebay.errors import AbortError, HttpProtocolError, StreamDestroyedError
from forebay.http._messages import constants as k
from forebay.http._messages.headers import Headers
from forebay.http._messages.outgoing import Outgoing

if TYPE_CHECKING:
    from forebay.http._messages.incoming import ClientResponse


# Methods whose requests usually have a body. Without one they send Content-Length: 0.
_WITH_BODY = frozenset(("POST", "PUT", "PATCH"))


class ClientRequest(Outgoing):
    """A request to a server. The stream is its body; awaiting it returns the `ClientResponse`.

    ``method`` and ``url`` are those of the request, and ``target`` is the part of the URL in its first line. ``reused`` says
    whether the connection carried another request before. ``response`` is the `ClientResponse`, None before it has arrived.

    Events, beside those of a Writable: 'response' (with the ClientResponse); 'continue'; 'information' (another 1xx arrived;
    with a status and headers); 'upgrade' and, in answer to CONNECT, 'connect' (with the ClientResponse and the socket, which
    then belongs to the listener); 'socket' (with the stream that carries the request). 'close' is emitted when the response
    is complete, too.
    """

    method: str
    url: str
    target: str
    reused: bool
    response: ClientResponse | None
    _answer: Operation[ClientResponse]
    _body_to_come: bool
    _redirecting: bool
    _completed: bool
    _owner: Any
    _front: ClientRequest | None
    _sent_at: float
    _information: Any
    _host: Any
    _keep_alive: bool
    _own_listeners: int
    _handed: Any
    _decode: Any

    def __init__(
        self, method: str, url: str, target: str, host: str, keep_alive: bool, high_water_mark: int
    ) -> None:
        self.method = method
        self.url = url
        self.target = target
        self.reused = False
        self.response = None
        self._host = host
        self._keep_alive = keep_alive
        self._answer = Operation()
        self._body_to_come = False
        self._redirecting = False
        self._completed = False
        self._information = None
        self._front = None
        self._sent_at = 0.0
        self._owner = None
        self._own_listeners = 0
        self._handed = None
        self._decode = None
        # The connection closes the request when the response is complete.
        self._start_outgoing(None, high_water_mark, False)

    def _s_label(self) -> object:
        return f"{self.method} {self.target}"

    def _first_line(self) -> Any:
        if "host" in self._fields:
            return f"{self.method} {self.target} HTTP/1.1\r\n"
        return f"{self.method} {self.target} HTTP/1.1\r\nHost: {self._host}\r\n"

    def _frame(self, length: Any) -> Any:
        lines = ""
        if not self._frame_as_set():
            if length >= 0 and self._trailers is None:
                self._framing = k.BY_LENGTH
                self._announced = length
                if length > 0 or self.method in _WITH_BODY:
                    lines = f"Content-Length: {length}\r\n"
            else:
                self._framing = k.CHUNKED
                lines = "Transfer-Encoding: chunked\r\n"
        if not self._keep_alive and "connection" not in self._fields and self.method != "CONNECT":
            lines += "Connection: close\r\n"
        return lines

    def _can_repeat(self) -> bool:
        """Return whether the request may be sent again: it has no body, and its method is idempotent."""
        return bool(
            self._w_ending
            and self._w_chunks == 0
            and self._w_length == 0
            # The end of the body was sent and must not be sent again.
            and self._framing != k.CHUNKED
            and self.method in _HARMLESS
        )

    def _s_is_over(self) -> Any:
        """Return whether nothing is left to abort. The response counts as a part of the request."""
        return bool(self._s_destroyed)

    def _is_fed(self) -> bool:
        """Return whether a pipe or a pipeline writes to this request."""
        return bool(self._s_count("unpipe") or self._s_count("finish"))

    def _is_watched(self) -> bool:
        """Return whether the program waits for the end of this request."""
        front = self._front
        return self._s_count("close") > self._own_listeners or (front is not None and front._is_watched())

    def _has_written(self) -> bool:
        """Return whether the request has a body."""
        return bool(self._w_chunks)

    def _begin_again(self) -> None:
        """Forget the connection, which was closed before any byte of a response arrived."""
        self._transport = None
        self._head_sent = False
        if self._waiting:
            self._waiting = False
            self._w_on_final(None)

    # ---- the response

    def _note_information(self, status: int, fields: list[Any]) -> None:
        if self._information is None:
            self._information = []
        self._information.append((status, fields))

    def _tell_information(self) -> None:
        told = self._information
        self._information = None
        if told is not None:
            for status, fields in told:
                if status == 100:
                    self._s_emit0("continue")
                    if self._front is not None:
                        self._front._s_tell("continue")
                else:
                    self._shown()._s_tell("information", status, Headers(fields))

    def _shown(self) -> Any:
        """The program's request, whose listeners get the events: the first one if this one follows a redirect."""
        return self if self._front is None else self._front

    def _response_came(self, response: Any) -> None:
        owner = self._owner
        if owner is not None and owner._redirected(self, response):
            return
        self._give(response)

    def _give(self, response: ClientResponse) -> None:
        """Emit the response."""
        if self._decode is not None:
            try:
                response = self._decode(response)
            except HttpProtocolError as error:
                self._s_destroy_stream(error)
                return
        self.response = response
        if not self._answer.done():
            self._answer._settle(None, response)
        self._s_emit1("response", response)

    def _upgrade_came(self, response: Any, socket: Any) -> None:
        self.response = response
        event = "connect" if self.method == "CONNECT" else "upgrade"
        shown = self._shown()
        if shown.listener_count(event) == 0:
            error = HttpProtocolError(
                f"the peer switched protocols, and there is no listener for {event!r}", 502
            )
            socket.destroy()
            self._s_destroy_stream(error)
            return
        shown.response = response
        for request in (self, shown):
            if not request._answer.done():
                request._answer._settle(None, response)
        shown._hand_over(event, response, socket)
        self._complete()

    def _hand_over(self, event: str, response: Any, socket: Any) -> None:
        """Pass the socket to the listeners. An exception of a plain or async listener closes it.

        If another listener has taken the socket, it stays open.
        """
        alone = self._s_count(event) == 1
        listened_to = set(socket.event_names())
        self._handed = socket
        try:
            self.emit(event, response, socket)
        except Exception as error:
            report(running_loop(), f"Exception in a listener of {event!r}", error, self)
            if alone or listened_to.issuperset(socket.event_names()):
                getattr(socket, "reset_and_destroy", socket.destroy)()
        finally:
            self._handed = None

    def _s_watch_listener(self, awaitable: Any) -> None:
        socket = self._handed
        if socket is None:
            Outgoing._s_watch_listener(self, awaitable)
        else:
            # A failing async listener destroys the stream that it got.
            socket._s_watch_listener(awaitable)

    # ---- the end

    def _w_finish(self) -> None:
        self._sent_at = clock.monotonic()
        Outgoing._w_finish(self)
        transport = self._transport
        if transport is not None:
            transport._outgoing_finished(self)

    def _s_fail(self, error: Any, deferred: Any) -> None:
        self._s_destroy_stream(error)

    def _complete(self) -> None:
        """Note the end of the exchange, unless it continues with another request."""
        if self._redirecting:
            # Pending writes would wait for a connection that never opens.
            self._transport = None
        else:
            self._completed = True
            self._s_destroy_stream(None)

    def _s_call_destroy(self, error: Any) -> None:
        self._s_after_destroy(error)
        transport = self._transport
        if not self._completed and transport is not None:
            transport._outgoing_given_up(self, error)

    def _s_run_tick(self, op: Any, arg: Any) -> None:
        if op == state.TICK_CLOSE:
            answer = self._answer
            if self._s_count("error"):
                answer.mark_handled()
            else:
                # The awaiting task gets the error. Without such a task the operation reports it.
                self._s_error_is_told()
            if not answer.done():
                if arg is None or isinstance(arg, (AbortError, StreamDestroyedError)):
                    # If the program destroyed the request itself, there is no error to report.
                    answer.mark_handled()
                answer._settle(arg if arg is not None else _given_up())
        Outgoing._s_run_tick(self, op, arg)

    def __await__(self) -> Generator[Any, None, ClientResponse]:
        if not (
            self._w_ending or self._w_chunks or self._s_destroyed or self._body_to_come or self._is_fed()
        ):
            self._w_end(None, None, None)
        return _awaiting(self)


def _awaiting(request: Any) -> Generator[Any, None, ClientResponse]:
    whole = False
    try:
        response: ClientResponse = yield from request._answer.__await__()
        whole = True
        return response
    finally:
        if not whole:
            request.destroy()


def _given_up() -> Any:
    return AbortError("the request was given up before there was a response")


_HARMLESS = frozenset(("GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"))
