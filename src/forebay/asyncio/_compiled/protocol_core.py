"""The core of the protocols: what runs for every piece of data between a transport and a pair of streams."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import ref

from forebay.asyncio._compiled import class_versions as versions
from forebay.asyncio._compiled.arguments import NotInitializedError
from forebay.asyncio._compiled.overrides import FEED
from forebay.asyncio._compiled.reader_core import ReaderCore
from forebay.asyncio._compiled.socket_calls import SocketCalls, frozen

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Future

    from forebay.asyncio._compiled.receive_area import Area

#: Bytes that are still received while the transport is being paused.
_LAST_BYTES = 1 << 12
#: The most bytes to which pieces that wait to be sent are joined.
_JOINED_BYTES = 1 << 16
#: After so many receives, or after one of so many bytes, a transport that makes objects of what it receives is changed.
_MANY_ARRIVALS = 8
_MUCH_BYTES = 1 << 12
#: After a receive of this size, the next one is expected to be large, too.
_MANY_BYTES = 1 << 16
# The methods that see received data, and the one that `drain` calls.
_WATCHED = frozenset(("data_received", "get_buffer", "buffer_updated", "_drain_helper"))


class ProtocolCore(SocketCalls):
    """The work of a `StreamReaderProtocol` for every piece of data, received or sent.

    The transport receives into an area of memory that all connections of a loop share. On a plain socket of asyncio's own
    loop this class makes the system calls itself.
    """

    _loop: AbstractEventLoop
    _source_traceback: Any
    _stream_reader_wr: Any
    _strong_reader: Any
    _client_connected_cb: Any
    _stream_writer: Any
    _task: Any
    _transport: Any
    _closed: Any
    _drain_waiters: list[Future[None]]
    _paused: bool
    _connection_lost: bool
    _reject_connection: bool
    _over_ssl: bool
    _area: Any
    _plain: bool
    _pauses_late: bool
    _own_drain: bool
    _handed_out: bool
    _tail: Any
    _brief: bool
    _late: bool
    _arrivals: int

    def _start(self, reader: Any, callback: Any, loop: AbstractEventLoop, area: Area) -> int:
        self._loop = loop
        self._source_traceback = None if reader is None else reader._source_traceback
        self._stream_reader_wr = None if reader is None else ref(reader)
        # A server's reader is kept until the connection is made.
        self._strong_reader = None if callback is None else reader
        self._client_connected_cb = callback
        self._stream_writer = None
        self._task = None
        self._transport = None
        self._closed = loop.create_future()
        # An empty deque takes ten times the memory of a list, and an idle connection has no waiters.
        self._drain_waiters = []
        self._paused = False
        self._connection_lost = False
        self._reject_connection = False
        self._over_ssl = False
        self._area = area
        self._tail = None
        self._own_drain = False
        self._handed_out = False
        self._socket = None
        self._fd = -1
        self._brief = True
        self._late = False
        self._arrivals = 0
        return 0

    def __setattr__(self, name: Any, value: Any) -> None:
        # The program patches this object.
        versions.set_attribute(self, name, value)
        if name not in _WATCHED:
            return
        if name == "_drain_helper":
            self._own_drain = True
        else:
            self._plain = False
        if name == "data_received" and self._late and self._transport is not None:
            # uvloop has got the method that the protocol had before.
            self._transport.set_protocol(self)

    def _set_up(
        self, reader: Any, callback: Any, loop: AbstractEventLoop, area: Area, plain: bool, pauses_late: bool
    ) -> None:
        """Do what asyncio's ``__init__`` does. Its attributes are fields here, which costs less than to set each by name."""
        self._start(reader, callback, loop, area)
        self._plain = plain
        self._pauses_late = pauses_late

    # ---- the connection

    def _begin(self, transport: Any) -> Any:
        """Take the transport, and return the reader or None."""
        self._transport = transport
        reader = self._stream_reader  # type: ignore[attr-defined]  # of asyncio's class
        if reader is not None:
            reader.set_transport(transport)
        self._over_ssl = transport.get_extra_info("sslcontext") is not None
        return reader

    def _serve(self, task: Any) -> None:
        """Leave the reader to the task of a server's callback, or to what else the callback has made of it."""
        self._task = task
        self._strong_reader = None

    def connection_lost(self, exc: BaseException | None) -> None:
        """End the reader, or fail it with ``exc``: the connection is closed.

        Args:
            exc: The error, or None.
        """
        self._let_go()
        reader = self._stream_reader  # type: ignore[attr-defined]  # of asyncio's class
        if reader is not None:
            if exc is None:
                reader.feed_eof()
            else:
                reader.set_exception(exc)
        closed = self._closed
        if closed is None:
            raise NotInitializedError
        if not closed.done():
            if exc is None:
                closed.set_result(None)
            else:
                closed.set_exception(exc)
        self._connection_lost = True
        if self._paused:
            self._wake_drains(exc)
        self._stream_reader_wr = None
        self._stream_writer = None
        self._task = None
        self._transport = None

    def _wake_drains(self, error: BaseException | None) -> int:
        for waiter in self._drain_waiters:
            if not waiter.done():
                if error is None:
                    waiter.set_result(None)
                else:
                    waiter.set_exception(error)
        return 0

    def _is_plain(self) -> bool:
        """Return whether received data goes to the buffer, without an override."""
        return self._plain

    # ---- receiving

    def get_buffer(self, sizehint: int) -> Any:
        """Return the memory that the loop receives into. All connections of the loop share it.

        Args:
            sizehint: Not used.
        """
        area = self._area
        if area is None:
            raise NotInitializedError
        if self._pauses_late and self._plain:
            reference = self._stream_reader_wr
            reader = None if reference is None else reference()
            if isinstance(reader, ReaderCore) and self._pauses(reader):
                return area.view()[:_LAST_BYTES]
        return area.view()

    def buffer_updated(self, nbytes: int) -> None:
        """Take ``nbytes`` that were received into the memory of `get_buffer`.

        Args:
            nbytes: The number of bytes.
        """
        area = self._area
        if area is None:
            raise NotInitializedError
        reader = self._plain_reader()
        if reader is not None:
            self._deliver(reader, nbytes)
        else:
            self.data_received(bytes(area.view()[:nbytes]))  # type: ignore[attr-defined]  # of asyncio's class

    def _changes_late(self, late: bool) -> None:
        """Say whether the transport is to receive into memory once much has come."""
        self._late = late

    def _take_data(self, data: Any) -> bool:
        """Take received bytes. Return whether the transport should receive into memory from now on."""
        reader = self._plain_reader() if self._late else None
        if reader is None:
            reader = self._stream_reader  # type: ignore[attr-defined]  # of asyncio's class
            if reader is not None:
                reader.feed_data(data)
            return False
        self._arrivals += 1
        self._append(reader, data)
        return self._late and (self._arrivals >= _MANY_ARRIVALS or len(data) >= _MUCH_BYTES)

    def _append(self, reader: ReaderCore, data: Any) -> int:
        reader._take_in(data)
        reader._came(not self._pauses_late)
        return 0

    def _deliver(self, reader: ReaderCore, n: int) -> int:
        area = self._area
        area.copy_onto(reader._queue, n, reader._first_bytes())
        reader._came(not self._pauses_late)
        return 0

    def _plain_reader(self) -> Any:
        """Return the reader whose buffer takes received data. None if there is no reader, or an override sees the data."""
        reference = self._stream_reader_wr
        reader = None if reference is None else reference()
        if self._plain and isinstance(reader, ReaderCore) and not self._is_seen(reader):
            return reader
        return None

    def _is_seen(self, reader: ReaderCore) -> int:
        """Return whether a reader's own methods have to see received data."""
        return reader._own_now() & FEED

    def _pauses(self, reader: ReaderCore) -> bool:
        """Pause the transport of a full reader; return whether it was full."""
        return reader._pause_late()

    # ---- the system calls of a socket's transport

    def _on_readable(self) -> None:
        """Receive; the loop calls this instead of the transport's method of that name, with the same errors."""
        transport = self._socket
        if transport is None or transport._conn_lost:
            return
        reader = self._plain_reader()
        if reader is not None:
            self._take_in(transport, reader)
        else:
            # There is no reader any more, or an override has to see the data first.
            transport._read_ready__get_buffer()

    def _take_in(self, transport: Any, reader: ReaderCore) -> int:
        try:
            n = self._receive(reader)
        except OSError as error:
            transport._fatal_error(error, "Fatal read error on socket transport")
            return 0
        if n == 0:
            transport._read_ready__on_eof()
        elif n > 0:
            try:
                reader._came(False)
            except (SystemExit, KeyboardInterrupt):
                raise
            except BaseException as error:
                transport._fatal_error(error, "Fatal error: protocol.buffer_updated() call failed.")
        return 0

    def _receive(self, reader: ReaderCore) -> int:
        """Return the number of received bytes: 0 at the end, -1 if there were none or no room."""
        if reader._pause_late():
            return -1
        area = self._area
        if area is None:
            raise NotInitializedError
        n: int = area.receive_onto(reader._queue, self._fd, reader._first_bytes(), self._brief)
        self._brief = n <= _MANY_BYTES
        return n

    # ---- writing

    def _may_queue(self, transport: Any) -> bool:
        return not transport._conn_lost and transport._empty_waiter is None and not transport._eof

    def _write_pieces(self, pieces: list[Any]) -> int:
        """Send several bytes-like objects that cannot change, or queue them behind what waits to be sent."""
        if self._paused:
            for piece in pieces:
                self._write_through(piece)
        else:
            self._send_pieces(pieces)
        return 0

    def _write_through(self, data: Any) -> int:
        """Send a bytes-like object, or queue it behind what waits to be sent."""
        transport = self._socket
        if self._paused and transport._buffer and self._may_queue(transport) and data:
            self._queue_behind(transport, data if type(data) is bytes else frozen(data))
        else:
            self._send(data)
        return 0

    def _queue_behind(self, transport: Any, data: Any) -> int:
        """Add data to the queue of a paused transport, as its own `write` would, but join small pieces.

        Some versions of `write` count the whole queue each time.
        """
        buffer = transport._buffer
        if type(buffer) is bytearray:
            buffer += data
        elif len(data) >= _JOINED_BYTES:
            # A view avoids a copy of the rest after each partial send.
            buffer.append(memoryview(data))
        else:
            tail = self._tail
            if tail is not None and buffer[-1] is tail and len(tail) < _JOINED_BYTES:
                tail += data
            else:
                self._tail = tail = bytearray(data)
                buffer.append(tail)
        return 0

    def pause_writing(self) -> None:
        """Note that the transport's buffer is above its high-water mark."""
        self._paused = True

    def resume_writing(self) -> None:
        """Note that the transport's buffer is below its low-water mark."""
        self._paused = False
        self._tail = None
        self._wake_drains(None)
