"""`Stream`: both sides in one object, and what a Transform lays between them. Rules T1 to T6.

The public classes add methods to it and no state, so that a Duplex can be a Readable and a Writable at once.
"""

from __future__ import annotations

from collections.abc import Callable
from types import AsyncGeneratorType, GeneratorType
from typing import TYPE_CHECKING, Any

from forebay._core.data.chunk import mark
from forebay._core.data.stalls import stalls_of
from forebay._core.fields import give_defaults
from forebay._core.scheduling import calls
from forebay._core.scheduling.exit import heed
from forebay._core.scheduling.hook_runner import pump_outputs
from forebay._core.state import constants as k
from forebay._core.state.writable_side import WritableSide
from forebay._core.usage_errors import wrong_options
from forebay.errors import NotImplementedHookError
from forebay.stats import stream_stats

if TYPE_CHECKING:
    import asyncio

    from forebay.stats import StreamStats


class Stream(WritableSide):
    _t_active: bool
    _t_pass: bool
    _t_held: bool
    _t_flushing: bool
    _t_more: Any
    _t_before: int

    def _s_init_duplex(
        self,
        *positional: Any,
        read: Any = None,
        write: Any = None,
        writev: Any = None,
        final: Any = None,
        destroy: Any = None,
        construct: Any = None,
        high_water_mark: Any = None,
        readable_high_water_mark: Any = None,
        writable_high_water_mark: Any = None,
        object_mode: Any = False,
        readable_object_mode: Any = False,
        writable_object_mode: Any = False,
        encoding: Any = None,
        default_encoding: Any = None,
        decode_strings: Any = True,
        readable: Any = True,
        writable: Any = True,
        allow_half_open: Any = True,
        signal: Any = None,
        auto_destroy: Any = True,
        emit_close: Any = True,
        **unknown: Any,
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
        )
        self._w_keep_text = not decode_strings
        self._s_half_open = allow_half_open
        if not readable:
            self._r_disabled = self._r_ended = self._r_end_emitted = True
        if not writable:
            self._w_disabled = self._w_ending = self._w_ended = self._w_finished = True
        self._s_start(construct, destroy, auto_destroy, emit_close, signal)

    def _t_init(
        self,
        *positional: Any,
        transform: Any = None,
        flush: Any = None,
        destroy: Any = None,
        construct: Any = None,
        high_water_mark: Any = None,
        readable_high_water_mark: Any = None,
        writable_high_water_mark: Any = None,
        object_mode: Any = False,
        readable_object_mode: Any = False,
        writable_object_mode: Any = False,
        encoding: Any = None,
        default_encoding: Any = None,
        decode_strings: Any = True,
        allow_half_open: Any = True,
        signal: Any = None,
        auto_destroy: Any = True,
        emit_close: Any = True,
        **unknown: Any,
    ) -> None:
        """The constructor of Transform."""
        if positional or unknown:
            wrong_options(self, positional, unknown)
        if high_water_mark is not None:
            readable_high_water_mark = writable_high_water_mark = high_water_mark
        elif readable_high_water_mark == 0 and writable_high_water_mark is None:
            writable_high_water_mark = 0
        if object_mode:
            readable_object_mode = writable_object_mode = True
        self._t_active = True
        self._t_pass = self._t_passthrough  # type: ignore[attr-defined]
        if flush is not None:
            self._s_keep("flush", flush)
        self._r_start(
            None,
            mark("high_water_mark", readable_high_water_mark, readable_object_mode),
            readable_object_mode,
            encoding,
        )
        # Output of the very first write goes straight to the present listeners (T2).
        self._r_sync = False
        self._w_start(
            transform,
            None,
            None,
            mark("high_water_mark", writable_high_water_mark, writable_object_mode),
            writable_object_mode,
            default_encoding,
        )
        self._w_keep_text = not decode_strings
        self._s_half_open = allow_half_open
        self._s_start(construct, destroy, auto_destroy, emit_close, signal)

    def _w_find_hooks(self) -> None:
        if self._t_active:
            self._w_hook = self._w_method(self._w_hook, "_transform")
        WritableSide._w_find_hooks(self)

    def _w_call_write(self, chunk: Any) -> None:
        if self._t_active:
            self._t_before = self._r_length
            if self._t_pass:
                self._t_done(None, chunk)
            else:
                self._t_call_transform(chunk)
        else:
            WritableSide._w_call_write(self, chunk)

    def _t_call_transform(self, chunk: Any) -> None:
        if not self._w_hooks_found:
            self._w_find_hooks()
        hook = self._w_hook
        if hook is None:
            self._w_written(
                NotImplementedHookError(
                    "this Transform has no _transform: give transform=, or override _transform in a subclass"
                )
            )
            return
        result = calls.attempt_method(hook, self, chunk) if self._w_hook_self else calls.attempt(hook, chunk)
        if result is None or type(result) is bytes:
            self._t_done(None, result)
        elif type(result) is calls.Raised:
            raised = result
            self._w_written(self._s_hook_error("_transform", hook, raised.error))
        else:
            self._t_returned(result, k.HOOK_TRANSFORM)

    def _t_returned(self, result: Any, kind: int) -> None:
        if type(result) is GeneratorType:
            self._t_more = result
            self._t_flushing = kind == k.HOOK_FLUSH
            self._t_pull_outputs()
        elif type(result) is AsyncGeneratorType:
            self._s_hook_returned(kind, pump_outputs(result, self))
        else:
            self._s_hook_returned(kind, result)

    def _t_done(self, error: Any, value: Any) -> None:
        """T1: one chunk is transformed; its write completes now, on a tick, or when there is room for more."""
        if error is not None:
            self._w_written(error)
            return
        # push() returns a bool, and in byte mode a hook is often nothing but a push().
        if value is not None and (self._r_object or (value is not True and value is not False)):
            self._r_push(value, None)
        if self._r_ended:
            self._s_tick(k.TICK_TRANSFORMED, None)
        elif (
            self._w_ended
            or self._t_before == self._r_length
            or self._r_length < self._r_hwm
            # The reader that a generator gave its last output to: it waits for more already, and asks once.
            or self._r_reading
        ):
            self._w_written(None)
        else:
            self._t_held = True

    def _w_call_final(self) -> None:
        """T3."""
        if not self._t_active:
            WritableSide._w_call_final(self)
            return
        hook = self._s_hook("flush", "_flush")
        if hook is None or self._s_destroyed:
            self._t_flush_done(None, None)
            return
        result = calls.attempt0(hook)
        if result is None:
            self._t_flush_done(None, None)
        elif type(result) is calls.Raised:
            self._w_on_final(self._s_hook_error("_flush", hook, result.error))
        else:
            self._t_returned(result, k.HOOK_FLUSH)

    def _t_flush_done(self, error: Any, value: Any) -> None:
        if error is None:
            if value is not None and (self._r_object or (value is not True and value is not False)):
                self._r_push(value, None)
            self._r_push(None, None)
        self._w_on_final(error)

    def _s_complete(self, kind: Any, error: Any, value: Any) -> None:
        if kind == k.HOOK_TRANSFORM:
            self._t_done(error, value)
        elif kind == k.HOOK_FLUSH:
            self._t_flush_done(error, value)
        else:
            WritableSide._s_complete(self, kind, error, value)

    def _s_completed_again(self, kind: Any, error: Any) -> None:
        if kind == k.HOOK_FLUSH:
            self._w_on_final(error)
        else:
            WritableSide._s_completed_again(self, kind, error)

    def _t_pull_outputs(self) -> None:
        """Push what a generator gives, as far as there is room; `_t_release_held` goes on when there is again."""
        outputs = self._t_more
        while self._t_more is outputs:
            try:
                value = next(outputs)
            except StopIteration:
                self._t_more = None
                if self._t_flushing:
                    self._t_flush_done(None, None)
                else:
                    self._t_done(None, None)
                return
            except BaseException as error:
                heed(error)
                self._t_more = None
                if self._t_flushing:
                    self._t_flush_done(error, None)
                else:
                    self._t_done(error, None)
                return
            if value is not None and not self._r_push(value, None) and self._r_length:
                return

    def _t_push_output(self, value: Any) -> bool:
        """For an async generator of outputs: push one; return whether there is room for the next."""
        return bool(value is None or self._r_push(value, None) or not self._r_length)

    def _t_wait_for_room(self, future: asyncio.Future[None]) -> None:
        self._t_more = future

    def _r_call_read(self) -> None:
        if self._t_active:
            self._t_release_held()
        else:
            WritableSide._r_call_read(self)

    def _t_release_held(self) -> None:
        if self._t_held:
            self._t_held = False
            self._w_written(None)
        elif type(self._t_more) is GeneratorType:
            self._t_pull_outputs()
        elif self._t_more is not None:
            room = self._t_more
            self._t_more = None
            if not room.done():
                room.set_result(None)

    # ---- used by other modules of forebay

    def _w_refuse_with(self, refusal: Callable[[], BaseException | None]) -> None:
        """Have ``refusal()`` say why a write after end() is refused; with None, for the reason that every stream has."""
        self._s_keep("refusal", refusal)

    def _s_read_side_done(self) -> bool:
        return bool(
            self._s_errored is None and (self._r_end_emitted or (self._r_ended and self._r_length == 0))
        )

    def _s_read_rest(self) -> Any:
        """The next chunk that was buffered when the stream was destroyed, or None."""
        if self._r_length == 0:
            return None
        size = 1 if self._r_object else self._r_first_left()
        return self._r_take(size) if size else None

    def _s_end_received(self) -> bool:
        return bool(self._r_ended)

    def _s_auto_destroys(self) -> bool:
        return bool(self._s_auto_destroy)

    def _s_half_done(self) -> bool:
        """Whether a writable side is still open, which the end of the readable side leaves alone."""
        return not self._r_writable_done()

    def _s_write_side_done(self) -> bool:
        return bool(
            self._s_errored is None
            and (self._w_finished or (self._w_ended and self._w_length == 0 and self._w_final_is_done()))
        )

    def _s_is_disabled(self, readable: bool) -> bool:
        return bool(self._r_disabled if readable else self._w_disabled)

    def _s_is_over(self) -> bool:
        """Whether nothing is left that could be aborted."""
        return bool(
            self._s_errored is not None
            or ((not self._s_readable or self._r_end_emitted) and (not self._s_writable or self._w_finished))
        )

    def _s_takes_bytes_only(self) -> bool:
        """Whether text cannot be written without an encoding."""
        return bool(not self._w_object and self._w_encoding is None and not self._w_keep_text)

    def _s_never_pushed(self) -> bool:
        """Whether a _read hook was called, has returned, and nothing has come of it."""
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
        """Whether the stream is used in ``loop``, or was used in none yet."""
        return self._s_queue is None or self._s_queue._loop is loop

    def _s_unfinished(self) -> tuple[bool, int, int] | None:
        """What is still to be delivered: whether it goes on by itself, what is written, what waits; None for nothing."""
        if self._s_closed or not (self._s_readable or self._s_writable):
            return None
        if self._s_destroyed:
            # The last that it does is to release what it holds.
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
                and self._s_data_handler is not None
                # What both reads and writes, such as a socket, may never end.
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
        """The fields of stats.SideStats."""
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
        """Bytes that came to this stream, which may have a readable side as well, inside the kernel."""
        self._w_bytes += nbytes
        self._w_chunks += chunks

    def _s_takes_more(self) -> bool:
        """Whether the writable side is open, whole and not corked."""
        return not (self._s_destroyed or self._s_errored is not None or self._w_ending or self._w_corked)

    def _s_has_written_all(self) -> bool:
        """Whether nothing that was written waits, and no 'drain' is owed."""
        return not (self._w_length or self._w_need_drain)

    def _s_run_tick(self, op: Any, arg: Any) -> None:
        if op == k.TICK_TRANSFORMED:
            self._w_written(None)
        else:
            WritableSide._s_run_tick(self, op, arg)

    def _s_release(self) -> None:
        outputs = self._t_more
        self._t_more = None
        WritableSide._s_release(self)
        if type(outputs) is GeneratorType:
            outputs.close()


give_defaults(Stream)
