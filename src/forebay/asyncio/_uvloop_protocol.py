"""The protocol that a transport of uvloop gets."""

from __future__ import annotations

import asyncio
from typing import Any

_OWN = ("protocol", "get_buffer", "buffer_updated", "_is_set")


class Face(asyncio.BufferedProtocol):
    """A proxy that shows a `StreamReaderProtocol` to uvloop as a buffered protocol only.

    uvloop receives into a protocol's memory only if the protocol is not an `asyncio.Protocol`. A `StreamReaderProtocol`
    has to be one. uvloop checks once, in `set_protocol`. All other code sees the original protocol.
    """

    __slots__ = _OWN

    def __init__(self, protocol: Any) -> None:
        self._is_set = False
        self.protocol = protocol
        self.get_buffer = protocol.get_buffer  # type: ignore[method-assign]  # this one only
        self.buffer_updated = protocol.buffer_updated  # type: ignore[method-assign]  # this one only

    def settle(self) -> None:
        """Note that the transport has it. From now on it looks like the protocol itself."""
        self._is_set = True

    @property  # type: ignore[misc]  # as mocks do
    def __class__(self) -> Any:
        return type(self.protocol) if self._is_set else Face

    def __getattr__(self, name: str) -> Any:
        return getattr(self.protocol, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _OWN:
            super().__setattr__(name, value)
        else:
            setattr(self.protocol, name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self.protocol, name)

    def __eq__(self, other: object) -> bool:
        return self.protocol is (other.protocol if type(other) is Face else other)

    def __hash__(self) -> int:
        return hash(self.protocol)

    def __repr__(self) -> str:
        return repr(self.protocol)

    def connection_made(self, transport: Any) -> None:
        self.protocol.connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        self.protocol.connection_lost(exc)

    def eof_received(self) -> bool | None:
        return bool(self.protocol.eof_received())

    def pause_writing(self) -> None:
        self.protocol.pause_writing()

    def resume_writing(self) -> None:
        self.protocol.resume_writing()
