from forebay.http._messages.connection import HttpConnection

class ServerClock(HttpConnection):
    """What a `ServerConnection` knows of time."""

    def check_time(self, now: float) -> None:
        """Give up a peer that takes too long. ``now``: monotonic seconds."""
