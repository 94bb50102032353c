"""The writable side of a stream: its queue, drain, cork, and the end. Rules W1 to W10."""

from __future__ import annotations

from types import MethodType
from typing import Any

from forebay._core.data.stalls import Stalls
from forebay._core.fields import give_defaults
from forebay._core.scheduling import calls
from forebay._core.state import constants as k
from forebay._core.state.writable_queue import WritableQueue, dropped
from forebay.errors import (
    AlreadyFinishedError,
    MultipleCompletionError,
    NotImplementedHookError,
    StreamDestroyedError,
    WriteAfterEndError,
)


class WritableSide(WritableQueue):
    _w_disabled: bool
    _w_need_drain: bool
    _w_ending: bool
    _w_ended: bool
    _w_final_called: bool
    _w_final_done: bool
    _w_prefinished: bool
    _w_finished: bool
    _w_expecting: bool
    _w_sync: bool
    _w_after_pending: bool
    _w_hook_self: bool
    _w_hooks_found: bool
    _w_hwm: int
    _w_hook: Any
    _w_many_hook: Any
    _w_tick_info: Any
    _w_chunks: int
    _w_bytes: int
    _w_peak: int
    _w_stalls: Any

    def _w_start(
        self,
        write: Any,
        writev: Any,
        final: Any,
        hwm: int,
        object_mode: bool,
        encoding: Any,
        keep_text: bool,
    ) -> None:
        self._s_writable = True
        self._w_hook = write
        self._w_many_hook = writev
        if final is not None:
            self._s_keep("final", final)
        self._w_hwm = hwm
        self._w_object = object_mode
        self._w_encoding = encoding
        self._w_keep_text = keep_text

    # ---- write

    def _w_write(self, chunk: Any, encoding: Any, callback: Any) -> bool:
        """Write or queue a chunk (W1)."""
        if type(chunk) is bytes:
            size = 1 if self._w_object else calls.bytes_size(chunk)
        elif type(chunk) is bytearray:
            size = 1 if self._w_object else len(chunk)
        else:
            chunk = self._w_checked(chunk, encoding)
            size = 1 if self._w_object else len(chunk)
        if self._w_ending or self._s_destroyed:
            self._w_refuse(callback)
            return False
        waits = self._w_writing or self._w_corked or self._s_errored is not None or not self._s_constructed
        if waits and not self._w_has_room():
            # The allocation may run foreign code, so start again.
            self._w_make_room()
            return self._w_write(chunk, encoding, callback)
        self._w_pending += 1
        self._w_chunks += 1
        self._w_bytes += size
        self._w_length += size
        if self._w_length > self._w_peak:
            self._w_peak = self._w_length
        if waits:
            self._w_put(chunk, callback)
        else:
            self._w_writelen = size
            # The field is None already, because no write is in flight.
            if callback is not None:
                self._w_callback = callback
            self._w_writing = True
            self._w_expecting = True
            self._w_sync = True
            if calls.crowded():
                # One stream's _write may write to the next one, and so on.
                self._s_tick(k.TICK_WRITE_LATE, chunk)
            else:
                self._w_call_write(chunk)
            self._w_sync = False
        if self._w_length < self._w_hwm or self._w_length == 0:
            return self._s_errored is None and not self._s_destroyed
        self._w_need_drain = True
        if self._w_stalls is None:
            stalls = Stalls()
            if self._w_stalls is None:
                self._w_stalls = stalls
        stalls = self._w_stalls
        stalls.begin()
        return False

    def _w_write_late(self, chunk: Any) -> None:
        """Pass a postponed chunk to the hook. If destroy() dropped it meanwhile, its write fails."""
        if self._s_destroyed:
            callback = self._w_callback
            self._w_expecting = self._w_writing = False
            self._w_callback = None
            waiting = self._w_buffer is not None and self._w_buffer.size > 0
            self._w_length = max(0, self._w_length - self._w_writelen) if waiting else 0
            self._w_writelen = 0
            self._w_write_failed(callback, dropped("write"))
        else:
            self._w_sync = True
            self._w_call_write(chunk)
            self._w_sync = False

    def _w_measure(self, chunk: Any) -> int:
        """Return the size of a chunk. If its len() raises, its write fails; return -1."""
        if self._w_object:
            return 1
        if type(chunk) is bytes:
            return calls.bytes_size(chunk)
        try:
            return len(chunk)
        except Exception as error:
            self._w_written(error)
            return -1

    def _w_refuse(self, callback: Any) -> Any:
        """Report a write after end() or destroy(), and return the error."""
        error = self._w_refusal("write")
        if callback is not None:
            self._s_tick(k.TICK_CALLBACK, (callback, error))
        self._s_fail(error, True)
        return error

    def _w_refusal(self, what: str) -> Any:
        """Return the reason why the stream accepts no more writes."""
        if not self._w_ending:
            return StreamDestroyedError(f"{what}() on a stream that was destroyed")
        # A stream that was ended by its other side may have a better reason.
        refusal = self._s_find("refusal")
        error = None if refusal is None else refusal()
        return error if error is not None else WriteAfterEndError(f"{what}() after end()")

    def _w_find_hooks(self) -> None:
        """Find the hooks at the first write."""
        self._w_hooks_found = True
        calls.ready_for_calls(self)
        if self._w_many_hook is None:
            self._w_many_hook = calls.method_of(self, "_writev")
        self._w_hook = self._w_method(self._w_hook, "_write")

    def _w_method(self, hook: Any, name: Any) -> Any:
        if hook is None:
            hook = getattr(self, name, None)
            if type(hook) is MethodType and hook.__self__ is self:
                # Keep the function instead of the bound method, so that the stream is not in a reference cycle.
                hook = hook.__func__
                self._w_hook_self = True
        return hook

    def _w_call_write(self, chunk: Any) -> None:
        """Pass one chunk to the hook, and handle its result."""
        if not self._w_hooks_found:
            self._w_find_hooks()
        hook = self._w_hook
        if hook is None:
            if self._w_many_hook is not None:
                self._w_call_writev([chunk])
            else:
                self._w_written(
                    NotImplementedHookError(
                        "this Writable has no _write: give write= or writev=, or override _write in a subclass"
                    )
                )
            return
        result = calls.attempt_method(hook, self, chunk) if self._w_hook_self else calls.attempt(hook, chunk)
        if result is None:
            self._w_written(None)
        else:
            self._w_returned(result)

    def _w_returned(self, result: Any) -> None:
        if result is None:
            self._w_written(None)
        elif type(result) is calls.Raised:
            raised = result
            name = "_write" if self._w_hook is not None else "_writev"
            hook = self._w_hook if self._w_hook is not None else self._w_many_hook
            self._w_written(self._s_hook_error(name, hook, raised.error))
        else:
            self._s_hook_returned(k.HOOK_WRITE, result)

    def _w_call_writev(self, chunks: list[Any]) -> None:
        self._w_returned(calls.attempt(self._w_many_hook, chunks))

    def _s_complete(self, kind: Any, error: Any, value: Any) -> None:
        if kind == k.HOOK_WRITE:
            self._w_written(error)
        elif kind == k.HOOK_FINAL:
            self._w_on_final(error)
        else:
            WritableQueue._s_complete(self, kind, error, value)

    def _s_completed_again(self, kind: Any, error: Any) -> None:
        if kind == k.HOOK_FINAL:
            self._w_on_final(error)
        else:
            WritableQueue._s_completed_again(self, kind, error)

    def _w_written(self, error: Any) -> None:
        """Complete the write in flight (W2)."""
        if not self._w_expecting:
            self._s_fail(
                MultipleCompletionError("_write or _writev completed twice; it completes once for each call"),
                False,
            )
            return
        sync = self._w_sync
        callback = self._w_callback
        buffer = self._w_buffer
        waiting = buffer is not None and buffer.size > 0
        self._w_expecting = False
        self._w_writing = False
        if callback is not None:
            self._w_callback = None
        # The owner of a bytearray may have resized it, so an empty queue resets the length.
        self._w_length = max(0, self._w_length - self._w_writelen) if waiting else 0
        self._w_writelen = 0
        if error is not None:
            if self._s_errored is None:
                self._s_errored = error
            if sync:
                self._s_tick(k.TICK_WRITE_FAILED, (callback, error))
            else:
                self._w_write_failed(callback, error)
            return
        if waiting:
            self._w_flush_buffered()
        if not sync:
            self._w_after_write(1, callback)
        elif callback is None:
            if self._w_need_drain and self._w_length == 0 and not self._w_after_pending:
                self._w_after_pending = True
                self._s_tick(k.TICK_AFTER_WRITE, None)
            else:
                self._w_pending -= 1
                if self._w_ending:
                    self._w_finish_check(True)
        elif self._w_tick_info is not None and self._w_tick_info[0] is callback:
            self._w_tick_info[1] += 1
        else:
            self._w_tick_info = [callback, 1]
            self._w_after_pending = True
            self._s_tick(k.TICK_AFTER_CALLBACK, self._w_tick_info)

    def _w_after_write(self, count: int, callback: Any) -> None:
        """Emit 'drain' and call the callbacks (W3)."""
        self._w_after_pending = False
        if self._w_need_drain and not self._w_ending and not self._s_destroyed and self._w_length == 0:
            self._w_need_drain = False
            self._w_unstall_writers()
            self._s_emit0("drain")
        while count > 0:
            count -= 1
            self._w_pending -= 1
            if callback is not None:
                self._w_run_callback(callback, None)
        if self._s_destroyed:
            self._w_fail_buffered()
        if self._w_ending:
            self._w_finish_check(True)

    def _w_unstall_writers(self) -> None:
        stalls = self._w_stalls
        if stalls is not None:
            stalls.end()

    def _w_write_failed(self, callback: Any, error: Any) -> None:
        self._w_pending -= 1
        if callback is not None:
            self._w_run_callback(callback, error)
        self._w_fail_buffered()
        self._s_fail(error, False)

    def _s_hook_cancelled(self, kind: Any) -> None:
        if kind == k.HOOK_WRITE:
            self._w_cancelled()

    def _w_cancelled(self) -> None:
        """Report to the callbacks that destroy() has cancelled the write in flight and dropped the queued ones."""
        if not self._w_expecting:
            return
        callback = self._w_callback
        self._w_callback = None
        self._w_expecting = self._w_writing = False
        self._w_pending -= 1
        if callback is not None:
            self._w_run_callback(
                callback, self._s_errored if self._s_errored is not None else dropped("write")
            )
        self._w_fail_buffered()
        # What was in flight is not written, so the stream must not look as if it had written everything.
        self._w_length = self._w_writelen

    # ---- the queue

    def _w_cork(self) -> None:
        """W4: chunks wait until as many uncorks as there were corks, or for end()."""
        self._w_corked += 1

    def _w_uncork_once(self) -> None:
        """Undo one cork() (W4)."""
        if self._w_corked:
            self._w_corked -= 1
            if not self._w_writing:
                self._w_flush_buffered()

    def _w_flush_buffered(self) -> None:
        """Write the queued chunks (W5)."""
        buffer = self._w_buffer
        if (
            self._w_corked
            or self._w_flushing
            or self._s_destroyed
            or not self._s_constructed
            or buffer is None
            or buffer.size == 0
        ):
            return
        if not self._w_hooks_found:
            self._w_find_hooks()
        self._w_flushing = True
        # A write that fails at once ends the loop. An older error of a stream without auto_destroy does not.
        before = self._s_errored
        while buffer.size and not self._w_writing and self._s_errored is before:
            self._w_writing = True
            self._w_expecting = True
            self._w_sync = True
            if buffer.size > 2 and self._w_many_hook is not None:
                callbacks: list[Any] = []
                chunks = buffer.take_pairs(callbacks)
                self._w_pending -= len(chunks) - 1  # compiled: of a list
                self._w_writelen = self._w_length
                self._w_callback = callbacks if callbacks else None
                self._w_call_writev(chunks)
            else:
                chunk = buffer.popleft()
                self._w_callback = buffer.popleft()
                # For bytes, this is _w_measure without the call.
                plain = type(chunk) is bytes and not self._w_object
                size = calls.bytes_size(chunk) if plain else self._w_measure(chunk)
                if size >= 0:
                    self._w_writelen = size
                    self._w_call_write(chunk)
                # Release the chunk here. Later, its `__del__` would find half a pair in the queue.
                chunk = None
            self._w_sync = False
        self._w_flushing = False

    # ---- the end

    def _w_end(self, chunk: Any, encoding: Any, callback: Any) -> None:
        """Accept the last chunk and end the stream (W7)."""
        if not self._s_constructed:
            self._s_check_started()
        error = None
        if chunk is not None:
            chunk = self._w_checked(chunk, encoding)
            if self._w_ending or self._s_destroyed:
                error = self._w_refuse(None)
            else:
                self._w_write(chunk, encoding, None)
        if self._w_corked:
            self._w_corked = 1
            self._w_uncork_once()
        if error is not None:
            pass
        elif self._s_errored is None and not self._w_ending:
            if callback is not None and not self._s_destroyed:
                self._w_add_end_callback(callback)
                callback = None
            self._w_ending = True
            self._w_finish_check(True)
            self._w_ended = True
            if self._s_destroyed:
                error = dropped("end")
        elif self._w_finished:
            error = AlreadyFinishedError("end() on a stream that has finished")
        elif self._s_destroyed:
            error = dropped("end")
        if callback is None:
            return
        if error is not None:
            self._s_tick(k.TICK_CALLBACK, (callback, error))
        elif self._s_errored is not None:
            self._s_tick(k.TICK_CALLBACK, (callback, self._s_errored))
        elif self._w_finished:
            self._s_tick(k.TICK_CALLBACK, (callback, None))
        else:
            self._w_add_end_callback(callback)

    def _w_need_finish(self) -> bool:
        return (
            self._w_ending
            and not self._s_destroyed
            and self._s_constructed
            and self._w_length == 0
            and self._s_errored is None
            and not self._w_flushing
            and (self._w_buffer is None or self._w_buffer.size == 0)
            and not self._w_finished
            and not self._w_writing
            and not self._s_error_emitted
            and not self._s_close_emitted
        )

    def _w_finish_check(self, deferred: bool) -> None:
        """Call _final and finish if everything is written (W8)."""
        if not self._w_need_finish():
            return
        self._w_prefinish()
        if self._w_pending == 0:
            if deferred:
                self._w_pending += 1
                self._s_tick(k.TICK_FINISH_CHECK, None)
            elif self._w_need_finish():
                self._w_pending += 1
                self._w_finish()

    def _w_prefinish(self) -> None:
        """Call _final once (W9)."""
        if self._w_prefinished or self._w_final_called:
            return
        self._w_final_called = True
        self._w_sync = True
        self._w_pending += 1
        self._w_call_final()
        self._w_sync = False

    def _w_call_final(self) -> None:
        hook = self._w_final_hook()
        if hook is None:
            # There is no hook to wait for: the stream finishes after the pending callbacks.
            self._w_final_done = True
            self._w_prefinished = True
            self._w_pending -= 1
            self._s_emit0("prefinish")
            return
        result = calls.attempt0(hook)
        if result is None:
            self._w_on_final(None)
        elif type(result) is calls.Raised:
            self._w_on_final(self._s_hook_error("_final", hook, result.error))
        else:
            self._s_hook_returned(k.HOOK_FINAL, result)

    def _w_final_is_done(self) -> bool:
        """Return whether _final has completed or does not exist. A stream that is destroyed before is not done."""
        return bool(self._w_prefinished or (not self._w_final_called and self._w_final_hook() is None))

    def _w_final_hook(self) -> Any:
        return self._s_hook("final", "_final")

    def _w_on_final(self, error: Any) -> None:
        if self._w_final_done:
            # A 'finish' that is due on a tick must not be emitted any more.
            self._w_prefinished = False
            self._s_fail(
                error if error is not None else MultipleCompletionError("_final completed twice"), False
            )
            return
        self._w_final_done = True
        self._w_pending -= 1
        if error is None:
            if self._w_need_finish():
                self._w_prefinished = True
                self._s_emit0("prefinish")
                self._w_pending += 1
                self._s_tick(k.TICK_FINISH, None)
            return
        if self._w_sync:
            # end() has not returned: a tick passes the error to its callback before 'error' is emitted.
            if not self._s_auto_destroy and self._s_find("ended") is not None:
                self._s_tick(k.TICK_FAIL_BUFFERED, None)
        else:
            self._w_run_end_callbacks(error)
        self._s_fail(error, self._w_sync)

    def _w_finish(self) -> None:
        """Finish: call the callbacks of end() and emit 'finish' (W10)."""
        self._w_pending -= 1
        self._w_finished = True
        self._w_unstall_writers()
        self._w_run_end_callbacks(None)
        self._s_emit0("finish")
        if self._s_auto_destroy and (not self._s_readable or self._r_end_emitted or self._r_disabled):
            self._s_destroy_stream(None)

    def _s_run_tick(self, op: Any, arg: Any) -> None:
        if op == k.TICK_AFTER_WRITE:
            self._w_after_write(1, None)
        elif op == k.TICK_AFTER_CALLBACK:
            self._w_tick_info = None
            self._w_after_write(arg[1], arg[0])
        elif op == k.TICK_WRITE_FAILED:
            self._w_write_failed(arg[0], arg[1])
        elif op == k.TICK_FAIL_BUFFERED:
            self._w_fail_buffered()
        elif op == k.TICK_CALLBACK:
            self._w_tell(arg[0], arg[1])
        elif op == k.TICK_WRITE_LATE:
            self._w_write_late(arg)
        elif op == k.TICK_FINISH:
            if self._w_prefinished:
                self._w_finish()
        elif op == k.TICK_FINISH_CHECK:
            if self._w_need_finish():
                self._w_finish()
            else:
                self._w_pending -= 1
        else:
            WritableQueue._s_run_tick(self, op, arg)

    # ---- the stream as a whole

    def _s_after_construct(self) -> None:
        if self._s_readable and self._r_need_readable:
            if self._r_hwm or not self._r_listening:
                self._r_read_more()
            else:
                # The mark is 0, so there is no prefetch, but the 'readable' listener waits for a chunk.
                self._s_tick(k.TICK_READ_ZERO, None)
        if self._s_writable:
            if not self._w_writing:
                self._w_flush_buffered()
            self._w_finish_check(False)

    def _r_writable_done(self) -> Any:
        return not self._s_writable or self._w_finished or self._w_disabled

    def _r_end_writable(self) -> None:
        if not self._w_ending and not self._s_destroyed and not self._w_disabled:
            self._w_end(None, None, None)

    def _w_finish_unobserved(self) -> bool:
        """Finish and close without any event or tick. Return whether this was possible.

        It is not possible while the program can observe the end (by a listener, a callback of end() or the readable side),
        before end() was called, or while written chunks are in flight.
        """
        if (
            self._s_events is not None
            or self._s_destroyed
            or self._s_errored is not None
            or self._s_readable
            or not self._w_ended
            or self._w_final_called
            or self._w_writing
            or self._w_length
            or self._s_find("ended") is not None
        ):
            return False
        self._w_final_called = self._w_final_done = self._w_prefinished = self._w_finished = True
        self._s_destroyed = self._s_closed = self._s_close_emitted = True
        self._w_hook = None
        self._w_many_hook = None
        self._w_hook_self = False
        return True

    def _s_release(self) -> None:
        if self._s_writable and not self._w_final_is_done():
            # The hook goes, but end() after destroy() does not make the stream one that is done.
            self._w_final_called = True
        self._w_hook = None
        self._w_many_hook = None
        self._w_hook_self = False
        self._w_unstall_writers()
        WritableQueue._s_release(self)


give_defaults(WritableSide)
