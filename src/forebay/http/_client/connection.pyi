from typing import Any

from forebay.http._client.request import ClientRequest
from forebay.http._limits import Limits
from forebay.http._messages.connection import HttpConnection
from forebay.streams.duplex import Duplex

class ClientConnection(HttpConnection):
    """One connection of an `Agent`, over any Duplex."""

    def __init__(self, owner: Any, socket: Duplex, limits: Limits, high_water_mark: int) -> None: ...
    free_since: float
    key: Any
    exchanges: int
    @property
    def socket(self) -> Duplex:
        """The stream below."""

    @property
    def usable(self) -> bool:
        """Whether another request may be sent on it."""

    @property
    def awaits_peer(self) -> bool:
        """Whether the peer is the one to move."""

    def begin(self, request: ClientRequest) -> None:
        """Send ``request``, and give it the response that comes."""

    def count_bytes(self) -> int:
        """Bytes that came and went so far."""

    def close(self, error: BaseException | None = None) -> None:
        """Close the connection, and fail what is under way, with ``error`` where that is given."""

def has_come(socket: Duplex) -> bool:
    """Whether the kernel has something for ``socket`` that was not read: bytes, or the end."""
