"""Sockets: TCP connections and Unix sockets as Duplex streams, with TLS where it is asked for, and servers of them.

::

    async def echo(socket):
        socket.pipe(socket)

    server = await net.create_server(echo).listen(8000, "127.0.0.1")
    socket = await net.connect(8000, "127.0.0.1")

The loop is the program's own, asyncio's or uvloop's; the sockets do not use its transports.

**Memory.** A socket holds what its two high-water marks allow and one receive, at most 64 KiB more; while everything
that comes is taken at once, a receive may be up to 256 KiB. An idle socket holds no buffer at all.
"""

from __future__ import annotations

import ssl as _ssl
from collections.abc import Callable
from typing import Any

from forebay._core.abort import AbortSignal
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
) -> Connecting:
    """Start to connect. ``await connect(...)`` is the connected `Socket`; ``connect(...).socket`` is it at once.

    ``async with connect(...) as socket:`` ends the socket when the block is left.

    ``address``: a port (of localhost), a host and a port in either order, or the path of a Unix socket. The addresses
    of a host are tried by turns, IPv6 and IPv4, a new one every ``attempt_delay`` seconds, until one answers.
    ``ssl``: an `ssl.SSLContext`, or True for the default one, that encrypts the connection; the certificate is checked
    against ``server_hostname``, which is the host where not given. ``timeout``: seconds for all of this, None for as
    long as it takes. ``family``, ``local_address``, ``lookup``: as for `Socket.connect`; the rest as for `Socket`.

    The await raises the OSError that it failed with (ConnectionRefusedError, TimeoutError, socket.gaierror,
    ssl.SSLError, ...) and, where the socket was destroyed before, PrematureCloseError. Cancelling it destroys the
    socket. Wrong arguments raise InvalidArgTypeError, OutOfRangeError or MissingArgsError at once.
    """
    stream = Socket(
        allow_half_open=allow_half_open,
        high_water_mark=high_water_mark,
        encoding=encoding,
        default_encoding=default_encoding,
        no_delay=no_delay,
        signal=signal,
    )
    handle = Connecting(stream, timeout)
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
    """A `Server`; ``await create_server(...).listen(port)`` starts it.

    ``listener(socket)`` is called with each connection. It may be an async function: it runs as a task, an exception in
    it destroys the socket, and it is cancelled when the server is closed by `Server.aclose`; it ends the socket itself.
    ``pause_on_connect``: read nothing of a connection before somebody does. ``keep_alive``, ``keep_alive_delay``: as
    `Socket.set_keep_alive`. ``max_connections``: more are closed at once. ``block_list``: a `BlockList`, or any function
    of an address that says whether to refuse it. ``ssl``: encrypt every connection; ``handshake_timeout``: seconds that
    a handshake may last. The rest as for `Socket`.
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
