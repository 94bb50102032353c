"""Sockets: TCP connections and Unix sockets as Duplex streams, with TLS on request, and servers.

::

    async def echo(socket):
        await pipeline(socket, socket)

    server = await net.create_server(echo).listen(8000, "127.0.0.1")
    socket = await net.connect(8000, "127.0.0.1")

The sockets run on the program's event loop, asyncio's or uvloop's, and do not use its transports.

**Memory.** A socket holds its two high-water marks and one receive: at most 64 KiB more, or 256 KiB while the reader takes
everything at once. An idle socket holds no buffer.
"""

from __future__ import annotations

import ssl as _ssl
from collections.abc import Callable
from typing import Any, overload

from forebay._core.abort import AbortSignal
from forebay._core.seconds import check_seconds
from forebay.net._address import Lookup
from forebay.net._block_list import BlockList
from forebay.net._connecting import Connecting
from forebay.net._server import Listening, Server
from forebay.net._socket import ATTEMPT_DELAY, Socket

__all__ = [
    "BlockList",
    "Connecting",
    "Listening",
    "Lookup",
    "Server",
    "Socket",
    "connect",
    "create_server",
]


@overload
def connect(
    *address: Any,
    ssl: _ssl.SSLContext | bool | None = None,
    server_hostname: str | None = None,
    timeout: float | None = None,
    family: int = 0,
    local_address: tuple[str, int] | None = None,
    lookup: Lookup | None = None,
    attempt_delay: float = ATTEMPT_DELAY,
    allow_half_open: bool = False,
    high_water_mark: int | None = None,
    encoding: None = None,
    default_encoding: None = None,
    no_delay: bool = True,
    signal: AbortSignal | None = None,
) -> Connecting: ...
@overload
def connect(
    *address: Any,
    ssl: _ssl.SSLContext | bool | None = None,
    server_hostname: str | None = None,
    timeout: float | None = None,
    family: int = 0,
    local_address: tuple[str, int] | None = None,
    lookup: Lookup | None = None,
    attempt_delay: float = ATTEMPT_DELAY,
    allow_half_open: bool = False,
    high_water_mark: int | None = None,
    encoding: str,
    default_encoding: str | None = None,
    no_delay: bool = True,
    signal: AbortSignal | None = None,
) -> Connecting[Socket[Any, str]]: ...
@overload
def connect(
    *address: Any,
    ssl: _ssl.SSLContext | bool | None = None,
    server_hostname: str | None = None,
    timeout: float | None = None,
    family: int = 0,
    local_address: tuple[str, int] | None = None,
    lookup: Lookup | None = None,
    attempt_delay: float = ATTEMPT_DELAY,
    allow_half_open: bool = False,
    high_water_mark: int | None = None,
    encoding: str | None = None,
    default_encoding: str | None = None,
    no_delay: bool = True,
    signal: AbortSignal | None = None,
) -> Connecting[Socket[Any, Any]]: ...
def connect(
    *address: Any,
    ssl: _ssl.SSLContext | bool | None = None,
    server_hostname: str | None = None,
    timeout: float | None = None,
    family: int = 0,
    local_address: tuple[str, int] | None = None,
    lookup: Lookup | None = None,
    attempt_delay: float = ATTEMPT_DELAY,
    allow_half_open: bool = False,
    high_water_mark: int | None = None,
    encoding: str | None = None,
    default_encoding: str | None = None,
    no_delay: bool = True,
    signal: AbortSignal | None = None,
) -> Connecting[Any]:
    """Connect to a server. ``await connect(...)`` returns the connected `Socket`; ``connect(...).socket`` is available at once.

    ``async with connect(...) as socket:`` ends the socket at the end of the block. If a host has several addresses, they are
    tried in turn, IPv6 and IPv4, until one answers (RFC 8305). Cancelling the await destroys the socket.

    Args:
        address: A port (of localhost), a host and a port in either order, or the path of a Unix socket.
        ssl: An `ssl.SSLContext` that encrypts the connection; True is the default context.
        server_hostname: The name against which the certificate is checked. None is the host.
        timeout: Seconds for everything. None means no limit.
        family: `socket.AF_INET` or `socket.AF_INET6` for this family only.
        local_address: The host and port to connect from.
        lookup: An async function ``(host, port, family)`` with the result of `socket.getaddrinfo`.
        attempt_delay: Seconds until the next address of the host is tried as well.
        allow_half_open: As for `Socket`.
        high_water_mark: As for `Socket`, in bytes.
        encoding: As for `Socket`.
        default_encoding: As for `Socket`.
        no_delay: As for `Socket`.
        signal: An `AbortSignal` that destroys the socket.

    Returns:
        A `Connecting`. The await raises the OSError of the failure (ConnectionRefusedError, TimeoutError,
        socket.gaierror, ssl.SSLError, ...), and PrematureCloseError if the socket was destroyed before.

    Raises:
        InvalidArgTypeError: An argument has the wrong type.
        OutOfRangeError: A number is out of range.
        MissingArgsError: There is no address.
    """
    if timeout is not None:
        check_seconds("timeout", timeout)
    stream: Socket[Any, Any] = Socket(
        allow_half_open=allow_half_open,
        high_water_mark=high_water_mark,
        encoding=encoding,
        default_encoding=default_encoding,
        no_delay=no_delay,
        signal=signal,
    )
    handle: Connecting[Any] = Connecting(stream, timeout)
    stream.connect(
        *address, family=family, local_address=local_address, lookup=lookup, attempt_delay=attempt_delay
    )
    if ssl:
        handle.encrypt(ssl, server_hostname, address)
    return handle


def create_server(
    listener: Callable[[Socket], object] | None = None,
    *,
    allow_half_open: bool = False,
    pause_on_connect: bool = False,
    no_delay: bool = True,
    keep_alive: bool = False,
    keep_alive_delay: float | None = None,
    high_water_mark: int | None = None,
    default_encoding: str | None = None,
    max_connections: int | None = None,
    block_list: Callable[[str], bool] | None = None,
    ssl: _ssl.SSLContext | None = None,
    handshake_timeout: float = 60.0,
) -> Server:
    """Make a `Server`. ``await create_server(...).listen(port)`` starts it.

    Args:
        listener: A function that is called with each connection. An async function runs as a task: an exception in it
            destroys the socket, and `Server.aclose` cancels it. It has to end the socket itself.
        allow_half_open: As for `Socket`.
        pause_on_connect: Whether to read nothing of a connection until the program does.
        no_delay: As for `Socket`.
        keep_alive: Whether to use `Socket.set_keep_alive` for each connection.
        keep_alive_delay: Seconds of silence before the first probe.
        high_water_mark: Bytes, for both sides of each socket.
        default_encoding: As for `Socket`.
        max_connections: The most connections; the server closes more of them at once. None means no limit.
        block_list: A `BlockList`, or a function of an address that returns whether to close its connections.
        ssl: An `ssl.SSLContext` that encrypts every connection.
        handshake_timeout: Seconds for a TLS handshake.

    Returns:
        The server.
    """
    return Server(
        listener,
        allow_half_open=allow_half_open,
        pause_on_connect=pause_on_connect,
        no_delay=no_delay,
        keep_alive=keep_alive,
        keep_alive_delay=keep_alive_delay,
        high_water_mark=high_water_mark,
        default_encoding=default_encoding,
        max_connections=max_connections,
        block_list=block_list,
        ssl=ssl,
        handshake_timeout=handshake_timeout,
    )
