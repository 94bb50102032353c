"""StreamWriter: asyncio's writer, whose `write` returns whether there is room."""

from __future__ import annotations

import asyncio
import ssl
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from forebay.asyncio import _tls
from forebay.asyncio._compiled.method_descriptors import own_methods
from forebay.asyncio._compiled.protocol_core import ProtocolCore
from forebay.asyncio._compiled.reader_core import ReaderCore
from forebay.asyncio._compiled.writer_core import WriterCore
from forebay.asyncio._loop_area import area_of
from forebay.asyncio._stand_in_class import StandInMeta, stand_in
from forebay.asyncio._transports import adjust, is_uvloops
from forebay.asyncio._uvloop_protocol import Face
from forebay.asyncio.reader import LAZY

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

if TYPE_CHECKING or not LAZY:
    _Core = WriterCore
else:
    from forebay.asyncio._compiled.attempts import LazyWriter as _Core

_AsyncioReader = asyncio.StreamReader
_drain_helper = asyncio.StreamReaderProtocol._drain_helper  # type: ignore[attr-defined]  # private


class StreamWriter(_Core, asyncio.StreamWriter, metaclass=StandInMeta):  # type: ignore[misc]  # both are classes of writers
    """`asyncio.StreamWriter` whose `write` returns whether there is room for more. A backlog costs linear time.

    `send` writes and waits for room. You may change a ``bytearray`` or a ``memoryview`` as soon as `write` has returned.

    Args:
        transport: The transport.
        protocol: Its protocol.
        reader: The reader of the connection, or None.
        loop: The event loop.
    """

    def __init__(
        self,
        transport: Any,
        protocol: Any,
        reader: asyncio.StreamReader | None,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        if not isinstance(self, WriterCore):  # see StandInMeta
            _Original.__init__(self, transport, protocol, reader, loop)
            return
        if type(protocol) is Face:
            protocol = protocol.protocol
        # drain() expects that the reader has an exception() method.
        assert reader is None or isinstance(reader, _AsyncioReader)
        plain: Callable[..., Any] | None = getattr(type(protocol), "_drain_helper", None)
        self._open(transport, protocol, reader, loop, plain is _drain_helper)

    def __repr__(self) -> str:
        # asyncio's own form.
        info = [type(self).__name__, f"transport={self._get_channel()!r}"]
        if self._reader is not None:
            info.append(f"reader={self._reader!r}")
        return "<{}>".format(" ".join(info))

    @property
    def transport(self) -> Any:
        """The transport."""
        transport = self._hand_out()
        if is_uvloops(transport):
            adjust(transport)
        return transport

    @property
    def _transport(self) -> Any:
        return self.transport

    @_transport.setter
    def _transport(self, transport: Any) -> None:
        self._use(transport)

    def write_eof(self) -> None:
        """Close the sending side when everything is sent."""
        self._get_channel().write_eof()

    def can_write_eof(self) -> bool:
        """Return whether the transport can close the sending side alone."""
        return bool(self._get_channel().can_write_eof())

    def close(self) -> None:
        """Close the transport when everything is sent."""
        self._get_channel().close()

    def is_closing(self) -> bool:
        """Return whether the transport is closed, or about to be."""
        return bool(self._get_channel().is_closing())

    @property
    def _complete_fut(self) -> asyncio.Future[None]:
        """asyncio's private attribute: a future that is done."""
        done = self._loop.create_future()
        done.set_result(None)
        return done

    async def wait_closed(self) -> None:
        """Wait until the connection is closed. Raise the error that it was lost with."""
        await self._protocol._get_close_waiter(self)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return information of the transport: ``"socket"``, ``"peername"``, ``"sslcontext"``, ...

        Args:
            name: The name of the information.
            default: The value if the transport has no such information.
        """
        return self._get_channel().get_extra_info(name, default)

    async def drain(self) -> None:
        """Wait while the buffer is above the high-water mark.

        If there is nothing to wait for, it returns at once. But from time to time it lets other tasks run, so that a loop of
        writes to a fast peer does not block them.

        Raises:
            ConnectionResetError: The connection was lost. If the reader has an error, that is raised instead.
        """
        if self._drain_now():
            return
        # A transport that closes tells so in the next turn of the loop. Without this a loop of write() and drain()
        # would never get the error.
        if self._drained() or self.is_closing():
            await asyncio.sleep(0)
        await self._protocol._drain_helper()

    async def send(self, data: ReadableBuffer) -> None:
        """Write, and wait for room if `write` returned False.

        Args:
            data: A bytes-like object.

        Raises:
            ConnectionResetError: As for `drain`.
        """
        self.write(data)
        await self.drain()

    async def start_tls(
        self,
        sslcontext: ssl.SSLContext,
        *,
        server_hostname: str | None = None,
        ssl_handshake_timeout: float | None = None,
        **options: Any,
    ) -> None:
        """Continue with TLS.

        Args:
            sslcontext: An `ssl.SSLContext`.
            server_hostname: The name against which the certificate is checked.
            ssl_handshake_timeout: Seconds for the handshake. None is the loop's default.
            options: Those of `asyncio.loop.start_tls` that this version of Python has.
        """
        protocol = self._protocol
        server_side = protocol._client_connected_cb is not None
        await self.drain()
        channel = self._get_channel()
        options |= {
            "server_side": server_side,
            "server_hostname": server_hostname,
            "ssl_handshake_timeout": ssl_handshake_timeout,
        }
        if isinstance(protocol, ProtocolCore) and _tls.can_start(self._loop, channel):
            early = self._take_early() if server_side else b""
            transport = await _tls.start(
                self._loop, channel, protocol, area_of(self._loop), sslcontext, early, options
            )
        else:
            transport = await self._start_tls_by_loop(channel, protocol, sslcontext, options)
        self._use(transport)
        if hasattr(protocol, "_replace_transport"):
            protocol._replace_transport(transport)
        else:
            protocol._replace_writer(self)

    def _take_early(self) -> bytes:
        """Return what was received after the last plain bytes: it belongs to the handshake."""
        reader = self._reader
        if not isinstance(reader, ReaderCore):
            return b""
        early = reader._peek(reader._buffered())
        reader._replace(b"")
        return early

    async def _start_tls_by_loop(
        self, channel: Any, protocol: Any, context: ssl.SSLContext, options: dict[str, Any]
    ) -> Any:
        face = Face(protocol) if isinstance(protocol, ProtocolCore) and is_uvloops(channel) else None
        transport = await self._loop.start_tls(
            channel, protocol if face is None else face, context, **options
        )
        if face is not None:
            face.settle()
        return transport

    def __del__(self, warnings: Any = warnings) -> None:
        transport = self._get_channel()
        if transport is None or transport.is_closing():
            return
        if self._loop.is_closed():
            warnings.warn("loop is closed", ResourceWarning, stacklevel=2)
        else:
            self.close()
            warnings.warn(f"unclosed {self!r}", ResourceWarning, stacklevel=2)


_Original = stand_in(StreamWriter)
_functions: dict[str, Any] = {}
if LAZY:
    _functions["drain"] = StreamWriter._await_drain = StreamWriter.drain
    StreamWriter.drain = _Core.drain  # type: ignore[attr-defined, method-assign]  # LazyWriter has one
own_methods(StreamWriter, _Original, _functions, _Core, WriterCore)
