from typing import Any

from forebay._core.abort import AbortSignal
from forebay._core.scheduling.operation import Handle

class Finished(Handle[None]):
    """The watch over a stream that `finished` returns."""

    def cancel(self) -> None:
        """Stop watching: take the listeners away. Callbacks are not called any more; a task that awaits is cancelled."""

def finished(
    stream: Any,
    *,
    readable: bool | None = None,
    writable: bool | None = None,
    error: bool = True,
    signal: AbortSignal | None = None,
    cleanup: bool = False,
) -> Finished:
    """Watch ``stream`` until it is done; return an awaitable handle."""
