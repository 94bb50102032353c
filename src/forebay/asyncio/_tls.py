"""TLS for the streams: asyncio's protocol with a compiled core, on asyncio's loop and on uvloop."""

from __future__ import annotations

import asyncio
import ssl
from asyncio import sslproto
from collections.abc import Callable
from typing import Any

from forebay.asyncio._compiled.receive_area import Area
from forebay.asyncio._compiled.tls_core import TlsCore
from forebay.asyncio._transports import adjust, is_asyncios_socket, is_uvloops

# What the core calls in asyncio's protocol. Versions 3.11 to 3.14 have it. With another one the loop's own TLS is used.
_NEEDED = (
    "_call_eof_received",
    "_control_app_writing",
    "_control_ssl_reading",
    "_do_flush",
    "_do_handshake",
    "_do_read",
    "_do_shutdown",
    "_do_write",
    "_fatal_error",
    "_process_outgoing",
    "_set_app_protocol",
    "_start_shutdown",
)
_OF_LOOP = frozenset(
    ("create_connection", "create_server", "create_unix_connection", "create_unix_server", "start_tls")
)
_known: dict[type, bool] = {}


class TlsProtocol(TlsCore, sslproto.SSLProtocol):
    """The protocol between the transport of a socket and the program's transport and protocol.

    Args:
        loop: The event loop.
        protocol: The protocol of the program.
        context: An `ssl.SSLContext`, or None for a default one.
        waiter: The future of the handshake, or None.
        area: The memory that the loop receives into.
        options: Those of `asyncio.sslproto.SSLProtocol`.
    """

    # Python's protocol makes a buffer of this size for each connection. It is not needed here.
    max_size = 1 << 14
    _closes_when_sent = False
    _sslobj: ssl.SSLObject
    _incoming: ssl.MemoryBIO
    _outgoing: ssl.MemoryBIO
    _shutdown_timeout_handle: Any

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        protocol: Any,
        context: ssl.SSLContext | None,
        waiter: asyncio.Future[None] | None,
        area: Area,
        **options: Any,
    ) -> None:
        self._start(area)
        super().__init__(loop, protocol, context, waiter, **options)  # type: ignore[arg-type]  # None too, at run time
        self._ssl_buffer = self._ssl_buffer_view = None
        self._use_records(self._sslobj, self._incoming, self._outgoing)

    def _set_app_protocol(self, protocol: Any) -> None:
        super()._set_app_protocol(protocol)
        self._use_core(protocol)

    def connection_made(self, transport: Any) -> None:
        """Start the handshake on a connection.

        Args:
            transport: The transport below TLS.
        """
        adjust(transport)
        if is_asyncios_socket(transport):
            self._take_over(transport, transport._sock_fd)
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Tell the protocol that the connection is closed.

        Args:
            exc: The error, or None.
        """
        self._let_go()
        super().connection_lost(exc)
        self._use_core(None)

    def _do_read(self) -> None:
        if not self._read_records():
            super()._do_read()  # type: ignore[misc]  # private

    def _start_shutdown(self) -> None:
        self._send_backlog()
        super()._start_shutdown()

    def _on_shutdown_complete(self, shutdown_exc: BaseException | None) -> None:
        if shutdown_exc or not self._has_output():
            super()._on_shutdown_complete(shutdown_exc)  # type: ignore[misc]  # private
            return
        # uvloop's transport takes nothing more once it is closing.
        if self._shutdown_timeout_handle is not None:
            self._shutdown_timeout_handle.cancel()
            self._shutdown_timeout_handle = None
        self._closes_when_sent = True

    def resume_writing(self) -> None:
        """Note that the buffer of the transport below TLS is below its low-water mark."""
        super().resume_writing()
        if self._closes_when_sent and not self._has_output():
            self._closes_when_sent = False
            super()._on_shutdown_complete(None)  # type: ignore[misc]  # private

    def _abort(self, *error: Any) -> None:
        self._send_backlog()
        super()._abort(*error)


def has_own_tls(loop: Any) -> bool:
    """Return whether the streams of this loop get forebay's TLS: asyncio's loops and uvloop, if nothing is overridden."""
    kind = type(loop)
    known = _known.get(kind)
    if known is None:
        known = _known[kind] = _is_known(kind)
    return known and _OF_LOOP.isdisjoint(getattr(loop, "__dict__", ()))


def _is_known(kind: type) -> bool:
    if not all(hasattr(sslproto.SSLProtocol, name) for name in _NEEDED):
        return False
    makers = {_maker(kind, name) for name in _OF_LOOP}
    if any(maker.startswith("uvloop") for maker in makers):
        return all(maker.startswith("uvloop") for maker in makers)
    return _maker(kind, "_make_ssl_transport") == "asyncio.selector_events" and all(
        maker.startswith("asyncio.") for maker in makers
    )


def _maker(kind: type, name: str) -> str:
    """Return the module of the class that defines a method."""
    return next((base.__module__ for base in kind.__mro__ if name in base.__dict__), "")


async def connect(
    loop: asyncio.AbstractEventLoop,
    connect: Callable[[Callable[[], Any]], Any],
    protocol: Any,
    area: Area,
    context: Any,
    server_hostname: str,
    options: dict[str, Any],
) -> Any:
    """Connect, and perform the handshake. Return the program's transport.

    Args:
        loop: The event loop.
        connect: Called with a factory of protocols. It connects without TLS.
        protocol: The protocol of the program.
        area: The memory that the loop receives into.
        context: An `ssl.SSLContext`, or True for a default one.
        server_hostname: The name against which the certificate is checked.
        options: Further ones of `TlsProtocol`.
    """
    waiter: asyncio.Future[None] = loop.create_future()
    transport: Any = None

    def factory() -> TlsProtocol:
        nonlocal transport
        below = TlsProtocol(
            loop,
            protocol,
            None if isinstance(context, bool) else context,
            waiter,
            area,
            server_hostname=server_hostname,
            **options,
        )
        transport = below._app_transport
        return below

    try:
        await connect(factory)
        await waiter
    except BaseException:
        if transport is not None:
            transport.close()
        raise
    return transport


def can_start(loop: Any, transport: Any) -> bool:
    """Return whether `start` can encrypt the connection of a transport."""
    if not has_own_tls(loop):
        return False
    return is_uvloops(transport) or bool(getattr(transport, "_start_tls_compatible", False))


async def start(
    loop: asyncio.AbstractEventLoop,
    transport: Any,
    protocol: Any,
    area: Area,
    context: ssl.SSLContext,
    early: bytes,
    options: dict[str, Any],
) -> Any:
    """Encrypt an open connection, as `asyncio.loop.start_tls` does. Return the program's transport.

    Args:
        loop: The event loop.
        transport: The transport of the connection.
        protocol: The protocol of the program.
        area: The memory that the loop receives into.
        context: The context.
        early: Bytes that were received already and belong to the handshake.
        options: Further ones of `TlsProtocol`.
    """
    if not isinstance(context, ssl.SSLContext):
        raise TypeError(f"sslcontext is expected to be an instance of ssl.SSLContext, got {context!r}")
    waiter: asyncio.Future[None] = loop.create_future()
    below = TlsProtocol(loop, protocol, context, waiter, area, call_connection_made=False, **options)
    if early:
        below._incoming.write(early)
    encrypting = below._app_transport
    # Nothing may be received before the handshake has begun.
    transport.pause_reading()
    transport.set_protocol(below)
    made = loop.call_soon(below.connection_made, transport)
    resumed = loop.call_soon(transport.resume_reading)
    try:
        await waiter
    except BaseException:
        transport.close()
        made.cancel()
        resumed.cancel()
        raise
    return encrypting
