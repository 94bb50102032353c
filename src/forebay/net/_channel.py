# cython: nonecheck=True
"""The channel of a socket: its descriptor, and how bytes are received through it. `SendQueue` is its sending half."""

from __future__ import annotations

from asyncio import BaseEventLoop
from time import monotonic as now
from typing import TYPE_CHECKING, Any

from forebay._system.syscalls import has_error, receive
from forebay.errors import StreamDestroyedError
from forebay.net._send_queue import SendQueue

if TYPE_CHECKING:
    import asyncio

    from forebay._core.state.stream import Stream

_PIECE_BYTES = 65536
_MOST_PIECES = 4
# What `close` consists of.
_CLOSING_STEPS = 8


class Channel(SendQueue):
    """The hooks of a socket's stream, on a descriptor that does not block.

    `layer`: what encrypts, if anything does: it has the methods ``write(chunk)``, ``writev(chunks)``, ``final()``,
    ``read()``, ``received(data)``, ``received_end()`` and ``failed(error)``, and uses `put`, `sent_all` and `deliver`.
    `kernel_path`: what moves received bytes on inside the kernel: ``take_over()`` says whether it has taken care of them.
    `source_route`: whose pipe leads here, told by ``dest_gone()`` too.
    `brisk`: whether the last receive filled all the room it had, so that more is likely to be there.
    """

    _tells_once: bool
    _wanted: bool
    _reading: bool
    _ended: bool
    _pieces: int
    _rest: Any
    bytes_in: int
    kernel_path: Any
    source_route: Any
    brisk: bool

    def __init__(self, stream: Stream, loop: asyncio.AbstractEventLoop) -> None:
        SendQueue.__init__(self, stream, loop)
        # uvloop tells of a descriptor with an error once, and never again, though there may be more to receive.
        self._tells_once = not isinstance(loop, BaseEventLoop)
        self._wanted = False
        self._reading = False
        self._ended = False
        self._pieces = 1
        self._rest = None
        self.brisk = False
        self.bytes_in = 0
        self.kernel_path = None
        self.source_route = None

    def open(self, fd: int) -> None:
        """The socket is connected: from here on bytes may flow."""
        self.fd = fd
        self.active_at = now()
        if self._wanted:
            self._start_reading()
        self._go_on()

    def close(self, error: BaseException | None) -> None:
        """Let go of the descriptor, which the caller closes; what was not sent is dropped."""
        if self._closed:
            return
        self._closed = True
        self._wanted = False
        self.find_fault()
        if error is None:
            error = StreamDestroyedError("the socket was destroyed before all was sent")
        first = None
        for step in range(_CLOSING_STEPS):
            try:
                self._close_step(step, error)
            except BaseException as raised:
                if first is None:
                    first = raised
        if first is not None:
            raise first

    def _close_step(self, step: int, error: Any) -> None:
        """One step of `close`; each is taken, though those before it have raised."""
        if step == 0:
            self._stop_reading()
        elif step == 1:
            self._stop_writer()
        elif step == 2:
            self.fd = -1
            self._rest = None
            queue = self._queue
            if queue is not None:
                queue.clear()
        elif step == 3:
            done = self._done
            self._done = None
            if done is not None:
                done.reject(error)
        elif step == 4:
            final_done = self._final_done
            self._final_done = None
            if final_done is not None:
                final_done.reject(error)
        elif step == 5:
            kernel_path = self.kernel_path
            self.kernel_path = None
            if kernel_path is not None:
                kernel_path.leave()
        elif step == 6:
            source_route = self.owner if self.owner is not None else self.source_route
            self.owner = self.source_route = None
            if source_route is not None:
                source_route.dest_gone()
        else:
            self._tell_free()

    def forget(self) -> None:
        """After `close`: let go of the stream, which holds this channel. Nothing looks for it any more."""
        self._stream = None
        self.layer = None

    # ---- what comes in

    def read(self, size: int) -> None:
        """The ``_read`` hook."""
        if self._closed or (self._ended and self.layer is None):
            return
        self._wanted = True
        if self._rest is not None:
            self._give_rest()
        elif self.layer is not None and self.layer.read():
            return
        elif not self._reading and self.fd >= 0 and not self._ended:
            self._start_reading()

    def hold(self) -> None:
        """For the kernel path: stop reading, though more is wanted."""
        self._stop_reading()

    def resume(self) -> None:
        """For the kernel path: go on reading, if more is wanted."""
        if self._wanted and not self._reading and self.fd >= 0 and not self._ended:
            self._start_reading()

    def read_failed(self, error: OSError) -> None:
        """For the kernel path: receiving has failed."""
        self.note_fault(error)
        self._stop_reading()
        self._failed(error)

    def _start_reading(self) -> None:
        try:
            self._loop.add_reader(self.fd, self.on_readable)
        except OSError as error:
            # The system watches no more descriptors. Some callers are called by the loop, which would only note it.
            self._failed(error)
            return
        self._reading = True

    def _stop_reading(self) -> None:
        if self._reading:
            self._reading = False
            if not self._loop.is_closed():
                self._loop.remove_reader(self.fd)

    def on_readable(self) -> None:
        """For the loop."""
        self._receive()
        if self._tells_once and self._reading and has_error(self.fd):
            self._stop_reading()
            self._loop.call_soon(self.resume)

    def _receive(self) -> None:
        if self._closed or not self._wanted:
            # The reader was left where it was, in case that more is wanted before more comes.
            self._stop_reading()
            return
        if self.kernel_path is not None and self.kernel_path.take_over():
            return
        try:
            data = receive(self.fd, self._pieces)
        except OSError as error:
            self.read_failed(error)
            return
        if data is None:
            return
        if self.watched:
            self.active_at = now()
        if type(data) is list:
            self._take_pieces(data)
        elif data:
            self._take(data)
        else:
            self._ended = self.peer_ended = True
            self._stop_reading()
            if self.layer is None:
                self._wanted = False
                stream = self._stream
                stream._r_push(None, None)
            else:
                self.layer.received_end()

    def _take(self, data: Any) -> None:
        size = len(data)
        self.bytes_in += size
        if self.layer is not None:
            self.layer.received(data)
            return
        # A listener may close the socket, and with that the channel lets go of the stream.
        stream = self._stream
        more = stream._r_push(data, None)
        if not more:
            self._wanted = False
        # Where all that comes is taken on the spot, more may come at once.
        self.brisk = size == _PIECE_BYTES
        self._pieces = 2 if self.brisk and stream._r_length == 0 else 1

    def _take_pieces(self, pieces: list[Any]) -> None:
        size = 0
        for piece in pieces:
            size += len(piece)
        self.bytes_in += size
        if self.layer is not None:
            self.layer.received(b"".join(pieces))
            return
        self.brisk = True
        full = size == self._pieces * _PIECE_BYTES
        self._rest = pieces
        pieces.reverse()
        stream = self._stream
        self._give_rest()
        if self._closed:
            return
        if stream._r_length:
            self._pieces = 1
        elif full:
            self._pieces = min(self._pieces * 2, _MOST_PIECES)

    def _give_rest(self) -> None:
        """Push what was received together, piece by piece; a listener's exception must not lose the others."""
        rest = self._rest
        stream = self._stream
        more = True
        try:
            while rest and not self._closed:
                more = stream._r_push(rest.pop(), None)
        except BaseException:
            if rest:
                self._wanted = False
                self._loop.call_soon(self._give_late)
            else:
                self._rest = None
            raise
        self._rest = None
        if not more:
            self._wanted = False

    def _give_late(self) -> None:
        if self._rest is not None and not self._closed:
            self._wanted = True
            self._give_rest()

    def deliver(self, data: bytes | None) -> bool:
        """For the layer: push what it has decrypted; None is the end. Whether more is wanted."""
        stream = self._stream
        if self._closed or stream is None:
            return False
        if data is None:
            self.peer_ended = True
        more = stream._r_push(data, None)
        if not more:
            self._wanted = False
        return bool(more)

    @property
    def wanted(self) -> bool:
        """Whether the stream has asked for more."""
        return bool(self._wanted)

    def count_in(self, size: int) -> None:
        """For the kernel path: ``size`` bytes came in."""
        self.bytes_in += size
        if self.watched:
            self.active_at = now()
