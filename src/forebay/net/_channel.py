# cython: nonecheck=True
"""The channel of a socket: its descriptor, and how bytes come and go through it.

The loop says when the descriptor is ready. A write goes out at once where the kernel takes it. Those that follow in the
same burst of callbacks are small change: they wait until the burst is over and leave together.
"""

from __future__ import annotations

import errno
from asyncio import BaseEventLoop
from collections.abc import Callable
from time import monotonic as now
from typing import TYPE_CHECKING, Any

from forebay._buffers import ChunkQueue
from forebay._core.state.lifecycle import Completion
from forebay._system.syscalls import gather, has_error, receive, send
from forebay.errors import StreamDestroyedError
from forebay.net._write_burst import Bursting, current_burst

if TYPE_CHECKING:
    import asyncio

    from forebay._core.state.stream import Stream

_PIECE_BYTES = 65536
_MOST_PIECES = 4
# Chunks of so many bytes are not kept waiting for others to go with.
_LARGE_BYTES = 16384
# Entries that one gather write takes.
_MOST_ENTRIES = 1024
# Bytes that a socket writes in one burst. Then the loop gets its turn, however fast the peer takes them; and a peer on
# the same machine finds them in the cache of the processor.
_BURST_BYTES = 128 * 1024
# What `close` consists of.
_CLOSING_STEPS = 8


