"""Bridges from asyncio's streams and transports to forebay's streams, and back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, overload

from forebay._core.representation import represent
from forebay.asyncio._compiled.reader_core import ReaderCore
from forebay.asyncio._stand_in_class import StandInMeta
from forebay.asyncio.protocol import StreamReaderProtocol
from forebay.asyncio.reader import DEFAULT_LIMIT, StreamReader
from forebay.asyncio.writer import StreamWriter
from forebay.errors import InvalidArgTypeError, PrematureCloseError
from forebay.streams.duplex import Duplex
from forebay.streams.readable import Readable
from forebay.streams.writable import Writable

if TYPE_CHECKING:
    from typing import Never, TypedDict, Unpack

    from forebay._core.abort import AbortSignal
    from forebay.streams.generics import Buffer

    class Options(TypedDict, total=False):
        high_water_mark: int | None
        construct: Callable[[], object] | None
        signal: AbortSignal | None
        auto_destroy: bool
        emit_close: bool

    class DuplexOptions(Options, total=False):
        readable_high_water_mark: int | None
        writable_high_water_mark: int | None
        allow_half_open: bool


# Both sides of a bridge are asyncio's or forebay's. Where `install` has been called, asyncio's names mean forebay's classes.
_AsyncioReader: Any = StandInMeta.originals[StreamReader]
_AsyncioWriter: Any = StandInMeta.originals[StreamWriter]


@overload
def as_readable(source: Any, *, encoding: str, **options: Unpack[Options]) -> Readable[str]: ...
@overload
def as_readable(source: Any, *, encoding: None = None, **options: Unpack[Options]) -> Readable[bytes]: ...
def as_readable(
    source: Any,
    *,
    high_water_mark: int | None = None,
    encoding: str | None = None,
    construct: Callable[[], object] | None = None,
    signal: AbortSignal | None = None,
    auto_destroy: bool = True,
    emit_close: bool = True,
    **unknown: Never,
) -> Readable[Any]:
    """Return a `Readable` of the data that an asyncio reader, or a transport, receives.

    Destroying it closes a transport. The transport of a reader belongs to the reader's writer.

    Args:
        source: The reader or the transport.
        high_water_mark, encoding, construct, signal, auto_destroy, emit_close: As for `Readable`.

    Returns:
        The stream.

    Raises:
        InvalidArgTypeError: ``source`` is something else, or the options ask for object mode.
    """
    options = _byte_mode(unknown) | {
        "high_water_mark": high_water_mark,
        "encoding": encoding,
        "construct": construct,
        "signal": signal,
        "auto_destroy": auto_destroy,
        "emit_close": emit_close,
    }
    if _reads(source):
        reader, close = _source_of(source)
        return Readable(read=_read_hook(reader), destroy=close, **options)
    if not isinstance(source, _AsyncioReader):
        raise InvalidArgTypeError(f"source must be an asyncio reader or transport, got {source!r}")
    return Readable(read=_read_hook(source), **options)


@overload
def as_writable(
    sink: Any, *, default_encoding: str, **options: Unpack[Options]
) -> Writable[str | Buffer]: ...
@overload
def as_writable(
    sink: Any, *, default_encoding: None = None, **options: Unpack[Options]
) -> Writable[Buffer]: ...
def as_writable(
    sink: Any,
    *,
    high_water_mark: int | None = None,
    default_encoding: str | None = None,
    construct: Callable[[], object] | None = None,
    signal: AbortSignal | None = None,
    auto_destroy: bool = True,
    emit_close: bool = True,
    **unknown: Never,
) -> Writable[Any]:
    """Return a `Writable` that sends through an asyncio writer, or a transport. Its end closes the writer or transport.

    Args:
        sink: The writer or the transport.
        high_water_mark, default_encoding, construct, signal, auto_destroy, emit_close: As for `Writable`.

    Returns:
        The stream.

    Raises:
        InvalidArgTypeError: ``sink`` is something else, or the options ask for object mode.
    """
    options = _byte_mode(unknown) | {
        "high_water_mark": high_water_mark,
        "default_encoding": default_encoding,
        "construct": construct,
        "signal": signal,
        "auto_destroy": auto_destroy,
        "emit_close": emit_close,
    }
    writer = _writer_of(sink)
    return Writable(write=_write_hook(writer), destroy=_close_hook(writer), **options)


@overload
def as_duplex(
    reader: Any,
    writer: Any = None,
    *,
    encoding: None = None,
    default_encoding: None = None,
    **options: Unpack[DuplexOptions],
) -> Duplex[Buffer, bytes]: ...
@overload
def as_duplex(
    reader: Any,
    writer: Any = None,
    *,
    encoding: str,
    default_encoding: str | None = None,
    **options: Unpack[DuplexOptions],
) -> Duplex[Any, str]: ...
@overload
def as_duplex(
    reader: Any,
    writer: Any = None,
    *,
    encoding: None = None,
    default_encoding: str,
    **options: Unpack[DuplexOptions],
) -> Duplex[str | Buffer, bytes]: ...
def as_duplex(
    reader: Any,
    writer: Any = None,
    *,
    high_water_mark: int | None = None,
    readable_high_water_mark: int | None = None,
    writable_high_water_mark: int | None = None,
    encoding: str | None = None,
    default_encoding: str | None = None,
    allow_half_open: bool = True,
    construct: Callable[[], object] | None = None,
    signal: AbortSignal | None = None,
    auto_destroy: bool = True,
    emit_close: bool = True,
    **unknown: Never,
) -> Duplex[Any, Any]:
    """Return a `Duplex` over a reader and its writer, or over one transport.

    Its end closes the sending side if the transport can do that alone. Destroying it closes the connection; with an error,
    unsent data is dropped.

    Args:
        reader: The reader, or the transport.
        writer: The writer. None if there is a transport.
        high_water_mark, readable_high_water_mark, writable_high_water_mark, encoding: As for `Duplex`, as all others.
        default_encoding, allow_half_open, construct, signal, auto_destroy, emit_close: As for `Duplex`.

    Returns:
        The stream.

    Raises:
        InvalidArgTypeError: An argument has the wrong type, or the options ask for object mode.
    """
    options = _byte_mode(unknown) | {
        "high_water_mark": high_water_mark,
        "readable_high_water_mark": readable_high_water_mark,
        "writable_high_water_mark": writable_high_water_mark,
        "encoding": encoding,
        "default_encoding": default_encoding,
        "allow_half_open": allow_half_open,
        "construct": construct,
        "signal": signal,
        "auto_destroy": auto_destroy,
        "emit_close": emit_close,
    }
    if writer is None and _reads(reader) and _writes(reader):
        reader, writer = _pair_of(reader)
    if not isinstance(reader, _AsyncioReader) or not isinstance(writer, _AsyncioWriter):
        raise InvalidArgTypeError(
            f"as_duplex() needs a reader and its writer, or a transport, got {reader!r} and {writer!r}"
        )

    async def final() -> None:
        await writer.drain()
        if writer.can_write_eof() and not writer.is_closing():
            writer.write_eof()

    return Duplex(
        read=_read_hook(reader),
        write=_write_hook(writer),
        final=final,
        destroy=_close_hook(writer),
        **options,
    )


def as_pair(
    stream: Readable[Any] | Writable[Any], *, limit: int = DEFAULT_LIMIT
) -> tuple[StreamReader, StreamWriter]:
    """Return a reader and a writer over a forebay stream, for code that takes asyncio's.

    The reader of a stream without a readable side is at its end. The writer of a stream without a writable side raises.

    Args:
        stream: The stream.
        limit: The limit of the reader, in bytes.

    Returns:
        The reader and the writer.

    Raises:
        InvalidArgTypeError: ``stream`` is not a stream, or it is in object mode.
    """
    if not isinstance(stream, Readable | Writable):
        raise InvalidArgTypeError(f"stream must be a forebay stream, got {stream!r}")
    if getattr(stream, "readable_object_mode", False) or getattr(stream, "writable_object_mode", False):
        raise InvalidArgTypeError(f"stream must be of bytes, and this one is in object mode: {stream!r}")
    loop = asyncio.get_running_loop()
    reader = StreamReader(limit=limit, loop=loop)
    protocol = StreamReaderProtocol(reader, loop=loop)
    transport = StreamTransport(stream, protocol)
    protocol.connection_made(transport)
    transport.start()
    return reader, StreamWriter(transport, protocol, reader, loop)


class StreamTransport(asyncio.Transport):
    """A forebay stream as the transport of any asyncio protocol.

    Args:
        stream: The stream, of bytes.
        protocol: The protocol.
    """

    def __init__(self, stream: Any, protocol: Any) -> None:
        super().__init__()
        self._stream = stream
        self._protocol = protocol
        self._readable = isinstance(stream, Readable) and stream.readable
        self._writable = isinstance(stream, Writable) and stream.writable
        self._closing = False
        self._ended = False
        self._paused_protocol = False
        self._error: BaseException | None = None

    def __repr__(self) -> str:
        return represent(self, lambda: f"of {self._stream!r}")

    def start(self) -> None:
        """Let the stream flow."""
        stream = self._stream
        stream.on("error", self._on_error)
        stream.on("close", self._on_close)
        if self._writable:
            stream.on("drain", self._on_drain)
        if self._readable:
            stream.on("end", self._on_end)
            stream.on("data", self._protocol.data_received)
        else:
            self._protocol.eof_received()
            self._ended = True

    # ---- events of the stream

    def _on_end(self) -> None:
        self._ended = True
        if not self._protocol.eof_received():
            self.close()

    def _on_drain(self) -> None:
        if self._paused_protocol:
            self._paused_protocol = False
            self._protocol.resume_writing()

    def _on_error(self, error: BaseException) -> None:
        self._error = error

    def _on_close(self) -> None:
        error = self._error
        if error is None and not self._ended and not self._closing:
            error = PrematureCloseError("the stream was closed before its end")
        self._closing = True
        self._protocol.connection_lost(error)

    # ---- the interface of a transport

    def set_protocol(self, protocol: Any) -> None:
        """Set the protocol that gets the data from here on.

        Args:
            protocol: The protocol.
        """
        if self._readable:
            self._stream.off("data", self._protocol.data_received)
            self._stream.on("data", protocol.data_received)
        self._protocol = protocol

    def get_protocol(self) -> Any:
        """Return the protocol."""
        return self._protocol

    def is_closing(self) -> bool:
        """Return whether `close` or `abort` was called, or the stream is closed."""
        return self._closing or bool(self._stream.destroyed)

    def close(self) -> None:
        """End the stream when everything is written."""
        if self._closing:
            return
        self._closing = True
        stream = self._stream
        if not self._writable or stream.writable_finished:
            stream.destroy()
        else:
            stream.once("finish", stream.destroy)
            if not stream.writable_ended:
                stream.end()

    def abort(self) -> None:
        """Destroy the stream."""
        self._closing = True
        self._stream.destroy()

    def pause_reading(self) -> None:
        """Pause the stream."""
        self._stream.pause()

    def resume_reading(self) -> None:
        """Let the stream flow again."""
        self._stream.resume()

    def is_reading(self) -> bool:
        """Return whether the stream flows."""
        return self._readable and not self._stream.is_paused()

    def write(self, data: Any) -> None:
        """Write to the stream. The protocol is paused when the stream is full.

        Args:
            data: A bytes-like object.

        Raises:
            RuntimeError: The stream has no writable side.
        """
        if not self._writable:
            raise RuntimeError("this stream can only be read")
        if not self._stream.write(data) and not self._paused_protocol and not self.is_closing():
            self._paused_protocol = True
            self._protocol.pause_writing()

    def write_eof(self) -> None:
        """End the writable side."""
        if self._writable:
            self._stream.end()

    def can_write_eof(self) -> bool:
        """Return whether the writable side can be ended while the stream is still read."""
        return self._writable

    def get_write_buffer_size(self) -> int:
        """Return the bytes that the stream has not written yet."""
        return int(self._stream.writable_length) if self._writable else 0

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """Return the low and the high mark in bytes. The low mark of a stream is 0."""
        return 0, int(self._stream.writable_high_water_mark) if self._writable else 0


# ---- hooks


def _byte_mode(options: dict[str, Any]) -> dict[str, Any]:
    if any(options.get(name) for name in ("object_mode", "readable_object_mode", "writable_object_mode")):
        raise InvalidArgTypeError("a stream over asyncio's is of bytes: it takes no object_mode")
    return options


def _read_hook(reader: Any) -> Any:
    if not isinstance(reader, ReaderCore):
        return reader.read

    def read(size: int) -> Any:
        data = reader.read_nowait(size)
        return reader.read(size) if data is None else data  # type: ignore[attr-defined]  # a StreamReader has it

    return read


def _write_hook(writer: Any) -> Any:
    def write(chunk: Any) -> Any:
        # asyncio's writer does not tell; its drain() has to be asked each time.
        return None if writer.write(chunk) else writer.drain()

    return write


def _close_hook(writer: Any) -> Any:
    async def close(error: BaseException | None) -> None:
        if error is not None and not writer.is_closing():
            writer.transport.abort()
        writer.close()
        try:
            await writer.wait_closed()
        except (OSError, EOFError):
            # The error that there is already says more.
            if error is None:
                raise

    return close


def _reads(thing: Any) -> bool:
    """Return whether it is a transport that receives. uvloop's derive from no class of asyncio, and have all methods of both."""
    if type(thing).__module__.startswith("uvloop"):
        return hasattr(thing, "resume_reading") and not type(thing).__name__.startswith("Write")
    # asyncio's transport of a pipe's writing end is a Transport too, of which half is not implemented.
    return (
        isinstance(thing, asyncio.ReadTransport)
        and type(thing).pause_reading is not asyncio.ReadTransport.pause_reading
    )


