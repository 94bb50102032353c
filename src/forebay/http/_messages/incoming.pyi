from forebay.http._messages.headers import Headers
from forebay.http._messages.transport import Carrier
from forebay.streams.duplex import Duplex
from forebay.streams.readable import Readable

class Incoming(Readable):
    """A message that came; the stream is its body."""

    def __init__(self, carrier: Carrier, high_water_mark: int) -> None: ...
    http_version: str
    raw_headers: list[tuple[bytes, bytes]]
    raw_trailers: list[tuple[bytes, bytes]]
    complete: bool
    @property
    def headers(self) -> Headers:
        """The header fields, a `Headers` mapping."""

    @property
    def trailers(self) -> Headers:
        """The fields that followed the body, a `Headers` mapping; there when 'end' was emitted."""

    @property
    def socket(self) -> Duplex:
        """The stream that the message came on, such as a Socket."""

class ServerRequest(Incoming):
    """A request that a server received; the stream is its body."""

    method: str
    url: str
    @property
    def path(self) -> str:
        """The path of the target, percent-decoded."""

    @property
    def query_string(self) -> str:
        """What follows the question mark of the target, as it was sent."""

class ClientResponse(Incoming):
    """A response that a client received; the stream is its body."""

    status_code: int
    status_message: str
    url: str
    def _break(self, error: BaseException | None, at_once: bool) -> None: ...
