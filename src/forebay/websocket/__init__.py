"""WebSockets as streams of messages, over the library websockets (``pip install 'forebay[websocket]'``).

**Memory.** A connection holds about four messages that were received and not read, besides the stream's high-water mark of 16.
Each message has at most ``max_size`` bytes. See docs/live.md.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Self

from forebay._core.abort import AbortSignal
from forebay._core.representation import represent
from forebay._system.worker_pool import settle
from forebay.errors import InvalidArgTypeError, OutOfRangeError, WebSocketClosedError
from forebay.websocket._guarded import guarded
from forebay.websocket._library import load
from forebay.websocket._stream import WebSocket

__all__ = ["WebSocket", "WebSocketClosedError", "WebSocketServer", "connect", "serve"]

# Received frames that wait in the connection. More would only add to the messages that the stream holds.
_QUEUE_FRAMES = 4


async def connect(
    url: str,
    *,
    subprotocols: Sequence[str] | None = None,
    headers: Mapping[str, str] | Iterable[tuple[str, str]] | None = None,
    max_size: int | None = 1 << 20,
    ping_interval: float | None = 20.0,
    ping_timeout: float | None = 20.0,
    high_water_mark: int | None = None,
    signal: AbortSignal | None = None,
    **options: Any,
) -> WebSocket:
    """Connect to a server, and return the WebSocket.

    Args:
        url: An address that begins with ``ws://`` or ``wss://``.
        subprotocols: The subprotocols that are offered, the preferred one first.
        headers: More header fields of the request.
        max_size: The largest message in bytes. At a larger one the connection is closed with 1009, and the stream fails. None is
            without a limit.
        ping_interval: Seconds between two pings that check whether the peer is there; None sends none.
        ping_timeout: Seconds after which a ping without an answer closes the connection; None waits without end.
        high_water_mark: As for `WebSocket`.
        signal: An `AbortSignal` that destroys the stream.
        options: More options of ``websockets.connect``, such as ``ssl``, ``open_timeout`` and ``compression``.

    Returns:
        The stream.

    Raises:
        OSError: The server cannot be reached. TimeoutError: It does not answer in time.
        ImportError: websockets is not installed.
        OutOfRangeError: ``max_size`` is less than 1.
    """
    client = load("asyncio.client")
    connection = await client.connect(
        url,
        subprotocols=subprotocols,
        additional_headers=headers,
        max_size=_checked_size(max_size),
        max_queue=_QUEUE_FRAMES,
        ping_interval=ping_interval,
        ping_timeout=ping_timeout,
        **{"create_connection": guarded(client.ClientConnection), **options},
    )
    return WebSocket(connection, high_water_mark=high_water_mark, signal=signal)


class WebSocketServer:
    """A server of WebSockets; `serve` starts it. Leaving its ``async with`` block closes it.

    ``port`` is the port of its first socket. ``server`` is the server of websockets.
    """

    def __init__(self, server: Any) -> None:
        self.server = server

    def __repr__(self) -> str:
        return represent(self, lambda: f"on port {self.port}")

    @property
    def port(self) -> int:
        """The port of the first socket."""
        return self.server.sockets[0].getsockname()[1]  # type: ignore[no-any-return]

    async def aclose(self) -> None:
        """Refuse new connections, close the open ones with 1001, and wait for their handlers."""
        self.server.close()
        await self.server.wait_closed()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()


async def serve(
    handler: Callable[[WebSocket], Awaitable[object]],
    host: str | None = None,
    port: int | None = None,
    *,
    subprotocols: Sequence[str] | None = None,
    max_size: int | None = 1 << 20,
    ping_interval: float | None = 20.0,
    ping_timeout: float | None = 20.0,
    high_water_mark: int | None = None,
    **options: Any,
) -> WebSocketServer:
    """Start a server of WebSockets.

    Args:
        handler: An async function that is called with each WebSocket. When it returns, the WebSocket is ended with 1000; if it
            raises, it is closed with 1011, and the error goes to the loop's exception handler.
        host: The address to listen on; None is every address.
        port: The port; 0 is a free one.
        subprotocols: The subprotocols that the server speaks, the preferred one first.
        max_size: As for `connect`.
        ping_interval: As for `connect`.
        ping_timeout: As for `connect`.
        high_water_mark: As for `WebSocket`.
        options: More options of ``websockets.serve``, such as ``ssl``, ``origins`` and ``process_request``.

    Returns:
        The running server.

    Raises:
        OSError: The address cannot be used.
        ImportError: websockets is not installed.
        InvalidArgTypeError: ``handler`` is not a function.
        OutOfRangeError: ``max_size`` is less than 1.
    """
    if not callable(handler):
        raise InvalidArgTypeError(f"handler must be an async function, got {handler!r}")
    library = load("asyncio.server")

    async def handle(connection: Any) -> None:
        stream = WebSocket(connection, high_water_mark=high_water_mark)
        await _handled(handler, stream)

    server = await library.serve(
        handle,
        host,
        port,
        subprotocols=subprotocols,
        max_size=_checked_size(max_size),
        max_queue=_QUEUE_FRAMES,
        ping_interval=ping_interval,
        ping_timeout=ping_timeout,
        **{"create_connection": guarded(library.ServerConnection), **options},
    )
    if not server.sockets:
        # asyncio passes over an address for which the system gives no socket.
        raise OSError(errno.EADDRNOTAVAIL, f"the system gives no socket to listen on {host}, port {port}")
    return WebSocketServer(server)


async def _handled(handler: Callable[[WebSocket], Awaitable[object]], stream: WebSocket) -> None:
    gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    stream.on("close", lambda: settle(gone, None, None))
    try:
        await handler(stream)
    except Exception as error:
        # The handler knows what its own stream has failed with.
        stream.on("error", _heard)
        if error is not stream.errored:
            asyncio.get_running_loop().call_exception_handler(
                {"message": "Exception in the handler of a WebSocket", "exception": error}
            )
        stream.destroy(error)
    else:
        if not stream.destroyed and not stream.writable_ended:
            stream.end()
        # The end of what the peer sends is awaited, and its data is dropped.
        stream.on("error", _heard)
        drop = partial(_drop, stream)
        stream.on("readable", drop)
        drop()
    if not stream.closed:
        await gone


def _drop(stream: WebSocket) -> None:
    while stream.read() is not None:
        pass


def _heard(error: BaseException) -> None:
    """Nothing: the handler has returned."""


def _checked_size(size: Any) -> int | None:
    if size is not None and (isinstance(size, bool) or not isinstance(size, int)):
        raise InvalidArgTypeError(f"max_size must be a number of bytes or None, got {size!r}")
    if size is not None and size < 1:
        raise OutOfRangeError(f"max_size must be at least 1 byte, got {size}")
    return size