def _writes(thing: Any) -> bool:
    """Return whether it is a transport that sends."""
    if type(thing).__module__.startswith("uvloop"):
        return hasattr(thing, "write") and not type(thing).__name__.startswith("Read")
    return isinstance(thing, asyncio.WriteTransport) and type(thing).write is not asyncio.WriteTransport.write


def _take_over(transport: Any, reader: StreamReader | None) -> StreamReaderProtocol:
    """Give a transport a new protocol. The old protocol keeps the data that it has received."""
    protocol = StreamReaderProtocol(reader, loop=asyncio.get_running_loop())
    # uvloop chooses where to receive into when it starts to read.
    reads = reader is not None and transport.is_reading()
    if reads:
        transport.pause_reading()
    transport.set_protocol(protocol)
    protocol.connection_made(transport)
    if reads:
        transport.resume_reading()
    return protocol


def _pair_of(transport: Any) -> tuple[StreamReader, StreamWriter]:
    loop = asyncio.get_running_loop()
    reader = StreamReader(loop=loop)
    return reader, StreamWriter(transport, _take_over(transport, reader), reader, loop)


def _source_of(transport: Any) -> tuple[StreamReader, Any]:
    """Return a reader of a transport, and the hook that closes it."""
    if _writes(transport):
        reader, writer = _pair_of(transport)
        return reader, _close_hook(writer)
    reader = StreamReader(loop=asyncio.get_running_loop())
    _take_over(transport, reader)

    def close(error: BaseException | None) -> None:
        transport.close()

    return reader, close


def _writer_of(sink: Any) -> Any:
    if isinstance(sink, _AsyncioWriter):
        return sink
    if _writes(sink) and _reads(sink):
        return _pair_of(sink)[1]
    if _writes(sink):
        return StreamWriter(sink, _take_over(sink, None), None, asyncio.get_running_loop())
    raise InvalidArgTypeError(f"sink must be an asyncio writer or transport, got {sink!r}")
