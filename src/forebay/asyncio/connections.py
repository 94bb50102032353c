"""Connections and servers of streams, with asyncio's signatures."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from forebay.asyncio import _tls
from forebay.asyncio._loop_area import area_of
from forebay.asyncio.protocol import StreamReaderProtocol
from forebay.asyncio.reader import DEFAULT_LIMIT, StreamReader
from forebay.asyncio.writer import StreamWriter

Connected = Callable[[StreamReader, StreamWriter], Any]


#: The options of a connection that are for TLS.
_TLS_OPTIONS = ("ssl_handshake_timeout", "ssl_shutdown_timeout")


def _server_factory(
    connected: Connected, limit: int, options: dict[str, Any]
) -> tuple[Callable[[], Any], dict[str, Any]]:
    """Return the factory of a server's protocols, and the options that are left for the loop."""
    loop = asyncio.get_running_loop()

    def factory() -> StreamReaderProtocol:
        return StreamReaderProtocol(StreamReader(limit=limit, loop=loop), connected, loop=loop)

    context = options.get("ssl")
    if not context or isinstance(context, bool) or not _tls.has_own_tls(loop):
        return factory, options
    tls, others = _split(options)

    def encrypting_factory() -> _tls.TlsProtocol:
        return _tls.TlsProtocol(loop, factory(), context, None, area_of(loop), server_side=True, **tls)

    return encrypting_factory, others


def _split(options: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the options of TLS, and those of the connection below it."""
    tls = {name: options[name] for name in _TLS_OPTIONS if name in options}
    return tls, {name: value for name, value in options.items() if name != "ssl" and name not in tls}


async def _connect_over_tls(
    connect: Callable[..., Any], limit: int, needs: str, default_name: Any, options: dict[str, Any]
) -> tuple[StreamReader, StreamWriter]:
    """Connect by a method of the loop. ``needs`` is the error if TLS has neither ``server_hostname`` nor the default."""
    loop = asyncio.get_running_loop()
    reader = StreamReader(limit=limit, loop=loop)
    protocol = StreamReaderProtocol(reader, loop=loop)
    tls, others = _split(options)
    name = others.pop("server_hostname", None)
    if name is None:
        if not default_name:
            raise ValueError(needs)
        name = default_name
    transport = await _tls.connect(
        loop, partial(connect, **others), protocol, area_of(loop), options["ssl"], name, tls
    )
    return reader, StreamWriter(transport, protocol, reader, loop)


async def open_connection(
    host: Any = None, port: Any = None, *, limit: int = DEFAULT_LIMIT, **kwds: Any
) -> tuple[StreamReader, StreamWriter]:
    """Connect, as `asyncio.open_connection` does.

    Args:
        host: The host.
        port: The port.
        limit: The limit of the reader, in bytes.
        kwds: Those of `asyncio.loop.create_connection`.

    Returns:
        A reader and a writer.
    """
    loop = asyncio.get_running_loop()
    if kwds.get("ssl") and _tls.has_own_tls(loop):
        needs = "You must set server_hostname when using ssl without a host"
        return await _connect_over_tls(
            lambda factory, **others: loop.create_connection(factory, host, port, **others),
            limit,
            needs,
            host,
            kwds,
        )
    reader = StreamReader(limit=limit, loop=loop)
    protocol = StreamReaderProtocol(reader, loop=loop)
    transport, _ = await loop.create_connection(lambda: protocol, host, port, **kwds)
    return reader, StreamWriter(transport, protocol, reader, loop)


async def start_server(
    client_connected_cb: Connected,
    host: Any = None,
    port: Any = None,
    *,
    limit: int = DEFAULT_LIMIT,
    **kwds: Any,
) -> asyncio.Server:
    """Start a server, as `asyncio.start_server` does.

    Args:
        client_connected_cb: A plain or async function ``(reader, writer)`` that is called with every connection.
        host: The host, or a list of hosts.
        port: The port.
        limit: The limit of the readers, in bytes.
        kwds: Those of `asyncio.loop.create_server`.

    Returns:
        The server.
    """
    loop = asyncio.get_running_loop()
    factory, options = _server_factory(client_connected_cb, limit, kwds)
    return await loop.create_server(factory, host, port, **options)


async def open_unix_connection(
    path: Any = None, *, limit: int = DEFAULT_LIMIT, **kwds: Any
) -> tuple[StreamReader, StreamWriter]:
    """Connect to a Unix socket, as `asyncio.open_unix_connection` does.

    Args:
        path: The path of the socket.
        limit: The limit of the reader, in bytes.
        kwds: Those of `asyncio.loop.create_unix_connection`.

    Returns:
        A reader and a writer.
    """
    loop = asyncio.get_running_loop()
    if kwds.get("ssl") and _tls.has_own_tls(loop):
        needs = "you have to pass server_hostname when using ssl"
        return await _connect_over_tls(
            lambda factory, **others: loop.create_unix_connection(factory, path, **others),
            limit,
            needs,
            None,
            kwds,
        )
    reader = StreamReader(limit=limit, loop=loop)
    protocol = StreamReaderProtocol(reader, loop=loop)
    transport, _ = await loop.create_unix_connection(lambda: protocol, path, **kwds)
    return reader, StreamWriter(transport, protocol, reader, loop)


async def start_unix_server(
    client_connected_cb: Connected, path: Any = None, *, limit: int = DEFAULT_LIMIT, **kwds: Any
) -> asyncio.Server:
    """Start a server on a Unix socket, as `asyncio.start_unix_server` does.

    Args:
        client_connected_cb: As for `start_server`.
        path: The path of the socket.
        limit: The limit of the readers, in bytes.
        kwds: Those of `asyncio.loop.create_unix_server`.

    Returns:
        The server.
    """
    loop = asyncio.get_running_loop()
    factory, options = _server_factory(client_connected_cb, limit, kwds)
    return await loop.create_unix_server(factory, path, **options)
