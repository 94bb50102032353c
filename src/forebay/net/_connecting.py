"""Connecting: the awaitable connection that `connect` returns."""

from __future__ import annotations

import asyncio
import ssl as _ssl
from collections.abc import Generator
from types import TracebackType
from typing import Any

from forebay._core.scheduling.operation import Operation
from forebay.errors import PrematureCloseError
from forebay.net._address import parse_place
from forebay.net._socket import Socket
from forebay.streams.generics import Generic, TypeVar

__all__ = ["Connecting"]

Connected_co = TypeVar("Connected_co", covariant=True, bound=Socket[Any, Any], default=Socket)


class Connecting(Operation[Connected_co], Generic[Connected_co]):
    """A connection in progress. Awaiting it returns the connected socket; cancelling the await destroys the socket."""

    def __init__(self, socket: Connected_co, timeout: float | None) -> None:
        super().__init__()
        #: The socket, whether connected or not.
        self.socket: Connected_co = socket
        self._encrypts: tuple[_ssl.SSLContext | bool, str | None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._timer = None
        self._awaits = 0
        if timeout is not None:
            self._timer = self._loop.call_later(timeout, self._too_late)
        socket.on("connect", self._connected)
        socket.on("error", self._failed)
        socket.on("close", self._closed)

    def encrypt(
        self, context: _ssl.SSLContext | bool, server_hostname: str | None, address: tuple[Any, ...]
    ) -> None:
        """Start TLS as soon as the connection is open. The await waits for it as well.

        Args:
            context: An `ssl.SSLContext`, or True for the default one.
            server_hostname: The name against which the certificate is checked.
            address: The address of the connection, for the name.
        """
        if server_hostname is None:
            server_hostname = parse_place(address, "connect()").host or "localhost"
        self._encrypts = (context, server_hostname)

    def _connected(self) -> None:
        if self._encrypts is None:
            self._end(None)
        else:
            self._task = self._loop.create_task(self._secure(*self._encrypts))
            self._task.add_done_callback(self._secured)

    async def _secure(self, context: _ssl.SSLContext | bool, server_hostname: str | None) -> None:
        try:
            await self.socket.start_tls(context, server_hostname=server_hostname)
        except Exception as error:
            self.socket.destroy(error)
        else:
            self._end(None)

    def _secured(self, task: asyncio.Task[None]) -> None:
        # Other code has cancelled the task, perhaps before its first step.
        if task.cancelled():
            self.socket.destroy()

    def _failed(self, error: BaseException) -> None:
        # The program has an 'error' listener, so the error is already reported.
        if self.socket.listener_count("error") > 1:
            self.mark_handled()
        self._end(error)

    def _closed(self) -> None:
        self._end(PrematureCloseError("the socket was destroyed before it was connected"))

    def _too_late(self) -> None:
        self.socket.destroy(TimeoutError("the connection was not there in time"))

    def _end(self, error: BaseException | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self.socket.off("connect", self._connected)
        self.socket.off("close", self._closed)
        if not self._awaits:
            self.socket.off("error", self._failed)
        self._settle(error, self.socket)

    def __await__(self) -> Generator[Any, None, Connected_co]:
        self._awaits += 1
        try:
            yield from super().__await__()
        except asyncio.CancelledError:
            # The connection may be open by then, and the program would not have the socket.
            self._abandoned()
            raise
        finally:
            self._awaits -= 1
        if self.socket.errored is not None:
            # The socket failed between the connection and the task's turn. A later 'error' event has the same error.
            raise self.socket.errored
        self.socket.off("error", self._failed)
        return self.socket

    def _abandoned(self) -> None:
        # The cancellation causes the following errors, so they are not reported.
        self.mark_handled()
        self.socket.destroy()

    async def __aenter__(self) -> Connected_co:
        await self
        return self.socket

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.socket.__aexit__(kind, error, traceback)
