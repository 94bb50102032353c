"""The core of the writers: what runs for every write."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from forebay.asyncio._compiled.overrides import EXCEPTION
from forebay.asyncio._compiled.protocol_core import ProtocolCore
from forebay.asyncio._compiled.reader_core import ReaderCore
from forebay.asyncio._compiled.tls_core import TlsCore

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from _typeshed import ReadableBuffer

#: The number of drains in a row without a wait after which one drain lets other tasks run.
_DRAINS_IN_A_ROW = 64


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
        if type(data) is not bytes:
            data = _frozen(data, core is None)
        if core is None:
            self._channel.write(data)
            return True
        if (
            core._socket is not None
            and core._socket is self._channel
            and type(data) is bytes
            and not (core._handed_out and core._is_patched())
        ):
            core._write_through(data)
        elif (
            self._tls is not None
            and type(data) is bytes
            and not (core._handed_out and "write" in self._channel.__dict__)
        ):
            self._tls._write_now(self._channel, data)
        else:
            self._channel.write(data)
        return not core._paused

    def writelines(self, data: Iterable[ReadableBuffer]) -> bool:
        """Write several pieces as one. Return as `write` does.

        Args:
            data: An iterable of bytes-like objects.
        """
        core = self._core
        if core is None:
            self._channel.writelines(data)
            return True
        return self._write(b"".join(data))

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


def _frozen(data: Any, any_type: Any) -> Any:
    """Return the same bytes as an object that cannot change: a copy, unless ``data`` cannot change.

    Raises TypeError for an object without bytes. With ``any_type`` a transport that may take it decides.
    """
    if isinstance(data, bytes):
        return data
    try:
        view = memoryview(data)
    except TypeError:
        if any_type:
            return data
        raise TypeError(f"data argument must be a bytes-like object, not {type(data).__name__!r}") from None
    # A view of bytes is not copied.
    if type(view.obj) is bytes and view.c_contiguous and view.itemsize == 1:
        return view
    return bytes(view)
