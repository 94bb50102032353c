"""Connections as the ends of a copy: ``tcp://HOST:PORT``, ``tcp-listen://[HOST]:PORT`` and ``unix://PATH``."""

from __future__ import annotations

import argparse

from forebay import net
from forebay._core.abort import AbortSignal
from forebay._core.waiting.await_event import once
from forebay.cli.endpoints.addresses import parse_listen, parse_target
from forebay.cli.output.failure import Failure

__all__ = ["NetworkSource", "NetworkTarget"]


class _Connection:
    """The common part of both ends."""

    status = None

    def __init__(self, text: str) -> None:
        #: The name for messages.
        self.name = text
        self.is_terminal = False
        scheme, _, rest = text.partition("://")
        self._listens = scheme == "tcp-listen"
        try:
            # unix://relative, unix:///absolute
            where = text if scheme == "unix" else rest
            self._place = (parse_listen if self._listens else parse_target)(where)
        except argparse.ArgumentTypeError as error:
            raise Failure(f"{text}: {error}", 2) from None

    async def _open(self, high_water_mark: int, signal: AbortSignal) -> net.Socket:
        """Return the connection, or one in progress. Raises OSError, AbortError."""
        if not self._listens:
            return net.Socket(high_water_mark=high_water_mark).connect(self._place)
        server = net.create_server(high_water_mark=high_water_mark, pause_on_connect=True, max_connections=1)
        await server.listen(self._place)
        try:
            (socket,) = await once(server, "connection", signal=signal)
        finally:
            # Accept one connection for one copy.
            server.close()
        connected: net.Socket = socket
        return connected


class NetworkSource(_Connection):
    """A source that is a connection."""

    is_stdin = False
    #: The number of bytes is not known.
    total = None
    #: The permissions of a file that is made from the data, less the umask.
    permissions = 0o666

    async def open(self, high_water_mark: int, signal: AbortSignal) -> net.Socket:
        return await self._open(high_water_mark, signal)


class NetworkTarget(_Connection):
    """A target that is a connection."""

    is_stdout = False
    atomic = False
    takes_our_output = False

    async def open(self, high_water_mark: int, permissions: int, signal: AbortSignal) -> net.Socket:
        socket = await self._open(high_water_mark, signal)
        # Discard the peer's data: unread data would turn the end into a reset.
        return socket.resume()

    def hint(self, error: BaseException) -> str:
        """Return advice for an error."""
        return ""
