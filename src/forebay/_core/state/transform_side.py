"""The connection of the two sides of a Transform. Rules T1 to T6."""

from __future__ import annotations

from collections.abc import Callable
from types import AsyncGeneratorType, GeneratorType
from typing import Any

from forebay._core.data.high_water_mark import mark
from forebay._core.fields import give_defaults
from forebay._core.scheduling import calls
from forebay._core.scheduling.exit import heed
from forebay._core.scheduling.hook_runner import pump_outputs
from forebay._core.state import constants as k
from forebay._core.state.writable_side import WritableSide
from forebay._core.usage_errors import wrong_options
from forebay.errors import NotImplementedHookError


class TransformSide(WritableSide):
    _t_active: bool
    _t_pass: bool
    _t_held: bool
    _t_many: bool
    _t_flushing: bool
    _t_outputs: Any
    _t_room: Any
    _t_before: int

    # Of a class: whether each chunk is passed on as it is, unless there is a hook.
    _t_passthrough = False

    def _t_init(
        self,
        *positional: Any,
        transform: Any = None,
        transform_many: Any = None,
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
        self._t_pass = (
            self._t_passthrough
            and transform is None
            and transform_many is None
            and calls.method_of(self, "_transform") is None
            and calls.method_of(self, "_transform_many") is None
        )
        if flush is not None:
            self._s_keep("flush", flush)
        self._r_start(
            None,
            mark("high_water_mark", readable_high_water_mark, readable_object_mode),
            readable_object_mode,
            encoding,
        )
        # The output of the first write goes straight to the present listeners (T2).
        self._r_sync = False
        self._w_start(
            transform,
            transform_many,
            None,
            mark("high_water_mark", writable_high_water_mark, writable_object_mode),
            writable_object_mode,
            default_encoding,
            not decode_strings,
        )
        self._s_half_open = allow_half_open
        self._s_start(construct, destroy, auto_destroy, emit_close, signal)

    def _w_find_hooks(self) -> None:
        if self._t_active:
            self._w_hook = self._w_method(self._w_hook, "_transform")
            if self._w_many_hook is None and not self._t_pass:
                self._w_many_hook = calls.method_of(self, "_transform_many")
            self._t_many = self._w_many_hook is not None
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
            self._t_call_without_transform(chunk)
            return
        result = calls.attempt_method(hook, self, chunk) if self._w_hook_self else calls.attempt(hook, chunk)
        if result is None or calls.is_plain(result):
            self._t_done(None, result)
        else:
            self._t_answered(result, "_transform", hook)

    def _t_call_without_transform(self, chunk: Any) -> None:
        if self._t_many:
            self._w_call_writev([chunk])
            return
        self._w_written(
            NotImplementedHookError(
                "this Transform has no _transform: give transform= or transform_many=, or override _transform in a "
                "subclass"
            )
        )

    def _w_call_writev(self, chunks: list[Any]) -> None:
        """Hand the chunks that have queued up to the hook for many."""
        if self._t_many:
            self._t_before = self._r_length
            hook = self._w_many_hook
            self._t_answered(calls.attempt(hook, chunks), "_transform_many", hook)
        else:
            WritableSide._w_call_writev(self, chunks)

    def _t_answered(self, result: Any, name: Any, hook: Any) -> None:
        """Take what a hook returned, or raised."""
        if type(result) is calls.Raised:
            raised = result
            self._w_written(self._s_hook_error(name, hook, raised.error))
        else:
            self._t_returned(result, k.HOOK_TRANSFORM)

    def _t_returned(self, result: Any, kind: int) -> None:
        if type(result) is GeneratorType:
            self._t_outputs = result
            self._t_flushing = kind == k.HOOK_FLUSH
            self._t_pull_outputs()
        elif type(result) is AsyncGeneratorType:
            self._s_hook_returned(kind, pump_outputs(result, self))
        else:
            self._s_hook_returned(kind, result)

    def _t_done(self, error: Any, value: Any) -> None:
        """Complete the writes of one call of the hook: now, on a tick, or when the readable side has room (T1)."""
        if error is not None:
            self._w_written(error)
            return
        # push() returns a bool, and in byte mode many hooks return its result.
        if value is not None and (self._r_object or (value is not True and value is not False)):
            self._r_push(value, None)
        if self._r_ended:
            self._s_tick(k.TICK_TRANSFORMED, None)
        elif (
            self._w_ended
            or self._t_before == self._r_length
            or self._r_length < self._r_hwm
            # A read is outstanding: a generator gave its last output to a reader that already waits for more.
            or self._r_reading
        ):
            self._w_written(None)
        else:
            self._t_held = True

    def _w_call_final(self) -> None:
        """Call _flush after the last chunk (T3)."""
        if not self._t_active:
            WritableSide._w_call_final(self)
            return
        hook = self._w_final_hook()
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

    def _w_final_hook(self) -> Any:
        return self._s_hook("flush", "_flush") if self._t_active else WritableSide._w_final_hook(self)

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

    def _s_hook_cancelled(self, kind: Any) -> None:
        if kind == k.HOOK_TRANSFORM:
            self._w_cancelled()
        else:
            WritableSide._s_hook_cancelled(self, kind)

    def _t_pull_outputs(self) -> None:
        """Push the outputs of a generator while there is room. `_t_release_held` continues later."""
        outputs = self._t_outputs
        while outputs is not None and self._t_outputs is outputs:
            try:
                value = next(outputs)
            except StopIteration:
                self._t_outputs = None
                if self._t_flushing:
                    self._t_flush_done(None, None)
                else:
                    self._t_done(None, None)
                return
            except BaseException as error:
                heed(error)
                self._t_outputs = None
                if self._t_flushing:
                    self._t_flush_done(error, None)
                else:
                    self._t_done(error, None)
                return
            if value is not None and not self._r_push(value, None) and self._r_length:
                return
            if self._s_is_late():
                self._s_tick(k.TICK_OUTPUTS, None)
                return

    def _t_push_output(self, value: Any) -> bool:
        """Push one of several outputs. Return whether there is room for the next."""
        return bool(value is None or self._r_push(value, None) or not self._r_length)

    def _t_wait_for_room(self, call: Callable[[], None]) -> None:
        """Have ``call()`` made when the readable side asks for more."""
        self._t_room = call

    def _r_call_read(self) -> None:
        if self._t_active:
            self._t_release_held()
        else:
            WritableSide._r_call_read(self)

    def _t_release_held(self) -> None:
        room = self._t_room
        if self._t_held:
            self._t_held = False
            self._w_written(None)
        elif self._t_outputs is not None:
            self._t_pull_outputs()
        if room is not None and self._t_room is room:
            self._t_room = None
            room()

    def _s_run_tick(self, op: Any, arg: Any) -> None:
        if op == k.TICK_TRANSFORMED:
            self._w_written(None)
        elif op == k.TICK_OUTPUTS:
            if self._r_length == 0 or self._r_length < self._r_hwm:
                self._t_pull_outputs()
        else:
            WritableSide._s_run_tick(self, op, arg)

    def _s_release(self) -> None:
        outputs = self._t_outputs
        held = self._t_held
        self._t_held = False
        self._t_outputs = self._t_room = None
        WritableSide._s_release(self)
        if outputs is not None:
            outputs.close()
        if held or outputs is not None:
            self._w_cancelled()


give_defaults(TransformSide)
