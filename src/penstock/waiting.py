"""Awaiting events: ``once``, ``on``, and the wait for room."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Generator
from typing import Any

from penstock._flow.lifecycle import SILENT_CLOSE
from penstock._flow.ticks import running_loop
from penstock.abort import AbortSignal, abort_error, checked_signal
from penstock.errors import InvalidArgTypeError, PrematureCloseError


class _Wait:
    """One future, and the listeners that settle it; they are gone when the await ends, however it does."""

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


class Drained:
    """What drain() returns where there is no room: nothing is listened to before somebody awaits it."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __await__(self) -> Generator[Any, None, None]:
        stream = self._stream
        if stream.errored is not None:
            raise stream.errored
        if stream.destroyed and not stream.writable_finished:
            raise PrematureCloseError("the stream was closed before it drained")
        if not stream.writable_need_drain:
            return
        wait = _Wait(stream)

        def closed() -> None:
            error = stream.errored
            wait.reject(
                error if error is not None else PrematureCloseError("the stream was closed before it drained")
            )

        wait.listen("drain", lambda: wait.resolve(None))
        # After end() there is no 'drain' any more.
        wait.listen("finish", lambda: wait.resolve(None))
        wait.listen("error", wait.reject)
        wait.listen("close", closed)
        wait.listen(SILENT_CLOSE, closed)
        yield from wait.__await__()


async def once(emitter: Any, event: str, *, signal: AbortSignal | None = None) -> list[Any]:
    """Wait for the next ``event`` of ``emitter`` and return its arguments, as a list.

    Raises the error of an 'error' event that comes first, unless that is the event waited for, and AbortError
    when ``signal`` aborts.
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
    """``async for args in on(emitter, event)``: every event's arguments, as lists, none lost between the steps.

    It ends at the events named in ``close``; raises the error of an 'error' event, and AbortError when ``signal``
    aborts. Leaving the loop takes the listeners away.
    """

    def __init__(
        self, emitter: Any, event: str, *, close: tuple[str, ...] = (), signal: AbortSignal | None = None
    ) -> None:
        if not hasattr(emitter, "on"):
            raise InvalidArgTypeError(f"on() needs an EventEmitter, got {emitter!r}")
        # The emitter's listeners hold the events, and nobody but the loop holds the iterator.
        self._events = _Events(emitter, event, close, checked_signal(signal))

    def __aiter__(self) -> on:
        return self

    async def __anext__(self) -> list[Any]:
        return await self._events.next()

    async def aclose(self) -> None:
        """Take the listeners away."""
        self._events.close()

    def __del__(self) -> None:
        events = getattr(self, "_events", None)
        if events is not None:
            events.close()


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
        # A step that another task waits for.
        self._wake()
