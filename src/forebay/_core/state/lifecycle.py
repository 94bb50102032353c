"""The common part of all streams: construction, destruction, errors, and the completion of hooks. Rules L1 to L7."""

from __future__ import annotations

from asyncio import _get_running_loop
from typing import Any, NoReturn, Self

from forebay._core.abort import add_abort_signal
from forebay._core.fields import give_defaults
from forebay._core.scheduling import calls, this_thread
from forebay._core.scheduling.hook_runner import HookRunner, Unfinished, is_awaitable
from forebay._core.scheduling.ticks import current_queue
from forebay._core.state import constants as k
from forebay._core.state.completion import Completion, HookOwner
from forebay._core.unfinished import give_up
from forebay._core.usage_errors import check_loop, hook_error, not_started, unhandled
from forebay.errors import InvalidArgTypeError, MultipleCompletionError

# Emitted instead of 'close' if emit_close is off; other modules of forebay wait for it.
SILENT_CLOSE = "forebay:close"

# Events that never follow 'close'. Their listeners have no effect on a closed stream.
_LAST_EVENTS = ("drain", "end", "finish", "error", "close", SILENT_CLOSE)

# Values that a closed stream does not need: its hooks, their tasks, and the error that it was destroyed with.
_KEPT_WHILE_OPEN = ("construct", "destroy", "final", "flush", "runners", "error")

# Ticks that report something to the program. Without memory for the tick, the report is made at once.
_REPORTS = (
    k.TICK_CONSTRUCTED,
    k.TICK_CLOSE,
    k.TICK_ERROR,
    k.TICK_DESTROY,
    k.TICK_COMPLETE,
    k.TICK_AFTER_CALLBACK,
    k.TICK_WRITE_FAILED,
    k.TICK_FAIL_BUFFERED,
    k.TICK_CALLBACK,
)


def aggregate(inner: BaseException | None, outer: BaseException | None) -> BaseException | None:
    """Return both errors if there are two; a reader should see ``outer`` first."""
    if inner is None or outer is None or inner is outer:
        return inner if outer is None else outer
    if isinstance(inner, Exception) and isinstance(outer, Exception):
        return ExceptionGroup(str(outer), [outer, inner])
    return BaseExceptionGroup(str(outer), [outer, inner])


def chain(later: BaseException, earlier: BaseException) -> None:
    """Make ``earlier`` the context of ``later``, as Python does for an exception that is raised while one is handled."""
    each: BaseException | None = earlier
    # A program may have made a circle of contexts.
    left = 100
    while each is not None and each is not later and left:
        each = each.__context__
        left -= 1
    if each is not later and later.__context__ is None:
        later.__context__ = earlier


