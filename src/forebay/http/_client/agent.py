"""Agent: open a client's connections, and keep them for later requests."""

from __future__ import annotations

import asyncio
import ssl as _ssl
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from time import monotonic
from types import TracebackType
from typing import Any, Self

from forebay._core.abort import AbortSignal, add_abort_signal, checked_signal
from forebay._core.representation import count, represent
from forebay._core.scheduling.ticks import running_loop
from forebay.errors import (
    HttpError,
    IncompleteMessageError,
    InvalidArgTypeError,
    InvalidArgValueError,
    StreamDestroyedError,
)
from forebay.http._client.connection import ClientConnection
from forebay.http._client.decoded_response import decoded_response
from forebay.http._client.dropped_responses import DroppedResponses
from forebay.http._client.exchange import Exchange, Key
from forebay.http._client.opener import Opener, check_ssl
from forebay.http._client.proxies import as_proxies
from forebay.http._client.request import ClientRequest
from forebay.http._client.request_body import Body, as_body, give_up_body
from forebay.http._client.timeouts import Timeouts, as_timeouts
from forebay.http._client.url import check_authority, parse_target
from forebay.http._limits import Limits
from forebay.http._messages.content_coding import acceptable_codings
from forebay.http._messages.header_checks import check_name
from forebay.http._messages.headers import HeaderFields, header_items
from forebay.http._messages.incoming import ClientResponse
from forebay.http._require_httptools import require_parser
from forebay.streams.operators.operator_stream import checked_int

__all__ = ["Agent"]


