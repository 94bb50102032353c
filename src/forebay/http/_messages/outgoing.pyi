from typing import Any, Self

from forebay.http._messages.headers import HeaderFields, HeaderValue
from forebay.http._messages.transport import Carrier
from forebay.streams.duplex import Duplex
from forebay.streams.writable import Writable

def date_line() -> str: ...

class Outgoing(Writable):
    """A message to be sent; the stream is its body."""

    def __init__(self, carrier: Carrier | None, high_water_mark: int) -> None: ...
    def set_header(self, name: str, value: HeaderValue) -> Self:
        """Set a header field, in the place of one of that name; return the message."""

    def append_header(self, name: str, value: HeaderValue) -> Self:
        """Add a value to a header field, which is then sent once more; return the message."""

    def set_headers(self, headers: HeaderFields) -> Self:
        """Set every field of a mapping, or of pairs of name and value; return the message."""

    def get_header(self, name: str) -> str | list[str] | None:
        """The value of a field that was set: a str, a list of str, or None."""

    def has_header(self, name: str) -> bool:
        """Whether a field was set."""

    def remove_header(self, name: str) -> Self:
        """Take a field back; return the message."""

    def get_header_names(self) -> list[str]:
        """The names of the fields that were set, in lower case."""

    def add_trailers(self, headers: HeaderFields) -> Self:
        """Send these fields after the body, which has to be chunked; return the message."""

    @property
    def headers_sent(self) -> bool:
        """Whether the head is fixed: header fields cannot be changed any more."""

    @property
    def socket(self) -> Duplex | None:
        """The stream that the message is sent on, such as a Socket; None before there is one."""

    def flush_headers(self) -> Self:
        """Send the head now, before there is any body; return the message."""

    def _begin_past(self, length: int) -> Any: ...
    def _end_past(self, length: int) -> None: ...