class Lifecycle(HookOwner):
    _s_readable: bool
    _s_writable: bool
    _s_destroyed: bool
    _s_closed: bool
    _s_close_emitted: bool
    _s_error_emitted: bool
    _s_constructed: bool
    _s_construct_called: bool
    _s_auto_destroy: bool
    _s_emit_close: bool
    _s_half_open: bool
    _s_checks: bool
    _s_runner_kind: int
    _s_runner: Any
    _s_errored: BaseException | None
    _s_queue: Any
    _s_kept: Any

    def _s_start(
        self, construct: Any, destroy: Any, auto_destroy: bool, emit_close: bool, signal: Any
    ) -> None:
        """Do the last step of a constructor: the common options, and the first tick of a stream with a construct hook."""
        calls.drop_empty_dict(self)
        self._s_auto_destroy = auto_destroy
        self._s_emit_close = emit_close
        self._s_constructed = True
        if destroy is not None:
            self._s_keep("destroy", destroy)
        if construct is None:
            construct = calls.method_of(self, "_construct")
        if construct is not None:
            self._s_keep("construct", construct)
            self._s_constructed = False
            self._s_tick(k.TICK_CONSTRUCT, None)
        if self._s_queue is None and _get_running_loop() is not None:
            queue = current_queue()
            if queue._debug:
                self._s_queue = queue
                self._s_checks = True
        if signal is not None:
            add_abort_signal(signal, self)  # type: ignore[type-var]  # _s_is_over is that of Stream

    def _s_keep(self, name: Any, value: Any) -> None:
        """Store a value that few streams have. A field would take memory in every stream."""
        self._s_make_kept()
        self._s_kept[name] = value

    def _s_keep_first(self, name: Any, value: Any) -> Any:
        """Return the value under ``name``. Store ``value`` first if there is none."""
        self._s_make_kept()
        return self._s_kept.setdefault(name, value)

    def _s_make_kept(self) -> None:
        if self._s_kept is None:
            kept: dict[str, Any] = {}
            # The allocation may have run the garbage collector and with it foreign code.
            if self._s_kept is None:
                self._s_kept = kept

    def _s_find(self, name: Any) -> Any:
        """Return the value under ``name``, or None."""
        return None if self._s_kept is None else self._s_kept.get(name)

    def _s_hook(self, option: Any, method: Any) -> Any:
        """Return the hook: the keyword argument, the method of a subclass, or None."""
        hook = self._s_find(option)
        return hook if hook is not None else calls.method_of(self, method)

    def _s_join_loop(self) -> None:
        """Join the running loop, if there is one, because the stream has data to deliver before the loop ends."""
        if self._s_queue is None and _get_running_loop() is not None:
            self._s_queue = current_queue()
            if this_thread.FREE_THREADED:
                self._s_checks = True

    def _s_tick(self, op: int, arg: Any) -> None:
        queue = self._s_queue
        if queue is None:
            self._s_check_started()
            queue = current_queue()
            self._s_queue = queue
            if this_thread.FREE_THREADED:
                self._s_checks = True
        queue.add(self, op, arg)

    def _s_is_late(self) -> bool:
        """Count one operation. Return whether the stream has to wait for the loop's turn."""
        if self._s_queue is None:
            self._s_join_loop()
        queue = self._s_queue
        return bool(queue is not None and queue.late())

    def _s_check_started(self) -> None:
        """Raise if the subclass did not call the constructor. Only rare paths check this."""
        if not self._s_readable and not self._s_writable:
            raise not_started(self)

    def _s_check_loop(self, what: Any) -> None:
        """Raise if this thread is not that of the stream; in debug mode, if this loop is not either."""
        queue = self._s_queue
        if (
            this_thread.FREE_THREADED
            and not queue._debug
            and (queue.is_here() or not queue._loop.is_running())
        ):
            return
        check_loop(self, what, queue._loop, queue._thread)

    def _s_check_thread(self, what: Any) -> None:
        if self._s_checks:
            self._s_check_loop(what)

    def _s_hook_error(self, name: Any, hook: Any, error: Any) -> Any:
        """Return the exception of a hook, or an explanation if the hook expects Node's callback."""
        if not isinstance(error, TypeError):
            return error
        return hook_error(self, name, hook, error)

    def _s_cannot_tick(self, op: Any, arg: Any, error: Any) -> None:
        """Go on without a tick, for lack of memory: report at once what the tick would have reported, or fail (L7)."""
        if op == k.TICK_CONSTRUCT:
            raise error
        if op in _REPORTS:
            try:
                self._s_run_tick(op, arg)
            except MemoryError as failure:
                if not self._s_tick_failed(op, failure):
                    raise
        else:
            self._s_destroy_stream(error)
            if op == k.TICK_WRITE_LATE:
                self._s_run_tick(op, arg)

    def _s_tick_failed(self, op: Any, error: Any) -> bool:
        """Fail, because an operation could not be carried out (L7)."""
        if not self._s_destroyed:
            self._s_destroy_stream(error)
        elif (op == k.TICK_DESTROY or op == k.TICK_CONSTRUCTED) and not self._s_closed:
            self._s_after_destroy(error)
        else:
            return False
        return True

    def _s_run_tick(self, op: Any, arg: Any) -> None:
        if op == k.TICK_CLOSE:
            try:
                if arg is not None and not self._s_error_emitted:
                    self._s_error_emitted = True
                    self._s_tell_error(arg)
            finally:
                self._s_close_emitted = True
                try:
                    self._s_emit0("close" if self._s_emit_close else SILENT_CLOSE)
                finally:
                    self._s_release()
        elif op == k.TICK_ERROR:
            if not self._s_error_emitted:
                self._s_error_emitted = True
                self._s_tell_error(arg)
        elif op == k.TICK_CONSTRUCT:
            hook = self._s_find("construct")
            result = calls.attempt0(hook)
            if result is None:
                self._s_complete(k.HOOK_CONSTRUCT, None, None)
            elif type(result) is calls.Raised:
                self._s_complete(k.HOOK_CONSTRUCT, self._s_hook_error("_construct", hook, result.error), None)
            else:
                self._s_hook_returned(k.HOOK_CONSTRUCT, result)
        elif op == k.TICK_CONSTRUCTED:
            if self._s_construct_called:
                self._s_fail(arg if arg is not None else _twice("_construct"), False)
                return
            self._s_construct_called = True
            self._s_constructed = True
            del self._s_kept["construct"]
            if self._s_destroyed:
                self._s_call_destroy(aggregate(arg, self._s_find("error")))
            elif arg is not None:
                self._s_fail(arg, True)
            else:
                self._s_after_construct()
        elif op == k.TICK_DESTROY:
            self._s_call_destroy(arg)
        elif op == k.TICK_COMPLETE:
            self._s_complete(arg[0], arg[1], arg[2])

    # ---- destruction

    def destroy(self, error: BaseException | None = None) -> Self:
        """End the stream at once: drop its buffers, release its resources, emit 'error' (with an error) and 'close'.

        Only the first call counts.

        Args:
            error: The exception that 'error' reports. None means no 'error' event.

        Returns:
            The stream.

        Raises:
            InvalidArgTypeError: ``error`` is not an exception or None.
        """
        if error is not None and not isinstance(error, BaseException):
            raise InvalidArgTypeError(f"destroy() needs an exception or None, got {error!r}")
        if self._s_checks:
            self._s_check_loop("destroy()")
        if not self._s_constructed:
            self._s_check_started()
        self._s_destroy_stream(error)
        return self

    def _s_destroy_stream(self, error: Any) -> None:
        if self._s_destroyed:
            return
        self._s_before_destroy()
        if self._s_errored is None:
            self._s_errored = error
        self._s_destroyed = True
        try:
            self._s_stop_runners(False)
            if not self._s_constructed:
                if error is not None:
                    self._s_keep("error", error)
            elif calls.crowded():
                # One stream's _destroy may destroy the next, and so on.
                self._s_tick(k.TICK_DESTROY, error)
            else:
                self._s_call_destroy(error)
        except MemoryError:
            # The hook has not run: there was no memory to find it.
            if self._s_constructed:
                self._s_tick(k.TICK_DESTROY, error)

    def _s_before_destroy(self) -> None:
        return None

    def _s_call_destroy(self, error: Any) -> None:
        hook = self._s_hook("destroy", "_destroy")
        if hook is None:
            self._s_after_destroy(error)
            return
        result = calls.attempt(hook, error)
        if type(result) is calls.Raised:
            self._s_after_destroy(self._s_hook_error("_destroy", hook, result.error))
        elif isinstance(result, Completion):
            self._s_hook_returned(k.HOOK_DESTROY, result)
        elif is_awaitable(result):
            self._s_keep("error", error)
            self._s_hook_returned(k.HOOK_DESTROY_AWAITED, result)
        else:
            self._s_after_destroy(error)

    def _s_after_destroy(self, error: Any) -> None:
        if self._s_closed:
            return
        if self._s_errored is None:
            self._s_errored = error
        elif error is not None and error is not self._s_errored:
            chain(error, self._s_errored)
        self._s_closed = True
        self._s_tick(k.TICK_CLOSE, error)

    def _s_release(self) -> None:
        # Hooks and listeners usually refer to the stream. Drop those that can never be called again, so that no object of
        # forebay holds a closed stream in a cycle.
        if self._s_events is not None:
            self._s_drop_listeners()
        self._s_stop_runners(True)
        self._s_runner = None
        self._s_runner_kind = 0
        if self._s_kept is not None:
            for name in _KEPT_WHILE_OPEN:
                self._s_kept.pop(name, None)

    def _s_drop_listeners(self) -> None:
        try:
            self._s_loosen_once()
            for event in _LAST_EVENTS:
                for fn in self.listeners(event) if self._s_count(event) else ():
                    if str(getattr(fn, "__module__", "")).startswith("forebay."):
                        self._s_remove(event, fn)
        except MemoryError:
            # The garbage collector finds the cycles later.
            return

    def _s_fail(self, error: Any, deferred: bool) -> None:
        """Report a failure inside a stream (L3)."""
        if self._s_destroyed:
            return
        if self._s_auto_destroy:
            self._s_destroy_stream(error)
            return
        if self._s_errored is None:
            self._s_errored = error
        if deferred:
            self._s_tick(k.TICK_ERROR, error)
        else:
            self._s_emit_error(error)

    def _s_fail_at_end(self) -> bool:
        """Fail with the error that takes the place of the end, if there is one. Return whether there is."""
        error = self._s_find("end_error")
        if error is not None:
            self._s_fail(error, False)
        return error is not None

    def _s_tell_error(self, error: Any) -> None:
        """Emit 'error'. Without a listener the error goes to the loop's exception handler."""
        if self._s_count("error"):
            self._s_emit1("error", error)
        else:
            unhandled(self, error, current_queue()._loop)

    def _s_emit_error(self, error: Any) -> None:
        if not self._s_error_emitted:
            self._s_error_emitted = True
            self._s_emit1("error", error)

    # ---- hooks that complete later

    def _s_after_construct(self) -> None:
        return None

    def _s_hook_returned(self, kind: int, result: Any) -> None:
        """Handle a hook's result other than None: a Completion, an awaitable, or a value."""
        if self._s_queue is None:
            self._s_join_loop()
        if isinstance(result, Completion):
            if self._s_checks and self._s_queue._debug:
                self._s_keep("answers", True)
            done = result
            done._attach(self, kind)
        elif is_awaitable(result):
            self._s_run_hook(kind, result)
        else:
            self._s_complete(kind, None, result)

    def _s_run_hook(self, kind: int, awaitable: Any) -> None:
        """Run an asynchronous hook, as far as it goes without waiting."""
        try:
            # Hold the runner: the hook may destroy the stream, and then the stream has no runner any more.
            runner = self._s_runner if self._s_runner_kind == kind else self._s_choose_runner(kind)
            outcome = runner.run(awaitable)
            if type(outcome) is Unfinished:
                done = Completion()
                done._attach(self, kind)
                runner.queue(outcome, done)
                self._s_hook_waits(kind, awaitable)
                return
        except Exception as error:
            # The hook itself has not raised: there is no memory to run it.
            self._s_complete(kind, error, None)
            return
        if type(outcome) is calls.Raised:
            raised = outcome
            self._s_complete(kind, raised.error, None)
        else:
            self._s_complete(kind, None, outcome)

    def _s_hook_waits(self, kind: int, awaitable: Any) -> None:
        """Note that a call of a hook has to wait."""

    def _s_choose_runner(self, kind: int) -> HookRunner:
        """Return the runner for a kind of hook, and remember it as the last one."""
        runners: dict[int, HookRunner] = self._s_find("runners")
        if runners is None:
            runners = self._s_keep_first("runners", {})
        runner = runners.get(kind)
        if runner is None:
            runner = runners.setdefault(kind, HookRunner())
        self._s_runner = runner
        self._s_runner_kind = kind
        return runner

    def _s_complete(self, kind: int, error: Any, value: Any) -> None:
        """Handle the end of a hook of the given kind."""
        if kind == k.HOOK_CONSTRUCT:
            self._s_tick(k.TICK_CONSTRUCTED, error)
        elif kind == k.HOOK_DESTROY:
            self._s_after_destroy(error)
        elif kind == k.HOOK_DESTROY_AWAITED:
            self._s_after_destroy(error if error is not None else self._s_find("error"))

    def _s_complete_later(self, kind: int, error: Any, value: Any) -> None:
        """Handle the end of a hook outside of the call of the hook."""
        try:
            if calls.crowded():
                # The completion of one stream may complete that of another, and so on.
                self._s_tick(k.TICK_COMPLETE, (kind, error, value))
            else:
                self._s_complete(kind, error, value)
        except MemoryError as failure:
            # The hook is not to blame, so the stream gets the error (L7).
            if not self._s_tick_failed(k.TICK_COMPLETE, failure):
                raise

    def _s_completed_again(self, kind: int, error: Any) -> None:
        if kind == k.HOOK_CONSTRUCT:
            self._s_tick(k.TICK_CONSTRUCTED, error)
        elif kind != k.HOOK_DESTROY and kind != k.HOOK_DESTROY_AWAITED:
            self._s_fail(error if error is not None else _twice("the hook"), False)

    def _s_hook_cancelled(self, kind: int) -> None:
        return None

    def _s_abandon_hook(self) -> None:
        if not self._s_destroyed:
            give_up(self, current_queue()._loop)
        self._s_destroy_stream(None)

    def _s_stop_runners(self, all_of_them: bool) -> None:
        runners = self._s_find("runners")
        if runners is not None:
            for kind, runner in runners.items():
                if all_of_them or kind > k.HOOK_DESTROY_AWAITED:
                    runner.stop()

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError(f"a stream cannot be copied or pickled, got {type(self).__name__}")

    # ---- used by other modules of forebay

    def _s_will_emit_close(self) -> bool:
        return bool(self._s_auto_destroy and self._s_emit_close and not self._s_closed)

    def _s_has_side(self, readable: bool) -> bool:
        self._s_check_started()
        return bool(self._s_readable if readable else self._s_writable)

    # ---- public state

    @property
    def destroyed(self) -> bool:
        """Whether the stream was destroyed, by destroy() or by itself."""
        return bool(self._s_destroyed)

    @property
    def closed(self) -> bool:
        """Whether all resources are released. The 'close' event follows on the next tick."""
        return bool(self._s_closed)

    @property
    def errored(self) -> BaseException | None:
        """The error that the stream failed with, or None."""
        return self._s_errored


def _twice(what: Any) -> Any:
    return MultipleCompletionError(
        f"{what} completed twice; a hook completes once, by returning or by its Completion"
    )


give_defaults(Lifecycle)
