"""The body of a client's request."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from forebay.errors import InvalidArgTypeError, InvalidArgValueError
from forebay.streams.joining.pipeline import pipeline
from forebay.streams.readable import Readable

if TYPE_CHECKING:
    from forebay.http._client.request import ClientRequest

__all__ = ["Body", "Welcome", "as_body", "give_up_body", "is_whole", "send_body"]

Body = bytes | bytearray | memoryview | str | Readable | Iterable[bytes] | AsyncIterable[bytes]

#: Seconds after which the body is sent even if the server has not sent "100 Continue".
_CONTINUE_SECONDS = 1.0


def as_body(body: Any) -> Any:
    """Return the body to send; a bytes-like object becomes a memoryview.

    Raises InvalidArgTypeError for a wrong type, and InvalidArgValueError for a stream that was read already, because it would
    be sent as an empty body.
    """
    if isinstance(body, Readable) and body.readable_ended:
        raise InvalidArgValueError(
            f"body must be a stream that is still to be read, got {body!r}, which has ended"
        )
    if body is None or isinstance(body, bytes | bytearray | str | Readable):
        return body
    with contextlib.suppress(TypeError):
        view = memoryview(body)
        return view.cast("B") if view.nbytes and view.c_contiguous else view.tobytes()
    if isinstance(body, Mapping) or not isinstance(body, Iterable | AsyncIterable):
        hint = "; encode it first, for example with json.dumps(...)" if isinstance(body, Mapping) else ""
        raise InvalidArgTypeError(
            f"body must be bytes, str, a stream or an iterable of bytes, got {body!r}{hint}"
        )
    return body


def is_whole(body: object) -> bool:
    """Return whether the whole body is in memory and can be sent again."""
    return isinstance(body, bytes | bytearray | memoryview | str)


def give_up_body(body: object) -> None:
    """Destroy a stream that will not be sent."""
    if isinstance(body, Readable):
        body.destroy()


def send_body(request: ClientRequest, body: Any) -> Welcome | None:
    """Write ``body`` to ``request`` and end it; None leaves both to the caller. Return the wait for "100 Continue"."""
    if body is None:
        return None
    if not request.get_header("expect"):
        _send(request, body)
        return None
    welcome = Welcome(request, body)
    welcome.start()
    return welcome


def _send(request: ClientRequest, body: Any) -> None:
    request._body_to_come = True
    if isinstance(body, str):
        request.end(body.encode() or None)
    elif is_whole(body):
        # Empty bytes count as no body: such a request may be sent again.
        request.end(body if len(body) else None)
    else:
        before = request.listener_count("close")
        flow = pipeline(
            body if isinstance(body, Readable) else Readable.from_(body, object_mode=False), request
        )
        request._own_listeners += request.listener_count("close") - before
        # A failure destroys the request with its error, so the program gets the error from the request.
        flow.add_done_callback(lambda done: done.exception())


class Welcome:
    """Send the head, and the body when the server asks for it or is silent for a while."""

    def __init__(self, request: ClientRequest, body: Any) -> None:
        self._request = request
        self._body = body.encode() if isinstance(body, str) else body
        self._timer: asyncio.TimerHandle | None = None
        #: Whether the body is being sent or was sent.
        self.sent = False

    def start(self) -> None:
        request = self._request
        request._body_to_come = True
        if is_whole(self._body) and not request.has_header("transfer-encoding"):
            request.set_header("Content-Length", len(self._body))
        request.once("socket", self._connected)
        request.on("continue", self._go_on)
        request.on("response", self._unwanted)
        request.on("close", self._unwanted)
        if isinstance(self._body, Readable):
            # The pipeline that sends the body hears of its errors later.
            self._body.on("error", request.destroy)
        request.flush_headers()

    def _connected(self, _: object) -> None:
        self._timer = asyncio.get_running_loop().call_later(_CONTINUE_SECONDS, self._go_on)

    def _go_on(self) -> None:
        self.stop()
        if not self._request.destroyed:
            self.sent = True
            _send(self._request, self._body)

    def _unwanted(self, _: object = None) -> None:
        self.stop()
        give_up_body(self._body)

    def stop(self) -> None:
        """Send nothing, and leave the body as it is."""
        if self._timer is not None:
            self._timer.cancel()
        self._request.off("socket", self._connected)
        self._request.off("continue", self._go_on)
        self._request.off("response", self._unwanted)
        self._request.off("close", self._unwanted)
        if isinstance(self._body, Readable):
            self._body.off("error", self._request.destroy)
