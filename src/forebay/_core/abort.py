"""AbortController, AbortSignal: one object that tells many operations to stop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from forebay._core.events import EventEmitter
from forebay.errors import AbortError, InvalidArgTypeError


class Abortable(Protocol):
    """What a signal needs of a stream."""

    def destroy(self, error: BaseException | None = None) -> Any: ...

    def on(self, event: str, fn: Callable[..., object]) -> Any: ...

    def _s_is_over(self) -> bool: ...


S = TypeVar("S", bound=Abortable)


class AbortSignal:
    """What operations look at: whether to stop, and a call when it is time to."""

    def __init__(self) -> None:
        self.aborted = False
        self.reason: BaseException | None = None
        # Which takes one of many away without looking at the others.
        self._emitter = EventEmitter()

    def add_listener(self, fn: Callable[[], object]) -> None:
        """Call ``fn()`` when the signal aborts; not at all if it has."""
        self._emitter.on("abort", fn)

    def remove_listener(self, fn: Callable[[], object]) -> None:
        """Take a listener away, if it is there."""
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
    """The other end of an `AbortSignal`: ``controller.abort()`` aborts what was given ``controller.signal``."""

    def __init__(self) -> None:
        self.signal = AbortSignal()

    def abort(self, reason: BaseException | None = None) -> None:
        """Abort, once: every operation with the signal ends with an AbortError, whose cause is ``reason``.

        What a listener raises is raised when all were called; of several, as an ExceptionGroup.
        """
        self.signal._abort(reason)


class Left(AbortError):
    """A stream was given up by its reader, who has left before the end: by choice, or by failing."""

    def __init__(self) -> None:
        super().__init__("The reader left before the end of the stream")


def abort_error(signal: AbortSignal) -> AbortError:
    """The error of an operation that ``signal`` stopped."""
    error = AbortError()
    if signal.reason is not None and not isinstance(signal.reason, AbortError):
        error.__cause__ = signal.reason
    return error


def checked_signal(signal: Any) -> AbortSignal | None:
    """``signal``, an AbortSignal or None. Raises InvalidArgTypeError."""
    if signal is not None and not isinstance(signal, AbortSignal):
        raise InvalidArgTypeError(
            f"signal must be an AbortSignal, such as AbortController().signal, got {signal!r}"
        )
    return signal


def add_abort_signal(signal: AbortSignal, stream: S) -> S:
    """Destroy ``stream`` with AbortError when ``signal`` aborts, at once if it has; return the stream."""
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
