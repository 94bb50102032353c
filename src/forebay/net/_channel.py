# cython: nonecheck=True
"""The receiving half of a socket's channel. `SendQueue` is its sending half."""

from __future__ import annotations

from asyncio import BaseEventLoop
from time import monotonic as now
from typing import TYPE_CHECKING, Any

from forebay._system.syscalls import has_error, receive
from forebay.errors import StreamDestroyedError
from forebay.net._readers import readers_of
from forebay.net._send_queue import SendQueue

if TYPE_CHECKING:
    import asyncio

    from forebay._core.state.stream import Stream

_PIECE_BYTES = 65536
_MOST_PIECES = 4
# The steps of `close`.
_CLOSING_STEPS = 8


class Channel(SendQueue):
    """The hooks of a socket's stream, on a descriptor that does not block.

    `layer`: the encryption, if there is any. It has the methods ``write(chunk)``, ``writev(chunks)``, ``final()``,
    ``read()``, ``received(data)``, ``received_end()`` and ``failed(error)``, and uses `put`, `sent_all` and `deliver`.
    `kernel_path`: moves received bytes inside the kernel. ``take_over()`` returns whether it handles them.
    `source_route`: the kernel path whose pipe leads to this socket. ``dest_gone()`` tells it about the end.
    `brisk`: whether the last receive filled its whole room, so that more data is likely.
    """

    _readers: Any
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
        self._readers = readers_of(loop)
        # uvloop reports an error of a descriptor only once, although there may be more data to receive.
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
        """Start to transfer bytes: the socket is connected."""
        self.fd = fd
        self.active_at = now()
        if self._wanted:
            self._start_reading()
        self._go_on()

    def close(self, error: BaseException | None) -> None:
        """Release the descriptor, which the caller closes, and drop unsent data."""
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
        """Do one step of `close`. Every step runs, even if an earlier one has raised."""
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
        """After `close`, release the stream, which holds this channel."""
        self._stream = None
        self.layer = None

    # ---- receiving

    def read(self, size: int) -> None:
        """Do the work of the ``_read`` hook."""
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
        """For the kernel path: stop reading, although the stream wants more."""
        self._stop_reading()

    def resume(self) -> None:
        """For the kernel path: resume reading if the stream wants more."""
        if self._wanted and not self._reading and self.fd >= 0 and not self._ended:
            self._start_reading()

    def read_failed(self, error: OSError) -> None:
        """For the kernel path: handle an error of receiving."""
        self.note_fault(error)
        self._stop_reading()
        self._failed(error)

    def _start_reading(self) -> None:
        try:
            self._readers.add_reader(self.fd, self.on_readable)
        except OSError as error:
            # The system cannot watch more descriptors. Report the error here, because the loop would only log it.
            self._failed(error)
            return
        self._reading = True

    def _stop_reading(self) -> None:
        if self._reading:
            self._reading = False
            if not self._loop.is_closed():
                self._readers.remove_reader(self.fd)

    def on_readable(self) -> None:
        """Receive. The loop calls this."""
        self._receive()
        if self._tells_once and self._reading and has_error(self.fd):
            self._stop_reading()
            self._loop.call_soon(self.resume)

    def _receive(self) -> None:
        if self._closed or not self._wanted:
            # The watch was kept, in case the stream wants more before more data arrives.
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
        # A listener may close the socket, which makes the channel release the stream.
        stream = self._stream
        more = stream._r_push(data, None)
        if not more:
            self._wanted = False
        # If the stream takes everything at once, the next receive may be larger.
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
        """Push the received pieces one by one. An exception of a listener must not lose the later pieces."""
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
        """For the layer: push decrypted data; None is the end. Return whether the stream wants more."""
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
        """Return whether the stream wants more."""
        return bool(self._wanted)

    def count_in(self, size: int) -> None:
        """For the kernel path: count ``size`` received bytes."""
        self.bytes_in += size
        if self.watched:
            self.active_at = now()
