from typing import Any

from forebay.http._limits import Limits
from forebay.http._server.connection_timeouts import ServerClock
from forebay.streams.duplex import Duplex

class ServerConnection(ServerClock):
    """One connection of a `Server`, over any Duplex."""

    def __init__(
        self, server: Any, socket: Duplex, limits: Limits, high_water_mark: int, frugal: bool
    ) -> None: ...
    def close_when_idle(self) -> None:
        """Close now where no request is being received or answered, else after the response."""

    @property
    def idle(self) -> bool:
        """Whether no request is being received or answered."""

    @property
    def socket(self) -> Duplex:
        """The stream below."""
