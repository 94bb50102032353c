"""Awaitables of penstock's own: an outcome that may be there at once, and one that is waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Iterator
from typing import Any, Generic, TypeVar

from penstock._flow.ticks import next_tick, running_loop

T = TypeVar("T")

_NOTHING: tuple[Any, ...] = ()


class Ready:
    """Awaited, it is done at once, with None."""

    __slots__ = ()

    def __await__(self) -> Iterator[Any]:
        return iter(_NOTHING)


READY = Ready()


class failed:
    """Awaited, it raises at once."""

    __slots__ = ("_error",)

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def __await__(self) -> Generator[Any, None, None]:
        raise self._error
        yield


class Handle(Generic[T]):
    """An operation under way: awaitable as often as one likes, with callbacks that run the moment it is done.

    An error that nobody asks for, by awaiting, `exception`, `result` or a callback, goes to the loop's exception
    handler when the handle is dropped.
    """

    def __init__(self) -> None:
        self._error: BaseException | None = None
        self._loop = running_loop()
        self._done = False
        self._value: T | None = None
        self._seen = False
        self._callbacks: list[Callable[[Any], object]] = []
        self._futures: list[asyncio.Future[None]] = []

    def _settle(self, error: BaseException | None, value: T | None = None) -> None:
        if self._done:
            return
        self._done = True
        self._error = error
        self._value = value
        futures, self._futures = self._futures, []
        for future in futures:
            if not future.done():
                future.set_result(None)
        callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback(self)

    def done(self) -> bool:
        """Whether the operation has ended."""
        return self._done

    def add_done_callback(self, fn: Callable[[Any], object]) -> None:
        """Call ``fn(handle)`` at the very moment the operation ends; on a tick if it has."""
        if self._done:
            next_tick(fn, self)
        else:
            self._callbacks.append(fn)

    def exception(self) -> BaseException | None:
        """The error, or None. Raises asyncio.InvalidStateError while the operation goes on."""
        self._check_done()
        self._seen = True
        return self._error

    def result(self) -> T | None:
        """The value. Raises the error, and asyncio.InvalidStateError while the operation goes on."""
        self._check_done()
        self._seen = True
        if self._error is not None:
            raise self._error
        return self._value

    def _check_done(self) -> None:
        if not self._done:
            raise asyncio.InvalidStateError(
                f"{type(self).__name__} is not done; await it, or add a done callback"
            )

    def _abandoned(self) -> None:
        """The task that awaited was cancelled."""

    def __await__(self) -> Generator[Any, None, T | None]:
        self._seen = True
        yield from self._until_done()
        return self.result()

    async def wait(self) -> None:
        """Wait for the end, whatever it is: an error is not raised."""
        await _Until(self)

    def _until_done(self) -> Generator[Any, None, None]:
        if not self._done:
            future = self._loop.create_future()
            self._futures.append(future)
            try:
                yield from future
            except asyncio.CancelledError:
                if not self._done:
                    self._abandoned()
                raise

    def __del__(self) -> None:
        if self._error is not None and not self._seen and not self._loop.is_closed():
            self._loop.call_exception_handler(
                {
                    "message": f"{type(self).__name__} failed and nobody asked for its error",
                    "exception": self._error,
                }
            )


class _Until:
    def __init__(self, handle: Handle[Any]) -> None:
        self._handle = handle

    def __await__(self) -> Generator[Any, None, None]:
        return self._handle._until_done()
