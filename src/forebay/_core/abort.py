"""AbortController and AbortSignal: stop many operations with one object."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from forebay._core.events import EventEmitter
from forebay._core.representation import represent
from forebay.errors import AbortError, InvalidArgTypeError


class Abortable(Protocol):
    """The methods of a stream that a signal uses."""

    def destroy(self, error: BaseException | None = None) -> Any: ...

    def on(self, event: str, fn: Callable[..., object]) -> Any: ...

    def _s_is_over(self) -> bool: ...


S = TypeVar("S", bound=Abortable)


class AbortSignal:
    """Stop operations. An `AbortController` makes the signal and aborts it.

    ``aborted`` says whether the signal was aborted. ``reason`` is the exception that `AbortController.abort` got, or an
    AbortError; None before.
    """

    def __init__(self) -> None:
        self.aborted = False
        self.reason: BaseException | None = None
        # A dict removes a listener without a search.
        self._emitter = EventEmitter()

    def __repr__(self) -> str:
        return represent(
            self, lambda: f"aborted {type(self.reason).__name__}" if self.aborted else "not aborted"
        )

    def add_listener(self, fn: Callable[[], object]) -> None:
        """Call ``fn()`` when the signal aborts. If it has aborted already, ``fn`` is never called.

        Args:
            fn: A function without arguments.

        Raises:
            InvalidArgTypeError: ``fn`` cannot be called.
        """
        self._emitter.on("abort", fn)

    def remove_listener(self, fn: Callable[[], object]) -> None:
        """Remove a listener. Without such a listener nothing happens.

        Args:
            fn: The function that `add_listener` got.
        """
        self._emitter.off("abort", fn)

    def _abort(self, reason: BaseException | None) -> None:
        if self.aborted:
            return
        self.aborted = True
        self.reason = reason if reason is not None else AbortError()
        listeners = self._emitter.listeners("abort")
        self._emitter.remove_all_listeners()
        errors = []
        for fn in listeners:
            try:
                fn()
            except Exception as error:
                errors.append(error)
        if len(errors) == 1:
            raise errors[0]
        if errors:
            raise ExceptionGroup("several listeners of an abort raised", errors)


class AbortController:
    """Abort the operations that have ``controller.signal``."""

    def __init__(self) -> None:
        #: The signal that `abort` sets.
        self.signal = AbortSignal()

    def __repr__(self) -> str:
        return represent(self, lambda: repr(self.signal))

    def abort(self, reason: BaseException | None = None) -> None:
        """Abort the operations. Each of them ends with an AbortError whose cause is ``reason``. Later calls do nothing.

        Args:
            reason: An exception. None is an AbortError.

        Raises:
            ExceptionGroup: Several listeners raised. The exception of a single listener is raised unchanged. All listeners
                are called in any case.
        """
        self.signal._abort(reason)


class Left(AbortError):
    """The reader of a stream left before its end: by choice, or because it failed."""

    def __init__(self) -> None:
        super().__init__("The reader left before the end of the stream")


def abort_error(signal: AbortSignal) -> AbortError:
    """Return the error of an operation that ``signal`` stopped."""
    error = AbortError()
    if signal.reason is not None and not isinstance(signal.reason, AbortError):
        error.__cause__ = signal.reason
    return error


def checked_signal(signal: Any) -> AbortSignal | None:
    """Return ``signal``, an AbortSignal or None. Raise InvalidArgTypeError for another type."""
    if signal is not None and not isinstance(signal, AbortSignal):
        raise InvalidArgTypeError(
            f"signal must be an AbortSignal, such as AbortController().signal, got {signal!r}"
        )
    return signal


def add_abort_signal(signal: AbortSignal, stream: S) -> S:
    """Destroy ``stream`` with AbortError when ``signal`` aborts. If it has aborted already, destroy the stream now.

    Args:
        signal: The signal.
        stream: The stream.

    Returns:
        The stream.

    Raises:
        InvalidArgTypeError: ``signal`` is not an AbortSignal, or ``stream`` is not a stream.
    """
    if checked_signal(signal) is None:
        raise InvalidArgTypeError("add_abort_signal() needs a signal, got None")
    if not hasattr(stream, "destroy"):
        raise InvalidArgTypeError(f"stream must be a stream, got {stream!r}")

    def abort() -> None:
        if not stream._s_is_over():
            stream.destroy(abort_error(signal))

    if signal.aborted:
        abort()
    else:
        signal.add_listener(abort)
        stream.on("close", lambda: signal.remove_listener(abort))
    return stream
