"""StreamReaderProtocol: the protocol between a transport and a pair of streams."""

from __future__ import annotations

import asyncio
import sys
from asyncio import coroutines, events
from typing import Any

from forebay._core.representation import represent
from forebay.asyncio._compiled.method_descriptors import own_methods
from forebay.asyncio._compiled.protocol_core import ProtocolCore
from forebay.asyncio._compiled.reader_core import ReaderCore
from forebay.asyncio._loop_area import area_of
from forebay.asyncio._stand_in_class import StandInMeta, stand_in
from forebay.asyncio._transports import adjust, is_asyncios_socket, is_uvloops
from forebay.asyncio._uvloop_protocol import Face
from forebay.asyncio.reader import StreamReader
from forebay.asyncio.writer import StreamWriter


class StreamReaderProtocol(
    ProtocolCore, asyncio.StreamReaderProtocol, asyncio.BufferedProtocol, metaclass=StandInMeta
):
    """`asyncio.StreamReaderProtocol` that lets the loop receive into existing memory.

    Args:
        stream_reader: The reader.
        client_connected_cb: The callback of a server, or None.
        loop: The event loop.
    """

    _stream_reader: Any

    def __init__(
        self,
        stream_reader: asyncio.StreamReader | None,
        client_connected_cb: Any = None,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        if not isinstance(self, ProtocolCore):  # see StandInMeta
            _Original.__init__(self, stream_reader, client_connected_cb, loop)
            return
        if loop is None:
            loop = getattr(events, "_get_event_loop", events.get_event_loop)()
        # A subclass that sees the data itself keeps on seeing it.
        plain = (type(self) is StreamReaderProtocol and type(stream_reader) is StreamReader) or (
            type(self).data_received is StreamReaderProtocol.data_received
            and (
                not isinstance(stream_reader, ReaderCore)
                or type(stream_reader).feed_data is StreamReader.feed_data
            )
        )
        # asyncio takes a descriptor out of its selector to pause a transport. Most readers are empty again before
        # more comes, so that is left until it does. uvloop must not be paused from within get_buffer().
        pauses_late = isinstance(loop, asyncio.BaseEventLoop)
        self._set_up(stream_reader, client_connected_cb, loop, area_of(loop), plain, pauses_late)

    def __del__(self) -> None:
        # As in asyncio, an error of the connection needs no report.
        closed = getattr(self, "_closed", None)
        if closed is not None and closed.done() and not closed.cancelled():
            closed.exception()

    def __repr__(self) -> str:
        return represent(self, self._state_text)

    def _state_text(self) -> str:
        if self._connection_lost:
            return "connection lost"
        return "not connected" if self._transport is None else "connected"

    def data_received(self, data: bytes) -> None:
        """Take data from a transport that makes ``bytes`` of it, such as that of a pipe.

        Args:
            data: The data.
        """
        if self._take_data(data):
            self._receive_into_memory()

    def _receive_into_memory(self) -> None:
        """Let uvloop receive into existing memory from now on. For a few short messages that is not worth the change."""
        transport = self._transport
        if transport is None or not transport.is_reading() or transport.get_protocol() is not self:
            return
        self._changes_late(False)
        face = Face(self)
        transport.pause_reading()
        transport.set_protocol(face)
        face.settle()
        transport.resume_reading()

    def connection_made(self, transport: Any) -> None:
        """Take the connection, and call the callback of a server.

        Args:
            transport: The transport.
        """
        if self._reject_connection:
            super().connection_made(transport)
            return
        of_uvloop = is_uvloops(transport)
        if not of_uvloop:
            adjust(transport)
        reader = self._begin(transport)
        if of_uvloop:
            self._changes_late(True)
        elif (
            is_asyncios_socket(transport)
            and self._is_plain()
            and type(self).buffer_updated is StreamReaderProtocol.buffer_updated
            and isinstance(reader, ReaderCore)
        ):
            self._take_over(transport, transport._sock_fd)
        callback = self._client_connected_cb
        if callback is None:
            return
        writer = StreamWriter(transport, self, reader, self._loop)
        if sys.version_info < (3, 13):
            self._stream_writer = writer
        try:
            result = callback(reader, writer)
        except Exception as error:
            self._handler_failed(transport, error)
            return
        task = None
        if coroutines.iscoroutine(result):
            task = self._loop.create_task(result)
            task.add_done_callback(self._handler_done)
        self._serve(task)

    def pause_writing(self) -> None:
        """Note that the transport's buffer is above its high-water mark."""
        super().pause_writing()
        transport = self._transport
        if transport is not None and is_uvloops(transport):
            adjust(transport)

    def _handler_done(self, task: asyncio.Task[Any]) -> None:
        transport = self._transport
        if task.cancelled():
            if transport is not None:
                transport.close()
        elif (error := task.exception()) is not None:
            self._handler_failed(transport, error)

    def _handler_failed(self, transport: Any, error: BaseException) -> None:
        self._loop.call_exception_handler(
            {
                "message": "Unhandled exception in client_connected_cb",
                "exception": error,
                "transport": transport,
            }
        )
        if transport is not None:
            transport.close()

    def _replace_transport(self, transport: Any) -> None:
        adjust(transport)
        self._let_go()
        self._transport = transport
        self._over_ssl = transport.get_extra_info("sslcontext") is not None
        reader = self._stream_reader
        if reader is not None and not reader._paused:
            reader._transport = transport


_Original = stand_in(StreamReaderProtocol)
own_methods(StreamReaderProtocol, _Original, {}, ProtocolCore)
