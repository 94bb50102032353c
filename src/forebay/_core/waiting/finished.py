# cython: nonecheck=True
"""finished(): wait until a stream is done or has failed. Rules F1 to F5."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from forebay._core.abort import abort_error, checked_signal
from forebay._core.listeners import Listener
from forebay._core.scheduling.operation import Operation
from forebay._core.scheduling.ticks import current_queue, running_loop
from forebay._core.state import constants as k
from forebay._core.state.lifecycle import SILENT_CLOSE
from forebay._core.state.stream import Stream
from forebay.errors import InvalidArgTypeError, PrematureCloseError

if TYPE_CHECKING:
    from forebay._core.abort import AbortSignal


class FinishedListener(Listener):
    """The listener for one event of the watched stream. All listeners of a watch form a linked list."""

    _handle: Any
    _on: int
    _event: Any
    _before: Any

    def _notify0(self) -> None:
        handle = self._handle
        handle._happened(self._on, None)

    def _notify1(self, arg: Any) -> None:
        handle = self._handle
        handle._happened(self._on, arg)

    def _s_run_tick(self, op: Any, arg: Any) -> None:
        handle = self._handle
        handle._happened(op, None)

    def __call__(self, *args: Any) -> None:
        handle = self._handle
        handle._happened(self._on, args[0] if args else None)


def _listener(handle: Finished, on: int) -> FinishedListener:
    # Avoids type(), which costs compiled code more than the rest. A watch has four listeners.
    listener = FinishedListener.__new__(FinishedListener)
    listener._handle = handle
    listener._on = on
    return listener


class Finished(Operation):  # type: ignore[type-arg]  # Cython takes no generic base
    """The watch that `finished` returns. Awaiting it waits until the stream is done."""

    _stream: Any
    _signal: Any
    _cleanup: bool
    _readable: bool
    _writable: bool
    _awaits_close: bool
    _read_done: bool
    _write_done: bool
    _last: Any

    def _start(
        self, stream: Any, readable: Any, writable: Any, error: Any, signal: Any, cleanup: Any
    ) -> None:
        stream._s_check_started()
        self._loop = running_loop()
        self._stream = stream
        self._signal = signal
        self._cleanup = cleanup
        self._last = None
        self._begin(stream, readable, writable)
        self._watch(stream, error)
        if signal is not None:
            if signal.aborted:
                self._on_tick(k.ON_ABORT)
            elif not stream.closed:
                signal.add_listener(self._on_abort)

    def _begin(self, stream: Stream, readable: Any, writable: Any) -> None:
        can_read = stream._s_readable
        can_write = stream._s_writable
        # The watch does not wait for a side that is switched off.
        reads = can_read and not stream._r_disabled
        writes = can_write and not stream._w_disabled
        self._readable = reads and readable is not False
        self._writable = writes and writable is not False
        # Wait for 'close' if the stream closes by itself and the caller waits for all its sides.
        self._awaits_close = (
            stream._s_will_emit_close() and self._readable == reads and self._writable == writes
        )
        self._read_done = can_read and stream._s_read_side_done()
        self._write_done = can_write and stream._s_write_side_done()

    def _watch(self, stream: Stream, error: bool) -> None:
        self._listen(stream, "end", k.ON_END)
        self._listen(stream, "finish", k.ON_FINISH)
        if error:
            self._listen(stream, "error", k.ON_ERROR)
        self._listen(stream, "close", k.ON_CLOSE)
        if not stream._s_emit_close:
            self._listen(stream, SILENT_CLOSE, k.ON_CLOSE)
        if stream._s_closed:
            self._on_tick(k.ON_CLOSE)
        elif stream._s_error_emitted:
            if not self._awaits_close:
                self._on_tick(k.ON_CLOSED)
        elif (
            not self._readable
            and (not self._awaits_close or self._still_readable())
            and stream._s_writable
            and (self._write_done or not self._still_writable())
            and not stream._w_pending
        ) or (
            not self._writable
            and (not self._awaits_close or self._still_writable())
            and stream._s_readable
            and (self._read_done or not self._still_readable())
        ):
            self._on_tick(k.ON_CLOSED)

    def _listen(self, stream: Stream, event: Any, on: int) -> None:
        listener = _listener(self, on)
        listener._event = event
        listener._before = self._last
        self._last = listener
        stream._s_add(event, listener, False)

    def _on_tick(self, op: int) -> None:
        current_queue().add(_listener(self, op), op, None)

    def _still_readable(self) -> bool:
        stream = self._stream
        return stream._s_readable and stream.readable and not stream._r_end_emitted

    def _still_writable(self) -> bool:
        stream = self._stream
        return stream._s_writable and stream.writable and not stream._w_ending

    def _happened(self, on: int, arg: Any) -> None:
        try:
            self._take(on, arg)
        except MemoryError as error:
            # The waiting tasks get the error.
            self._settle(error)

    def _take(self, on: int, arg: Any) -> None:
        stream = self._stream
        if on == k.ON_FINISH:
            self._write_done = True
            if stream._s_destroyed:
                self._awaits_close = False
            if self._awaits_close and (self._readable or not (stream._s_readable and stream.readable)):
                return
            if not self._readable or self._read_done:
                self._report(None)
        elif on == k.ON_END:
            self._read_done = True
            if stream._s_destroyed:
                self._awaits_close = False
            if self._awaits_close and (self._writable or not (stream._s_writable and stream.writable)):
                return
            if not self._writable or self._write_done:
                self._report(None)
        elif on == k.ON_ERROR:
            self._report(arg)
        elif on == k.ON_CLOSE:
            self._stream_closed(stream)
        elif on == k.ON_CLOSED:
            self._report(stream._s_errored)
        else:
            self._on_abort()

    def _stream_closed(self, stream: Stream) -> None:
        if stream._s_errored is not None:
            self._report(stream._s_errored)
        elif (self._readable and not self._read_done and not stream._s_read_side_done()) or (
            self._writable and not self._write_done and not stream._s_write_side_done()
        ):
            self._report(PrematureCloseError(f"{type(stream).__name__} was closed before it was done"))
        else:
            self._report(None)
        # The watch is over, and the listeners and the handle refer to each other.
        self._forget()

    def _on_abort(self) -> None:
        self._report(abort_error(self._signal))

    def _report(self, error: Any) -> None:
        if self._is_done:
            return
        try:
            if self._signal is not None:
                self._signal.remove_listener(self._on_abort)
            if self._cleanup:
                self._forget()
        finally:
            self._settle(error)

    def _forget(self) -> None:
        listener = self._last
        self._last = None
        stream = self._stream
        while listener is not None:
            stream._s_remove(listener._event, listener)
            listener = listener._before

    def cancel(self) -> None:
        """Stop watching and remove the listeners. Callbacks are not called any more, and an awaiting task is cancelled."""
        self._callbacks = None
        if self._signal is not None:
            self._signal.remove_listener(self._on_abort)
        self._forget()
        futures = self._futures
        if not self._is_done and futures is not None:
            self._futures = None
            for future in futures:
                future.cancel()

    def _abandoned(self) -> None:
        if not self._has_waiters():
            self.cancel()


def _started(stream: Any, readable: Any, writable: Any, error: Any, signal: Any, cleanup: Any) -> Finished:
    watch: Finished = Finished.__new__(Finished)
    watch._start(stream, readable, writable, error, signal, cleanup)
    return watch


def finished(
    stream: Stream,
    *,
    readable: bool | None = None,
    writable: bool | None = None,
    error: bool = True,
    signal: AbortSignal | None = None,
    cleanup: bool = False,
) -> Finished:
    """Watch ``stream`` until it is done.

    The readable side is done at 'end', the writable side at 'finish', and the stream at 'close' if the stream emits it by
    itself. Afterwards the listeners stay on the stream, where they catch late errors, until ``cancel()`` is called. The
    behaviour is that of Node's ``stream.finished``; see docs/stream-model.md, rules F1 to F5.

    Args:
        stream: The stream.
        readable: False leaves the readable side out.
        writable: False leaves the writable side out.
        error: False does not listen for 'error'.
        signal: An AbortSignal that ends the watch and leaves the stream alone.
        cleanup: Whether to remove the listeners when the stream is done.

    Returns:
        An awaitable handle. Awaiting it raises the error that the stream fails with; PrematureCloseError if the stream is
        closed before it is done; AbortError if the signal is aborted.

    Raises:
        InvalidArgTypeError: ``stream`` is not a stream, or ``signal`` is not an AbortSignal.
    """
    if not isinstance(stream, Stream):
        raise InvalidArgTypeError(f"finished() needs a stream, got {stream!r}")
    return _started(stream, readable, writable, error, checked_signal(signal), cleanup)
