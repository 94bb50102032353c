from typing import Any

from penstock.duplex import Duplex
from penstock.http._connection import HttpConnection
from penstock.http._limits import Limits

class ServerConnection(HttpConnection):
    """One connection of a `Server`, over any Duplex."""

    def __init__(
        self, server: Any, socket: Duplex, limits: Limits, high_water_mark: int, frugal: bool
    ) -> None: ...
    def check_time(self, now: float) -> None:
        """Give up a peer that takes too long. ``now``: monotonic seconds."""

    def close_when_idle(self) -> None:
        """Close now where no request is being received or answered, else after the response."""

    @property
    def idle(self) -> bool:
        """Whether no request is being received or answered."""

    @property
    def socket(self) -> Duplex:
        """The stream below."""
