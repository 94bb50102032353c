"""Awaitables of forebay: finished ones, and operations in progress."""

from __future__ import annotations

import asyncio
from types import GenericAlias
from typing import Any

from forebay._core.fields import give_defaults
from forebay._core.representation import represent
from forebay._core.scheduling import calls
from forebay._core.scheduling.ticks import current_queue, next_tick, report, running_loop

_NOTHING = ()


class Done:
    """An awaitable that returns None at once."""

    def __await__(self) -> Any:
        return iter(_NOTHING)

    def __repr__(self) -> str:
        return "<awaitable done>"


DONE = Done()


class _GiveWay:
    """An awaitable that returns None after one turn of the loop."""

    def __await__(self) -> Any:
        yield

    def __repr__(self) -> str:
        return "<awaitable done after a turn of the loop>"


GIVE_WAY = _GiveWay()


class failed:
    """An awaitable that raises at once."""

    def __init__(self, error: Any) -> None:
        self._error = error

    def __await__(self) -> Any:
        return self

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        raise self._error

    def __repr__(self) -> str:
        return f"<awaitable failed {type(self._error).__name__}>"


class Operation:
    """An operation in progress. It can be awaited any number of times, and calls its callbacks as soon as it is done.

    An error counts as retrieved after an await, `exception`, `result` or a callback. The loop's exception handler gets an
    error that was not retrieved, when the handle is garbage-collected.
    """

    _error: Any
    _loop: Any
    _value: Any
    _is_done: bool
    _handled: bool
    _callbacks: Any
    _futures: Any

    @classmethod
    def __class_getitem__(cls, item: Any) -> GenericAlias:
        return GenericAlias(cls, item)

    def __init__(self) -> None:
        self._error = None
        self._loop = running_loop()
        self._is_done = False
        self._value = None
        self._handled = False
        self._callbacks = None
        self._futures = None

    def _settle(self, error: Any, value: Any = None) -> None:
        if not self._is_done:
            self._is_done = True
            self._error = error
            self._value = value
        # A second call goes on where the first one stopped for lack of memory.
        self._wake_all()
        self._tell_all()

    def _wake_all(self) -> None:
        futures: Any = self._futures
        if futures is None:
            return
        woken = 0
        try:
            for future in futures:
                if not future.done():
                    self._wake(future)
                woken += 1
        except MemoryError:
            del futures[:woken]
            raise
        self._futures = None

    def _tell_all(self) -> None:
        callbacks: Any = self._callbacks
        if callbacks is None:
            return
        self._callbacks = None
        told = 0
        try:
            for callback in callbacks:
                self._tell(callback)
                told += 1
        except MemoryError:
            del callbacks[:told]
            self._callbacks = callbacks
            raise

    def _wake(self, future: Any) -> None:
        """Wake one waiting task. Without memory for that, go on with the other tasks and the callbacks."""
        try:
            future.set_result(None)
        except MemoryError as error:
            report(self._loop, f"A task that awaits {type(self).__name__} could not be woken", error, None)

    def _tell(self, callback: Any) -> None:
        """Call a callback. An exception of it goes to the loop's exception handler."""
        if calls.crowded():
            # One operation's callback may end another operation, and so on.
            next_tick(callback, self)
            return
        result = calls.attempt(callback, self)
        if type(result) is calls.Raised:
            if isinstance(result.error, MemoryError) and _is_internal(callback):
                # It has not done its work. There may be memory later.
                next_tick(callback, self)
                return
            report(self._loop, f"Exception in a callback of {type(self).__name__}", result.error, None)

    def __repr__(self) -> str:
        return represent(self, self._state_text)

    def _state_text(self) -> str:
        if not self._is_done:
            return "pending"
        return "done" if self._error is None else f"failed {type(self._error).__name__}"

    def done(self) -> Any:
        """Return whether the operation has ended."""
        return bool(self._is_done)

    def add_done_callback(self, fn: Any) -> None:
        """Call ``fn(operation)`` as soon as the operation ends; on a tick if it has ended already.

        Args:
            fn: A function of the handle.
        """
        # Allocate before any check: the garbage collector may run foreign code.
        callbacks: Any = [] if self._callbacks is None else None
        if self._is_done:
            next_tick(fn, self)
            return
        if self._callbacks is None:
            self._callbacks = callbacks
        self._callbacks.append(fn)

    def exception(self) -> Any:
        """Return the error, or None.

        Raises:
            asyncio.InvalidStateError: The operation has not ended.
        """
        self._check_done()
        self._handled = True
        return self._error

    def result(self) -> Any:
        """Return the value.

        Raises:
            asyncio.InvalidStateError: The operation has not ended.
            BaseException: The error of the operation, if it failed.
        """
        self._check_done()
        self._handled = True
        if self._error is not None:
            raise self._error
        return self._value

    def mark_handled(self) -> None:
        """Do not report the error when the operation is dropped: another report exists, or the error is expected."""
        self._handled = True

    def _check_done(self) -> None:
        if not self._is_done:
            raise asyncio.InvalidStateError(
                f"{type(self).__name__} is not done; await it, or add a done callback"
            )

    def _abandoned(self) -> None:
        """Handle the cancellation of the awaiting task."""

    def _has_waiters(self) -> bool:
        if self._callbacks is not None and self._callbacks:
            return True
        return self._futures is not None and not all(future.done() for future in self._futures)

    def __await__(self) -> Any:
        self._handled = True
        yield from self._until_done()
        return self.result()

    async def wait(self) -> None:
        """Wait for the end without raising the error of the operation."""
        await _Until(self)

    def _until_done(self) -> Any:
        if not self._is_done:
            # If the operation ends as soon as the ticks have run, no turn of the loop is needed.
            current_queue().settle()
        if not self._is_done:
            future = self._loop.create_future()
            futures: Any = []
            # Either allocation may have run the garbage collector and with it foreign code.
            if self._is_done:
                return
            if self._futures is None:
                self._futures = futures
            self._futures.append(future)
            try:
                yield from future
            except asyncio.CancelledError:
                if not self._is_done:
                    self._abandoned()
                raise

    def __del__(self) -> None:
        if self._error is not None and not self._handled and not self._loop.is_closed():
            self._loop.call_exception_handler(
                {
                    "message": f"{type(self).__name__} failed, and its error was never retrieved",
                    "exception": self._error,
                }
            )


def _is_internal(callback: Any) -> bool:
    return str(getattr(callback, "__module__", "")).startswith("forebay.")


class _Until:
    def __init__(self, operation: Any) -> None:
        self._operation = operation

    def __await__(self) -> Any:
        return self._operation._until_done()


give_defaults(Operation)
