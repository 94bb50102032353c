# cython: nonecheck=True
"""Received messages: a server's requests and a client's responses, whose bodies are read as streams."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from forebay.http._messages import constants as k
from forebay.http._messages.body_types import ReadableBody
from forebay.http._messages.content_coding import decoded_body
from forebay.http._messages.headers import Headers
from forebay.http._messages.url_path import decoded_path, raw_query

if TYPE_CHECKING:
    from forebay.http._messages.transport import MessageTransport
    from forebay.streams.duplex import Duplex
    from forebay.streams.generics import Buffer
    from forebay.streams.readable import Readable


class Incoming(ReadableBody):
    """A received message; the stream is its body.

    ``http_version`` is ``"1.1"`` or ``"1.0"``. ``raw_headers`` are the received header fields, pairs of bytes in order.
    ``complete`` is whether the whole message was received. ``socket`` is the stream that carried it.

    A body that is cut short fails the stream with IncompleteMessageError.
    """

    _transport: MessageTransport
    _headers: Headers | None
    _trailers: Headers | None
    http_version: str
    raw_headers: list[tuple[bytes, bytes]]
    #: The trailers as they were received: pairs of name and value in bytes.
    raw_trailers: list[tuple[bytes, bytes]]
    complete: bool
    _coding_error: Any

    def __init__(self, transport: MessageTransport, high_water_mark: int) -> None:
        self._start_incoming(transport, high_water_mark)

    def _start_incoming(self, transport: MessageTransport, high_water_mark: Any) -> None:
        self._transport = transport
        self._headers = None
        self._trailers = None
        self.http_version = "1.1"
        self.raw_headers = None  # type: ignore[assignment]  # until the head has come
        self.raw_trailers = []
        self.complete = False
        self._coding_error = None
        self._r_start(None, high_water_mark, False, None)
        self._s_start(None, None, True, True, None)

    @property
    def headers(self) -> Headers:
        """The header fields, a `Headers` mapping."""
        if self._headers is None:
            self._headers = Headers(self.raw_headers)
        return self._headers

    @property
    def trailers(self) -> Headers:
        """The fields that followed the body, a `Headers` mapping. They are complete when 'end' is emitted."""
        if self._trailers is None or not self.complete:
            self._trailers = Headers(self.raw_trailers)
        return self._trailers

    @property
    def socket(self) -> Duplex[Buffer, bytes]:
        """The stream that carried the message, such as a Socket."""
        return self._transport._socket

    def decoded(self, *, limit: int | None = None, max_ratio: float | None = None) -> Readable[bytes]:
        """Return the body as it was before its Content-Encoding: gzip, deflate, br, zstd, or several of them.

        Read the returned stream in the place of the message, which stays as it is without a coding. A body that is not in its
        coding fails it with HttpProtocolError. A server answers with 400 if the handler does not catch that, and with 413 if
        the decoded body is larger than the limits allow.

        Args:
            limit: The most bytes that the decoded body may have. None is ``Limits.body_bytes``.
            max_ratio: How many times as large as the received body the decoded one may be, from its second MiB on. None is
                no limit.

        Returns:
            The message, or a stream that reads from it.

        Raises:
            HttpProtocolError: The coding is unknown, or its library is not installed. Its status is 415.
            InvalidArgTypeError, OutOfRangeError: A limit is wrong.
        """
        transport = self._transport
        if transport._decodes:
            return self
        if limit is None:
            limit = transport._body_limit()
        body: Readable[bytes] = decoded_body(self, limit, max_ratio)
        return body

    def _whole(self) -> None:
        """End a message that has no body, without any event."""
        self.complete = True
        self._r_end_unannounced()

    def _is_read(self) -> bool:
        """Return whether the program reads or has read the body."""
        return bool(
            self._r_did_read or self._r_data_handler is not None or self._r_flowing == 1 or self._r_listening
        )

    def _r_call_read(self) -> None:
        transport = self._transport
        transport._body_wanted(self)

    def _s_call_destroy(self, error: Any) -> None:
        transport = self._transport
        transport._incoming_closed(self, error)
        self._s_after_destroy(error)


class ServerRequest(Incoming):
    """A request that a server received; the stream is its body.

    ``method`` is the method, such as ``"GET"``. ``url`` is the target as it was sent, such as ``"/path?query"``. The other
    attributes are those of a received message: ``headers``, ``trailers``, ``http_version``, ``complete``, ``socket``.
    """

    method: str
    url: str
    _expects_continue: bool
    _upgrades: bool
    _keep_alive: bool

    def __init__(self, transport: Any, high_water_mark: Any) -> None:
        self.method = "GET"
        self.url = ""
        self._expects_continue = False
        self._upgrades = False
        self._keep_alive = True
        self._start_incoming(transport, high_water_mark)

    def _s_label(self) -> object:
        return f"{self.method} {self.url}"

    @property
    def path(self) -> str:
        """The path of the target, percent-decoded: ``"/a b"`` for ``"/a%20b?c"``. Bytes that are not UTF-8 become U+FFFD."""
        return decoded_path(self.url).decode("utf-8", "replace")

    @property
    def query_string(self) -> str:
        """The part of the target behind the question mark, as it was sent; for ``urllib.parse.parse_qs``."""
        return raw_query(self.url)


class ClientResponse(Incoming):
    """A response that a client received; the stream is its body.

    ``status_code`` is the status, such as 200. ``status_message`` is its text, such as ``"OK"``. ``url`` is that of the
    request. The other attributes are those of a received message: ``headers``, ``trailers``, ``http_version``, ``complete``.
    """

    status_code: int
    status_message: str
    url: str
    _broken: Any
    _request: Any

    def __init__(self, transport: Any, high_water_mark: Any) -> None:
        self._request = None
        self.status_code = 0
        self.status_message = ""
        self.url = ""
        self._broken = None
        self._start_incoming(transport, high_water_mark)

    def _s_label(self) -> object:
        return self.status_code

    def _break(self, error: BaseException | None, at_once: bool) -> None:
        """Fail the body. The reader gets the error after the data that arrived before, or ``at_once``.

        A program gets its response before it can read it or add a listener. A failure in this time is kept for the reader.
        Otherwise it would be reported as an error without a listener, and then raised to the reader again.
        """
        if self._s_destroyed:
            return
        if error is None or (at_once and self._is_heard()):
            self._s_destroy_stream(error)
            return
        self._broken = error
        self._r_got_nothing()
        self._tell_broken()

    def _is_heard(self) -> bool:
        return bool(self._r_flowing == 1 or (self._s_events is not None and self._s_events))

    def _tell_broken(self) -> None:
        error = self._broken
        if error is None or self._s_destroyed or not self._is_heard():
            return
        if self._r_length and (self._r_data_handler is not None or self._r_listening or self._r_flowing == 1):
            # A reader exists and gets the data first.
            return
        self._broken = None
        self._s_destroy_stream(error)

    def _s_added(self, event: Any) -> None:
        Incoming._s_added(self, event)
        if self._request is not None:
            transport = self._transport
            transport._listeners_changed(self)
        if self._broken is not None:
            # Readers add several listeners; on this tick all of them are added.
            self._s_tick(k.TICK_BROKEN, None)

    def _s_removed(self, event: Any) -> None:
        Incoming._s_removed(self, event)
        if not self._is_heard():
            transport = self._transport
            transport._listeners_changed(self)

    def _r_call_read(self) -> None:
        if self._broken is None:
            transport = self._transport
            transport._body_wanted(self)
        else:
            self._r_got_nothing()
            self._s_tick(k.TICK_BROKEN, None)

    def _s_run_tick(self, op: Any, arg: Any) -> None:
        if op == k.TICK_BROKEN:
            self._tell_broken()
        else:
            Incoming._s_run_tick(self, op, arg)
