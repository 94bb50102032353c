"""Agent: who opens a client's connections, and keeps them for the next request."""

from __future__ import annotations

import asyncio
import ssl as _ssl
from collections import deque
from collections.abc import Callable
from functools import partial
from time import monotonic
from types import TracebackType
from typing import Any, Self

from penstock._flow.ticks import running_loop
from penstock.abort import AbortSignal, add_abort_signal
from penstock.errors import (
    HttpError,
    InvalidArgTypeError,
    InvalidArgValueError,
    OutOfRangeError,
    StreamDestroyedError,
)
from penstock.http._body import Body, check_body, send_body
from penstock.http._checks import check_name
from penstock.http._client_connection import ClientConnection
from penstock.http._client_request import ClientRequest
from penstock.http._headers import HeaderFields, header_items
from penstock.http._incoming import ClientResponse
from penstock.http._limits import Limits
from penstock.http._parser import require_parser
from penstock.http._target import Target, check_authority, parse_target, same_origin
from penstock.http._timeouts import Timeouts, Watch, as_timeouts

__all__ = ["Agent"]

_HIGH_WATER_MARK = 64 * 1024
_REDIRECTS = (301, 302, 303, 307, 308)
# So much of a redirect's body is read for the sake of keeping the connection.
_SMALL_BODY = 64 * 1024

Key = tuple[str, bool]


