"""The attempt of a Socket to connect."""

from __future__ import annotations

import asyncio
import socket
from typing import Any, Protocol

from forebay._core.seconds import check_seconds
from forebay.net._address import Lookup, Place, find_addresses
from forebay.net._happy_eyeballs import HappyEyeballs

__all__ = ["ConnectAttempt"]


class Connectable(Protocol):
    """The interface of the stream that an attempt connects."""

    @property
    def destroyed(self) -> bool: ...

    def destroy(self, error: BaseException | None = None) -> Any: ...

    def _connected(self, sock: socket.socket) -> None: ...

    def _s_tell(self, event: str, *args: object) -> bool: ...


class ConnectAttempt:
    """The attempt of a Socket to connect: the lookup, then the connections."""

    def __init__(
        self,
        stream: Connectable,
        place: Place,
        family: int,
        local: tuple[str, int] | None,
        lookup: Lookup | None,
        delay: float,
    ) -> None:
        check_seconds("attempt_delay", delay, zero=True)
        self._stream = stream
        self._place = place
        self._local = local
        self._delay = delay
        self._eyeballs: HappyEyeballs | None = None
        loop = asyncio.get_running_loop()
        self._task = loop.create_task(self._look_up(family, lookup))
        self._task.add_done_callback(self._looked_up)

    def cancel(self) -> None:
        if self._eyeballs is not None:
            self._eyeballs.cancel()
        elif self._task is not asyncio.current_task():
            self._task.cancel()

    async def _look_up(self, family: int, lookup: Lookup | None) -> None:
        stream = self._stream
        place = self._place
        try:
            addresses = await find_addresses(place, family=family, lookup=lookup)
        except Exception as error:
            # A custom lookup may raise anything, and its result may be invalid.
            if place.host is not None and isinstance(error, OSError):
                self._tell(error, None, None)
            stream.destroy(error)
            return
        for each in addresses if place.host is not None else ():
            self._tell(None, each.address[0], each.family)
        if not stream.destroyed:
            self._eyeballs = HappyEyeballs(addresses, place, self._local, self._delay, self._done)

    def _tell(self, error: OSError | None, address: str | None, family: int | None) -> None:
        self._stream._s_tell("lookup", error, address, family, self._place.host)

    def _looked_up(self, task: asyncio.Task[None]) -> None:
        # Other code has cancelled the task, perhaps before its first step.
        if task.cancelled() and not self._stream.destroyed:
            self._stream.destroy()

    def _done(self, sock: socket.socket | None, error: Exception | None) -> None:
        if sock is not None:
            self._stream._connected(sock)
        else:
            self._stream.destroy(error)
