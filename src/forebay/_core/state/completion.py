"""Completion: a hook reports to its stream that it is done."""

from __future__ import annotations

from typing import Any

from forebay._core.events import EventEmitter
from forebay._core.fields import give_defaults
from forebay._core.representation import represent
from forebay._core.scheduling import this_thread
from forebay.errors import InvalidArgTypeError, InvalidReturnValueError


class HookOwner(EventEmitter):
    """The interface of a stream for the completion of its hooks; `Lifecycle` implements it."""

    def _s_tick(self, op: int, arg: Any) -> None:
        """Run ``op`` on a tick."""
        raise NotImplementedError

    def _s_complete(self, kind: int, error: Any, value: Any) -> None:
        """Handle the end of a hook of the given kind."""
        raise NotImplementedError

    def _s_complete_later(self, kind: int, error: Any, value: Any) -> None:
        """Handle the end of a hook that had returned before it was done."""
        raise NotImplementedError

    def _s_completed_again(self, kind: int, error: Any) -> None:
        """Handle a second report of a hook."""
        raise NotImplementedError

    def _s_hook_cancelled(self, kind: int) -> None:
        """Handle a hook that will never be done, because the stream was destroyed meanwhile."""
        raise NotImplementedError

    def _s_abandon_hook(self) -> None:
        """Handle a hook that will never be done, because the loop is being shut down."""
        raise NotImplementedError


class Completion:
    """The object that a hook returns to report later that it is done, by `resolve` or `reject`.

    It takes the place of Node's callback. The stream continues inside the call of `resolve` or `reject`, without a turn of
    the loop. A Completion that is resolved before the hook returns equals a hook that returned the value. Settling it a
    second time is an error of the stream (`MultipleCompletionError`). Settle it on the loop's thread only.
    """

    _stream: Any
    _kind: int
    _settled: bool
    _again: bool
    _error: Any
    _value: Any

    def __init__(self) -> None:
        self._stream = None
        self._kind = 0
        self._settled = False
        self._again = False
        self._error = None
        self._value = None

    def resolve(self, value: Any = None) -> None:
        """Report that the hook is done.

        Args:
            value: The result of the hook.

        Raises:
            InvalidArgTypeError: ``value`` is another Completion.
        """
        if isinstance(value, Completion):
            raise InvalidArgTypeError("resolve() needs the result of the hook, got another Completion")
        self._settle(None, value)

    def reject(self, error: BaseException) -> None:
        """Report that the hook failed.

        Args:
            error: An exception.

        Raises:
            InvalidArgTypeError: ``error`` is not an exception.
        """
        if not isinstance(error, BaseException):
            raise InvalidArgTypeError(f"reject() needs an exception, got {error!r}")
        self._settle(error, None)

    def __repr__(self) -> str:
        if not self._settled:
            return represent(self, lambda: "pending")
        error = self._error
        return represent(self, lambda: "resolved" if error is None else f"rejected {type(error).__name__}")

    @property
    def settled(self) -> bool:
        """Whether `resolve` or `reject` was called."""
        return bool(self._settled)

    def _abandon(self) -> None:
        """Report that the loop is being shut down and the hook will never be done."""
        stream = self._stream
        if stream is not None:
            stream._s_abandon_hook()
            stream._s_hook_cancelled(self._kind)

    def _cancel(self) -> None:
        """Report that the stream was destroyed and has cancelled the hook."""
        stream = self._stream
        if stream is not None:
            stream._s_hook_cancelled(self._kind)

    def _settle(self, error: Any, value: Any) -> None:
        stream = self._stream
        if this_thread.FREE_THREADED and stream is not None:
            stream._s_check_thread("a Completion")
        if self._settled:
            if stream is None:
                self._again = True
            else:
                stream._s_completed_again(self._kind, error)
            return
        self._settled = True
        if stream is None:
            self._error = error
            self._value = value
        else:
            stream._s_complete_later(self._kind, error, value)

    def _attach(self, stream: HookOwner, kind: int) -> None:
        if self._stream is not None:
            error = InvalidReturnValueError(
                "a hook returned a Completion that another call had returned before; make a new one for each call"
            )
            stream._s_complete(kind, error, None)
            return
        self._stream = stream
        self._kind = kind
        if self._settled:
            stream._s_complete(kind, self._error, self._value)
            if self._again:
                stream._s_completed_again(kind, None)
        self._error = self._value = None


give_defaults(Completion)