class Channel(Bursting):
    """The hooks of a socket's stream, on a descriptor that does not block.

    `layer`: what encrypts, if anything does: it has the methods ``write(chunk)``, ``writev(chunks)``, ``final()``,
    ``read()``, ``received(data)``, ``received_end()`` and ``failed(error)``, and uses `put`, `sent_all` and `deliver`.
    `carrier`: what moves received bytes on inside the kernel: ``carry()`` says whether it has taken care of them.
    `borrower`: who has the descriptor for writing, in the place of the queue; told by ``writable()``, and asked by
    ``stop()`` to make room for others; ``dest_gone()`` says that the socket is destroyed.
    `feeder`: whose pipe leads here, told by ``dest_gone()`` too.
    `brisk`: whether the last receive filled all the room it had, so that more is likely to be there.
    `fault`: the error of the connection itself, which nobody on this side has brought about; None while it is whole.
    `peer_ended`: whether the peer has ended its side.
    """

    _loop: Any
    fd: int
    _tells_once: bool
    _wanted: bool
    _reading: bool
    _ended: bool
    _burst: bool
    _yielding: bool
    _blocked: bool
    _writer: bool
    _closed: bool
    _ended_here: bool
    _sending: bool
    _pieces: int
    _rest: Any
    _burst_bytes: int
    _queue: Any
    _done: Any
    _final_done: Any
    _free_calls: Any
    bytes_in: int
    bytes_out: int
    watched: bool
    active_at: float
    layer: Any
    carrier: Any
    borrower: Any
    feeder: Any
    brisk: bool
    fault: BaseException | None
    peer_ended: bool

    def __init__(self, stream: Stream, loop: asyncio.AbstractEventLoop) -> None:
        self._stream = stream
        self._loop = loop
        # uvloop tells of a descriptor with an error once, and never again, though there may be more to receive.
        self._tells_once = not isinstance(loop, BaseEventLoop)
        self.fd = -1
        self._wanted = False
        self._reading = False
        self._ended = False
        self._pieces = 1
        self._rest = None
        self._burst = False
        self._yielding = False
        self._blocked = False
        self._writer = False
        self._closed = False
        self._sending = False
        self._ended_here = False
        self._burst_bytes = 0
        self._queue = None
        self._done = None
        self._final_done = None
        self._free_calls = None
        self.brisk = False
        self.fault = None
        self.peer_ended = False
        self.bytes_in = 0
        self.bytes_out = 0
        self.watched = False
        self.active_at = 0.0
        self.layer = None
        self.carrier = None
        self.borrower = None
        self.feeder = None

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
            carrier = self.carrier
            self.carrier = None
            if carrier is not None:
                carrier.leave()
        elif step == 6:
            feeder = self.borrower if self.borrower is not None else self.feeder
            self.borrower = self.feeder = None
            if feeder is not None:
                feeder.dest_gone()
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
        """For the carrier: stop reading, though more is wanted."""
        self._stop_reading()

    def resume(self) -> None:
        """For the carrier: go on reading, if more is wanted."""
        if self._wanted and not self._reading and self.fd >= 0 and not self._ended:
            self._start_reading()

    def read_failed(self, error: OSError) -> None:
        """For the carrier: receiving has failed."""
        self.note_fault(error)
        self._stop_reading()
        self._failed(error)

    def note_fault(self, error: BaseException) -> None:
        """The connection has failed with ``error``; only the first counts."""
        if self.fault is None:
            self.fault = error

    def find_fault(self) -> BaseException | None:
        """The error of the connection, or None."""
        if self._sending and self.fault is None:
            # A system call has raised it, in a hook, and the stream has it before this channel hears of it.
            stream = self._stream
            self.fault = stream._s_errored
        return self.fault

    def refusal(self) -> BrokenPipeError | None:
        """The error of a write that comes when the peer has ended the connection, and this side with it; else None."""
        if self._ended_here or not self.peer_ended:
            return None
        error = BrokenPipeError(
            errno.EPIPE, "the peer has ended the connection; with allow_half_open=True this side stays open"
        )
        self.note_fault(error)
        return error

    def _failed(self, error: Any) -> None:
        """The connection is broken."""
        stream = self._stream
        if self._closed or stream is None:
            return
        if self.layer is not None:
            self.layer.failed(error)
        else:
            stream._s_fail(error, False)

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
        if self.carrier is not None and self.carrier.carry():
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
        size = _size_of(data)
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
            size += _size_of(piece)
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

    # ---- what goes out

    def write(self, chunk: Any) -> Any:
        """The ``_write`` hook."""
        if self.layer is not None:
            return self.layer.write(chunk)
        size = _size_of(chunk)
        if self._held() or (self._burst and size < _LARGE_BYTES):
            self._queued(chunk)
            return self._pending()
        if size == 0:
            return None
        # Where it raises it stays true, and `find_fault` knows by it that the error is the connection's.
        self._sending = True
        taken = send(self.fd, chunk)
        self._sending = False
        if taken > 0:
            self._sent(taken)
            if taken == size:
                return None
            chunk = memoryview(chunk)[taken:]
        self._queued(chunk)
        self._block()
        return self._pending()

    def writev(self, chunks: list[Any]) -> Any:
        """The ``_writev`` hook."""
        if self.layer is not None:
            return self.layer.writev(chunks)
        if self._queue is None:
            self._queue = ChunkQueue()
        self._queue.extend(chunks)
        if self._held() or not self._send_queued():
            return self._pending()
        return None

    def put(self, data: bytes) -> None:
        """For the layer: send bytes that are not those of a write, or those of one, which `sent_all` then ends."""
        self._queued(data)
        if not self._held():
            self._send_queued()

    def sent_all(self, done: Completion) -> bool:
        """For the layer: whether all that was put is sent; if not, ``done`` is resolved when it is."""
        if self._queue is None or self._queue.nbytes == 0:
            return True
        self._done = done
        return False

    def final(self) -> Any:
        """The ``_final`` hook: everything is written."""
        self._ended_here = not self.peer_ended
        if self.layer is not None:
            return self.layer.final()
        return self.finish()

    def finish(self) -> Any:
        """Shut the sending side down, when the queue is empty."""
        if self.fd < 0 or self.borrower is not None or (self._queue is not None and self._queue.nbytes):
            self._final_done = Completion()
            if self.borrower is not None:
                self.borrower.stop()
            return self._final_done
        if not self._closed:
            self._stream._shut_down()
        return None

    def _held(self) -> bool:
        """Whether bytes have to wait in the queue."""
        return self.fd < 0 or self._blocked or self._yielding or self.borrower is not None

    def _pending(self) -> Any:
        self._done = Completion()
        if self.borrower is not None:
            self.borrower.stop()
        return self._done

    def _queued(self, chunk: Any) -> None:
        if self._queue is None:
            self._queue = ChunkQueue()
        self._queue.append(chunk)

    def _sent(self, size: int) -> None:
        self.bytes_out += size
        self._burst_bytes += size
        if self.watched:
            self.active_at = now()
        if not self._burst:
            self._burst = True
            burst = current_burst(self._loop)
            burst.add(self)
        if self._burst_bytes >= _BURST_BYTES and not self._yielding:
            self._yielding = True
            self._loop.call_soon(self._yielded)

    def _burst_over(self) -> None:
        """For the burst."""
        self._burst = False
        if not self._yielding:
            self._burst_bytes = 0
            self._go_on()

    def _yielded(self) -> None:
        self._yielding = False
        self._burst_bytes = 0
        self._go_on()

    def _go_on(self) -> None:
        """Send what has waited, together with all that the stream has queued behind it, if it may be sent."""
        if self._closed or self._held():
            return
        if self._done is not None and self.layer is None:
            stream = self._stream
            more = stream._w_take_waiting()
            if more is not None:
                self._queue.extend(more)
        try:
            out = self._send_queued()
        except OSError as error:
            self._write_failed(error)
            return
        if out:
            self._all_sent()

    def _send_queued(self) -> bool:
        """Send from the queue; whether it has all gone. Waits for the descriptor where it has not."""
        queue = self._queue
        if queue is None:
            return True
        while True:
            waiting = queue.nbytes
            if waiting == 0:
                return True
            entries = len(queue)
            self._sending = True
            taken = gather(queue, self.fd)
            self._sending = False
            if taken > 0:
                self._sent(taken)
            if taken < waiting and (taken < 0 or entries <= _MOST_ENTRIES):
                self._block()
                return False

    def _block(self) -> None:
        if not self._writer:
            self._loop.add_writer(self.fd, self.on_writable)
            self._writer = True
        self._blocked = True

    def _stop_writer(self) -> None:
        if self._writer:
            self._writer = False
            if not self._loop.is_closed():
                self._loop.remove_writer(self.fd)

    def on_writable(self) -> None:
        """For the loop."""
        self._blocked = False
        if self.borrower is not None:
            self.borrower.writable()
        else:
            self._go_on()
        if not self._blocked:
            self._stop_writer()

    def _all_sent(self) -> None:
        done = self._done
        if done is not None:
            self._done = None
            done.resolve()
        if self._final_done is not None and not self._closed and not self._held():
            done = self._final_done
            self._final_done = None
            try:
                self._stream._shut_down()
            except OSError as error:
                done.reject(error)
            else:
                done.resolve()
        if self._free_calls is not None:
            self._tell_free()

    def _write_failed(self, error: Any) -> None:
        self._sending = False
        self.note_fault(error)
        self._stop_writer()
        queue = self._queue
        queue.clear()
        done = self._done
        self._done = None
        if done is not None:
            done.reject(error)
        else:
            self._failed(error)

    # ---- the direct path to this socket

    @property
    def idle(self) -> bool:
        """Whether the descriptor is open and nothing waits to go out."""
        return (
            self.fd >= 0
            and not self._blocked
            and not self._yielding
            and self.borrower is None
            and self._done is None
            and (self._queue is None or self._queue.nbytes == 0)
        )

    def when_free(self, call: Callable[[], object]) -> None:
        """Call ``call()`` once, when what is on its way has gone, or the socket was opened or closed."""
        if self._free_calls is None:
            self._free_calls = []
        self._free_calls.append(call)

    def _tell_free(self) -> None:
        calls = self._free_calls
        self._free_calls = None
        if calls is not None:
            for call in calls:
                # After the ticks in which the streams take note of what has just happened.
                self._loop.call_soon(call)

    def lend(self, borrower: Any) -> None:
        """Leave the sending to ``borrower``, until it gives it back by `returned`; writes wait."""
        self.borrower = borrower

    def wait_writable(self) -> None:
        """For the borrower: be told by ``writable()`` when the descriptor takes more."""
        self._block()

    def count_out(self, size: int) -> None:
        """For the borrower: ``size`` bytes went out."""
        self.bytes_out += size
        if self.watched:
            self.active_at = now()

    def count_in(self, size: int) -> None:
        """For the carrier: ``size`` bytes came in."""
        self.bytes_in += size
        if self.watched:
            self.active_at = now()

    def returned(self) -> None:
        """The borrower is done."""
        self.borrower = None
        self._blocked = False
        self._go_on()
        if not self._blocked:
            self._stop_writer()
        if self._free_calls is not None and self.idle:
            self._tell_free()


def _size_of(chunk: Any) -> int:
    if type(chunk) is bytes:
        data = chunk
        return len(data)
    return len(chunk)
