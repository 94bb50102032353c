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
    """Connect, as `asyncio.open_connection`: a reader and a writer.

    ``limit`` is the reader's; the other arguments are those of `asyncio.loop.create_connection`.
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
    """Serve, as `asyncio.start_server`: ``client_connected_cb(reader, writer)`` for every connection.

    ``limit`` is the readers'; the other arguments are those of `asyncio.loop.create_server`.
    """
    loop = asyncio.get_running_loop()
    return await loop.create_server(_server_factory(client_connected_cb, limit), host, port, **kwds)


async def open_unix_connection(
    path: Any = None, *, limit: int = DEFAULT_LIMIT, **kwds: Any
) -> tuple[StreamReader, StreamWriter]:
    """Connect to a Unix socket, as `asyncio.open_unix_connection`."""
    loop = asyncio.get_running_loop()
    reader = StreamReader(limit=limit, loop=loop)
    protocol = StreamReaderProtocol(reader, loop=loop)
    transport, _ = await loop.create_unix_connection(lambda: protocol, path, **kwds)
    return reader, StreamWriter(transport, protocol, reader, loop)


async def start_unix_server(
    client_connected_cb: Connected, path: Any = None, *, limit: int = DEFAULT_LIMIT, **kwds: Any
) -> asyncio.Server:
    """Serve on a Unix socket, as `asyncio.start_unix_server`."""
    loop = asyncio.get_running_loop()
    return await loop.create_unix_server(_server_factory(client_connected_cb, limit), path, **kwds)
