"""The core of the writers: what runs for every write."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from forebay._system.syscalls import send
from forebay.asyncio._compiled.overrides import EXCEPTION
from forebay.asyncio._compiled.protocol_core import ProtocolCore
from forebay.asyncio._compiled.reader_core import ReaderCore
from forebay.asyncio._compiled.socket_calls import frozen
from forebay.asyncio._compiled.tls_core import TlsCore
from forebay.asyncio._transports import is_uvloops

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from _typeshed import ReadableBuffer

#: The number of drains in a row without a wait after which one drain lets other tasks run.
_DRAINS_IN_A_ROW = 64
#: From this size on, mutable data is sent before what is left of it is copied.
_MUCH_BYTES = 1 << 16
#: From this size on, a piece of several is sent as it is. Shorter ones are joined.
_GROUP_BYTES = 1 << 15


class WriterCore:
    """The connection between a `StreamWriter` and its transport."""

    _protocol: Any
    _reader: Any
    _loop: AbstractEventLoop
    _channel: Any
    _core: Any
    _tls: Any
    _plain_drain: bool
    _drains: int

    def _open(
        self, transport: Any, protocol: Any, reader: Any, loop: AbstractEventLoop, plain_drain: bool
    ) -> None:
        self._protocol = protocol
        self._core = protocol if isinstance(protocol, ProtocolCore) else None
        self._reader = reader
        self._loop = loop
        self._plain_drain = plain_drain
        self._drains = 0
        self._use(transport)

    def _hand_out(self) -> Any:
        """Return the transport to code that may patch it."""
        if self._core is not None:
            self._core._handed_out = True
        return self._channel

    def _use(self, transport: Any) -> None:
        self._channel = transport
        below = getattr(transport, "_ssl_protocol", None)
        self._tls = below if isinstance(below, TlsCore) else None

    def _get_channel(self) -> Any:
        return self._channel

    def write(self, data: ReadableBuffer) -> bool:
        """Send ``data``, or queue it if the peer is slow. Return False if the writer should wait in `drain`.

        The data is always queued. If the writer ignores False, memory use grows. You may change ``data`` afterwards: mutable data
        is copied.

        Args:
            data: A bytes-like object.
        """
        return self._write(data)

    def _write(self, data: Any) -> bool:
        core = self._core
        if core is None:
            self._channel.write(data if type(data) is bytes else _frozen_or_same(data))
            return True
        tls = self._tls
        if self._is_patched():
            self._channel.write(frozen(data))
        elif core._socket is not None and core._socket is self._channel:
            core._write_through(data if type(data) is bytes or _is_flat(data) else frozen(data))
        elif tls is not None:
            tls._write_now(self._channel, data if type(data) is bytes else frozen(data))
        elif type(data) is not bytes and _is_flat(data) and len(data) >= _MUCH_BYTES:
            self._write_much(data)
        else:
            self._channel.write(data if type(data) is bytes else frozen(data))
        return not core._paused

    def _is_patched(self) -> bool:
        """Return whether the program has the transport, and overrides its write()."""
        return self._core._handed_out and "write" in getattr(self._channel, "__dict__", ())

    def _write_much(self, data: Any) -> int:
        """Send from memory that may change afterwards. Only what the socket does not take is copied."""
        channel = self._channel
        taken = 0
        if is_uvloops(channel) and not channel.is_closing() and channel.get_write_buffer_size() == 0:
            try:
                taken = send(channel.get_extra_info("socket").fileno(), data)
            except (OSError, AttributeError):
                # The transport sees the same error, and handles it.
                taken = 0
        if taken < len(data):
            channel.write(bytes(memoryview(data)[max(taken, 0) :]))
        return 0

    def writelines(self, data: Iterable[ReadableBuffer]) -> bool:
        """Write several pieces as one. Return as `write` does.

        Args:
            data: An iterable of bytes-like objects.
        """
        core = self._core
        if core is None:
            self._channel.writelines(data)
            return True
        pieces = _grouped(data)
        if len(pieces) == 1:
            return self._write(pieces[0])
        if self._is_patched():
            return self._write(b"".join(pieces))
        if core._socket is not None and core._socket is self._channel:
            core._write_pieces(pieces)
        elif self._tls is not None:
            for piece in pieces:
                self._write(piece)
        else:
            self._channel.writelines(pieces)
        return not core._paused

    def _read_error(self) -> Any:
        reader = self._reader
        if reader is None:
            return None
        if isinstance(reader, ReaderCore):
            return self._error_of(reader)
        return reader.exception()

    def _error_of(self, reader: ReaderCore) -> Any:
        return reader.exception() if reader._own_now() & EXCEPTION else reader._exception

    def _drain_now(self) -> bool:
        return self._has_nothing_to_drain()

    def _has_nothing_to_drain(self) -> bool:
        """Return whether `drain` has nothing to do. Raise what `drain` would raise."""
        error = self._read_error()
        if error is not None:
            raise error
        core = self._core
        if (
            core is None
            or not self._plain_drain
            or core._own_drain
            or core._paused
            or core._connection_lost
            or self._is_closing()
        ):
            return False
        self._drains += 1
        return self._drains < _DRAINS_IN_A_ROW

    def _is_closing(self) -> bool:
        channel = self._channel
        if self._core._socket is channel:
            return channel._closing  # type: ignore[no-any-return]  # private
        if self._tls is not None:
            return channel._closed  # type: ignore[no-any-return]  # private
        return channel.is_closing()  # type: ignore[no-any-return]  # of any class

    def _drained(self) -> bool:
        """Count a drain without a wait. Return whether it has to let other tasks run."""
        long_run = self._drains >= _DRAINS_IN_A_ROW
        self._drains = 0
        return long_run


def _is_flat(data: Any) -> bool:
    """Return whether a send can take mutable data as it is."""
    if type(data) is memoryview:
        return data.c_contiguous and data.itemsize == 1 and data.ndim == 1
    return type(data) is bytearray


def _frozen_or_same(data: Any) -> Any:
    """Return `frozen` data, or other data as it is: a transport of the program may take it."""
    try:
        return frozen(data)
    except TypeError:
        return data


def _grouped(data: Any) -> list[Any]:
    """Return pieces that cannot change, with short ones next to each other joined."""
    groups: list[Any] = []
    short: list[Any] = []
    size = 0
    for each in data:
        piece = each if type(each) is bytes else frozen(each)
        if len(piece) >= _GROUP_BYTES:
            if short:
                groups.append(b"".join(short))
                short = []
                size = 0
            groups.append(piece)
            continue
        short.append(piece)
        size += len(piece)
        if size >= _GROUP_BYTES:
            groups.append(b"".join(short))
            short = []
            size = 0
    if short or not groups:
        groups.append(b"".join(short))
    return groups
