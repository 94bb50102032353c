"""The readable side of a stream: its buffer, its two reading modes, its end. Rules R1 to R14."""

from __future__ import annotations

from types import MethodType
from typing import Any

from forebay._core.data.chunk import byte_chunk
from forebay._core.data.encodings import encoding_name, make_decoder
from forebay._core.events import _returned
from forebay._core.fields import give_defaults
from forebay._core.listeners import Handlers, Listener
from forebay._core.scheduling import calls, this_thread
from forebay._core.scheduling.hook_runner import is_coroutine_of
from forebay._core.state import constants as k
from forebay._core.state.readable_buffer import ReadableBuffer
from forebay._core.usage_errors import watch_read
from forebay.errors import (
    NotImplementedHookError,
    OutOfRangeError,
    PushAfterEofError,
    UnshiftAfterEndError,
)

# The emitter interns event names, so comparing them compares addresses.
_DATA = "data"
_READABLE = "readable"
_LARGEST_READ = 1 << 30

_last_mark = _last_size = 0


class ReadableSide(ReadableBuffer):
    _r_disabled: bool
    _r_reading: bool
    _r_late: bool
    _r_busy: bool
    _r_sync: bool
    _r_need_readable: bool
    _r_emitted_readable: bool
    _r_listening: bool
    _r_resume_scheduled: bool
    _r_reading_more: bool
    _r_ended: bool
    _r_end_emitted: bool
    _r_did_read: bool
    _r_hook_kind: int
    _r_multi_await: bool
    _r_flowing: int
    _r_paused: int
    _r_hwm: int
    _r_hook: Any
    _r_pipes: Any
    _r_pipe_count: int
    _r_await: Any
    _r_chunks: int
    _r_bytes: int
    _r_peak: int
    _r_data_handler: Any
    _r_data_listener: Any

    def _r_start(self, read: Any, hwm: int, object_mode: bool, encoding: Any) -> None:
        self._s_readable = True
        self._r_hook = read
        self._r_hwm = hwm
        self._r_object = object_mode
        self._r_sync = True
        self._r_flowing = -1
        self._r_paused = -1
        self._s_half_open = True
        if encoding is not None:
            self._r_decoder = make_decoder(encoding)
            self._s_keep("encoding", encoding_name(encoding))

    # ---- incoming data

    def _r_can_push(self) -> bool:
        return not self._r_ended and (self._r_length < self._r_hwm or self._r_length == 0)

    def _r_push(self, chunk: Any, encoding: Any) -> bool:
        """Receive a chunk, or None for the end (R1)."""
        if chunk is None:
            return self._r_push_eof()
        if self._r_object:
            size = 1
        elif type(chunk) is bytes and encoding is None:
            size = calls.bytes_size(chunk)
        else:
            chunk = self._r_checked(chunk, encoding)
            if chunk is None:
                return False
            size = len(chunk)
        if size == 0:
            self._r_reading = False
            self._r_read_more()
            return self._r_can_push()
        if self._r_ended:
            self._s_fail(PushAfterEofError("push() after push(None), which marks the end of the data"), False)
            return False
        if self._s_destroyed or self._s_errored is not None:
            return False
        self._r_reading = False
        if self._r_decoder is not None and not isinstance(chunk, str):
            chunk = self._r_decode(chunk)
            size = 1 if self._r_object else len(chunk)
            if not self._r_object and size == 0:
                # The chunk holds only a part of a character: fetch the rest.
                self._r_chunks += 1
                self._r_read_more()
                return self._r_can_push()
        self._r_add_chunk(chunk, size, False)
        return self._r_can_push()

    def _r_unshift(self, chunk: Any, encoding: Any) -> bool:
        """Put a chunk back at the front (R2)."""
        if chunk is None:
            return self._r_push_eof()
        if not self._r_object:
            chunk = self._r_checked(chunk, encoding)
            if chunk is None:
                return False
            if self._r_decoder is not None and not isinstance(chunk, str):
                # Text that is put back is complete; the state of the decoder belongs to later chunks.
                decoder = make_decoder(self._s_find("encoding"))
                chunk = decoder.decode(bytes(chunk), True)
        size = 1 if self._r_object else len(chunk)
        if size == 0:
            return self._r_can_push()
        if self._r_end_emitted:
            self._s_fail(UnshiftAfterEndError("unshift() after the 'end' event"), False)
        elif self._s_destroyed or self._s_errored is not None:
            return False
        else:
            self._r_add_chunk(chunk, size, True)
        return self._r_can_push()

    def _r_push_eof(self) -> bool:
        """Receive the end (R5)."""
        if not self._s_constructed:
            self._s_check_started()
        self._r_reading = False
        if self._r_ended or self._s_destroyed:
            return False
        if self._r_decoder is not None:
            tail = self._r_decoder.decode(b"", True)
            if tail:
                size = 1 if self._r_object else len(tail)
                buffer = self._r_make_room()
                self._r_length += size
                buffer.put(tail)
        self._r_ended = True
        if self._r_sync:
            self._r_announce()
        else:
            self._r_need_readable = False
            self._r_emitted_readable = True
            self._r_announce_now()
        return False

    def _r_add_chunk(self, chunk: Any, size: int, front: bool) -> None:
        """Emit a chunk or add it to the buffer (R3)."""
        if not front:
            self._r_chunks += 1
            self._r_bytes += size
        at_once = (
            not self._r_sync
            and self._r_flowing == 1
            and self._r_length == 0
            and self._r_data_handler is not None
        )
        # One stream's listener may push to the next one, and so on.
        late = at_once and calls.crowded()
        if at_once and not late:
            if self._r_await is not None:
                self._r_forget_drains()
            self._r_did_read = True
            self._r_emit_data(chunk)
        else:
            # Make room first, because this may run foreign code.
            buffer = self._r_buffer
            if front:
                buffer = self._r_make_room_in_front()
            elif buffer is None or not buffer.has_room(1):
                buffer = self._r_make_room()
            self._r_length += size
            if self._r_length > self._r_peak:
                self._r_peak = self._r_length
            if front:
                self._r_changes += 1
                buffer.put_left(chunk)
            else:
                buffer.put(chunk)
            if self._r_need_readable or late:
                self._r_announce()
        if not self._r_reading_more and self._s_constructed:
            self._r_reading_more = True
            self._s_tick(k.TICK_READ_MORE, None)

    def _r_emit_data(self, chunk: Any) -> None:
        listener = self._r_data_listener
        if listener is not None:
            listener._notify1(chunk)
            return
        handler = self._r_data_handler
        if handler is None:
            return
        if type(handler) is list or type(handler) is Handlers:
            self._s_emit1(_DATA, chunk)
        else:
            result = calls.attempt(handler, chunk)
            if result is not None:
                _returned(self, _DATA, result)

    # ---- outgoing data

    def _r_how_much(self, n: int) -> int:
        if self._r_length == 0 and self._r_ended:
            return 0
        if n == k.READ_ANY:
            if self._r_length == 0:
                return 0
            if self._r_object:
                return 1
            if self._r_decoder is None or self._r_flowing == 1:
                # This is _r_first_left without the call.
                buffer = self._r_buffer
                left = 0 if buffer is None else buffer.first_bytes() - self._r_offset
                return left if left > 0 else self._r_first_left()
            return self._r_length
        if n <= 0:
            return 0
        if self._r_object:
            return 1
        if n <= self._r_length:
            return n
        return self._r_length if self._r_ended else 0

    def _r_read(self, n: int) -> Any:
        """Do the work of read(n); READ_ANY stands for read() (R4)."""
        wanted = n
        if n > self._r_hwm:
            if n > _LARGEST_READ:
                raise OutOfRangeError(f"read(n) takes at most {_LARGEST_READ} bytes at once, got {n}")
            self._r_hwm = 1
            while self._r_hwm < n:
                self._r_hwm *= 2
        if n != 0:
            self._r_emitted_readable = False
        elif self._r_need_readable and (
            self._r_ended or (self._r_length >= self._r_hwm if self._r_hwm else self._r_length > 0)
        ):
            if self._r_length == 0 and self._r_ended:
                self._r_end_readable()
            else:
                self._r_announce()
            return None
        n = self._r_how_much(wanted)
        if n == 0 and self._r_ended:
            if self._r_length == 0:
                self._r_end_readable()
            return None
        if (
            not self._r_ended
            and not self._r_reading
            and not self._s_destroyed
            and self._s_constructed
            and self._s_errored is None
            and (self._r_need_readable or self._r_length == 0 or self._r_length - n < self._r_hwm)
        ):
            self._r_reading = True
            self._r_sync = True
            if self._r_length == 0:
                self._r_need_readable = True
            # One stream's _read may read the next one, and so on.
            self._r_late = calls.crowded()
            queue = self._s_queue
            if queue is not None:
                # TickQueue.late() without the call: a flow whose hooks do not wait would keep the loop.
                queue._left -= 1
                # The look may run the garbage collector and with it foreign code, such as destroy().
                if queue._left <= 0 and (queue._look() or self._s_destroyed):
                    self._r_late = True
            if self._r_busy:
                # The end of the call that runs makes this one, or calls of a hook that pushes in a loop pile up.
                self._r_late = True
            elif self._r_late:
                self._s_tick(k.TICK_READ_LATE, None)
            else:
                self._r_call_read()
            self._r_sync = False
            if not self._r_reading and (n == 0 or wanted != k.READ_ANY or self._r_decoder is not None):
                n = self._r_how_much(wanted)
        chunk = self._r_take(n) if n > 0 else None
        if chunk is None:
            if not self._s_constructed:
                self._s_check_started()
            if self._r_length <= self._r_hwm:
                self._r_need_readable = True
            n = 0
        elif self._r_await is not None:
            self._r_forget_drains()
        if self._r_length == 0:
            if not self._r_ended:
                self._r_need_readable = True
            elif wanted != n:
                self._r_end_readable()
        if chunk is not None and not self._s_error_emitted and not self._s_close_emitted:
            self._r_did_read = True
            # A local variable holds the listener, which may remove itself.
            listener = self._r_data_listener
            if listener is not None:
                listener._notify1(chunk)
            elif self._r_data_handler is not None:
                self._r_emit_data(chunk)
        return chunk

    def _r_call_read(self) -> None:
        if self._r_hook_kind == 0:
            self._r_find_hook()
        if self._r_hook_kind == k.READ_METHOD:
            result = calls.attempt_method(self._r_hook, self, _size(self._r_hwm))
        else:
            result = calls.attempt(self._r_hook, _size(self._r_hwm))
        # push() returns a bool, and many hooks return its result.
        if result is None or result is True or result is False:
            return
        if type(result) is calls.Raised:
            raised = result
            self._s_fail(self._s_hook_error("_read", self._r_hook, raised.error), False)
            return
        try:
            if type(result) is bytes:
                self._r_push(result if calls.bytes_size(result) else None, None)
            else:
                self._s_hook_returned(k.HOOK_READ, result)
        except Exception as error:
            self._s_fail(error, False)

    def _r_read_late(self) -> None:
        """Call the postponed hook, unless it is not needed any more."""
        late = self._r_late
        self._r_late = False
        wanted = late and self._r_reading and not self._r_busy
        if wanted and not self._s_destroyed and self._s_errored is None:
            self._r_sync = True
            self._r_call_read()
            self._r_sync = False

    def _r_find_hook(self) -> None:
        """Find the hook at the first read."""
        self._r_hook_kind = k.READ_FUNCTION
        calls.ready_for_calls(self)
        if self._s_checks and self._s_queue._debug:
            watch_read(self, self._r_hook or getattr(self, "_read", None), self._s_queue._loop)
        if self._r_hook is not None:
            return
        hook = getattr(self, "_read", None)
        if type(hook) is MethodType and hook.__self__ is self:
            # Keep the function instead of the bound method, so that the stream is not in a reference cycle.
            hook = hook.__func__
            self._r_hook_kind = k.READ_METHOD
        self._r_hook = _no_hook if hook is None else hook

    def _r_read_done(self, value: Any) -> None:
        """Handle the result of a _read hook."""
        if value is None or value is True or value is False:
            return
        has_data = self._r_object or isinstance(value, str) or byte_chunk(value) is None or len(value) > 0
        self._r_push(value if has_data else None, None)

    def _s_hook_waits(self, kind: int, awaitable: Any) -> None:
        if kind == k.HOOK_READ:
            self._r_busy = is_coroutine_of(self._r_hook, awaitable)

    def _s_complete(self, kind: Any, error: Any, value: Any) -> None:
        if kind != k.HOOK_READ:
            ReadableBuffer._s_complete(self, kind, error, value)
            return
        self._r_busy = False
        if error is not None:
            self._s_fail(error, False)
        else:
            self._r_read_done(value)
        self._r_read_late()

    # ---- 'readable', the flow, the end

    def _r_announce(self) -> None:
        """Announce 'readable' on a tick (R6)."""
        self._r_need_readable = False
        if not self._r_emitted_readable:
            self._r_emitted_readable = True
            self._s_tick(k.TICK_READABLE, None)

    def _r_announce_now(self) -> None:
        """Emit 'readable' and continue the flow (R7)."""
        if not self._s_destroyed and self._s_errored is None and (self._r_length or self._r_ended):
            self._s_emit0("readable")
            self._r_emitted_readable = False
        if self._r_flowing != 1 and not self._r_ended and self._r_length <= self._r_hwm:
            self._r_need_readable = True
        self._r_flow()

    def _r_flow(self) -> None:
        while self._r_flowing == 1 and self._r_read(k.READ_ANY) is not None:
            if self._r_length > self._r_hwm and self._s_is_late():
                self._s_tick(k.TICK_FLOW, None)
                return

    def _r_flow_and_read(self) -> None:
        self._r_flow()
        if self._r_flowing == 1 and not self._r_reading:
            self._r_read(0)

    def _r_read_more(self) -> None:
        """Prefetch on a tick (R9)."""
        if not self._r_reading_more and self._s_constructed:
            self._r_reading_more = True
            self._s_tick(k.TICK_READ_MORE, None)

    def _r_end_readable(self) -> None:
        """Emit 'end' on a tick (R8)."""
        if not self._r_end_emitted:
            self._r_ended = True
            self._s_tick(k.TICK_END, None)

    def _r_emit_end(self) -> None:
        if self._s_errored is not None or self._s_close_emitted or self._r_end_emitted or self._r_length:
            return
        if self._s_fail_at_end():
            return
        self._r_end_emitted = True
        self._s_emit0("end")
        if self._s_writable and not self._s_half_open and not self._r_writable_done():
            self._s_tick(k.TICK_END_WRITABLE, None)
        elif self._s_auto_destroy and self._r_writable_done():
            self._s_destroy_stream(None)

    def _s_run_tick(self, op: Any, arg: Any) -> None:
        if op == k.TICK_READ_MORE:
            while (
                not self._r_reading
                and not self._r_ended
                and (self._r_length < self._r_hwm or (self._r_flowing == 1 and self._r_length == 0))
            ):
                length = self._r_length
                chunks = self._r_chunks
                self._r_read(0)
                if length == self._r_length and chunks == self._r_chunks:
                    break
            self._r_reading_more = False
        elif op == k.TICK_RESUME:
            if not self._r_reading:
                self._r_read(0)
            self._r_resume_scheduled = False
            self._s_emit0("resume")
            self._r_flow_and_read()
        elif op == k.TICK_FLOW:
            self._r_flow_and_read()
        elif op == k.TICK_READABLE:
            self._r_announce_now()
        elif op == k.TICK_END:
            self._r_emit_end()
        elif op == k.TICK_READ_ZERO:
            self._r_read(0)
        elif op == k.TICK_LISTENING:
            self._r_update_listening()
        elif op == k.TICK_END_WRITABLE:
            self._r_end_writable()
        elif op == k.TICK_READ_LATE:
            self._r_read_late()
        else:
            ReadableBuffer._s_run_tick(self, op, arg)

    def _r_pause(self) -> None:
        """Stop the flow (R10)."""
        if self._r_flowing != 0:
            self._r_flowing = 0
            self._s_emit0("pause")
        self._r_paused = 1

    def _r_resume(self) -> None:
        """Start the flow on a tick (R11)."""
        if self._r_flowing != 1:
            self._r_flowing = 0 if self._r_listening else 1
            if not self._r_resume_scheduled:
                self._r_resume_scheduled = True
                self._s_tick(k.TICK_RESUME, None)
        self._r_paused = 0

    # ---- listeners

    def _s_added(self, event: Any) -> None:
        """Start or stop the flow for a new listener (R12)."""
        if not self._s_readable:
            self._s_check_started()
            return
        if event is _DATA:
            if self._s_count("readable"):
                self._r_listening = True
            if self._r_flowing != 0:
                self._r_resume()
        elif event is _READABLE and not self._r_end_emitted and not self._r_listening:
            self._r_listening = True
            self._r_need_readable = True
            self._r_flowing = 0
            self._r_emitted_readable = False
            if self._r_length:
                self._r_announce()
            elif not self._r_reading:
                self._s_tick(k.TICK_READ_ZERO, None)

    def _s_store(self, event: Any, handler: Any) -> None:
        if event is _DATA:
            self._r_data_listener = handler if isinstance(handler, Listener) else None
            self._r_data_handler = handler
        # Do this last: it releases the old listeners, which may run foreign code.
        ReadableBuffer._s_store(self, event, handler)

    def _s_removed(self, event: Any) -> None:
        """Update the mode after a listener was removed (R13)."""
        # None means that the listeners of all events were removed.
        if (event is _READABLE or event is None) and self._s_readable:
            self._s_tick(k.TICK_LISTENING, None)

    def _r_update_listening(self) -> None:
        self._r_listening = self._s_count("readable") > 0
        if self._r_resume_scheduled and self._r_paused == 0:
            self._r_flowing = 1
        elif self._r_data_handler is not None:
            self._r_resume()
        elif not self._r_listening:
            self._r_flowing = -1

    # ---- destinations that have to drain

    def _r_forget_drains(self) -> None:
        """A consumer that calls read() does not wait for destinations (P7)."""
        if self._r_multi_await:
            self._r_await.clear()
        else:
            self._r_await = None
        self._r_unstall()

    # ---- the other side of a Duplex

    def _r_writable_done(self) -> bool:
        return True

    def _r_end_writable(self) -> None:
        return None

    def _r_close_unobserved(self, error: Any) -> bool:
        """Drop the data and close with ``error``, without any event or tick. Return whether this was possible.

        It is not possible if the program can observe the end: by a listener, after a read, or by a writable side.
        """
        if self._s_events is not None or self._r_did_read or self._s_destroyed or self._s_writable:
            return False
        self._s_errored = error
        self._s_destroyed = self._s_closed = self._s_close_emitted = True
        self._r_changes += 1
        self._r_offset = 0
        self._r_length = 0
        self._r_hook = None
        self._r_hook_kind = 0
        # Do this last, because `__del__` of a chunk may run foreign code.
        self._r_buffer = None
        return True

    def _s_release(self) -> None:
        self._r_hook = None
        self._r_hook_kind = 0
        self._r_unstall()
        ReadableBuffer._s_release(self)


def _size(mark: int) -> Any:
    """Return a mark as an int object for the hook. Nearly all marks are equal, so one object is kept."""
    global _last_mark, _last_size
    if this_thread.FREE_THREADED:
        return mark
    if mark != _last_mark:
        _last_mark = _last_size = mark
    return _last_size


def _no_hook(size: Any) -> None:
    raise NotImplementedHookError("this Readable has no _read: give read=, or override _read in a subclass")


give_defaults(ReadableSide)
