# cython: nonecheck=True
"""ServerResponse: the response of a server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Self

from forebay.errors import InvalidArgTypeError, InvalidHeaderError
from forebay.http._messages import constants as k
from forebay.http._messages.header_checks import check_name, check_value
from forebay.http._messages.outgoing import Outgoing, date_line
from forebay.http._server.compressed_response import compressed_body
from forebay.http._server.send_file import send_file

if TYPE_CHECKING:
    from forebay._system.paths import StrPath
    from forebay.http._messages.body_types import WritableBody
    from forebay.http._messages.headers import HeaderFields, HeaderValue
    from forebay.http._messages.incoming import ServerRequest
    from forebay.http._server.send_file import SendFile


_first_lines: dict[Any, str] = {}


def first_line(status: int, message: str | None) -> str:
    """Return the status line. Raise InvalidHeaderError for a status that a response cannot have."""
    line = _first_lines.get(status) if message is None and type(status) is int else None
    if line is not None:
        return line
    if isinstance(status, bool) or not isinstance(status, int) or not 200 <= status <= 999:
        raise InvalidHeaderError(f"status_code must be an int from 200 to 999, got {status!r}")
    if message is None:
        try:
            message = HTTPStatus(status).phrase
        except ValueError:
            message = "Unknown"
        line = _first_lines[int(status)] = f"HTTP/1.1 {int(status)} {message}\r\n"
        return line
    return f"HTTP/1.1 {int(status)} {check_value('status_message', message)}\r\n"


class ServerResponse(Outgoing):
    """The response to a request; the stream is its body.

    ``status_code`` is the status, 200 by default. ``status_message`` is the reason phrase; None is the usual one. ``request``
    is the `ServerRequest`. ``send_date`` is whether a Date header is added.

    The head leaves with the first bytes of the body. A body that `end` gets whole has a Content-Length. Any other body is
    chunked (for HTTP/1.0: ended by closing the connection), unless a Content-Length was set. The body of an answer to HEAD,
    or with status 204 or 304, is not sent.

    'finish' means that the socket has got everything. 'close' without 'finish' means that the client has gone.
    """

    request: ServerRequest
    status_code: int
    status_message: str | None
    send_date: bool
    _keep_alive: bool
    _runner: Any
    _failure_status: int

    def __init__(self, transport: Any, request: Any, keep_alive: Any, high_water_mark: Any) -> None:
        self.request = request
        self.status_code = 200
        self.status_message = None
        self.send_date = True
        self._keep_alive = keep_alive
        self._runner = None
        # The status that the client gets if the response fails before its head was sent.
        self._failure_status = 500
        self._start_outgoing(transport, high_water_mark, True)

    def _s_label(self) -> object:
        return self.status_code

    def write_head(self, status_code: int, reason: Any = None, headers: HeaderFields | None = None) -> Self:
        """Set the status, the reason phrase and header fields, and fix the head. Return the response.

        The head leaves with the first bytes of the body; `flush_headers` sends it earlier.

        Args:
            status_code: The status, from 200 to 999.
            reason: A str. It may also be the headers, if there is no third argument.
            headers: A mapping, or pairs of name and value.

        Raises:
            HeadersSentError, InvalidHeaderError, InvalidArgTypeError: As for `set_header`.
        """
        if headers is None and reason is not None and not isinstance(reason, str):
            headers, reason = reason, None
        self._refuse_if_fixed("write_head")
        first_line(status_code, reason)
        self.status_code = status_code
        self.status_message = reason
        if headers is not None:
            self.set_headers(headers)
        self._head_fixed = True
        return self

    def write_continue(self) -> Self:
        """Tell a client that waits for it ("Expect: 100-continue") to send the body. Reading the body does so, too."""
        request = self.request
        if request._expects_continue and not self._head_sent and not self._s_destroyed:
            request._expects_continue = False
            socket = self._transport._socket
            socket._w_write(b"HTTP/1.1 100 Continue\r\n\r\n", None, None)
        return self

    def write_early_hints(self, headers: Mapping[str, HeaderValue]) -> Self:
        """Send header fields (such as Link) before the response, with status 103. Return the response.

        A client of HTTP/1.0 gets nothing.

        Args:
            headers: A mapping of names and values.

        Raises:
            HeadersSentError, InvalidHeaderError: As for `set_header`.
            InvalidArgTypeError: ``headers`` is not a mapping, or as for `set_header`.
        """
        self._refuse_if_fixed("write_early_hints")
        if not hasattr(headers, "items"):
            raise InvalidArgTypeError(f"write_early_hints() needs a mapping of headers, got {headers!r}")
        lines = "".join(f"{name}: {check_value(name, value)}\r\n" for name, value in _checked(headers))
        if self.request.http_version == "1.1" and not self._s_destroyed:
            socket = self._transport._socket
            socket._w_write(f"HTTP/1.1 103 Early Hints\r\n{lines}\r\n".encode("latin-1"), None, None)
        return self

    def send_file(
        self,
        path: StrPath,
        *,
        root: StrPath | None = None,
        content_type: str | None = None,
        throttle: float | None = None,
    ) -> SendFile:
        """Answer with a file: ``await response.send_file("report.pdf")``.

        Sets Content-Type (from the name), Content-Length, ETag and Last-Modified, and answers conditional requests, ranges and
        HEAD. Headers that were set before are kept.

        Args:
            path: str, bytes or os.PathLike.
            root, content_type, throttle: As for `forebay.http.send_file`.

        Returns:
            An awaitable that is done when the socket has got everything.

        Raises:
            HeadersSentError, InvalidArgTypeError: As for `forebay.http.send_file`.
        """
        return send_file(self, path, root=root, content_type=content_type, throttle=throttle)

    def compressed(self, codings: Sequence[str] | None = None, *, level: int | None = None) -> WritableBody:
        """Return a stream that compresses the body on its way: ``await pipeline(source, response.compressed())``.

        It takes the coding that the client's Accept-Encoding prefers, and sets Content-Encoding and Vary; an ETag becomes a weak
        one. Set the status and the other header fields before. The response itself is returned, and the body leaves as it is, if
        the client accepts no coding, in answer to HEAD, with status 204, 205, 206 or 304, with ``Cache-Control:
        no-transform``, with a Content-Encoding, and for types that are compressed already or that are event streams.

        Args:
            codings: Those to choose from, the preferred one first: ``zstd``, ``br``, ``gzip`` and ``deflate``, which is also what
                None stands for. One whose library is not installed is left out.
            level: As for `forebay.codecs.compress`.

        Returns:
            The stream that takes the body.

        Raises:
            HeadersSentError: The head was sent.
            InvalidArgTypeError, InvalidArgValueError, OutOfRangeError: An argument is wrong.
        """
        self._refuse_if_fixed("compressed")
        body: WritableBody = compressed_body(self, codings, level)
        return body

    def _first_line(self) -> Any:
        return first_line(self.status_code, self.status_message)

    def _more_fields(self) -> Any:
        return date_line() if self.send_date and "date" not in self._fields else ""

    def _frame(self, length: Any) -> Any:
        status = self.status_code
        fields = self._fields
        lines = ""
        old = self.request.http_version == "1.0"
        if status == 204:
            self._framing = k.NO_BODY
            fields.pop("content-length", None)
            fields.pop("transfer-encoding", None)
        elif self.request.method == "HEAD" or status == 304:
            self._framing = k.NO_BODY
            if length > 0 and status != 304 and "content-length" not in fields:
                lines = f"Content-Length: {length}\r\n"
        elif old and fields.pop("transfer-encoding", None) is not None:
            self._framing = k.UNTIL_CLOSE
        elif self._frame_as_set():
            pass
        elif length >= 0 and (self._trailers is None or old):
            self._framing = k.BY_LENGTH
            self._announced = length
            lines = f"Content-Length: {length}\r\n"
        elif not old:
            self._framing = k.CHUNKED
            lines = "Transfer-Encoding: chunked\r\n"
        else:
            self._framing = k.UNTIL_CLOSE
        if self._framing == k.UNTIL_CLOSE or self.request._expects_continue:
            self._keep_alive = False
        connection = fields.get("connection")
        if connection is not None:
            if "close" in str(connection[1]).lower():
                self._keep_alive = False
        elif not self._keep_alive:
            lines += "Connection: close\r\n"
        elif old:
            lines += "Connection: keep-alive\r\n"
        return lines

    def _s_complete(self, kind: Any, error: Any, value: Any) -> None:
        if kind == k.HOOK_HANDLER:
            transport = self._transport
            transport._handler_done(self, error)
        else:
            Outgoing._s_complete(self, kind, error, value)


def _checked(headers: Any) -> Any:
    for name, value in headers.items():
        check_name(name)
        for item in value if isinstance(value, (list, tuple)) else [value]:
            yield name, item
