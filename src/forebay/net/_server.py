"""Server: listen, and make a Socket of each connection."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import ssl as _ssl
from collections.abc import Callable, Generator
from types import TracebackType
from typing import Any, Self, TypeVar

from forebay._core.events import EventEmitter
from forebay._core.representation import represent_server
from forebay._core.scheduling.operation import Operation
from forebay._core.scheduling.ticks import current_queue, next_tick, report, running_loop
from forebay._core.seconds import check_seconds
from forebay._system.cleanup import close_all
from forebay.errors import (
    InvalidArgTypeError,
    OutOfRangeError,
    PrematureCloseError,
    ServerAlreadyListeningError,
)
from forebay.net._address import Place, find_addresses, readable_address
from forebay.net._binding import BindOptions, bind, places_of
from forebay.net._socket import Socket

__all__ = ["Listening", "Server", "ServerStart"]

BACKLOG = 511
#: Connections that are accepted before the loop has its turn.
_ACCEPTED_AT_ONCE = 64
#: Seconds to wait after the system has refused a connection because of missing descriptors or memory.
_RETRY_SECONDS = 0.1
# The peer closed the connection before it was accepted, or the network reported an error for it.
_ALREADY_GONE = (
    errno.ECONNABORTED,
    errno.EPERM,
    errno.EPROTO,
    errno.ENETDOWN,
    errno.EHOSTUNREACH,
    errno.ENETUNREACH,
    errno.ETIMEDOUT,
)

_Server_co = TypeVar("_Server_co", covariant=True)


class ServerStart(Operation[_Server_co]):
    """A running `listen` of a server. Awaiting it returns the server."""

    def __init__(self, server: Any) -> None:
        super().__init__()
        self._server = server

    def __await__(self) -> Generator[Any, None, _Server_co]:
        try:
            yield from super().__await__()
        except asyncio.CancelledError:
            # The server may listen by then, and the program would not have it.
            self._abandoned()
            raise
        server: _Server_co = self._server
        return server

    def _abandoned(self) -> None:
        # The cancellation causes the following errors, so they are not reported.
        self.mark_handled()
        self._server.close()


class Listening(ServerStart["Server"]):
    """The running `Server.listen`. Awaiting it returns the server."""


class Server(EventEmitter):
    """A server for TCP connections or a Unix socket; `create_server` makes one and describes the options.

    Events:

    - ``listening``: the server is bound; `address` has its address.
    - ``connection(socket)``: a new connection, as a `Socket`; with TLS, after the handshake.
    - ``drop(info)``: the server closed a connection at once, because there are `max_connections` or the block list contains
      its address. ``info`` is a dict with local_address, local_port, remote_address, remote_port.
    - ``tls_error(error, socket)``: a handshake failed; the socket is destroyed.
    - ``error(error)``: the server could not listen; or it could not accept, because no descriptors are left, and tries again.
    - ``close``: the server has stopped, and all connections are closed.

    ``async with server:`` closes the server and its connections at the end.

    Args:
        listener: As for `create_server`, as all others.
        allow_half_open, pause_on_connect, no_delay, keep_alive, keep_alive_delay, high_water_mark: As for `create_server`.
        default_encoding, max_connections, block_list, ssl, handshake_timeout: As for `create_server`.
    """

    def __init__(
        self,
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
    ) -> None:
        super().__init__()
        if listener is not None and not callable(listener):
            raise InvalidArgTypeError(f"listener must be callable, got {listener!r}")
        if block_list is not None and not callable(block_list):
            raise InvalidArgTypeError(f"block_list must be callable with an address, got {block_list!r}")
        if ssl is not None and not isinstance(ssl, _ssl.SSLContext):
            raise InvalidArgTypeError(f"ssl must be an ssl.SSLContext, got {ssl!r}")
        self._loop = running_loop()
        self._listener = listener
        self._socket_options: dict[str, Any] = {
            "allow_half_open": allow_half_open,
            "no_delay": no_delay,
            "high_water_mark": high_water_mark,
            "default_encoding": default_encoding,
        }
        self._pause_on_connect = pause_on_connect
        self._keep_alive = keep_alive
        self._keep_alive_delay = keep_alive_delay
        self._block_list = block_list
        self._ssl = ssl
        check_seconds("handshake_timeout", handshake_timeout)
        self._handshake_timeout = handshake_timeout
        #: The most simultaneous connections, or None; further ones are closed at once ('drop').
        self.max_connections = max_connections
        self._listeners: list[socket.socket] = []
        self._connections: set[Socket] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._opening: asyncio.Task[None] | None = None
        self._retry: asyncio.TimerHandle | None = None
        # The system has refused the last connection because of missing descriptors.
        self._refused = False
        self._unlink: list[tuple[str | bytes, int, int]] = []
        self._closing = False
        # 'close' is due on a tick, or was emitted.
        self._told = False
        self._closed = False
        self._close_waiters: list[asyncio.Future[None]] = []

    # ---- listening

    def listen(
        self,
        *address: Any,
        backlog: int = BACKLOG,
        reuse_port: bool = False,
        ipv6_only: bool = False,
        sock: socket.socket | None = None,
        unlink: bool = True,
    ) -> Listening:
        """Start to listen. 'listening' or 'error' follows.

        Cancelling the await closes the server.

        Args:
            address: A port, a host and a port in either order, or the path of a Unix socket. The host may be a list of hosts;
                without one the server listens on all addresses, IPv6 and IPv4. Port 0 takes a free port.
            backlog: How many connections may wait to be accepted.
            reuse_port: Whether other processes may listen on the same port, each getting a share of the connections.
            ipv6_only: Whether an IPv6 address takes no IPv4 connections.
            sock: A bound `socket.socket` to listen on instead.
            unlink: Whether to replace the path of a Unix socket on which no process listens any more.

        Returns:
            A `Listening`. Awaiting it returns the server once it listens; it raises OSError if the address cannot be bound.

        Raises:
            ServerAlreadyListeningError: The server listens already.
            InvalidArgTypeError, OutOfRangeError: An argument is wrong.
        """
        if self._listeners or self._opening is not None:
            raise ServerAlreadyListeningError("listen() on a server that listens already; close it first")
        if backlog < 1:
            raise OutOfRangeError(f"backlog must be at least 1, got {backlog}")
        if sock is not None and not isinstance(sock, socket.socket):
            raise InvalidArgTypeError(f"sock must be a socket.socket, got {sock!r}")
        places = [] if sock is not None else places_of(address)
        listening = Listening(self)
        self._closing = self._told = self._closed = False
        options = BindOptions(backlog, reuse_port, ipv6_only, unlink)
        self._opening = self._loop.create_task(self._open(places, sock, options, listening))
        self._opening.add_done_callback(lambda task: self._opened(task, listening))
        return listening

    async def _open(
        self, places: list[Place], sock: socket.socket | None, options: BindOptions, listening: Listening
    ) -> None:
        bound: list[socket.socket] = []
        try:
            if sock is not None:
                sock.setblocking(False)
                sock.listen(options.backlog)
                bound.append(sock)
            for place in places:
                for address in await find_addresses(place, passive=True):
                    bind(address, place, options, bound, self._unlink)
            if not self._closing:
                self._listeners = bound
                self._start_accepting()
        except BaseException as error:
            self._stop_accepting()
            self._listeners = []
            self._let_go(bound)
            if not isinstance(error, Exception):
                raise
            self._opening = None
            # The awaiting task gets the error; the 'error' event is for listeners.
            if self.listener_count("error"):
                listening.mark_handled()
                self._s_tell("error", error)
            listening._settle(error)
            return
        self._opening = None
        if self._closing:
            self._let_go(bound)
            self._check_closed()
        else:
            self._s_tell("listening")
        listening._settle(None, self)

    def _opened(self, task: asyncio.Task[None], listening: Listening) -> None:
        if task.cancelled():
            # Other code has cancelled the task, perhaps before its first step.
            self._opening = None
            listening._settle(PrematureCloseError("listen() was cancelled"))
            self._check_closed()

    def _let_go(self, socks: list[socket.socket]) -> None:
        """Close the listening sockets. An error of the system is only reported, because there is no other remedy."""
        self._run(close_all, socks, what="A listening socket could not be closed")
        self._forget_paths()

    def _start_accepting(self) -> None:
        self._retry = None
        for sock in self._listeners:
            # The descriptor of a socket that other code has closed is invalid.
            if sock.fileno() >= 0:
                self._loop.add_reader(sock.fileno(), self._accept, sock)

    def _stop_accepting(self) -> None:
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        if not self._loop.is_closed():
            for sock in self._listeners:
                if sock.fileno() >= 0:
                    self._loop.remove_reader(sock.fileno())

    # ---- connections

    def _accept(self, listener: socket.socket) -> None:
        ticks = current_queue()
        for _ in range(_ACCEPTED_AT_ONCE):
            try:
                sock, peer = listener.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if error.errno in _ALREADY_GONE:
                    continue
                self._stop_accepting()
                self._retry = self._loop.call_later(_RETRY_SECONDS, self._start_accepting)
                if not self._refused:
                    self._refused = True
                    self._s_tell("error", error)
                return
            self._refused = False
            try:
                self._accepted(sock, peer)
            except OSError as error:
                # The connection broke before any listener could get it.
                report(self._loop, "A connection could not be taken over", error, self)
            if not self._listeners or ticks.late():
                # The loop calls again for those that still wait.
                return

    def _accepted(self, sock: socket.socket, peer: Any) -> None:
        if self._refuses(peer):
            self._drop(sock, peer)
            return
        try:
            stream = Socket(**self._socket_options)
        except BaseException:
            sock.close()
            raise
        stream._on_gone = self._gone
        self._connections.add(stream)
        try:
            stream._adopt(sock, peer if peer else None)
            if self._keep_alive:
                stream.set_keep_alive(True, self._keep_alive_delay)
        except BaseException:
            stream.destroy()
            raise
        if stream.destroyed:
            return
        if self._ssl is not None:
            self._start_task(self._secure(stream, self._ssl), stream)
            return
        self._announce(stream)

    def _drop(self, sock: socket.socket, peer: Any) -> None:
        info = {}
        try:
            for side, name in (("local", sock.getsockname()), ("remote", peer)):
                tcp = isinstance(name, tuple)
                info[f"{side}_address"] = name[0] if tcp else readable_address(name)
                info[f"{side}_port"] = name[1] if tcp else None
        finally:
            sock.close()
        self._s_tell("drop", info)

    def _announce(self, stream: Socket) -> None:
        if self._listener is not None:
            self._run(self._call_listener, self._listener, stream)
        if self.listener_count("connection"):
            self._s_tell("connection", stream)
        if self._pause_on_connect:
            stream.pause()
        elif not stream.destroyed and not stream.is_paused():
            stream.read(0)

    def _call_listener(self, listener: Callable[[Socket], object], stream: Socket) -> None:
        try:
            result: Any = listener(stream)
        except BaseException:
            # No listener has taken the connection.
            stream.reset_and_destroy()
            raise
        if hasattr(type(result), "__await__"):
            self._look_after(stream, result)

    def _look_after(self, stream: Socket, work: Any) -> None:
        """Await the result of an async handler of the connection, in a task."""
        task = self._start_task(self._serve(stream, work), stream)
        if asyncio.iscoroutine(work):
            # The task was cancelled before its first step.
            task.add_done_callback(lambda _: work.close())

    async def _serve(self, stream: Socket, handler: Any) -> None:
        met: BaseException | None = None

        def heard(error: BaseException) -> None:
            # The handler meets both errors that the peer caused and its own errors.
            if error is not met and not stream._is_peers_fault(error) and stream.listener_count("error") == 1:
                raise error

        stream.on("error", heard)
        try:
            await handler
        except Exception as error:
            met = error
            if stream._is_peers_fault(error):
                # The handler has not caught the error; the 'error' event reports it to listeners.
                stream.destroy(error)
            elif stream.destroyed:
                # Report the error even if the handler has destroyed the connection with it.
                report(self._loop, "Exception in a connection handler", error, stream)
            else:
                stream.off("error", heard)
                stream.destroy(error)
        except asyncio.CancelledError:
            stream.destroy()
            raise
        except BaseException:
            stream.reset_and_destroy()
            raise
        finally:
            if not stream.destroyed:
                stream.off("error", heard)

    async def _secure(self, stream: Socket, context: _ssl.SSLContext) -> None:
        try:
            await stream.start_tls(context, server_side=True, handshake_timeout=self._handshake_timeout)
        except Exception as error:
            self._s_tell("tls_error", error, stream)
            return
        self._announce(stream)

    def _start_task(self, work: Any, stream: Socket) -> asyncio.Task[None]:
        """Start a task for ``stream``."""
        task = self._loop.create_task(work)
        self._tasks.add(task)

        def done(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            if task.cancelled():
                # The task may be cancelled before its first step.
                stream.destroy()

        task.add_done_callback(done)
        return task

    def _run(
        self, call: Callable[..., object], *args: Any, what: str = "Exception in a listener of a server"
    ) -> None:
        """Call a function. An exception goes to the loop's exception handler, and the server goes on."""
        try:
            call(*args)
        except Exception as error:
            report(self._loop, what, error, self)

    def _refuses(self, peer: Any) -> bool:
        if self.max_connections is not None and len(self._connections) >= self.max_connections:
            return True
        if self._block_list is None or not isinstance(peer, tuple):
            return False
        try:
            return bool(self._block_list(peer[0]))
        except Exception as error:
            # If the filter raises, the connection is refused.
            report(self._loop, "Exception in block_list", error, self)
            return True

    def _gone(self, stream: Socket) -> None:
        """Note that a connection is closed."""
        self._connections.discard(stream)
        if self._retry is not None:
            # A descriptor is free again.
            self._retry.cancel()
            self._retry = self._loop.call_later(0, self._start_accepting)
        if self._closing:
            self._check_closed()

    # ---- closing

    def close(self, callback: Callable[[], object] | None = None) -> Self:
        """Stop accepting. 'close' follows when the last connection has ended. Return the server.

        Connections stay open; see `close_all_connections`.

        Args:
            callback: A listener for 'close'.
        """
        if callback is not None:
            self.once("close", callback)
        if self._opening is None and not self._listeners and not self._connections and not self._closing:
            # The server has never listened.
            self._closing = True
            self._check_closed()
            return self
        self._closing = True
        self._stop_accepting()
        listeners, self._listeners = self._listeners, []
        self._let_go(listeners)
        self._check_closed()
        return self

    def close_all_connections(self) -> None:
        """Destroy every connection."""
        for stream in list(self._connections):
            stream.destroy()

    async def aclose(self) -> None:
        """Stop accepting, cancel every handler, destroy every connection, and wait until all of them have ended."""
        self.close()
        # Cancel the handlers first, so that they do not see errors of their destroyed connections.
        tasks = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        self.close_all_connections()
        await self.wait_closed()
        if tasks:
            await asyncio.wait(tasks)

    async def wait_closed(self) -> None:
        """Wait for 'close'. If it has come already, return at once."""
        if not self._closed:
            waiter = self._loop.create_future()
            self._close_waiters.append(waiter)
            await waiter

    async def serve_forever(self) -> None:
        """Wait until the server is closed. If the wait is cancelled, close the server and its connections."""
        try:
            await self.wait_closed()
        except asyncio.CancelledError:
            await self.aclose()
            raise

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    def _check_closed(self) -> None:
        if self._closing and not self._told and not self._connections and self._opening is None:
            self._told = True
            next_tick(self._tell_closed)

    def _tell_closed(self) -> None:
        self._closed = True
        waiters, self._close_waiters = self._close_waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)
        self._s_tell("close")

    def _forget_paths(self) -> None:
        """Remove the paths of the Unix sockets, unless they were replaced meanwhile."""
        paths, self._unlink = self._unlink, []
        for path, device, inode in paths:
            with contextlib.suppress(OSError):
                status = os.stat(path)
                if (status.st_dev, status.st_ino) == (device, inode):
                    os.unlink(path)

    # ---- public state

    @property
    def listening(self) -> bool:
        """Whether the server accepts connections."""
        return bool(self._listeners)

    @property
    def connections(self) -> int:
        """The number of connections."""
        return len(self._connections)

    @property
    def sockets(self) -> frozenset[Socket]:
        """The sockets of the connections."""
        return frozenset(self._connections)

    @property
    def address(self) -> tuple[str, int] | str | None:
        """The ``(host, port)`` or path on which the server listens, the first if there are several; otherwise None."""
        return readable_address(self._listeners[0].getsockname()) if self._listeners else None

    @property
    def addresses(self) -> list[tuple[str, int] | str | None]:
        """All addresses on which the server listens."""
        return [readable_address(sock.getsockname()) for sock in self._listeners]

    @property
    def port(self) -> int | None:
        """The port on which the server listens; None for a Unix socket, and while it does not listen."""
        address = self.address
        return address[1] if isinstance(address, tuple) else None

    def __repr__(self) -> str:
        return represent_server(self, lambda: self.addresses, lambda: len(self._connections))