class Agent:
    """Send requests, and keep free connections for later requests.

    ``async with Agent() as agent:`` closes all connections at the end. An agent belongs to one event loop.

    Args:
        keep_alive: Whether to keep connections. Otherwise each request has its own.
        max_connections: The most connections to one server. Further requests wait. None means no limit.
        max_free: The most free connections in all.
        limits: The limits for servers (`Limits`). A free connection is kept for its ``keep_alive_time``.
        ssl: An `ssl.SSLContext` for https. True is the default context; False encrypts without verifying the server.
        proxy: The URL of an http proxy; False for none; True for the one of HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY in
            the environment when the agent is made. None is True, but False with ``socket_path`` or ``connect``.
        socket_path: The Unix socket to connect to, whatever the URL says.
        connect: A plain or async function ``(hostname, port, ssl)`` that returns a connected Duplex and replaces
            `forebay.net.connect`.

    Raises:
        InvalidArgTypeError: An argument has the wrong type.
        InvalidArgValueError: An argument has a value that is not allowed.
        ImportError: httptools is not installed.
    """

    def __init__(
        self,
        *,
        keep_alive: bool = True,
        max_connections: int | None = None,
        max_free: int = 64,
        limits: Limits | None = None,
        ssl: _ssl.SSLContext | bool | None = None,
        proxy: str | bool | None = None,
        socket_path: str | None = None,
        connect: Callable[..., Any] | None = None,
    ) -> None:
        if max_connections is not None:
            checked_int("max_connections", max_connections, 1)
        checked_int("max_free", max_free, 0)
        if limits is not None and not isinstance(limits, Limits):
            raise InvalidArgTypeError(f"limits must be a forebay.http.Limits, got {limits!r}")
        if not isinstance(keep_alive, bool):
            raise InvalidArgTypeError(
                f"keep_alive must be True or False, got {keep_alive!r}; how long is Limits(keep_alive_time=)"
            )
        if connect is not None and not callable(connect):
            raise InvalidArgTypeError(f"connect must be a function, got {connect!r}")
        if socket_path is not None and not isinstance(socket_path, str):
            raise InvalidArgTypeError(f"socket_path must be a str, got {socket_path!r}")
        if socket_path is not None and isinstance(proxy, str):
            raise InvalidArgValueError("proxy and socket_path exclude each other; leave one out")
        require_parser()
        self._loop = running_loop()
        self._keep_alive = keep_alive
        self._max_connections = max_connections
        self._max_free = max_free
        # The client has asked for the response, so its body has no limit by default.
        self._limits = limits or Limits(body_bytes=None)
        self._ssl = check_ssl(ssl)
        self._proxies = as_proxies(socket_path is None and connect is None if proxy is None else proxy)
        self._opener = Opener(
            socket_path,
            connect,
            partial(Agent, keep_alive=False, limits=self._limits, proxy=False, connect=connect),
        )
        self._free: dict[Key, list[ClientConnection]] = {}
        self._in_use: dict[Key, int] = {}
        # The waiting exchanges in order of arrival. A dict removes any of them without a search.
        self._waiting: dict[Key, OrderedDict[Exchange, None]] = {}
        self._all: set[ClientConnection] = set()
        self._opening: dict[asyncio.Task[bool], Exchange] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._dropped = DroppedResponses(self._loop, self._is_short_of_places)
        self._closed = False

    # ---- requests

    def get(
        self,
        url: str,
        *,
        method: str = "GET",
        headers: HeaderFields | None = None,
        body: Body | None = None,
        timeout: Timeouts | float | None = None,
        redirects: int = 0,
        ssl: _ssl.SSLContext | bool | None = None,
        proxy: str | bool | None = None,
        signal: AbortSignal | None = None,
        high_water_mark: int | None = None,
        decompress: bool = False,
        decompress_limit: int | None = None,
    ) -> ClientRequest:
        """Send a GET request without a body.

        Args:
            url, headers, timeout, redirects, ssl, proxy, signal, high_water_mark: As for `request`.
            decompress, decompress_limit: As for `request`.
            method, body: As for `request`, to send another method, or a body.

        Returns:
            A `ClientRequest`, as for `request`.

        Raises:
            StreamDestroyedError, InvalidArgTypeError, InvalidArgValueError, InvalidHeaderError: As for `request`.
        """
        request = self.request(
            url,
            method=method,
            headers=headers,
            body=body,
            timeout=timeout,
            redirects=redirects,
            ssl=ssl,
            proxy=proxy,
            signal=signal,
            high_water_mark=high_water_mark,
            decompress=decompress,
            decompress_limit=decompress_limit,
        )
        if not request.writable_ended and not request._body_to_come:
            request.end()
        return request

    def request(
        self,
        url: str,
        *,
        method: str = "GET",
        headers: HeaderFields | None = None,
        body: Body | None = None,
        authority: str | None = None,
        timeout: Timeouts | float | None = None,
        redirects: int = 0,
        ssl: _ssl.SSLContext | bool | None = None,
        proxy: str | bool | None = None,
        signal: AbortSignal | None = None,
        high_water_mark: int | None = None,
        decompress: bool = False,
        decompress_limit: int | None = None,
    ) -> ClientRequest:
        """Send a request, as `forebay.http.request` does.

        Args:
            url, method, headers, body, authority, timeout, redirects, signal, high_water_mark: As for `forebay.http.request`.
            decompress, decompress_limit: As for `forebay.http.request`.
            ssl, proxy: As for `forebay.http.request`. None is the agent's.

        Returns:
            A `ClientRequest`. Awaiting it returns the `ClientResponse`.

        Raises:
            StreamDestroyedError: The agent was closed.
            InvalidArgTypeError, InvalidArgValueError, InvalidHeaderError: An argument is wrong.
        """
        if self._closed:
            raise StreamDestroyedError("request() on an agent that was closed")
        target = parse_target(url)
        if not isinstance(method, str):
            raise InvalidArgTypeError(f"method must be a str, got {method!r}")
        check_name(method)
        if (method.upper() == "CONNECT") != (authority is not None):
            raise InvalidArgValueError(
                f"authority, the host and port to be reached, belongs to CONNECT, got {authority!r} for {method}"
            )
        if authority is not None:
            check_authority(authority)
            if body is not None:
                raise InvalidArgValueError("CONNECT has no body; write to the socket that 'connect' brings")
        checked_int("redirects", redirects, 0)
        if high_water_mark is not None:
            checked_int("high_water_mark", high_water_mark, 0)
        checked_signal(signal)
        fields = list(header_items(headers)) if headers is not None else []
        decode = _decoding(decompress, decompress_limit)
        if decode is not None and all(name.lower() != "accept-encoding" for name, _ in fields):
            fields.append(("Accept-Encoding", acceptable_codings()))
        exchange = Exchange(
            self,
            target,
            method.upper(),
            fields,
            body=as_body(body),
            redirects=redirects,
            high_water_mark=high_water_mark,
            authority=authority,
            ssl=self._ssl if ssl is None else check_ssl(ssl),
            proxies=self._proxies if proxy is None else as_proxies(proxy),
            timeouts=as_timeouts(timeout),
        )
        exchange.request._decode = decode
        if signal is not None:
            add_abort_signal(signal, exchange.request)
            exchange.request._own_listeners += 1
        if exchange.request.destroyed:
            give_up_body(body)
        else:
            exchange.start()
        return exchange.request

    # ---- connections

    def _dispatch(self, exchange: Exchange) -> None:
        """Find a connection for the exchange: a free one, a new one, or the next one that becomes free."""
        if self._closed:
            exchange.give_up()
            return
        key = exchange.key
        free = self._free.get(key)
        while free:
            connection = free.pop()
            if connection.usable:
                exchange.connected(connection)
                return
            connection.close()
        if self._max_connections is not None and self._in_use.get(key, 0) >= self._max_connections:
            self._waiting.setdefault(key, OrderedDict())[exchange] = None
            self._dropped.look()
            exchange.watch.queued(
                f"all {self._max_connections} to {exchange.target.host} are in use, as max_connections allows;"
                " read the responses or destroy them"
            )
            return
        self._in_use[key] = self._in_use.get(key, 0) + 1
        exchange.watch.opening()
        task = self._loop.create_task(self._open(exchange, key))
        self._opening[task] = exchange
        exchange.opening = task
        task.add_done_callback(lambda task: self._opened(exchange, key, task))

    async def _open(self, exchange: Exchange, key: Key) -> bool:
        """Open a connection for the exchange. Return whether it is open; it then has the place in the pool."""
        socket = await self._opener.open(exchange)
        if socket.destroyed:
            # A stream that has closed already emits no 'close' that would free its place.
            raise IncompleteMessageError(
                "the connection was closed before there was a response"
            ) from socket.errored
        connection = ClientConnection(self, socket, self._limits, exchange.mark)
        connection.key = key
        self._all.add(connection)
        exchange.opening = None
        if exchange.request.destroyed or self._closed:
            self._connection_free(connection)
        else:
            exchange.connected(connection)
        return True

    def _opened(self, exchange: Exchange, key: Key, task: asyncio.Task[bool]) -> None:
        """Handle the end of the task that opens a connection, even if it was cancelled before its first step."""
        del self._opening[task]
        if exchange.opening is task:
            exchange.opening = None
        error: BaseException | None
        if task.cancelled():
            error = HttpError(f"opening a connection to {exchange.target.host} was cancelled")
        else:
            error = task.exception()
            if error is None:
                return
        if not exchange.request.destroyed:
            exchange.request.destroy(error)
        self._leave(key)

    def _forget(self, exchange: Exchange) -> None:
        """Note that the exchange has ended and needs no connection."""
        if exchange.opening is not None:
            exchange.opening.cancel()
            exchange.opening = None
        waiting = self._waiting.get(exchange.key)
        if waiting is not None and exchange in waiting:
            del waiting[exchange]
            if not waiting:
                del self._waiting[exchange.key]

    def _leave(self, key: Key) -> None:
        """Note that a connection was closed or could not be opened: its place is free."""
        left = self._in_use.get(key, 0) - 1
        if left > 0:
            self._in_use[key] = left
        else:
            self._in_use.pop(key, None)
        self._next(key)

    def _next(self, key: Key) -> None:
        waiting = self._waiting.get(key)
        while waiting:
            exchange, _ = waiting.popitem(last=False)
            if not waiting:
                del self._waiting[key]
            if not exchange.request.destroyed:
                self._dispatch(exchange)
                return

    def _is_short_of_places(self) -> bool | None:
        """Return whether an unread response occupies a place while a request waits; None if no request waits."""
        if not self._waiting:
            return None
        return any(connection.stalled and connection.key in self._waiting for connection in self._all)

    def _connection_free(self, connection: ClientConnection) -> None:
        key: Key = connection.key
        if self._closed or not self._keep_alive or not connection.usable:
            connection.close()
            return
        kept = sum(map(len, self._free.values()))
        waiting = self._waiting.get(key)
        if kept >= self._max_free and not waiting:
            connection.close()
            return
        connection.free_since = monotonic()
        self._free.setdefault(key, []).append(connection)
        if waiting:
            self._next(key)
        limit = self._limits.keep_alive_time
        if self._timer is None and limit is not None:
            self._timer = self._loop.call_later(limit, self._close_old)

    def _connection_gone(self, connection: ClientConnection) -> None:
        key: Key = connection.key
        self._all.discard(connection)
        free = self._free.get(key)
        if free and connection in free:
            free.remove(connection)
        if not free:
            self._free.pop(key, None)
            if not self._free and self._timer is not None:
                self._timer.cancel()
                self._timer = None
        self._leave(key)

    def _send_again(self, request: ClientRequest) -> None:
        self._dispatch(request._owner)

    def _close_old(self) -> None:
        self._timer = None
        limit = self._limits.keep_alive_time
        if limit is None:
            return
        now = monotonic()
        oldest = now
        for connections in list(self._free.values()):
            for connection in list(connections):
                if now - connection.free_since >= limit:
                    connection.close()
                else:
                    oldest = min(oldest, connection.free_since)
        if any(self._free.values()):
            self._timer = self._loop.call_later(max(0.001, oldest + limit - now), self._close_old)

    # ---- the end

    def __repr__(self) -> str:
        return represent(
            self,
            lambda: "destroyed," if self._closed else None,
            lambda: f"{count(self.connections, 'connection')}, {self.free_connections} free",
        )

    @property
    def free_connections(self) -> int:
        """The number of free connections."""
        return sum(map(len, self._free.values()))

    @property
    def connections(self) -> int:
        """The number of connections."""
        return len(self._all)

    def destroy(self) -> None:
        """Close all connections, and fail the requests in progress."""
        self._closed = True
        self._dropped.stop()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for exchanges in list(self._waiting.values()):
            for exchange in list(exchanges):
                exchange.give_up()
        self._waiting.clear()
        for task, exchange in list(self._opening.items()):
            exchange.give_up()
            task.cancel()
        for connection in list(self._all):
            connection.close(StreamDestroyedError("the agent was closed"))

    async def aclose(self) -> None:
        """Close all connections, and wait until they are closed."""
        sockets = [connection.socket for connection in self._all]
        self.destroy()
        if self._opening:
            await asyncio.wait(set(self._opening))
        for socket in sockets:
            if not socket.closed:
                await socket.aclose()
        # These connections emit 'close' on a tick, which frees their places.
        await asyncio.sleep(0)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()


def _decoding(decompress: object, limit: int | None) -> Callable[[ClientResponse], ClientResponse] | None:
    """Return what makes a response with a decoded body. Raises InvalidArgTypeError, InvalidArgValueError, OutOfRangeError."""
    if not isinstance(decompress, bool):
        raise InvalidArgTypeError(f"decompress must be True or False, got {decompress!r}")
    if limit is None:
        return partial(decoded_response, limit=None) if decompress else None
    checked_int("decompress_limit", limit, 0)
    if not decompress:
        raise InvalidArgValueError("decompress_limit is for a request with decompress=True")
    return partial(decoded_response, limit=limit)
