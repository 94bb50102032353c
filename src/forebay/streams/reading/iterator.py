"""Async iteration over a Readable."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, Self

from forebay._core.abort import Left
from forebay._core.representation import represent
from forebay._core.scheduling.awaits import Ready
from forebay._core.state import constants as k
from forebay._core.state.lifecycle import aggregate
from forebay._core.waiting.finished import finished
from forebay._core.waiting.until_closed import UntilClosed

if TYPE_CHECKING:
    from forebay._core.state.stream import Stream


class ReadableIterator:
    """Iterate over the chunks: ``async for chunk in readable``.

    It is an object so that leaving the loop early destroys the stream at once: the last reference goes when the loop is
    left. If something else holds a reference, or the interpreter does not count references, use ``async with`` on
    the stream or on ``contextlib.aclosing(stream.iterator())``.
    """

    _stream: Any
    _reading: Reading

    def __init__(self, stream: Stream, destroy_on_return: bool, drain_on_error: bool) -> None:
        # The stream's listeners hold the reading, and only the caller holds the iterator.
        self._stream = stream
        self._reading = Reading(stream, destroy_on_return, drain_on_error)

    def __repr__(self) -> str:
        return represent(self, lambda: "ended" if self._reading.over else f"of {self._stream!r}")

    def __aiter__(self) -> Self:
        return self

    def __anext__(self) -> Awaitable[Any]:
        stream = self._stream
        if self._reading.started and not stream._s_destroyed:
            # A loop over buffered data never returns to the event loop, and ticks would accumulate.
            if stream._s_queue is not None:
                stream._s_queue.relieve()
                if stream._r_length > stream._r_hwm and stream._s_queue.late():
                    return self._reading.next_after_a_turn()
            chunk = stream._r_read(k.READ_ANY)
            if chunk is not None:
                return Ready(chunk)
        return self._reading.next()

    async def aclose(self) -> None:
        """Leave the iteration. A stream that has not ended is destroyed, unless ``destroy_on_return`` is False.

        It returns when a stream that it destroyed is closed.
        """
        stream = self._stream
        self._reading.finish(False)
        await UntilClosed(stream)

    def __del__(self) -> None:
        reading = self._reading
        if reading is not None and reading.started and not reading.over:
            self._stream._s_finalize(reading.finish, False)


class Reading:
    started: bool
    over: bool
    _stream: Any
    _destroy_on_return: bool
    _drain_on_error: bool
    _ended: bool
    _error: Any
    _waiters: Any
    _waking: bool
    _watch: Any

    def __init__(self, stream: Any, destroy_on_return: Any, drain_on_error: Any) -> None:
        self.started = False
        self.over = False
        self._stream = stream
        self._destroy_on_return = destroy_on_return
        self._drain_on_error = drain_on_error
        self._ended = False
        self._error = None
        self._waiters = None
        self._waking = False
        self._watch = None

    def _start(self) -> None:
        self.started = True
        self._stream.on("readable", self._wake_next)
        self._watch = finished(self._stream, writable=False)
        self._watch.add_done_callback(self._finished)

    def _wake_next(self) -> None:
        """Wake the step that waits longest. It wakes the next one when it has its chunk, so that the order is kept."""
        waiters = self._waiters
        while waiters and not self._waking:
            waiter = waiters.popleft()
            if not waiter.done():
                self._waking = True
                waiter.set_result(None)

    def _wake_all(self) -> None:
        waiters = self._waiters
        self._waiters = None
        if waiters is not None:
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_result(None)

    def _finished(self, watch: Any) -> None:
        error = watch.exception()
        if error is not None:
            self._error = aggregate(error, self._error)
        else:
            self._ended = True
        self._wake_all()

    async def next(self) -> Any:
        stream = self._stream
        if not self.started and not self.over:
            self._start()
        woken = False
        while True:
            if self.over:
                raise StopAsyncIteration
            chunk = None
            if not stream.destroyed:
                chunk = stream.read()
            elif self._drain_on_error:
                chunk = stream._s_read_rest()
            if chunk is not None:
                if self._waiters:
                    self._wake_next()
                return chunk
            if self._error is not None:
                error = self._error
                self.finish(True)
                raise error
            if self._ended:
                self.finish(True)
                raise StopAsyncIteration
            if stream._s_queue is not None and stream._s_queue.settle():
                continue
            waiter = asyncio.get_running_loop().create_future()
            if self._waiters is None:
                self._waiters = deque()
            # One that was woken for a chunk that another step took keeps its place.
            if woken:
                self._waiters.appendleft(waiter)
            else:
                self._waiters.append(waiter)
            woken = True
            try:
                await waiter
                self._waking = False
            except asyncio.CancelledError:
                self.finish(False)
                await UntilClosed(stream)
                raise
            except BaseException:
                # The step is dropped. If it was woken, the chunk is for the next one.
                if waiter.done():
                    self._waking = False
                    self._wake_next()
                raise

    async def next_after_a_turn(self) -> Any:
        """Give the loop its turn, then return the next chunk."""
        stream = self._stream
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            self.finish(False)
            await UntilClosed(stream)
            raise
        return await self.next()

    def finish(self, completed: Any) -> None:
        """End the iteration: destroy the stream, or leave it open."""
        if self.over:
            return
        self.over = True
        stream = self._stream
        failed = self._error is not None
        if not failed and not self._destroy_on_return:
            self._let_go()
        elif not completed or failed or (stream._s_auto_destroys() and not stream._s_half_done()):
            if not stream.destroyed:
                if not self.started:
                    # The watch handles the error, because destroying the stream here is not a failure.
                    self._start()
                stream.destroy(None if stream.readable_ended or failed else Left())
        else:
            self._let_go()
        # The stream still holds the listener.
        self._stream = self._watch = None
        # Steps that wait beside the one that was the last.
        self._wake_all()

    def _let_go(self) -> None:
        if self.started:
            self._stream.off("readable", self._wake_next)
            self._watch.cancel()
