"""Duplex.from_(): a Duplex of an object that can be read, written or called."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Mapping
from typing import Any

from forebay._core.abort import Left
from forebay._core.names import stream_name
from forebay._core.scheduling.hook_runner import is_awaitable
from forebay._core.scheduling.ticks import next_tick
from forebay._core.state.completion import Completion
from forebay._core.state.stream import Stream
from forebay._core.usage_errors import hint, is_class
from forebay._core.waiting.finished import finished
from forebay.errors import AbortError, InvalidArgTypeError, InvalidReturnValueError
from forebay.streams.blocking.file_objects import file_stream, is_file
from forebay.streams.duplex import Duplex
from forebay.streams.joining.composite import Composite
from forebay.streams.joining.relay import Relay, destroy_quietly, handled
from forebay.streams.readable import Readable
from forebay.streams.writable import Writable


def duplex_from(body: Any) -> Duplex[Any, Any]:
    if isinstance(body, Duplex):
        return body
    if isinstance(body, Readable):
        return _Pair(body, None)
    if isinstance(body, Writable):
        return _Pair(None, body)
    if isinstance(body, Mapping):
        return _pair(body.get("readable"), body.get("writable"))
    if isinstance(body, tuple) and len(body) == 2 and all(each is None or _is_side(each) for each in body):
        return _pair(*body)
    if isinstance(body, (str, bytes, bytearray, memoryview)):
        body = [body]
    if is_file(body):
        return duplex_from(file_stream(body))
    if isinstance(body, (Iterable, AsyncIterable)):
        return _FromItems(body)
    if is_awaitable(body):
        return _FromItems(_one(body))
    if callable(body) and not is_class(body, Stream):
        return _FromFunction(body)
    raise InvalidArgTypeError(
        f"Duplex.from_() needs a stream, a pair of streams, an iterable, an awaitable or a function, got {body!r}"
        f"{hint(body)}"
    )


def _is_side(value: Any) -> bool:
    return isinstance(value, (Readable, Writable))


def _pair(readable: Any, writable: Any) -> Duplex[Any, Any]:
    if readable is not None and not isinstance(readable, Readable):
        readable = duplex_from(readable)
    if writable is not None and not isinstance(writable, Writable):
        writable = duplex_from(writable)
    return _Pair(readable, writable)


async def _one(awaitable: Any) -> AsyncIterator[Any]:
    value = await awaitable
    if value is not None:
        yield value


class _Pair(Composite):
    """A readable and a writable as the two sides of one stream. A failure of one fails both."""

    def __init__(self, readable: Any, writable: Any) -> None:
        tail = readable if readable is not None and readable.readable else None
        head = writable if writable is not None and writable.writable else None
        super().__init__(head, tail)
        self._open = (head is not None) + (tail is not None)
        if head is not None:
            head.on("finish", self._on_finish)
            finished(head, readable=False).add_done_callback(self._side_done)
        if tail is not None:
            finished(tail, writable=False).add_done_callback(self._side_done)

    def _side_done(self, watch: Any) -> None:
        error = watch.exception()
        self._open -= 1
        if error is not None:
            destroy_quietly(self._source, error)
            destroy_quietly(self._head, error)
        if error is not None or self._close is not None or self._open == 0:
            self._inner_done(error)

    def _destroy_inner(self, error: BaseException | None) -> None:
        destroy_quietly(self._head, error)
        destroy_quietly(self._source, error)


class _FromItems(Relay):
    """One side of a Duplex: the items of an iterable."""

    def __init__(self, items: Any) -> None:
        self._relay(Readable.from_(items))
        self._source.on("error", self.destroy)
        super().__init__(writable=False, object_mode=True, high_water_mark=1)

    def _destroy(self, error: BaseException | None) -> None:
        destroy_quietly(self._source, error)


class _Written:
    """The chunks written to a function's stream, as the async iterable that the function reads."""

    def __init__(self) -> None:
        self._item: tuple[Any, Completion] | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._ended = False
        self.error: BaseException | None = None

    def give(self, chunk: Any) -> Completion:
        """Pass one chunk, or None for the end. Done when the function has taken it."""
        taken = Completion()
        self._item = (chunk, taken)
        self._wake()
        return taken

    def close(self) -> bool:
        """Note that the function stopped reading. Return whether only the end was left."""
        if not self._ended and self._item is not None and self._item[0] is None:
            (_, taken), self._item = self._item, None
            self._ended = True
            next_tick(taken.resolve)
        return self._ended

    def refuse(self, error: BaseException) -> None:
        """Fail the outstanding write: the function did not take the chunk."""
        item, self._item = self._item, None
        if item is not None:
            item[1].reject(error)

    def fail(self, error: BaseException) -> None:
        self.error = error
        self._item = None
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def __aiter__(self) -> _Written:
        return self

    async def __anext__(self) -> Any:
        if self._ended:
            raise StopAsyncIteration
        while self._item is None and self.error is None:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        if self.error is not None:
            raise self.error
        assert self._item is not None
        (chunk, taken), self._item = self._item, None
        if chunk is None:
            # The function and its output end first. Then the stream has finished.
            next_tick(next_tick, taken.resolve)
            self._ended = True
            raise StopAsyncIteration
        next_tick(taken.resolve)
        return chunk


