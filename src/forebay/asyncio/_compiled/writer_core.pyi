from asyncio import AbstractEventLoop
from collections.abc import Iterable
from typing import Any

class WriterCore:
    """A `StreamWriter`'s way to its transport."""

    _protocol: Any
    _reader: Any
    _loop: AbstractEventLoop
    def _open(
        self, transport: Any, protocol: Any, reader: Any, loop: AbstractEventLoop, plain_drain: bool
    ) -> None: ...
    def _use(self, transport: Any) -> None: ...
    def _hand_out(self) -> Any: ...
    def _get_channel(self) -> Any: ...
    def write(self, data: Any) -> bool:
        """Send ``data``, or queue it where the peer is slow; return False where the writer should wait in `drain`.

        Nothing is lost by writing on: memory grows. ``data`` may be changed afterwards: what can change is copied.
        """
    def writelines(self, data: Iterable[Any]) -> bool:
        """Write several pieces as one; return as `write` does."""
    def _drain_now(self) -> bool: ...
    def _drained(self) -> bool: ...
