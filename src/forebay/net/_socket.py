"""Socket: a TCP connection or a Unix socket as a Duplex."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import ssl as _ssl
import struct
import sys
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, Any, Self

from forebay._core.abort import AbortSignal, Left
from forebay._core.scheduling.ticks import next_tick
from forebay._core.waiting.aclose import GivenUp
from forebay._system.cleanup import run_all
from forebay._system.direct_transfer import DirectTarget, TargetOwner, Transfer
from forebay._system.file_sender import FileSender
from forebay._system.syscalls import sendfile
from forebay.errors import (
    AlreadyConnectedError,
    InvalidArgTypeError,
    NotConnectedError,
    OutOfRangeError,
    StreamError,
)
from forebay.fs._write_stream import WriteStream
from forebay.net._address import Lookup, family_of, host_of, parse_place, port_of, readable_address
from forebay.net._channel import Channel
from forebay.net._connect_attempt import ConnectAttempt
from forebay.net._direct.kernel_path import KernelPath
from forebay.net._idle_timeout import IdleTimeout
from forebay.net._tls import Secure
from forebay.streams.duplex import Duplex
from forebay.streams.generics import BytesIn_contra, BytesOut_co, Generic

if TYPE_CHECKING:
    from forebay.streams.generics import Dest, Takes, Writable

__all__ = ["Socket"]

#: Seconds after which the next address of a host is tried beside the one before it (RFC 8305).
ATTEMPT_DELAY = 0.25


class Socket(Duplex[BytesIn_contra, BytesOut_co], DirectTarget, Generic[BytesIn_contra, BytesOut_co]):
    """A stream over a TCP connection or a Unix socket. `connect` returns one, and a server's 'connection' gives one.

    A Socket that you make yourself is not connected; call `connect`. Data that is written before the connection is open
    is sent when it is open. Chunks that are written before the loop has its turn leave together in few system calls, without a
    copy. Received data is handed on without a copy. When the stream pauses, reading pauses: the kernel's buffers fill, and
    the peer has to wait.

    Events, beside those of `Duplex`:

    - ``lookup(error, address, family, host)``: the name of a host was looked up; once for each address.
    - ``connect``, then ``ready``: the connection is open. ``secure``: TLS is on; see `start_tls`.
    - ``timeout``: no data came or went for the time of `set_timeout`. The socket stays open: call `destroy` to close it.
    - ``end``: the peer has ended its side. ``close``: the socket is closed; `had_error` tells whether by an error.

    Network errors are OSErrors (ConnectionResetError, BrokenPipeError, TimeoutError, ...). A socket that is destroyed with
    any other error resets the connection, so that the peer cannot mistake what it received for the whole.

    Args:
        sock: A connected `socket.socket`. The Socket takes it over and closes it.
        allow_half_open: Whether the writable side stays open when the peer has ended its side. Needed if something is still to be
            sent then, as in a handler that reads everything before it answers.
        high_water_mark, readable_high_water_mark, writable_high_water_mark: Bytes, as for `Duplex`. None is 64 KiB.
        encoding, default_encoding, signal: As for `Duplex`.
        no_delay: Whether small pieces are sent at once (``TCP_NODELAY``).
    """

    __slots__ = (
        "_channel",
        "_connecting",
        "_idle_seconds",
        "_idle_since",
        "_idle_timer",
        "_idle_told",
        "_local",
        "_no_delay",
        "_on_gone",
        "_peer",
        "_secure",
        "_sock",
        "_tls",
    )

    def __init__(
        self,
        *,
        sock: socket.socket | None = None,
        allow_half_open: bool = False,
        high_water_mark: int | None = None,
        readable_high_water_mark: int | None = None,
        writable_high_water_mark: int | None = None,
        encoding: str | None = None,
        default_encoding: str | None = None,
        no_delay: bool = True,
        signal: AbortSignal | None = None,
    ) -> None:
        loop = asyncio.get_running_loop()
        channel = Channel(self, loop)
        self._channel = channel
        self._sock: socket.socket | None = None
        self._connecting: ConnectAttempt | None = None
        self._secure: Secure | None = None
        self._tls: _ssl.SSLObject | None = None
        self._on_gone: Callable[[Any], None] | None = None
        self._peer: Any = None
        self._local: Any = None
        self._no_delay = no_delay
        self._idle_seconds = 0.0
        self._idle_since = 0.0
        self._idle_told = 0.0
        self._idle_timer: asyncio.TimerHandle | None = None
        if sock is not None and not isinstance(sock, socket.socket):
            raise InvalidArgTypeError(f"sock must be a socket.socket, got {sock!r}")
        super().__init__(
            read=channel.read,
            write=channel.write,
            writev=channel.writev,
            final=channel.final,
            allow_half_open=allow_half_open,
            high_water_mark=high_water_mark,
            readable_high_water_mark=readable_high_water_mark,
            writable_high_water_mark=writable_high_water_mark,
            encoding=encoding,
            default_encoding=default_encoding,
            signal=signal,
        )
        if not allow_half_open:
            self._w_refuse_with(channel.refusal)
        if sock is not None:
            self._adopt(sock, None)

    # ---- opening

    def connect(
        self,
        *address: Any,
        family: int = 0,
        local_address: tuple[str, int] | None = None,
        lookup: Lookup | None = None,
        attempt_delay: float = ATTEMPT_DELAY,
    ) -> Self:
        """Start to connect. 'connect' or 'error' follows. Return the socket.

        Args:
            address, family, local_address, lookup, attempt_delay: As for `forebay.net.connect`.

        Raises:
            AlreadyConnectedError: The socket has been connected before.
            InvalidArgTypeError, MissingArgsError, OutOfRangeError: An argument is wrong.
        """
        place = parse_place(address, "connect()")
        if self._sock is not None or self._connecting is not None or self.destroyed:
            raise AlreadyConnectedError("connect() on a socket that was connected before; make a new one")
        self._connecting = ConnectAttempt(self, place, family, local_address, lookup, attempt_delay)
        return self

    def _adopt(self, sock: socket.socket, peer: Any) -> None:
        """Take over a connected socket, and start to read."""
        sock.setblocking(False)
        self._connecting = None
        self._sock = sock
        # Like a `makefile()`: a close() by other code must not free the descriptor while it is in use, because the next
        # connection may get its number.
        sock._io_refs += 1  # type: ignore[attr-defined]  # private
        self._peer = peer
        if self._no_delay and sock.family != socket.AF_UNIX:
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._channel.open(sock.fileno())

    def _connected(self, sock: socket.socket) -> None:
        """Take over the connection of the attempt."""
        try:
            self._adopt(sock, None)
        except Exception as error:
            self.destroy(error)
        if self.destroyed:
            return
        # An exception of a listener does not delay the other listeners or the data.
        run_all(lambda: self._s_tell("connect"), lambda: self._s_tell("ready"), self._begin_reading)

    def _begin_reading(self) -> None:
        if not self.destroyed and not self.is_paused():
            self.read(0)

    # ---- closing

    def _shut_down(self) -> None:
        """Announce the end of the data to the peer."""
        assert self._sock is not None
        try:
            self._sock.shutdown(socket.SHUT_WR)
        except OSError as error:
            # If the peer has gone, this fails; a read reports the reason.
            if error.errno != errno.ENOTCONN and not isinstance(error, ConnectionError):
                self._channel.note_fault(error)
                raise

    def _destroy(self, error: BaseException | None) -> None:
        # Programs can still read the addresses afterwards, for a log.
        self._local_name()
        self._peer_name()
        # The program has failed, so the peer must not take what it received for the whole.
        if (
            error is not None
            and error is not self._channel.find_fault()
            and not isinstance(error, (GivenUp, Left))
        ):
            self._linger_not()
        secure = self._secure
        run_all(
            self._stop_waiting,
            lambda: None if secure is None else secure.close(error),
            lambda: self._channel.close(error),
            self._close_sock,
            self._tell_server,
            lambda: next_tick(self._forget),
        )

    def _close_sock(self) -> None:
        if self._sock is not None:
            self._sock.close()
            self._sock._decref_socketios()  # type: ignore[attr-defined]  # private

    def _stop_waiting(self) -> None:
        connecting, self._connecting = self._connecting, None
        timer, self._idle_timer = self._idle_timer, None
        if timer is not None:
            timer.cancel()
        if connecting is not None:
            connecting.cancel()

    def _tell_server(self) -> None:
        on_gone, self._on_gone = self._on_gone, None
        if on_gone is not None:
            on_gone(self)

    def _is_peers_fault(self, error: BaseException) -> bool:
        """Return whether ``error`` is that of the connection, or follows from using it after it broke."""
        fault = self._channel.find_fault()
        return fault is not None and (
            error is fault or error.__cause__ is fault or isinstance(error, StreamError)
        )

    def _forget(self) -> None:
        """Break reference cycles: nothing holds a closed socket in a cycle."""
        self._secure = None
        self._channel.forget()

    def reset_and_destroy(self) -> Self:
        """Reset the connection: the peer gets an error instead of an end. Return the socket.

        Data that was written and not sent is lost. On a Unix socket, and before the connection is open, this is `destroy`.
        """
        if not self.destroyed:
            self._linger_not()
        return self.destroy()

    def _linger_not(self) -> None:
        """Make the system close the connection by a reset."""
        if self._sock is not None and self._sock.family != socket.AF_UNIX:
            with contextlib.suppress(OSError):
                self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def destroy_soon(self) -> None:
        """Destroy the socket when all written data is sent; at once if there is none."""
        if self.writable:
            self.end()
        if self.writable_finished:
            self.destroy()
        else:
            self.once("finish", self.destroy)

    # ---- options

    def set_no_delay(self, on: bool = True) -> Self:
        """Set whether small pieces are sent at once (``TCP_NODELAY``). Return the socket.

        Args:
            on: False lets the kernel collect small pieces.
        """
        self._no_delay = bool(on)
        if self._sock is not None and self._sock.family != socket.AF_UNIX:
            self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, int(self._no_delay))
        return self

    def set_keep_alive(
        self,
        on: bool = True,
        initial_delay: float | None = None,
        *,
        interval: float | None = None,
        count: int | None = None,
    ) -> Self:
        """Make the kernel check whether a silent peer is still there. Return the socket.

        Args:
            on: False switches the checks off.
            initial_delay, interval: Seconds of silence before the first probe and between two probes. None: the system's value.
            count: Unanswered probes until the connection counts as lost. None: the system's value.

        Raises:
            OutOfRangeError: A number is below 1.
            NotConnectedError: There is no connection yet.
        """
        sock = self._connected_socket("set_keep_alive()")
        if sock.family == socket.AF_UNIX:
            return self
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, int(bool(on)))
        if on:
            for name, value in (
                # macOS has the same option under another name.
                ("TCP_KEEPIDLE" if hasattr(socket, "TCP_KEEPIDLE") else "TCP_KEEPALIVE", initial_delay),
                ("TCP_KEEPINTVL", interval),
                ("TCP_KEEPCNT", count),
            ):
                if value is not None and hasattr(socket, name):
                    if value < 1:
                        raise OutOfRangeError(
                            f"the times and the count of keep-alive are at least 1, got {value}"
                        )
                    sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), int(value))
        return self

    def set_timeout(self, seconds: float, callback: Callable[[], object] | None = None) -> Self:
        """Emit 'timeout' after a time without data in either direction. Return the socket.

        'timeout' comes once, and again only after more data has come or gone. The connection stays open: `destroy` it in the
        listener if you want.

        Args:
            seconds: The time; 0 switches it off.
            callback: A listener for one 'timeout'.

        Raises:
            InvalidArgTypeError, OutOfRangeError: ``seconds`` is not a number, is negative or is infinite.
        """
        if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
            raise InvalidArgTypeError(f"seconds must be a number, got {seconds!r}")
        if not 0 <= seconds < float("inf"):
            raise OutOfRangeError(f"seconds must be 0 or more and finite, got {seconds}")
        self._idle_seconds = float(seconds)
        self._channel.watched = seconds > 0
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None
        if seconds and not self.destroyed:
            self._idle_since = monotonic()
            self._idle_told = 0.0
            self._watch_idle(seconds)
        if callback is not None:
            if seconds:
                self.once("timeout", callback)
            else:
                self.off("timeout", callback)
        return self

    def _watch_idle(self, seconds: float) -> None:
        self._idle_timer = asyncio.get_running_loop().call_later(seconds, self._look_idle)

    def _look_idle(self) -> None:
        since = max(self._channel.active_at, self._idle_since)
        idle = monotonic() - since
        if idle < self._idle_seconds:
            self._watch_idle(self._idle_seconds - idle)
            return
        self._watch_idle(self._idle_seconds)
        if self._idle_told != since:
            self._idle_told = since
            self._s_tell("timeout")

    @property
    def timeout(self) -> IdleTimeout:
        """The seconds of `set_timeout`; 0 if there is no timeout. ``socket.timeout(seconds)`` calls `Readable.timeout`."""
        return IdleTimeout(self._idle_seconds, self)

    # ---- TLS

    async def start_tls(
        self,
        context: _ssl.SSLContext | bool = True,
        *,
        server_side: bool = False,
        server_hostname: str | None = None,
        handshake_timeout: float = 60.0,
    ) -> Self:
        """Encrypt everything from here on, and wait for the handshake; 'secure' follows. Return the socket.

        No data may be in progress: the last plain bytes must be read, and the written ones sent.

        Args:
            context: An `ssl.SSLContext`. True is a client's default context, which checks the server's certificate against
                ``server_hostname``.
            server_side: Whether this side is the server.
            server_hostname: The name of the server.
            handshake_timeout: Seconds for the handshake.

        Raises:
            NotConnectedError: There is no connection.
            ssl.SSLError, OSError: The handshake failed, or took too long (TimeoutError); the socket is destroyed.
        """
        self._connected_socket("start_tls()")
        secure = Secure(self, self._channel, context, server_side, server_hostname, handshake_timeout)
        self._secure = secure
        self._tls = secure.object
        await secure.start()
        return self

    @property
    def encrypted(self) -> bool:
        """Whether TLS was started."""
        return self._tls is not None

    @property
    def tls(self) -> _ssl.SSLObject | None:
        """The `ssl.SSLObject`, for the certificate, the cipher and the protocol; None without TLS."""
        return self._tls

    # ---- the direct paths

    def pipe(self, dest: Takes[BytesOut_co, Dest], *, end: bool = True) -> Dest:
        """Pipe as `Readable.pipe` does. The kernel may move the bytes to another socket or a file. Return ``dest``.

        Args:
            dest, end: As for `Readable.pipe`.
        """
        if isinstance(dest, (Socket, WriteStream)) and sys.platform == "linux":
            self._channel.kernel_path = self._channel.kernel_path or KernelPath(self, self._channel)
        return super().pipe(dest, end=end)

    def unpipe(self, dest: Writable[Any] | None = None) -> Self:
        """Remove a pipe as `Readable.unpipe` does. Return the socket.

        Args:
            dest: The destination. None means all.
        """
        super().unpipe(dest)
        if self._channel.kernel_path is not None:
            self._channel.kernel_path.leave()
        return self

    def cork(self) -> None:
        """Cork as `Writable.cork` does."""
        # Raises if the subclass did not call the constructor.
        self._s_has_side(False)
        self._stop_transfer()
        super().cork()

    @property
    def _takes_files(self) -> bool:
        return sys.platform == "linux" and self._channel.layer is None

    @property
    def _busy(self) -> bool:
        return self._s_takes_more() and not self._is_idle

    @property
    def _free(self) -> bool:
        return self._s_takes_more() and self._is_idle

    @property
    def _is_idle(self) -> bool:
        return self._channel.idle and self._s_has_written_all()

    def _when_free(self, call: Callable[[], None]) -> None:
        self._channel.when_free(call)

    def _acquire(self, owner: TargetOwner) -> None:
        # The running transfer owns the channel, and _stop_transfer() stops it.
        pass

    def _transfer(self, transfer: Transfer) -> None:
        FileSender(self._channel, transfer, sendfile)

    def _stop_transfer(self) -> None:
        if self._channel.owner is not None:
            self._channel.owner.stop()

    def _release(self, nbytes: int, chunks: int) -> None:
        self._s_count_written(nbytes, chunks)
        self._channel.release()

    # ---- public state

    @property
    def sock(self) -> socket.socket | None:
        """The underlying `socket.socket`, for its options only: do not read, write or close it. None before there is one."""
        return self._sock

    @property
    def bytes_read(self) -> int:
        """The bytes received so far; with TLS, the encrypted bytes."""
        return self._channel.bytes_in

    @property
    def bytes_written(self) -> int:
        """The bytes that the kernel has taken so far; with TLS, the encrypted bytes."""
        return self._channel.bytes_out

    @property
    def connecting(self) -> bool:
        """Whether `connect` was called and the connection is not open yet."""
        return self._connecting is not None

    @property
    def pending(self) -> bool:
        """Whether there is no connection yet."""
        return self._sock is None and not self.destroyed

    @property
    def ready_state(self) -> str:
        """'opening', 'open', 'read_only' (the writable side has ended), 'write_only' or 'closed'."""
        if self._connecting is not None:
            return "opening"
        if self._sock is None or self.destroyed:
            return "closed"
        reads = self.readable
        if self.writable:
            return "open" if reads else "write_only"
        return "read_only" if reads else "closed"

    @property
    def had_error(self) -> bool:
        """Whether an error closed the socket; for listeners of 'close'."""
        return self.errored is not None

    @property
    def remote_address(self) -> str | None:
        """The peer's address, such as "192.0.2.7"; None on a Unix socket and before there is a connection."""
        return host_of(self._peer_name())

    @property
    def remote_port(self) -> int | None:
        """The peer's port; None on a Unix socket and before there is a connection."""
        return port_of(self._peer_name())

    @property
    def remote_family(self) -> str | None:
        """'IPv4', 'IPv6' or 'Unix'; None before there is a connection."""
        return family_of(self._peer_name())

    @property
    def local_address(self) -> str | None:
        """The address of this side of the connection."""
        return host_of(self._local_name())

    @property
    def local_port(self) -> int | None:
        """The port of this side of the connection."""
        return port_of(self._local_name())

    @property
    def local_family(self) -> str | None:
        """The family of this side, as `remote_family`."""
        return family_of(self._local_name())

    @property
    def address(self) -> tuple[str, int] | str | None:
        """The ``(host, port)`` or path of this side; None before there is a connection."""
        return readable_address(self._local_name())

    def _peer_name(self) -> Any:
        if self._peer is None and self._sock is not None:
            with contextlib.suppress(OSError):
                self._peer = self._sock.getpeername()
        return self._peer

    def _local_name(self) -> Any:
        if self._local is None and self._sock is not None:
            with contextlib.suppress(OSError):
                self._local = self._sock.getsockname()
        return self._local

    def _connected_socket(self, what: str) -> socket.socket:
        if self._sock is None or self.destroyed:
            raise NotConnectedError(f"{what} on a socket that is not connected")
        return self._sock

    def _s_label(self) -> object:
        if self._sock is None:
            return None
        return f"{self.address} -> {readable_address(self._peer_name())}"