class _FromFunction(Relay):
    """An async generator function as a transform, or an async function as a sink."""

    # The error of the destroy after the function stopped reading. A pipeline does not count it as a failure.
    _left: Left | None = None

    def __init__(self, fn: Callable[..., Any]) -> None:
        self._input = _Written()
        self._function_name = stream_name(fn)
        made = fn(self._input)
        self._task: asyncio.Task[Any] | None = None
        if isinstance(made, (Iterable, AsyncIterable)):
            self._relay(Readable.from_(made))
            self._source.on("error", self.destroy)
        elif is_awaitable(made):
            self._task = asyncio.ensure_future(made)
            self._task.add_done_callback(self._task_done)
        else:
            raise InvalidReturnValueError(
                f"Duplex.from_(): the function must return an iterable, an async iterable or an awaitable, got {made!r}"
            )
        super().__init__(
            readable=self._source is not None,
            object_mode=True,
            readable_high_water_mark=1,
            writable_high_water_mark=1 if self._source is not None else None,
        )
        if self._source is not None:
            self.once("end", self._function_done)

    def _function_done(self) -> None:
        """Note that the function has ended and reads no more written data."""
        if not self.destroyed and not self._input.close():
            self._left = Left()
            # Leaving is not an error to report; the waiting writer gets it.
            self.on("error", handled)
            self._input.refuse(self._left)
            self.destroy(self._left)

    def _write(self, chunk: Any) -> Completion:
        return self._input.give(chunk)

    def _final(self) -> Any:
        ended = self._input.give(None)
        return ended if self._task is None else self._last(self._task)

    async def _last(self, task: asyncio.Task[Any]) -> None:
        # The stream finishes with the function. An error of the function destroys the stream separately.
        await asyncio.wait([task])
        if not task.cancelled() and task.exception() is None and task.result() is not None:
            raise _not_none(task.result())

    def _task_done(self, task: asyncio.Task[Any]) -> None:
        if task.cancelled():
            self.destroy(None if self.destroyed else AbortError())
        elif (error := task.exception()) is not None:
            self.destroy(error)
        elif task.result() is not None:
            self.destroy(_not_none(task.result()))
        else:
            self._function_done()

    def _destroy(self, error: BaseException | None) -> None:
        self._input.fail(error if error is not None else AbortError())
        if self._task is not None and not self._task.done():
            self._task.cancel()
        destroy_quietly(self._source, error)


def _not_none(value: Any) -> InvalidReturnValueError:
    return InvalidReturnValueError(
        f"Duplex.from_(): an async function that is a sink must return None, got {value!r}"
    )
