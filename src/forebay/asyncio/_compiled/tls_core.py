# cython: nonecheck=True
"""The core of the TLS protocol: what runs for every piece of data between a socket and a pair of streams."""

from __future__ import annotations

import ssl
from asyncio import sslproto
from typing import TYPE_CHECKING, Any

from forebay._core.fields import give_defaults
from forebay._tls.records import Records
from forebay.asyncio._compiled.protocol_core import ProtocolCore
from forebay.asyncio._compiled.reader_core import ReaderCore
from forebay.asyncio._compiled.socket_calls import SocketCalls

if TYPE_CHECKING:
    from forebay.asyncio._compiled.receive_area import Area

#: Bytes that are decrypted or encrypted before the next ones are looked at: they stay in the processor's cache.
_PART_BYTES = 1 << 16
#: The most bytes of ciphertext of one object. malloc maps larger ones, and that costs page faults.
_TAKEN_BYTES = 96 << 10
#: The most plain bytes of one turn of the loop, after which others have theirs.
_TURN_BYTES = 1 << 18
#: The most such objects that are sent at once.
_PIECES = 4
_WRAPPED = sslproto.SSLProtocolState.WRAPPED
_FLUSHING = sslproto.SSLProtocolState.FLUSHING
_AGAIN = (ssl.SSLWantReadError, ssl.SSLWantWriteError)


