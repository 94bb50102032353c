# cython: nonecheck=True
"""A response whose body comes without its Content-Encoding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from forebay._core.fields import give_defaults
from forebay.http._messages.content_coding import decoders
from forebay.http._messages.incoming import ClientResponse
from forebay.http._messages.transport import MessageTransport
from forebay.streams.joining.compose import compose

if TYPE_CHECKING:
    from forebay.streams.duplex import Duplex


class DecodedBodies(MessageTransport):
    """What carries a decoded response: the response that came, and the stages that decode it.

    Reading begins with the first read, so that the connection sees whether the program holds an unread response.
    """

    _received: ClientResponse
    _stages: Any
    _body: Duplex[Any, bytes] | None
    _shown: Any

    def __init__(self, received: ClientResponse, stages: list[Any]) -> None:
        self._received = received
        self._socket = self._received._transport._socket
        self._decodes = True
        self._stages = stages
        self._body = None
        self._shown = None

    def _body_wanted(self, incoming: Any) -> None:
        if self._body is not None:
            self._body.resume()
        elif self._stages is not None:
            self._begin(incoming)

    def _begin(self, shown: ClientResponse) -> None:
        stages = self._stages
        self._stages = None
        self._shown = shown
        body = self._body = compose(self._received, *stages)
        body.on("error", self._failed)
        body.on("end", self._ended)
        body.on("data", self._came)

    def _came(self, chunk: bytes) -> None:
        shown = self._shown
        if shown is not None and not shown._s_destroyed and not shown._r_push(chunk, None):
            body = self._body
            assert body is not None
            body.pause()

    def _ended(self) -> None:
        shown = self._shown
        self._shown = None
        if shown is not None and not shown._s_destroyed:
            shown.complete = True
            shown.raw_trailers = self._received.raw_trailers
            shown._r_push_eof()

    def _failed(self, error: BaseException) -> None:
        shown = self._shown
        self._shown = None
        if shown is not None:
            shown._coding_error = self._received._coding_error
            shown._break(error, True)

    def _incoming_closed(self, incoming: Any, error: Any) -> None:
        self._shown = None
        if self._body is not None:
            self._body.destroy()
        elif not self._received.complete:
            self._received.destroy()
        self._stages = None


def decoded_response(received: ClientResponse, limit: int | None) -> ClientResponse:
    """Return ``received`` with a decoded body, or as it is if it has no body or no coding.

    Raises HttpProtocolError if the coding is unknown.
    """
    transport = received._transport
    if limit is None:
        limit = transport._body_limit()
    stages = [] if received.complete and not received.readable_length else decoders(received, limit, None)
    if not stages:
        return received
    carrier = DecodedBodies(received, stages)
    shown = ClientResponse(carrier, received.readable_high_water_mark)
    shown.status_code = received.status_code
    shown.status_message = received.status_message
    shown.http_version = received.http_version
    shown.url = received.url
    shown.raw_headers = received.raw_headers
    return shown


give_defaults(DecodedBodies)
