"""Opener: open a client's connections, directly or through a proxy."""

from __future__ import annotations

import asyncio
import ssl as _ssl
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from forebay import net
from forebay._core.scheduling.hook_runner import is_awaitable
from forebay.errors import HttpError, InvalidArgTypeError, InvalidArgValueError
from forebay.http._client.timeouts import Timeouts
from forebay.http._client.url import Target
from forebay.streams.duplex import Duplex

if TYPE_CHECKING:
    from forebay.http._client.exchange import Exchange

__all__ = ["Opener", "check_ssl"]

_FOR_EVER = Timeouts(connect=None, response=None, idle=None)


def check_ssl(ssl: Any) -> _ssl.SSLContext | bool | None:
    """Return a valid ``ssl`` argument: an SSLContext, a bool or None. Raises InvalidArgTypeError."""
    if ssl is not None and not isinstance(ssl, bool | _ssl.SSLContext):
        raise InvalidArgTypeError(
            f"ssl must be an ssl.SSLContext, True for the default one, or False for no check, got {ssl!r}"
        )
    return ssl


def _unchecked() -> _ssl.SSLContext:
    context = _ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = _ssl.CERT_NONE
    return context


class Opener:
    """Open the connections of an agent."""

    def __init__(
        self, socket_path: str | None, connect: Callable[..., Any] | None, make_agent: Callable[[], Any]
    ) -> None:
        self._socket_path = socket_path
        self._connect = connect
        # Sends the CONNECT requests to a proxy: an agent without kept connections and without a proxy.
        self._make_agent = make_agent

    async def open(self, exchange: Exchange) -> Any:
        """Return a connection for the exchange, encrypted for an https URL. Raises OSError or HttpError."""
        target, proxy = exchange.target, exchange.proxy
        context = self._context(exchange.ssl)
        if proxy is None or not target.secure:
            nearest = target if proxy is None else proxy
            return await self._open_to(nearest, context if nearest.secure else None)
        socket = await self._tunnel(proxy, target, context)
        try:
            await socket.start_tls(context, server_hostname=_server_name(target))
        except BaseException:
            socket.destroy()
            raise
        return socket

    @staticmethod
    def _context(ssl: _ssl.SSLContext | bool | None) -> _ssl.SSLContext | bool:
        if ssl is False:
            return _unchecked()
        return True if ssl is None else ssl

    async def _open_to(self, target: Target, context: _ssl.SSLContext | bool | None) -> Any:
        if self._connect is not None:
            made = self._connect(target.hostname, target.port, context)
            return _checked(await made if is_awaitable(made) else made)
        where = (self._socket_path,) if self._socket_path is not None else (target.hostname, target.port)
        connecting = net.connect(
            *where,
            ssl=context,
            server_hostname=_server_name(target) if context is not None else None,
            allow_half_open=True,
        )
        try:
            return await connecting
        except asyncio.CancelledError:
            # The connection may have been opened just before the cancellation.
            connecting.socket.destroy()
            raise

    async def _tunnel(self, proxy: Target, target: Target, context: _ssl.SSLContext | bool) -> Any:
        """Return a connection to ``target`` through the proxy. Raises HttpError if the proxy refuses."""
        if proxy.secure:
            raise InvalidArgValueError(
                f"the proxy {proxy.url} is spoken to by TLS, and so is {target.host}; one inside the other is not"
                " possible: give the proxy as an http:// URL"
            )
        name = f"[{target.hostname}]" if ":" in target.hostname else target.hostname
        agent = self._make_agent()
        # The timeouts of the exchange apply; its end cancels this.
        headers = {"Proxy-Authorization": proxy.authorization} if proxy.authorization is not None else None
        request = agent.request(
            proxy.url, method="CONNECT", authority=f"{name}:{target.port}", headers=headers, timeout=_FOR_EVER
        )
        sockets: list[Any] = []
        request.on("connect", lambda _, socket: sockets.append(socket))
        request.end()
        try:
            response = await request
        except BaseException:
            for socket in sockets:
                socket.destroy()
            raise
        if not sockets:
            response.destroy()
            raise HttpError(
                f"the proxy {proxy.url} answered {response.status_code} {response.status_message}".rstrip()
                + f" when it was asked to connect to {target.host}"
            )
        return sockets[0]


def _checked(socket: Any) -> Duplex:
    if not isinstance(socket, Duplex):
        raise InvalidArgTypeError(
            f"connect must be a function, async or not, that returns a connected Duplex; it returned {socket!r}"
        )
    return socket


def _server_name(target: Target) -> str:
    """Return the name for the certificate. The zone of an address is local to this machine."""
    return target.hostname.partition("%")[0]
