"""AbortController and AbortSignal: stop many operations with one object."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable, Iterable
from typing import Any, Protocol, TypeVar

from forebay._core.events import EventEmitter
from forebay._core.representation import represent
from forebay._core.seconds import check_seconds
from forebay.errors import AbortError, InvalidArgTypeError, NoRunningLoopError, StreamTimeoutError


class Abortable(Protocol):
    """The methods of a stream that a signal uses."""

    def destroy(self, error: BaseException | None = None) -> Any: ...

    def on(self, event: str, fn: Callable[..., object]) -> Any: ...

    def _s_is_over(self) -> bool: ...


S = TypeVar("S", bound=Abortable)


class AbortSignal:
    """Stop operations. An `AbortController` makes the signal and aborts it; `timeout` and `any` make others.

    ``aborted`` says whether the signal was aborted. ``reason`` is the exception that `AbortController.abort` got, or an
    AbortError; None before.
    """

    def __init__(self) -> None:
        self.aborted = False
        self.reason: BaseException | None = None
        # A dict removes a listener without a search.
        self._emitter = EventEmitter()
        # The signals of `any` that this one aborts, in the order in which they were made. One with a listener is
        # also in the second dict, which keeps it alive.
        self._dependents: weakref.WeakValueDictionary[int, AbortSignal] | None = None
        self._heard: dict[int, AbortSignal] = {}

    @staticmethod
    def timeout(seconds: float) -> AbortSignal:
        """Return a signal that aborts after a time, with a StreamTimeoutError as its reason, which is a TimeoutError.

        The signal does not keep the program running. When the program has dropped the signal and it has no listener, its timer
        is cancelled.

        Args:
            seconds: The time: 0 or more.

        Returns:
            The signal.

        Raises:
            InvalidArgTypeError: ``seconds`` is not a number.
            OutOfRangeError: ``seconds`` is negative or infinite.
            NoRunningLoopError: No event loop runs.
        """
        check_seconds("seconds", seconds, zero=True)
        return _TimeoutSignal(seconds)

    @staticmethod
    def any(signals: Iterable[AbortSignal]) -> AbortSignal:
        """Return a signal that aborts with the first of ``signals``, and has its reason.

        If one of them has aborted already, the signal is aborted from the start. ``signals`` do not keep the new signal alive
        unless it has a listener, so a long-lived signal may be part of any number of short-lived ones.

        Args:
            signals: An iterable of signals. Without any the signal never aborts.

        Returns:
            The signal.

        Raises:
            InvalidArgTypeError: ``signals`` is not an iterable of AbortSignals.
        """
        if isinstance(signals, AbortSignal) or not isinstance(signals, Iterable):
            raise InvalidArgTypeError(f"any() needs a list of AbortSignals, got {signals!r}")
        return _AnySignal([_required_signal(each) for each in signals])

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
        self._hold(True)

    def remove_listener(self, fn: Callable[[], object]) -> None:
        """Remove a listener. Without such a listener nothing happens.

        Args:
            fn: The function that `add_listener` got.
        """
        self._emitter.off("abort", fn)
        if not self._is_heard():
            self._hold(False)

    def _is_heard(self) -> bool:
        return bool(self._heard or self._emitter.listener_count("abort"))

    def _hold(self, hold: bool) -> None:
        """Nothing: the controller keeps this signal alive."""

    def _add_dependent(self, signal: AbortSignal) -> None:
        if self._dependents is None:
            self._dependents = weakref.WeakValueDictionary()
        self._dependents[id(signal)] = signal

    def _hold_dependent(self, signal: AbortSignal, hold: bool) -> None:
        if hold:
            self._heard[id(signal)] = signal
        else:
            self._heard.pop(id(signal), None)
        self._hold(self._is_heard())

    def _abort(self, reason: BaseException | None) -> None:
        if self.aborted:
            return
        reason = reason if reason is not None else AbortError()
        # All of them are aborted before the first listener is called.
        listeners = self._settle(reason)
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

    def _settle(self, reason: BaseException) -> list[Any]:
        """Abort this signal and those of `any` that it is part of. Return the listeners that have to be called."""
        self.aborted = True
        self.reason = reason
        listeners = list(self._emitter.listeners("abort"))
        self._emitter.remove_all_listeners()
        dependents = [] if self._dependents is None else list(self._dependents.values())
        self._dependents = None
        self._heard.clear()
        for signal in dependents:
            if not signal.aborted:
                listeners += signal._settle(reason)
        self._hold(False)
        return listeners


class _TimeoutSignal(AbortSignal):
    """The signal that `AbortSignal.timeout` returns."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            raise NoRunningLoopError("AbortSignal.timeout() needs a running event loop") from None
        # The timer of the loop holds the list, and the list holds the signal only while it has a listener.
        self._held: list[AbortSignal] = []
        self._loop = loop
        self._timer = loop.call_later(seconds, _time_is_over, weakref.ref(self), self._held)

    def _hold(self, hold: bool) -> None:
        self._held[:] = [self] if hold and not self.aborted else []
        if self.aborted:
            self._timer.cancel()

    def __del__(self) -> None:
        timer = getattr(self, "_timer", None)
        # The garbage collector may run in another thread, which must not touch the loop; the timer runs out by itself then.
        if timer is not None and asyncio._get_running_loop() is self._loop:
            timer.cancel()


def _time_is_over(signal: weakref.ref[_TimeoutSignal], held: list[AbortSignal]) -> None:
    found = signal()
    if found is not None:
        found._abort(StreamTimeoutError(f"The operation took longer than {found._seconds:g} s"))


class _AnySignal(AbortSignal):
    """The signal that `AbortSignal.any` returns."""

    def __init__(self, signals: list[AbortSignal]) -> None:
        super().__init__()
        self._sources: list[AbortSignal] = []
        for signal in signals:
            if signal.aborted:
                self.aborted = True
                self.reason = signal.reason
                return
        # A signal of `any` is replaced by what it is made of, so that no chain of signals grows.
        sources: dict[int, AbortSignal] = {}
        for signal in signals:
            for each in signal._sources if isinstance(signal, _AnySignal) else [signal]:
                sources[id(each)] = each
        self._sources = list(sources.values())
        for each in self._sources:
            each._add_dependent(self)

    def _hold(self, hold: bool) -> None:
        for source in self._sources:
            if not source.aborted:
                source._hold_dependent(self, hold)
        if self.aborted:
            self._sources = []


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


#: Emitted by a writable stream that needs no more input, with the `Left` that its sources are destroyed with. Such a stream has
#: ``_left_input``, and ends itself afterwards.
LEFT_EVENT = "forebay:left"


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


def _required_signal(signal: Any) -> AbortSignal:
    checked = checked_signal(signal)
    if checked is None:
        raise InvalidArgTypeError("any() needs AbortSignals, got None")
    return checked


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
        # Also a stream that has failed and stays up.
        stream.destroy(abort_error(signal))
    else:
        signal.add_listener(abort)
        stream.on("close", lambda: signal.remove_listener(abort))
    return stream
