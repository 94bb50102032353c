"""Awaiting events: ``once`` and ``on``."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from forebay._core.abort import AbortSignal, abort_error, checked_signal
from forebay._core.representation import represent
from forebay._core.scheduling import this_thread
from forebay._core.scheduling.ticks import running_loop
from forebay.errors import InvalidArgTypeError

if TYPE_CHECKING:
    from forebay._core.events import EventEmitter


class _Wait:
    """One future and the listeners that settle it. The listeners are removed when the await ends."""

    def __init__(self, emitter: Any) -> None:
        self._emitter = emitter
        self._future: asyncio.Future[Any] = running_loop().create_future()
        self._listeners: list[tuple[str, Any]] = []

    def listen(self, event: str, fn: Any) -> None:
        self._listeners.append((event, fn))
        self._emitter.on(event, fn)

    def resolve(self, value: Any) -> None:
        if not self._future.done():
            self._future.set_result(value)

    def reject(self, error: BaseException) -> None:
        if not self._future.done():
            self._future.set_exception(error)

    def __await__(self) -> Generator[Any, None, Any]:
        try:
            return (yield from self._future)
        finally:
            listeners, self._listeners = self._listeners, []
            for event, fn in listeners:
                self._emitter.off(event, fn)


async def once(emitter: EventEmitter, event: str, *, signal: AbortSignal | None = None) -> list[Any]:
    """Wait for the next ``event`` of ``emitter``.

    Args:
        emitter: A stream or another EventEmitter.
        event: The name of the event.
        signal: An AbortSignal that ends the wait.

    Returns:
        The arguments of the event, as a list.

    Raises:
        InvalidArgTypeError: ``emitter`` is not an EventEmitter, or ``signal`` is not an AbortSignal.
        AbortError: The signal was aborted.
        Exception: The error of an 'error' event that comes first, unless ``event`` is "error".
    """
    if not hasattr(emitter, "on"):
        raise InvalidArgTypeError(f"once() needs an EventEmitter, got {emitter!r}")
    checked_signal(signal)
    if signal is not None and signal.aborted:
        raise abort_error(signal)
    wait = _Wait(emitter)
    wait.listen(event, lambda *args: wait.resolve(list(args)))
    if event != "error":
        wait.listen("error", wait.reject)
    if signal is None:
        return list(await wait)

    def aborted() -> None:
        wait.reject(abort_error(signal))

    signal.add_listener(aborted)
    try:
        return list(await wait)
    finally:
        signal.remove_listener(aborted)


class on:
    """Iterate over the arguments of every event, as lists: ``async for args in on(emitter, event)``.

    No event is lost between two steps. An 'error' event raises its error, and an aborted signal raises AbortError. Leaving
    the loop removes the listeners.

    Args:
        emitter: A stream or another EventEmitter.
        event: The name of the event.
        close: The names of events that end the iteration.
        signal: An AbortSignal that ends the iteration.

    Raises:
        InvalidArgTypeError: ``emitter`` is not an EventEmitter, or ``signal`` is not an AbortSignal.
    """

    def __init__(
        self,
        emitter: EventEmitter,
        event: str,
        *,
        close: tuple[str, ...] = (),
        signal: AbortSignal | None = None,
    ) -> None:
        if not hasattr(emitter, "on"):
            raise InvalidArgTypeError(f"on() needs an EventEmitter, got {emitter!r}")
        # The emitter's listeners hold the queue of events, and only the caller holds the iterator.
        self._events = _Events(emitter, event, close, checked_signal(signal))

    def __repr__(self) -> str:
        return represent(self, lambda: f"of {self._events._emitter!r}")

    def __aiter__(self) -> on:
        return self

    async def __anext__(self) -> list[Any]:
        return await self._events.next()

    async def aclose(self) -> None:
        """Remove the listeners."""
        self._events.close()

    def __del__(self) -> None:
        events = getattr(self, "_events", None)
        if events is None:
            return
        finalize = getattr(events._emitter, "_s_finalize", None) if this_thread.FREE_THREADED else None
        if finalize is None:
            events.close()
        else:
            finalize(events.close)


class _Events:
    def __init__(self, emitter: Any, event: str, close: tuple[str, ...], signal: AbortSignal | None) -> None:
        self._emitter = emitter
        self._queue: deque[list[Any]] = deque()
        self._error: BaseException | None = None
        self._ended = False
        self._waiters: list[asyncio.Future[None]] = []
        self._signal = signal
        self._listeners: list[tuple[str, Any]] = []
        self._listen(event, lambda *args: self._take(list(args)))
        if event != "error":
            self._listen("error", self._fail)
        for name in close:
            self._listen(name, lambda *_: self._end())
        if signal is not None:
            if signal.aborted:
                self._abort()
            signal.add_listener(self._abort)

    def _listen(self, event: str, fn: Any) -> None:
        self._listeners.append((event, fn))
        self._emitter.on(event, fn)

    def _take(self, args: list[Any]) -> None:
        self._queue.append(args)
        self._wake()

    def _fail(self, error: BaseException) -> None:
        self._error = error
        self._wake()

    def _abort(self) -> None:
        assert self._signal is not None
        self._fail(abort_error(self._signal))

    def _end(self) -> None:
        self._ended = True
        self._wake()

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def next(self) -> list[Any]:
        while True:
            if self._queue:
                return self._queue.popleft()
            if self._error is not None:
                error, self._error = self._error, None
                self.close()
                raise error
            if self._ended:
                self.close()
                raise StopAsyncIteration
            waiter = running_loop().create_future()
            self._waiters.append(waiter)
            await waiter

    def close(self) -> None:
        self._ended = True
        listeners, self._listeners = self._listeners, []
        for event, fn in listeners:
            self._emitter.off(event, fn)
        if self._signal is not None:
            self._signal.remove_listener(self._abort)
        # Another task waits for this step.
        self._wake()
