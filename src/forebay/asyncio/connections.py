"""Connections and servers of streams, with asyncio's signatures."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from forebay.asyncio.protocol import StreamReaderProtocol
from forebay.asyncio.reader import DEFAULT_LIMIT, StreamReader
from forebay.asyncio.writer import StreamWriter

Connected = Callable[[StreamReader, StreamWriter], Any]


def _server_factory(connected: Connected, limit: int) -> Callable[[], StreamReaderProtocol]:
    loop = asyncio.get_running_loop()

    def factory() -> StreamReaderProtocol:
        return StreamReaderProtocol(StreamReader(limit=limit, loop=loop), connected, loop=loop)

    return factory


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
    return await loop.create_server(_server_factory(client_connected_cb, limit), host, port, **kwds)


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
    return await loop.create_unix_server(_server_factory(client_connected_cb, limit), path, **kwds)