class TlsCore(SocketCalls):
    """The work of a TLS protocol for every piece of data while the connection is open.

    The handshake, the end and all errors are those of `asyncio.sslproto.SSLProtocol`, whose fields this class holds where it
    needs them for every piece. Received records are decrypted straight into the buffer of the reader.
    """

    _state: Any
    _transport: Any
    _app_transport: Any
    _write_backlog: Any
    _write_buffer_size: int
    _outgoing_high_water: int
    _app_reading_paused: bool
    _app_writing_paused: bool
    _ssl_reading_paused: bool
    _ssl_writing_paused: bool
    _area: Any
    _records: Any
    _core: Any
    _brief: bool
    _in_turn: bool
    _sent_in_turn: bool

    def _start(self, area: Area) -> None:
        self._area = area
        self._fd = -1
        self._brief = True

    def _use_records(self, tls: Any, incoming: Any, outgoing: Any) -> None:
        self._records = Records(tls, incoming, outgoing)

    def _use_core(self, protocol: Any) -> None:
        self._core = protocol if isinstance(protocol, ProtocolCore) else None

    # ---- receiving

    def get_buffer(self, sizehint: int) -> Any:
        """Return the memory that the loop receives into. All connections of the loop share it.

        Args:
            sizehint: Not used.
        """
        # uvloop fills it up to 32 times in a row.
        area = self._area
        return area.view()[:_PART_BYTES]

    def buffer_updated(self, nbytes: int) -> None:
        """Take ``nbytes`` that were received into the memory of `get_buffer`.

        Args:
            nbytes: The number of bytes.
        """
        self._take_in(nbytes)

    def _on_readable(self) -> None:
        transport = self._socket
        if transport is None or transport._conn_lost:
            return
        area = self._area
        try:
            n = area.receive(self._fd, self._brief)
        except OSError as error:
            transport._fatal_error(error, "Fatal read error on socket transport")
            return
        if n == 0:
            transport._read_ready__on_eof()
        elif n > 0:
            self._brief = n <= _PART_BYTES
            try:
                self._take_in(n)
            except (SystemExit, KeyboardInterrupt):
                raise
            except BaseException as error:
                transport._fatal_error(error, "Fatal error: protocol.buffer_updated() call failed.")

    def _direct_reader(self) -> Any:
        """Return the reader that gets the plain bytes. None if asyncio's code has to handle what comes."""
        core = self._core
        if self._state is not _WRAPPED or self._app_reading_paused or core is None:
            return None
        reader = core._plain_reader()
        if reader is None or reader._pause_late():
            return None
        return reader

    def _take_in(self, n: int) -> int:
        """Take ``n`` bytes that are in the area. Nothing is in it any more when other code runs."""
        reader = self._direct_reader()
        if reader is None:
            area = self._area
            area.feed(self._records, 0, n)
            self._incoming_grew()
            return 0
        try:
            if self._decrypt(reader, n):
                self._deliver(reader)
            self._after_read()
        except Exception as error:
            self._fatal_error(error, "Fatal error on SSL protocol")  # type: ignore[attr-defined]  # of asyncio's class
        return 0

    def _decrypt(self, reader: ReaderCore, n: int) -> int:
        """Decrypt ``n`` bytes of the area into the buffer of a reader. Return the number of plain bytes."""
        area = self._area
        records = self._records
        total = 0
        at = 0
        while at < n:
            end = min(at + _PART_BYTES, n)
            area.feed(records, at, end)
            total += records.read_onto(reader._queue, _TURN_BYTES, reader._first_bytes())
            at = end
        return total

    def _incoming_grew(self) -> int:
        """Go on as the state is, as asyncio's protocol does."""
        state = self._state
        if state is _WRAPPED:
            self._do_read()  # type: ignore[attr-defined]  # of asyncio's class
        elif state is _FLUSHING:
            self._do_flush()  # type: ignore[attr-defined]  # of asyncio's class
        elif state is sslproto.SSLProtocolState.DO_HANDSHAKE:
            self._do_handshake()  # type: ignore[attr-defined]  # of asyncio's class
        elif state is sslproto.SSLProtocolState.SHUTDOWN:
            self._do_shutdown()  # type: ignore[attr-defined]  # of asyncio's class
        return 0

    def _read_records(self) -> bool:
        """Decrypt what has arrived into the buffer of the reader. Return False if asyncio's code has to do it."""
        core = self._core
        reader = None if core is None else core._plain_reader()
        if reader is None:
            return False
        if self._state is _WRAPPED or self._state is _FLUSHING:
            try:
                self._read_rest(reader)
            except Exception as error:
                self._fatal_error(error, "Fatal error on SSL protocol")  # type: ignore[attr-defined]  # of asyncio's class
        return True

    def _read_rest(self, reader: ReaderCore) -> int:
        if self._state is _WRAPPED:
            reader._pause_late()
        if not self._app_reading_paused:
            records = self._records
            total = records.read_onto(reader._queue, _TURN_BYTES, reader._first_bytes())
            # Nothing reads after the flush.
            while self._state is _FLUSHING and records.is_due() and not records.ended:
                total += records.read_onto(reader._queue, _TURN_BYTES, 0)
            if total:
                self._deliver(reader)
            if self._write_backlog:
                self._flush_backlog()
        self._after_read()
        return 0

    def _deliver(self, reader: ReaderCore) -> int:
        """Let the waiting read continue. What its task writes after its first write is sent together."""
        nested = self._in_turn
        self._in_turn = True
        self._sent_in_turn = False
        try:
            reader._came(not self._core._pauses_late)
        finally:
            self._in_turn = nested
            if not nested and self._write_backlog and self._state is _WRAPPED:
                self._flush_backlog()
        return 0

    def _after_read(self) -> int:
        """Handle the peer's end, answer to what TLS itself asks for, and pause or resume the transport below."""
        records = self._records
        if records.ended:
            if self._state is _WRAPPED or self._state is _FLUSHING:
                self._call_eof_received()  # type: ignore[attr-defined]  # of asyncio's class
                self._start_shutdown()  # type: ignore[attr-defined]  # of asyncio's class
            return 0
        if self._state is not _WRAPPED:
            return 0
        if records.holds_output():
            self._process_outgoing()
        if not self._app_reading_paused and records.is_due():
            self._loop.call_soon(self._do_read)  # type: ignore[attr-defined]  # of asyncio's class
        if self._ssl_reading_paused or records.incoming.pending:
            self._control_ssl_reading()  # type: ignore[attr-defined]  # of asyncio's class
        return 0

    # ---- sending

    def _write_now(self, channel: Any, data: Any) -> int:
        """Encrypt and send bytes, or a flat view of bytes, in place of the ``write`` of the program's transport."""
        size = len(data)
        if size == 0 or self._state is not _WRAPPED or channel is not self._app_transport:
            channel.write(data)
            return 0
        if self._in_turn and self._sent_in_turn:
            self._write_backlog.append(data)
            self._write_buffer_size += size
            if self._write_buffer_size < _PART_BYTES:
                return 0
        elif self._write_backlog:
            channel.write(data)
            return 0
        try:
            if self._write_backlog:
                self._flush_backlog()
            else:
                self._seal(data)
                if self._in_turn:
                    self._sent_in_turn = True
                elif self._more_is_there():
                    self._begin_burst()
            self._process_outgoing()
        except Exception as error:
            self._fatal_error(error, "Fatal error on SSL protocol")  # type: ignore[attr-defined]  # of asyncio's class
        return 0

    def _more_is_there(self) -> bool:
        """Return whether the peer has sent more than was read: the program may go on to answer without a wait."""
        core = self._core
        reader = None if core is None else core._plain_reader()
        return reader is not None and reader._queue._total_bytes > 0

    def _begin_burst(self) -> int:
        """Send what is written from now on together, in the next turn of the loop at the latest."""
        self._in_turn = True
        self._sent_in_turn = True
        self._loop.call_soon(self._end_burst)  # type: ignore[attr-defined]  # of asyncio's class
        return 0

    def _end_burst(self) -> None:
        self._in_turn = False
        if self._write_backlog and self._state is _WRAPPED:
            try:
                self._do_write()
            except Exception as error:
                self._fatal_error(error, "Fatal error on SSL protocol")  # type: ignore[attr-defined]  # of asyncio's class

    def _seal(self, data: Any) -> int:
        """Encrypt and send; what TLS does not take now goes to the front of the backlog."""
        size = len(data)
        if size > _PART_BYTES:
            self._seal_parts(data, size)
            return 0
        records = self._records
        try:
            records.seal(data)
        except _AGAIN:
            self._put_back(data)
        else:
            self._flush_outgoing()
        return 0

    def _seal_parts(self, data: Any, size: int) -> int:
        records = self._records
        pieces: list[bytes] = []
        at = 0
        view = memoryview(data)
        try:
            while at < size:
                end = min(at + _PART_BYTES, size)
                try:
                    records.seal(view[at:end])
                except _AGAIN:
                    self._put_back(data[at:])
                    break
                at = end
                if not self._ssl_writing_paused and records.holds_output():
                    pieces.append(records.take())
                    if len(pieces) == _PIECES:
                        self._pass_on(pieces)
                        pieces = []
        finally:
            view.release()
        self._pass_on(pieces)
        return 0

    def _put_back(self, data: Any) -> int:
        size = len(data)
        self._write_backlog.appendleft(data)
        self._write_buffer_size += size
        return 0

    def _pass_on(self, pieces: list[bytes]) -> int:
        if self._socket is not None and len(pieces) > 1:
            self._send_pieces(pieces)
            return 0
        for piece in pieces:
            if self._socket is not None:
                self._send(piece)
            elif self._transport is not None:
                self._transport.write(piece)
        return 0

    def _flush_backlog(self) -> int:
        """Encrypt and send the backlog, small pieces as one."""
        backlog = self._write_backlog
        while backlog and self._state is not None:
            if self._write_buffer_size <= _PART_BYTES and len(backlog) > 1:
                data = b"".join(backlog)
                backlog.clear()
            else:
                data = backlog.popleft()
            size = len(data)
            self._write_buffer_size -= size
            left = len(backlog)
            self._seal(data)
            if len(backlog) > left:
                break
        return 0

    def _do_write(self) -> None:
        self._flush_backlog()
        self._process_outgoing()

    def _flush_outgoing(self) -> int:
        records = self._records
        while not self._ssl_writing_paused and records.holds_output():
            self._pass_on([records.take(_TAKEN_BYTES)])
        return 0

    def _process_outgoing(self) -> None:
        self._flush_outgoing()
        waiting = self._records.outgoing.pending + self._write_buffer_size
        if self._app_writing_paused or waiting >= self._outgoing_high_water:
            self._control_app_writing()  # type: ignore[attr-defined]  # of asyncio's class

    def _has_output(self) -> bool:
        """Return whether records wait until the transport below resumes."""
        records = self._records
        return records.holds_output()  # type: ignore[no-any-return]  # a field is Any

    def _send_backlog(self) -> None:
        """Send what a task wrote before it closes the connection."""
        if self._in_turn and self._state is _WRAPPED and self._write_backlog:
            try:
                self._flush_backlog()
            except Exception as error:
                self._fatal_error(error, "Fatal error on SSL protocol")  # type: ignore[attr-defined]  # of asyncio's class


give_defaults(TlsCore)
