"""finished(): when a stream is done, or why it will never be. Rules F1 to F5."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from penstock._flow.handle import Handle
from penstock._flow.lifecycle import SILENT_CLOSE
from penstock._flow.ticks import next_tick
from penstock.abort import AbortSignal, abort_error, checked_signal
from penstock.errors import InvalidArgTypeError, PrematureCloseError
from penstock.readable import Readable
from penstock.writable import Writable


class Finished(Handle[None]):
    """The watch over a stream that `finished` returns."""

    def __init__(
        self,
        stream: Any,
        readable: bool | None,
        writable: bool | None,
        error: bool,
        signal: AbortSignal | None,
        cleanup: bool,
    ) -> None:
        super().__init__()
        self._stream = stream
        can_read = isinstance(stream, Readable) and stream._s_has_side(True)
        can_write = isinstance(stream, Writable) and stream._s_has_side(False)
        # A side that was switched off is none that would be waited for.
        reads = can_read and not stream._s_is_disabled(True)
        writes = can_write and not stream._s_is_disabled(False)
        self._readable = reads and readable is not False
        self._writable = writes and writable is not False
        self._cleanup = cleanup
        self._listeners: list[tuple[str, Callable[..., None]]] = []
        self._signal = signal
        # 'close' is waited for where it comes by itself and all of the stream is asked for.
        self._awaits_close = (
            stream._s_will_emit_close() and self._readable == reads and self._writable == writes
        )
        self._read_done = can_read and stream._s_read_side_done()
        self._write_done = can_write and stream._s_write_side_done()
        self._start(error, can_read, can_write)

    def _start(self, error: bool, can_read: bool, can_write: bool) -> None:
        stream = self._stream
        self._listen("end", self._on_end)
        self._listen("finish", self._on_finish)
        if error:
            self._listen("error", self._report)
        self._listen("close", self._on_close)
        self._listen(SILENT_CLOSE, self._on_close)
        if stream.closed:
            next_tick(self._on_close)
        elif stream._s_error_was_emitted():
            if not self._awaits_close:
                next_tick(self._on_closed)
        elif (
            not self._readable
            and (not self._awaits_close or self._still_readable(can_read))
            and can_write
            and (self._write_done or not self._still_writable(can_write))
            and not stream._w_writes_pending()
        ) or (
            not self._writable
            and (not self._awaits_close or self._still_writable(can_write))
            and can_read
            and (self._read_done or not self._still_readable(can_read))
        ):
            next_tick(self._on_closed)
        signal = self._signal
        if signal is not None:
            if signal.aborted:
                next_tick(self._on_abort)
            elif not stream.closed:
                signal.add_listener(self._on_abort)

    def _still_readable(self, can_read: bool) -> bool:
        return can_read and self._stream.readable and not self._stream.readable_ended

    def _still_writable(self, can_write: bool) -> bool:
        return can_write and self._stream.writable and not self._stream.writable_ended

    def _listen(self, event: str, fn: Callable[..., None]) -> None:
        self._listeners.append((event, fn))
        self._stream.on(event, fn)

    def _on_finish(self) -> None:
        self._write_done = True
        if self._stream.destroyed:
            self._awaits_close = False
        if self._awaits_close and (self._readable or not self._stream_reads()):
            return
        if not self._readable or self._read_done:
            self._report(None)

    def _on_end(self) -> None:
        self._read_done = True
        if self._stream.destroyed:
            self._awaits_close = False
        if self._awaits_close and (self._writable or not self._stream_writes()):
            return
        if not self._writable or self._write_done:
            self._report(None)

    def _stream_reads(self) -> bool:
        return isinstance(self._stream, Readable) and self._stream.readable

    def _stream_writes(self) -> bool:
        return isinstance(self._stream, Writable) and self._stream.writable

    def _on_close(self) -> None:
        stream = self._stream
        if stream.errored is not None:
            self._report(stream.errored)
        elif (self._readable and not self._read_done and not stream._s_read_side_done()) or (
            self._writable and not self._write_done and not stream._s_write_side_done()
        ):
            self._report(PrematureCloseError(f"{type(stream).__name__} was closed before it was done"))
        else:
            self._report(None)
        # Nothing comes any more, and the listeners hold the handle as it holds them.
        self._forget()

    def _on_closed(self) -> None:
        self._report(self._stream.errored)

    def _on_abort(self) -> None:
        assert self._signal is not None
        self._report(abort_error(self._signal))

    def _report(self, error: BaseException | None) -> None:
        if self._done:
            return
        if self._signal is not None:
            self._signal.remove_listener(self._on_abort)
        if self._cleanup:
            self._forget()
        self._settle(error)

    def _forget(self) -> None:
        listeners, self._listeners = self._listeners, []
        for event, fn in listeners:
            self._stream.off(event, fn)

    def cancel(self) -> None:
        """Stop watching: take the listeners away. Callbacks are not called any more; a task that awaits is cancelled."""
        self._callbacks.clear()
        if self._signal is not None:
            self._signal.remove_listener(self._on_abort)
        self._forget()
        if not self._done:
            futures, self._futures = self._futures, []
            for future in futures:
                future.cancel()

    def _abandoned(self) -> None:
        if not self._callbacks and all(future.done() for future in self._futures):
            self.cancel()


def finished(
    stream: Any,
    *,
    readable: bool | None = None,
    writable: bool | None = None,
    error: bool = True,
    signal: AbortSignal | None = None,
    cleanup: bool = False,
) -> Finished:
    """Watch ``stream`` until it is done; return an awaitable handle.

    Done is: 'end' for the readable side, 'finish' for the writable side, and 'close' where it follows by itself.
    ``readable=False`` or ``writable=False`` leaves that side out, ``error=False`` leaves 'error' to others. Raises what
    the stream fails with, PrematureCloseError where it is closed before it was done, AbortError when ``signal`` aborts.

    Listeners stay on the stream afterwards, where they catch late errors, until ``cancel()`` is called; with
    ``cleanup`` they go when it is done.
    """
    if not isinstance(stream, (Readable, Writable)):
        raise InvalidArgTypeError(f"finished() needs a stream, got {stream!r}")
    return Finished(stream, readable, writable, error, checked_signal(signal), cleanup)
