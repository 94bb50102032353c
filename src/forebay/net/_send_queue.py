# cython: nonecheck=True
"""The sending half of a socket's channel: the kernel gets chunks at once if it takes them, otherwise through a queue.

Small chunks that follow in the same burst of callbacks wait until the burst is over, and leave together.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from time import monotonic as now
from typing import TYPE_CHECKING, Any

from forebay._buffers import ChunkQueue
from forebay._core.state.completion import Completion
from forebay._system.syscalls import gather, send
from forebay.net._write_burst import Bursting, current_burst

if TYPE_CHECKING:
    import asyncio

    from forebay._core.state.stream import Stream


# Chunks of at least this size do not wait for others.
_LARGE_BYTES = 16384
# The number of chunks that one gather write takes.
_MOST_ENTRIES = 1024
# Bytes that a socket writes in one burst. Then the loop gets its turn, even if the peer reads fast; a peer on the same
# machine finds the bytes in the processor's cache.
_BURST_BYTES = 128 * 1024


class SendQueue(Bursting):
    """The `write`, `writev` and `final` hooks of a socket's stream, and the direct path to it.

    `layer`: see `Channel`.
    `owner`: the code that has the descriptor for writing instead of the queue. ``writable()`` tells it to write, ``stop()``
    asks it to release the descriptor, and ``dest_gone()`` tells it that the socket is destroyed.
    `fault`: an error of the connection that this side has not caused, or None.
    `peer_ended`: whether the peer has ended its side.
    """

    _loop: Any
    fd: int
    _burst: bool
    _yielding: bool
    _blocked: bool
    _writer: bool
    _closed: bool
    _ended_here: bool
    _sending: bool
    _burst_bytes: int
    _queue: Any
    _done: Any
    _final_done: Any
    _free_calls: Any
    bytes_out: int
    watched: bool
    active_at: float
    layer: Any
    owner: Any
    fault: BaseException | None
    peer_ended: bool

    def __init__(self, stream: Stream, loop: asyncio.AbstractEventLoop) -> None:
        self._stream = stream
        self._loop = loop
        self.fd = -1
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
        self.fault = None
        self.peer_ended = False
        self.bytes_out = 0
        self.watched = False
        self.active_at = 0.0
        self.layer = None
        self.owner = None

    # ---- faults of the connection

    def note_fault(self, error: BaseException) -> None:
        """Note that the connection has failed with ``error``. Only the first error counts."""
        if self.fault is None:
            self.fault = error

    def find_fault(self) -> BaseException | None:
        """Return the error of the connection, or None."""
        if self._sending and self.fault is None:
            # A system call in a hook has raised it, and the stream gets it before this channel.
            stream = self._stream
            self.fault = stream._s_errored
        return self.fault

    def refusal(self) -> BrokenPipeError | None:
        """Return the error of a write after the peer has ended the connection, which has ended this side, or None."""
        if self._ended_here or not self.peer_ended:
            return None
        error = BrokenPipeError(
            errno.EPIPE, "the peer has ended the connection; with allow_half_open=True this side stays open"
        )
        self.note_fault(error)
        return error

    def _failed(self, error: Any) -> None:
        """Note that the connection is broken."""
        stream = self._stream
        if self._closed or stream is None:
            return
        if self.layer is not None:
            self.layer.failed(error)
        else:
            stream._s_fail(error, False)

    # ---- sending

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
        # If the call raises, the flag stays true, and `find_fault` concludes that the error is the connection's.
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
        """For the layer: send bytes that belong to no write, or bytes of a write that `sent_all` completes."""
        self._queued(data)
        if not self._held():
            self._send_queued()

    def sent_all(self, done: Completion) -> bool:
        """For the layer: return whether all bytes are sent. If not, resolve ``done`` when they are."""
        if self._queue is None or self._queue.nbytes == 0:
            return True
        self._done = done
        return False

    def final(self) -> Any:
        """Do the ``_final`` hook: everything is written."""
        self._ended_here = not self.peer_ended
        if self.layer is not None:
            return self.layer.final()
        return self.finish()

    def finish(self) -> Any:
        """Shut down the sending side when the queue is empty."""
        if self.fd < 0 or self.owner is not None or (self._queue is not None and self._queue.nbytes):
            self._final_done = Completion()
            if self.owner is not None:
                self.owner.stop()
            return self._final_done
        if not self._closed:
            self._stream._shut_down()
        return None

    def _held(self) -> bool:
        """Return whether bytes must wait in the queue."""
        return self.fd < 0 or self._blocked or self._yielding or self.owner is not None

    def _pending(self) -> Any:
        self._done = Completion()
        if self.owner is not None:
            self.owner.stop()
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
        """Send the waiting chunks at the end of the burst."""
        self._burst = False
        if not self._yielding:
            self._burst_bytes = 0
            self._go_on()

    def _yielded(self) -> None:
        self._yielding = False
        self._burst_bytes = 0
        self._go_on()

    def _go_on(self) -> None:
        """Send the waiting bytes, together with the chunks that the stream has queued behind them."""
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
        """Send from the queue; return whether it is empty. Wait for the descriptor if it is not."""
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
        """Continue to send. The loop calls this."""
        self._blocked = False
        if self.owner is not None:
            self.owner.writable()
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
        """Return whether the descriptor is open and nothing waits to be sent."""
        return (
            self.fd >= 0
            and not self._blocked
            and not self._yielding
            and self.owner is None
            and self._done is None
            and (self._queue is None or self._queue.nbytes == 0)
        )

    def when_free(self, call: Callable[[], object]) -> None:
        """Call ``call()`` once, when all bytes in flight are sent, or the socket was opened or closed."""
        if self._free_calls is None:
            self._free_calls = []
        self._free_calls.append(call)

    def _tell_free(self) -> None:
        calls = self._free_calls
        self._free_calls = None
        if calls is not None:
            for call in calls:
                # This comes after the ticks in which the streams handle what has just happened.
                self._loop.call_soon(call)

    def acquire(self, owner: Any) -> None:
        """Let ``owner`` send until it calls `release`. Other writes wait."""
        self.owner = owner

    def wait_writable(self) -> None:
        """Call the owner's ``writable()`` when the descriptor accepts more."""
        self._block()

    def count_out(self, size: int) -> None:
        """Count ``size`` bytes that the owner has sent."""
        self.bytes_out += size
        if self.watched:
            self.active_at = now()

    def release(self) -> None:
        """Note that the owner has finished."""
        self.owner = None
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
