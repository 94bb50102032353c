"""Server: HTTP/1.1 on top of a `forebay.net` server, or of any Duplex."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl as _ssl
from collections.abc import Callable
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from forebay import net
from forebay._core.events import EventEmitter
from forebay._core.representation import represent_server
from forebay._core.scheduling.operation import Operation
from forebay._core.scheduling.ticks import running_loop
from forebay.errors import InvalidArgTypeError, InvalidArgValueError
from forebay.http._limits import Limits
from forebay.http._messages.incoming import ServerRequest
from forebay.http._require_httptools import require_parser
from forebay.http._server.connection import ServerConnection
from forebay.http._server.response import ServerResponse
from forebay.net._server import BACKLOG, ServerStart
from forebay.streams.duplex import Duplex

if TYPE_CHECKING:
    from typing import Never

__all__ = ["Handler", "HttpListening", "Server"]

#: The type of a handler: a plain or an ``async`` function of a `ServerRequest` and a `ServerResponse`.
Handler = Callable[[ServerRequest, ServerResponse], object]

_HIGH_WATER_MARK = 64 * 1024
# The interval of the checks of connections: a tenth of the shortest time limit, within these bounds.
_SHORTEST_ROUND = 0.02
_LONGEST_ROUND = 1.0
# Further connections make a parser for each request, which takes a third of a microsecond and saves a kilobyte.
_MANY_CONNECTIONS = 256


class HttpListening(ServerStart["Server"]):
    """The running `Server.listen`. Awaiting it returns the server."""


class Server(EventEmitter):
    """An HTTP server; `create_server` makes one and describes the options.

    Events:

    ``request(request, response)``
        A request arrived. Without a listener the answer is 404.
    ``upgrade(request, socket)``, ``connect(request, socket)``
        The client wants to use another protocol, or sent CONNECT. The listener owns the socket: it answers, reads what
        follows, and closes. Without a listener an upgrade is an ordinary request, and CONNECT is refused.
    ``check_continue(request, response)``
        Instead of 'request', if the client waits for `ServerResponse.write_continue`. Without a listener the client is
        told to continue when the handler reads the body.
    ``client_error(error, socket)``
        A client sent invalid HTTP, or was too slow. The server answers and closes the connection in any case.
    ``connection(socket)``, ``listening``, ``drop``, ``tls_error``, ``error``, ``close``
        As for a `forebay.net` server.

    ``async with server:`` closes the server and its connections at the end.

    Args:
        handler, limits: As for `create_server`.
        no_delay, keep_alive, keep_alive_delay, high_water_mark: As for `forebay.net.create_server`.
        default_encoding, max_connections, block_list, ssl, handshake_timeout: As for `forebay.net.create_server`.

    Raises:
        InvalidArgTypeError: An argument has the wrong type, or is unknown.
        InvalidArgValueError: An argument has a value that is not allowed.
        ImportError: httptools is not installed.
    """

    def __init__(
        self,
        handler: Handler | None = None,
        *,
        limits: Limits | None = None,
        no_delay: bool = True,
        keep_alive: bool = False,
        keep_alive_delay: float | None = None,
        high_water_mark: int | None = None,
        default_encoding: str | None = None,
        max_connections: int | None = None,
        block_list: Callable[[str], bool] | None = None,
        ssl: _ssl.SSLContext | None = None,
        handshake_timeout: float = 60.0,
        **unknown: Never,
    ) -> None:
        super().__init__()
        if handler is not None and not callable(handler):
            raise InvalidArgTypeError(f"handler must be callable, got {handler!r}")
        if limits is not None and not isinstance(limits, Limits):
            raise InvalidArgTypeError(f"limits must be a forebay.http.Limits, got {limits!r}")
        for name in unknown:
            if name in ("allow_half_open", "pause_on_connect"):
                raise InvalidArgValueError(f"{name} is not for an HTTP server to choose; leave it out")
            raise InvalidArgTypeError(f"an HTTP server has no option {name!r}")
        require_parser()
        #: The `Limits` of the server.
        self.limits = limits or Limits()
        self._loop = running_loop()
        self._socket_options: dict[str, Any] = {
            "no_delay": no_delay,
            "keep_alive": keep_alive,
            "keep_alive_delay": keep_alive_delay,
            "high_water_mark": high_water_mark,
            "default_encoding": default_encoding,
            "max_connections": max_connections,
            "block_list": block_list,
            "ssl": ssl,
            "handshake_timeout": handshake_timeout,
        }
        self._mark = _HIGH_WATER_MARK
        self._below: Any = None
        self._connections: set[ServerConnection] = set()
        self._closing = False
        self._timer: asyncio.TimerHandle | None = None
        # The connection that is being passed to a listener of 'upgrade' or 'connect'.
        self._handed: Duplex | None = None
        shortest = self.limits.shortest_time()
        self._round = None if shortest is None else min(max(shortest / 10, _SHORTEST_ROUND), _LONGEST_ROUND)
        if handler is not None:
            self.on("request", handler)

    # ---- listening

    def listen(
        self,
        *address: Any,
        backlog: int = BACKLOG,
        reuse_port: bool = False,
        ipv6_only: bool = False,
        sock: socket.socket | None = None,
        unlink: bool = True,
    ) -> HttpListening:
        """Start to listen.

        Args:
            address: As for `forebay.net.Server.listen`.
            backlog, reuse_port, ipv6_only, sock, unlink: As for `forebay.net.Server.listen`.

        Returns:
            An awaitable. Awaiting it returns the server once it listens; it raises OSError if the address cannot be bound.

        Raises:
            ServerAlreadyListeningError: The server listens already.
            InvalidArgTypeError, OutOfRangeError: An argument is wrong.
        """
        self._closing = False
        if self._below is None:
            self._below = net.create_server(self._connected, allow_half_open=True, **self._socket_options)
            for event in ("listening", "drop", "tls_error"):
                self._below.on(event, self._passed_on(event))
            self._below.on("error", self._below_failed)
            self._below.on("close", self._below_closed)
        below = self._below.listen(
            *address, backlog=backlog, reuse_port=reuse_port, ipv6_only=ipv6_only, sock=sock, unlink=unlink
        )
        return _as_mine(below, self)

    def _passed_on(self, event: str) -> Callable[..., None]:
        def pass_on(*args: object) -> None:
            self._s_tell(event, *args)

        return pass_on

    def _connected(self, socket: Any) -> None:
        if not socket.destroyed:
            self.serve_connection(socket)

    def serve_connection(self, socket: Duplex) -> None:
        """Serve requests that arrive on an open Duplex.

        Args:
            socket: A Duplex of bytes whose two sides end independently.

        Raises:
            InvalidArgTypeError: ``socket`` is not such a Duplex.
            InvalidArgValueError: The stream was destroyed.
        """
        if not isinstance(socket, Duplex):
            raise InvalidArgTypeError(f"serve_connection() needs a Duplex, got {socket!r}")
        if socket.destroyed:
            # A closed stream emits no 'close' that would remove the connection.
            raise InvalidArgValueError(f"serve_connection() needs a stream that is open, got {socket!r}")
        frugal = len(self._connections) >= _MANY_CONNECTIONS
        connection = ServerConnection(self, socket, self.limits, self._mark, frugal)
        self._connections.add(connection)
        if self._timer is None and self._round is not None:
            self._timer = self._loop.call_later(self._round, self._look)
        self._s_tell("connection", socket)

    @property
    def address(self) -> Any:
        """The address of the server: ``(host, port)`` or a path; None while it does not listen."""
        return None if self._below is None else self._below.address

    @property
    def port(self) -> int | None:
        """The port of the server; None while it does not listen, and on a Unix socket."""
        where = self.address
        return where[1] if isinstance(where, tuple) else None

    @property
    def listening(self) -> bool:
        """Whether the server accepts connections."""
        return self._below is not None and bool(self._below.listening)

    @property
    def connections(self) -> int:
        """The number of connections."""
        return len(self._connections)

    def __repr__(self) -> str:
        return represent_server(self, lambda: self.address, lambda: self.connections)

    # ---- time

    def _look(self) -> None:
        self._timer = None
        now = monotonic()
        for connection in list(self._connections):
            connection.check_time(now)
        if self._connections and self._round is not None:
            self._timer = self._loop.call_later(self._round, self._look)

    # ---- for the connections

    def _report(self, message: str, error: BaseException, request: ServerRequest) -> None:
        self._loop.call_exception_handler(
            {"message": f"{message} ({request.method} {request.url})", "exception": error, "request": request}
        )

    def _hand_over(self, event: str, request: ServerRequest, socket: Duplex) -> None:
        """Pass the connection to the listeners of 'upgrade' or 'connect'. An exception of a listener closes it.

        If another listener has taken the connection, it stays open.
        """
        outer, self._handed = self._handed, socket
        alone, listened_to = self.listener_count(event) == 1, set(socket.event_names())
        try:
            self.emit(event, request, socket)
        except Exception as error:
            self._report(f"Exception in a listener of {event!r}", error, request)
            if alone or listened_to.issuperset(socket.event_names()):
                getattr(socket, "reset_and_destroy", socket.destroy)()
        finally:
            self._handed = outer

    def _s_watch_listener(self, awaitable: Any) -> None:
        socket = self._handed
        if socket is None:
            super()._s_watch_listener(awaitable)
        elif self._below is not None and socket in self._below._connections:
            # As for any connection with an async handler.
            self._below._look_after(socket, awaitable)
        else:
            # A failing async listener destroys the stream.
            socket._s_watch_listener(awaitable)

    def _client_error(self, error: BaseException, socket: Duplex) -> None:
        self._s_tell("client_error", error, socket)

    def _connection_gone(self, connection: ServerConnection) -> None:
        self._connections.discard(connection)
        if not self._connections and self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._closing and self._below is None and not self._connections:
            self._s_tell("close")

    def _below_failed(self, error: BaseException) -> None:
        # If listen() failed, its handle reports the error.
        if self.listening:
            self._s_tell("error", error)

    def _below_closed(self) -> None:
        self._s_tell("close")

    # ---- closing

    def close(self, callback: Callable[[], object] | None = None) -> Self:
        """Accept no more connections, close idle ones, and close the others after the response in progress. Return the server.

        'close' follows when all are closed.

        Args:
            callback: A listener for 'close'.
        """
        if callback is not None:
            self.once("close", callback)
        self._closing = True
        if self._below is not None:
            self._below.close()
        self.close_idle_connections()
        if self._below is None and not self._connections:
            self._loop.call_soon(self._s_tell, "close")
        return self

    def close_idle_connections(self) -> None:
        """Close the connections that neither receive nor answer a request."""
        for connection in list(self._connections):
            if self._closing or connection.idle:
                connection.close_when_idle()

    def close_all_connections(self) -> None:
        """Destroy every connection."""
        for connection in list(self._connections):
            connection.socket.destroy()

    async def wait_closed(self) -> None:
        """Wait until the server is closed and every connection is gone."""
        if self._below is not None:
            await self._below.wait_closed()
        elif self._connections:
            # Connections given to `serve_connection`, for example.
            gone = asyncio.Event()
            self.once("close", gone.set)
            await gone.wait()

    async def aclose(self, *, grace: float = 0.0) -> None:
        """Accept no more connections, destroy every connection, and wait until all are closed.

        Args:
            grace: Seconds that responses in progress have before their connections are destroyed.
        """
        self.close()
        if grace > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.wait_closed(), grace)
        self.close_all_connections()
        if self._below is not None:
            await self._below.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()


def _as_mine(below: Operation[Any], server: Server) -> HttpListening:
    """Return the handle of a listen() with the HTTP server as its result."""
    listening = HttpListening(server)

    def done(finished: Any) -> None:
        error = finished.exception()
        if error is None:
            listening._settle(None, server)
            return
        if server.listener_count("error"):
            listening.mark_handled()
            server._s_tell("error", error)
        listening._settle(error)

    below.add_done_callback(done)
    return listening