class Agent:
    """Sends requests, and keeps connections that are free for the next ones.

    ``keep_alive``: keep them; without it each request has a connection of its own. ``max_connections``: to one server
    at a time, None for any number; further requests wait for their turn. ``max_free``: connections that are kept in
    all. ``limits``: what a server may send (`Limits`); a free connection is kept for its ``keep_alive_time``.
    ``ssl``: an `ssl.SSLContext` for https, the default one where not given. ``socket_path``: the Unix socket to connect
    to, whatever the URL says. ``connect``: an async function ``(hostname, port, ssl)`` that returns a connected Duplex,
    in the place of `penstock.net.connect`.

    ``async with Agent() as agent:`` closes all connections at the end. An agent belongs to one event loop.
    """

    def __init__(
        self,
        *,
        keep_alive: bool = True,
        max_connections: int | None = None,
        max_free: int = 64,
        limits: Limits | None = None,
        ssl: _ssl.SSLContext | None = None,
        socket_path: str | None = None,
        connect: Callable[..., Any] | None = None,
    ) -> None:
        if max_connections is not None and max_connections < 1:
            raise OutOfRangeError(f"max_connections must be at least 1, got {max_connections}")
        if limits is not None and not isinstance(limits, Limits):
            raise InvalidArgTypeError(f"limits must be a penstock.http.Limits, got {limits!r}")
        require_parser()
        self._loop = running_loop()
        self._keep_alive = keep_alive
        self._max_connections = max_connections
        self._max_free = max_free
        # What a client asked for may be as long as it likes.
        self._limits = limits or Limits(body_bytes=None)
        self._ssl = ssl
        self._socket_path = socket_path
        self._connect = connect
        self._free: dict[Key, list[ClientConnection]] = {}
        self._in_use: dict[Key, int] = {}
        self._waiting: dict[Key, deque[_Exchange]] = {}
        self._all: set[ClientConnection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    # ---- requests

    def get(self, url: str, **options: Any) -> ClientRequest:
        """A GET request, ended at once; options as for `request`."""
        request = self.request(url, method=options.pop("method", "GET"), **options)
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
        signal: AbortSignal | None = None,
        high_water_mark: int | None = None,
    ) -> ClientRequest:
        """Send a request; see `penstock.http.request`."""
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
        if redirects < 0:
            raise OutOfRangeError(f"redirects must be 0 or more, got {redirects}")
        check_body(body)
        fields = list(header_items(headers)) if headers is not None else []
        exchange = _Exchange(
            self, target, method.upper(), fields, body, redirects, high_water_mark, authority
        )
        exchange.start(as_timeouts(timeout))
        if signal is not None:
            add_abort_signal(signal, exchange.request)
        return exchange.request

    # ---- connections

    def _dispatch(self, exchange: _Exchange) -> None:
        """Give the exchange a connection: a free one, a new one, or the next that becomes free."""
        key = exchange.key
        free = self._free.get(key)
        while free:
            connection = free.pop()
            if connection.usable:
                exchange.connected(connection)
                return
        if self._max_connections is not None and self._in_use.get(key, 0) >= self._max_connections:
            self._waiting.setdefault(key, deque()).append(exchange)
            return
        self._in_use[key] = self._in_use.get(key, 0) + 1
        task = self._loop.create_task(self._open(exchange))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        exchange.opening = task

    async def _open(self, exchange: _Exchange) -> None:
        key = exchange.key
        connection = None
        try:
            socket = await self._connect_to(exchange.target)
            connection = ClientConnection(self, socket, self._limits, exchange.mark)
            connection.key = key
            self._all.add(connection)
        except Exception as error:
            exchange.request.destroy(error)
        finally:
            exchange.opening = None
            if connection is None:
                self._leave(key)
        if connection is None:
            return
        if exchange.request.destroyed:
            self._connection_free(connection)
        else:
            exchange.connected(connection)

    async def _connect_to(self, target: Target) -> Any:
        context: _ssl.SSLContext | bool | None = (self._ssl or True) if target.secure else None
        if self._connect is not None:
            return await self._connect(target.hostname, target.port, context)
        from penstock import net

        where = (self._socket_path,) if self._socket_path is not None else (target.hostname, target.port)
        connecting = net.connect(
            *where,
            ssl=context,
            server_hostname=target.hostname if context is not None else None,
            allow_half_open=True,
        )
        try:
            return await connecting
        except asyncio.CancelledError:
            # It may have been connected just before.
            connecting.socket.destroy()
            raise

    def _leave(self, key: Key) -> None:
        """A connection is gone, or was not had: there is room for another."""
        left = self._in_use.get(key, 0) - 1
        if left > 0:
            self._in_use[key] = left
        else:
            self._in_use.pop(key, None)
        self._next(key)

    def _next(self, key: Key) -> None:
        waiting = self._waiting.get(key)
        while waiting:
            exchange = waiting.popleft()
            if not exchange.request.destroyed:
                if not waiting:
                    self._waiting.pop(key, None)
                self._dispatch(exchange)
                return
        self._waiting.pop(key, None)

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

    @property
    def free_connections(self) -> int:
        """How many connections wait for a request."""
        return sum(map(len, self._free.values()))

    @property
    def connections(self) -> int:
        """How many connections there are."""
        return len(self._all)

    def destroy(self) -> None:
        """Close all connections, and fail what is under way on them."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for exchanges in list(self._waiting.values()):
            for exchange in list(exchanges):
                exchange.request.destroy(StreamDestroyedError("the agent was closed"))
        self._waiting.clear()
        for task in self._tasks:
            task.cancel()
        for connection in list(self._all):
            connection.close()

    async def aclose(self) -> None:
        """Close all connections, and wait until they are."""
        sockets = [connection.socket for connection in self._all]
        self.destroy()
        if self._tasks:
            await asyncio.wait(set(self._tasks))
        for socket in sockets:
            if not socket.closed:
                await socket.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()


class _Exchange:
    """One request of a program, over as many connections and redirects as it takes."""

    def __init__(
        self,
        agent: Agent,
        target: Target,
        method: str,
        fields: list[Any],
        body: Body | None,
        redirects: int,
        high_water_mark: int | None,
        authority: str | None,
    ) -> None:
        self.mark = _HIGH_WATER_MARK if high_water_mark is None else high_water_mark
        self.opening: asyncio.Task[None] | None = None
        self.target = target
        self._agent = agent
        self._method = method
        self._fields = fields
        self._body = body
        # A tunnel goes where it was asked to.
        self._redirects = redirects if authority is None else 0
        self._authority = authority
        self._watch: Watch | None = None
        # The request that the program has; `request` is the one that is under way, another one after a redirect.
        self.request = self._make(target, method, fields)
        self._shown = self.request

    @property
    def key(self) -> Key:
        return (self.target.host, self.target.secure)

    def _make(self, target: Target, method: str, fields: list[Any]) -> ClientRequest:
        line, host = target.line, target.host
        credentials = "Authorization"
        if self._authority is not None:
            line = host = self._authority
            credentials = "Proxy-Authorization"
        request = ClientRequest(method, target.url, line, host, self._agent._keep_alive, self.mark)
        for name, value in fields:
            request.append_header(name, value)
        if target.authorization is not None and not request.has_header(credentials):
            request.set_header(credentials, target.authorization)
        request._owner = self
        request.on("close", partial(self._closed, request))
        return request

    def start(self, timeouts: Timeouts) -> None:
        self._watch = Watch(timeouts, self)
        send_body(self.request, self._body)
        self._agent._dispatch(self)

    # As `Watch` sees it.

    @property
    def method(self) -> str:
        return self._method

    @property
    def url(self) -> str:
        return self.target.url

    @property
    def response(self) -> ClientResponse | None:
        response: ClientResponse | None = self.request.response
        return response

    @property
    def writable_finished(self) -> bool:
        return bool(self.request.writable_finished)

    def _time_out(self, error: HttpError) -> None:
        response = self.response
        if response is not None and not response.complete:
            response.destroy(error)
        else:
            self.request.destroy(error)

    def connected(self, connection: ClientConnection) -> None:
        if self._watch is not None:
            self._watch.connected(connection)
        connection.begin(self.request)

    def _closed(self, request: ClientRequest) -> None:
        """A request is over: complete, or failed."""
        # It and this exchange hold one another.
        request._owner = None
        for listener in request.listeners("close"):
            if isinstance(listener, partial) and listener.func == self._closed:
                request.off("close", listener)
        shown = self._shown
        if request is not self.request and request is not shown:
            # One that was redirected.
            return
        if self._watch is not None:
            self._watch.stop()
            self._watch = None
        if self.opening is not None:
            self.opening.cancel()
            self.opening = None
        if request is not shown:
            # The outcome is that of the request that the program has.
            if request.errored is not None:
                shown.destroy(request.errored)
            else:
                shown._redirecting = False
                shown._complete()
        elif self.request is not shown:
            self.request.destroy()

    # ---- redirects

    def _redirected(self, request: ClientRequest, response: ClientResponse) -> bool:
        """Whether ``response`` sends the request elsewhere, and it has gone there."""
        location = response.headers.get("location")
        if not self._redirects_left(response) or location is None:
            if request is not self._shown:
                request._answer._settle(None, response)
                request.response = response
                self._shown._give(response)
                return True
            return False
        try:
            self._follow(request, response, location)
        except Exception as error:
            response.destroy()
            self._shown.destroy(error)
        return True

    def _redirects_left(self, response: ClientResponse) -> bool:
        return response.status_code in _REDIRECTS and self._redirects > 0

    def _follow(self, request: ClientRequest, response: ClientResponse, location: str) -> None:
        status = response.status_code
        target = parse_target(location, request.url)
        method, body, fields = self._method, self._body, self._fields
        if method not in ("GET", "HEAD") and (status == 303 or (status in (301, 302) and method == "POST")):
            method, body = "GET", None
            fields = [field for field in fields if not field[0].lower().startswith("content-")]
            fields = [field for field in fields if field[0].lower() not in ("transfer-encoding", "expect")]
        elif body is None and (request._has_written() or not request.writable_ended):
            raise HttpError(
                f"{response.url} redirects, and what was written is gone; give the request a body="
            )
        elif body is not None and not isinstance(body, bytes | bytearray | memoryview | str):
            raise HttpError(f"{response.url} redirects, and its body was a stream that cannot be sent again")
        if not same_origin(self.target, target):
            private = ("authorization", "cookie", "proxy-authorization", "host")
            fields = [field for field in fields if field[0].lower() not in private]
        self._redirects -= 1
        self.target, self._method, self._body, self._fields = target, method, body, fields
        if request is self._shown:
            request._redirecting = True
        self.request = self._make(target, method, fields)
        self.request._answer._seen = True
        _drop(response)
        send_body(self.request, body)
        if not self.request.writable_ended and not self.request._body_to_come:
            self.request.end()
        # When the connection that has brought the redirect is free, as it mostly is then.
        self._agent._loop.call_soon(self._send_on, self.request)

    def _send_on(self, request: ClientRequest) -> None:
        if not request.destroyed:
            self._agent._dispatch(self)


def _drop(response: ClientResponse) -> None:
    """Be done with a response that nobody wants, and keep its connection where that costs little."""
    length = response.headers.get("content-length", "")
    if response.complete or (length.isdigit() and int(length) <= _SMALL_BODY):
        response.resume()
    else:
        response.destroy()
