"""`Stream`: both sides in one object, and the operations that other modules of forebay need.

The public classes add methods to it and no state, so that a Duplex can be a Readable and a Writable at once.
"""

from __future__ import annotations

from asyncio import _get_running_loop
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from forebay._core.data.high_water_mark import mark
from forebay._core.data.stalls import stalls_of
from forebay._core.names import public_class
from forebay._core.representation import represent_stream
from forebay._core.state import constants as k
from forebay._core.state.transform_side import TransformSide
from forebay._core.usage_errors import wrong_options
from forebay.stats import stream_stats

if TYPE_CHECKING:
    import asyncio
    from typing import Never

    from forebay._core.abort import AbortSignal
    from forebay.stats import StreamStats


class Stream(TransformSide):
    def _s_init_duplex(
        self,
        *positional: Never,
        read: Callable[[int], Any] | None = None,
        write: Callable[[Any], Any] | None = None,
        writev: Callable[[list[Any]], Any] | None = None,
        final: Callable[[], Any] | None = None,
        destroy: Callable[[BaseException | None], Any] | None = None,
        construct: Callable[[], Any] | None = None,
        high_water_mark: int | None = None,
        readable_high_water_mark: int | None = None,
        writable_high_water_mark: int | None = None,
        object_mode: bool = False,
        readable_object_mode: bool = False,
        writable_object_mode: bool = False,
        encoding: str | None = None,
        default_encoding: str | None = None,
        decode_strings: bool = True,
        readable: bool = True,
        writable: bool = True,
        allow_half_open: bool = True,
        signal: AbortSignal | None = None,
        auto_destroy: bool = True,
        emit_close: bool = True,
        **unknown: Never,
    ) -> None:
        """The constructor of Duplex."""
        if positional or unknown:
            wrong_options(self, positional, unknown)
        if high_water_mark is not None:
            readable_high_water_mark = writable_high_water_mark = high_water_mark
        if object_mode:
            readable_object_mode = writable_object_mode = True
        self._r_start(
            read,
            mark("high_water_mark", readable_high_water_mark, readable_object_mode),
            readable_object_mode,
            encoding,
        )
        self._w_start(
            write,
            writev,
            final,
            mark("high_water_mark", writable_high_water_mark, writable_object_mode),
            writable_object_mode,
            default_encoding,
            not decode_strings,
        )
        self._s_half_open = allow_half_open
        if not readable:
            self._r_disabled = self._r_ended = self._r_end_emitted = True
        if not writable:
            self._w_disabled = self._w_ending = self._w_ended = self._w_finished = True
        self._s_start(construct, destroy, auto_destroy, emit_close, signal)

    def __repr__(self) -> str:
        return represent_stream(self, bool(self._s_constructed))

    def _s_label(self) -> object:
        """Return the label of the stream for its repr: by default its ``path``, if it has one."""
        path = getattr(self, "path", None)
        return None if path is None or callable(path) else repr(path)

    # ---- used by other modules of forebay

    def _s_class_name(self) -> str:
        """The name of the class that users know the stream by."""
        return public_class(type(self)).__name__

    def _w_refuse_with(self, refusal: Callable[[], BaseException | None]) -> None:
        """Let ``refusal()`` return the error of a write after end(). If it returns None, the ordinary error applies."""
        self._s_keep("refusal", refusal)

    def _r_end_with(self, error: BaseException) -> None:
        """Fail with ``error`` when everything that is buffered was read."""
        self._s_keep("end_error", error)
        self._r_push(None, None)

    def _s_read_side_done(self) -> bool:
        return bool(
            self._s_errored is None
            and (self._r_end_emitted or (self._r_ended and self._r_length == 0))
            and self._s_find("end_error") is None
        )

    def _s_read_rest(self) -> Any:
        """Return the next chunk that was buffered when the stream was destroyed, or None."""
        if self._r_length == 0:
            return None
        size = 1 if self._r_object else self._r_first_left()
        return self._r_take(size) if size else None

    def _s_auto_destroys(self) -> bool:
        return bool(self._s_auto_destroy)

    def _s_half_done(self) -> bool:
        """Return whether there is an open writable side. The end of the readable side does not close it."""
        return not self._r_writable_done()

    def _s_write_side_done(self) -> bool:
        return bool(
            self._s_errored is None
            and (self._w_finished or (self._w_ended and self._w_length == 0 and self._w_final_is_done()))
        )

    def _s_is_disabled(self, readable: bool) -> bool:
        return bool(self._r_disabled if readable else self._w_disabled)

    def _s_is_over(self) -> bool:
        """Return whether nothing is left to abort."""
        return bool(
            self._s_errored is not None
            or ((not self._s_readable or self._r_end_emitted) and (not self._s_writable or self._w_finished))
        )

    def _s_takes_bytes_only(self) -> bool:
        """Return whether the stream refuses text without an encoding."""
        return bool(not self._w_object and self._w_encoding is None and not self._w_keep_text)

    def _s_never_pushed(self) -> bool:
        """Return whether a _read hook has returned without any result."""
        runners = self._s_find("runners")
        return bool(
            self._r_reading
            and self._r_chunks == 0
            and not self._r_ended
            and not self._s_destroyed
            and self._s_find("answers") is None
            and (runners is None or k.HOOK_READ not in runners)
        )

    def _s_is_of(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Return whether the stream belongs to ``loop``, or to no loop yet."""
        return self._s_queue is None or self._s_queue._loop is loop

    def _s_finalize(self, fn: Callable[..., object], *args: Any) -> None:
        """Call ``fn(*args)`` in the loop of the stream, for a finalizer: the garbage collector runs those in any thread.

        If the loop does not run, no code is left to notify, and ``fn`` is not called.
        """
        running = _get_running_loop()
        loop = running if self._s_queue is None else self._s_queue._loop
        if loop is None or not loop.is_running():
            return
        if loop is running:
            fn(*args)
        else:
            try:
                loop.call_soon_threadsafe(fn, *args)
            except RuntimeError:
                # The loop has ended meanwhile.
                return

    def _s_unfinished(self) -> tuple[bool, int, int] | None:
        """Return (progresses by itself, bytes to write, bytes to read) for undelivered data, or None if there is none."""
        if self._s_closed or not (self._s_readable or self._s_writable):
            return None
        if self._s_destroyed:
            # The stream still has to release its resources.
            return (True, 0, 0)
        if self._s_errored is not None:
            return None
        written = 0
        moves = left = False
        if self._s_writable and not self._w_disabled and not self._w_finished:
            written = self._w_length
            left = written > 0 or self._w_ending
            moves = left and (self._w_ending or self._w_writing or not self._w_corked)
        waiting = 0
        if self._s_readable and not self._r_end_emitted:
            if self._r_pipes or (
                self._r_flowing == 1
                and self._r_data_handler is not None
                # A stream with two independent sides, such as a socket, may never end.
                and (self._t_active or not self._s_writable)
            ):
                waiting = self._r_length
                left = True
                moves = moves or self._r_flowing == 1 or bool(self._r_await)
            elif self._t_active and self._r_length:
                waiting = self._r_length
                left = True
        return (moves, written, waiting) if left else None

    def _s_side_stats(self, readable: bool) -> tuple[int, int, int, int, int, int, float, bool]:
        """Return the fields of stats.SideStats."""
        if readable:
            stalls, stalled = stalls_of(self._r_stalls)
            return (
                self._r_chunks,
                self._r_bytes,
                self._r_length,
                self._r_hwm,
                self._r_peak,
                stalls,
                stalled,
                bool(self._r_object),
            )
        stalls, stalled = stalls_of(self._w_stalls)
        return (
            self._w_chunks,
            self._w_bytes,
            self._w_length,
            self._w_hwm,
            self._w_peak,
            stalls,
            stalled,
            bool(self._w_object),
        )

    def stats(self) -> StreamStats:
        """Return the counters of the stream: chunks, bytes, buffers and stalls; see `forebay.stats.StreamStats`."""
        return stream_stats(self)

    def _s_set_read_mark(self, mark: int) -> None:
        """Change the high-water mark of the readable side, for a stream that learns the size of its chunks as it reads."""
        self._r_hwm = mark

    def _s_set_write_mark(self, mark: int) -> None:
        """Change the high-water mark of the writable side, for a stream that learns the size of its chunks as it writes."""
        self._w_hwm = mark

    def _s_count_direct(self, nbytes: int, chunks: int) -> None:
        """Count bytes that the kernel moved from this stream to its destination."""
        if self._s_readable:
            self._r_did_read = True
            self._r_bytes += nbytes
            self._r_chunks += chunks
        else:
            self._w_bytes += nbytes
            self._w_chunks += chunks

    def _s_count_written(self, nbytes: int, chunks: int) -> None:
        """Count bytes that the kernel moved to this stream, which may also have a readable side."""
        self._w_bytes += nbytes
        self._w_chunks += chunks

    def _r_end_unannounced(self) -> None:
        """Note the end of the data without any event or tick. The first read finds it."""
        self._r_ended = True

    def _r_got_nothing(self) -> None:
        """The outstanding _read is done and brought nothing; the next read asks again."""
        self._r_reading = False

    def _r_undecide(self) -> None:
        """Forget pause() and resume(): the first listener of 'data' starts the flow, as with a new stream."""
        self._r_flowing = self._r_paused = -1

    def _w_has_own_hooks(self) -> None:
        """The class has its own _w_call_write and _w_call_writev: there is no hook to look for."""
        self._w_hooks_found = True
        self._w_many_hook = True

    def _w_end_unannounced(self) -> None:
        """Take no more chunks. The caller calls _w_finish_unobserved() or, where that is not possible, _w_finish_check()."""
        self._w_ending = self._w_ended = True

    def _s_destroy_unannounced(self, error: Any) -> None:
        """Destroy the stream without 'error'. Later reads and waits raise ``error``."""
        self._s_errored = error
        self._s_destroy_stream(None)

    def _s_error_is_told(self) -> None:
        """Emit no 'error': the caller reports the error in another way."""
        self._s_error_emitted = True

    def _s_takes_more(self) -> bool:
        """Return whether the writable side is open, has not failed and is not corked."""
        return not (self._s_destroyed or self._s_errored is not None or self._w_ending or self._w_corked)

    def _s_has_written_all(self) -> bool:
        """Return whether no written data waits and no 'drain' is owed."""
        return not (self._w_length or self._w_need_drain)
