from collections.abc import Mapping
from typing import Self, overload

from forebay._system.paths import StrPath
from forebay.http._messages.headers import HeaderFields, HeaderValue
from forebay.http._messages.incoming import ServerRequest
from forebay.http._messages.outgoing import Outgoing
from forebay.http._server.send_file import SendFile

def first_line(status: int, message: str | None) -> str: ...

class ServerResponse(Outgoing):
    """The response to a request; the stream is its body."""

    status_code: int
    status_message: str | None
    send_date: bool
    request: ServerRequest
    @overload
    def write_head(
        self, status_code: int, reason: str | None = None, headers: HeaderFields | None = None
    ) -> Self:
        """Set the status, the reason phrase and header fields at once, and fix the head; return the response."""

    @overload
    def write_head(self, status_code: int, reason: HeaderFields) -> Self: ...
    def write_continue(self) -> Self:
        """Tell a client that waits for it ("Expect: 100-continue") to send the body; return the response."""

    def write_early_hints(self, headers: Mapping[str, HeaderValue]) -> Self:
        """Send header fields (such as Link) ahead of the response, with status 103; return the response."""

    def send_file(
        self,
        path: StrPath,
        *,
        root: StrPath | None = None,
        content_type: str | None = None,
        throttle: float | None = None,
    ) -> SendFile:
        """Answer with a file; awaitable, and done when all is sent. See `forebay.http.send_file`."""
