"""The awaitable of ``drain()``: the wait until the buffer of a writable side has space again."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from itertools import islice
from typing import Any

from forebay._core.scheduling.ticks import current_queue, report, running_loop
from forebay._core.state.lifecycle import SILENT_CLOSE
from forebay.errors import PrematureCloseError

# The most waiting tasks that resume in one turn of the loop. The others resume in later turns.
_WAKE_AT_ONCE = 256


class _DrainWaiters:
    """All tasks that wait until one stream has drained. They share one listener for each event."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._loop = running_loop()
        self._waiters: dict[asyncio.Future[None], None] = {}
        self._error: BaseException | None = None
        self._listening = False

    def __call__(self) -> Generator[Any, None, None]:
        """Wait until the stream has drained."""
        future = self._loop.create_future()
        self._waiters[future] = None
        if not self._listening:
            self._listen()
        try:
            yield from future
        finally:
            self._waiters.pop(future, None)
            if not self._waiters:
                self._leave()

    def _events(self) -> tuple[tuple[str, Any], ...]:
        # No 'drain' follows end().
        return (
            ("drain", self._drained),
            ("finish", self._drained),
            ("error", self._wake),
            ("close", self._closed),
            (SILENT_CLOSE, self._closed),
        )

    def _listen(self) -> None:
        self._listening = True
        for event, fn in self._events():
            self._stream.on(event, fn)

    def _leave(self) -> None:
        """Remove the listeners. A later task waits for the next event."""
        if self._listening:
            self._listening = False
            if getattr(self._stream, _ATTRIBUTE, None) is self:
                delattr(self._stream, _ATTRIBUTE)
            for event, fn in self._events():
                self._stream.off(event, fn)

    def _drained(self) -> None:
        self._wake(None)

    def _closed(self) -> None:
        self._wake(_closed_early(self._stream))

    def _wake(self, error: BaseException | None) -> None:
        if self._listening:
            self._error = error
            try:
                self._leave()
            finally:
                self._wake_some()

    def _wake_some(self) -> None:
        waiters = list(islice(self._waiters, _WAKE_AT_ONCE))
        for future in waiters:
            self._waiters.pop(future, None)
            if future.done():
                continue
            try:
                if self._error is None:
                    future.set_result(None)
                else:
                    future.set_exception(self._error)
            except MemoryError as error:
                report(self._loop, "A task that awaits drain() could not be woken", error, self._stream)
        if self._waiters:
            self._loop.call_soon(self._wake_some)


# The attribute of a stream that holds its _DrainWaiters.
_ATTRIBUTE = "_forebay_drain_waiters"


def _closed_early(stream: Any) -> BaseException:
    error: BaseException | None = stream.errored
    return error if error is not None else PrematureCloseError("the stream was closed before it drained")


def _raised_by_drain(error: BaseException) -> None:
    """Take an 'error' event: drain() raises the error."""


class Drained:
    """The awaitable that drain() returns while the buffer is full. It adds its listeners when it is awaited."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __repr__(self) -> str:
        return f"<drain of {self._stream!r}>"

    def __await__(self) -> Generator[Any, None, None]:
        stream = self._stream
        if self._is_over():
            return
        # If the sink needs only the ticks to take everything, no turn of the loop is needed.
        stream.on("error", _raised_by_drain)
        try:
            settled = current_queue().settle()
        finally:
            stream.off("error", _raised_by_drain)
        if settled and self._is_over():
            return
        waiters = getattr(stream, _ATTRIBUTE, None)
        if waiters is None:
            made = _DrainWaiters(stream)
            # Code that the garbage collector ran meanwhile may have made one.
            waiters = getattr(stream, _ATTRIBUTE, None)
            if waiters is None:
                waiters = made
                setattr(stream, _ATTRIBUTE, waiters)
        yield from waiters()

    def _is_over(self) -> bool:
        """Return whether the buffer has space. Raise the error of a stream that has failed or was closed."""
        stream = self._stream
        if stream.errored is not None:
            raise stream.errored
        if stream.destroyed and not stream.writable_finished:
            raise _closed_early(stream)
        return not stream.writable_need_drain
