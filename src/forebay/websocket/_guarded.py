"""Connections of websockets that end if the peer does not take the answers to its pings."""

from __future__ import annotations

from functools import cache
from typing import Any

__all__ = ["guarded"]

# Bytes of answers that may wait for the peer. The library itself sets no limit.
_MOST_ANSWERS = 1 << 18
_POLICY_VIOLATION = 1008


@cache
def guarded(connection_class: Any) -> Any:
    """Return a subclass of a connection class of ``websockets.asyncio``, for its ``create_connection``."""

    class Guarded(connection_class):  # type: ignore[misc]
        _full = False
        _answers = 0

        def pause_writing(self) -> None:
            self._full = True
            self._answers = 0
            super().pause_writing()

        def resume_writing(self) -> None:
            self._full = False
            super().resume_writing()

        def data_received(self, data: bytes) -> None:
            if not self._full:
                super().data_received(data)
                return
            # Nothing else is written meanwhile.
            before = self.transport.get_write_buffer_size()
            super().data_received(data)
            self._answers += self.transport.get_write_buffer_size() - before
            if self._answers > _MOST_ANSWERS:
                self.protocol.fail(_POLICY_VIOLATION, "the answers to pings are not taken")
                self.transport.abort()

    return Guarded
