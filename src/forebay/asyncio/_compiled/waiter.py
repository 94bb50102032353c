"""Waiter: a future that resumes the task of a read in the callback that received the data."""

from __future__ import annotations

import sys
from asyncio import CancelledError, Future, tasks
from typing import Any

from forebay.asyncio._compiled import class_versions as versions
from forebay.asyncio._transports import never_nests

PENDING = 0
DONE = 1
CANCELLED = 2

# The task that a loop is running, or None. On 3.11 `current_task` is Python code around this.
_running_task: Any = (
    tasks._current_tasks.get  # type: ignore[attr-defined]  # private
    if sys.version_info < (3, 12)
    else tasks.current_task
)


class Waiter:
    """The future of one read: it can resume the task that awaits it at once, without a turn of the loop.

    A task takes any object for a future that has ``_asyncio_future_blocking`` and these methods. asyncio's own future
    tells the task by `call_soon`, so that what came waits for the next turn; a protocol's callback is as good a place to
    go on at, and `resume` does that.
    """

    _asyncio_future_blocking: bool
    _loop: Any
    _state: int
    _error: Any
    _callback: Any
    _context: Any
    _taken: bool

    def __init__(self, loop: Any) -> None:
        self._asyncio_future_blocking = False
        self._loop = loop
        self._state = PENDING
        self._error = None
        self._callback = None
        self._context = None
        self._taken = False

    # ---- for the coroutine

    def __await__(self) -> Any:
        return self

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        if self._state == PENDING:
            self._asyncio_future_blocking = True
            return self
        self._take()
        raise StopIteration

    # ---- for the task

    def get_loop(self) -> Any:
        """The loop of the task."""
        return self._loop

    def add_done_callback(self, fn: Any, *, context: Any = None) -> None:
        """Call ``fn(self)`` when done; the task's, of which there is one."""
        assert self._callback is None, "a waiter is for one task"
        self._callback = fn
        self._context = context
        if self._state != PENDING:
            self._tell()

    def remove_done_callback(self, fn: Any) -> Any:
        """Remove the callback. Return the number of removed callbacks."""
        found = int(self._callback is not None and self._callback == fn)
        if found:
            self._callback = None
        return found

    def done(self) -> Any:
        """Return whether the wait is over."""
        return self._state != PENDING

    def cancelled(self) -> Any:
        """Return whether the task was cancelled."""
        return self._state == CANCELLED

    def result(self) -> None:
        """Return None, or raise the error of the wait."""
        self._take()

    def exception(self) -> Any:
        """Return the error of the wait, or None."""
        if self._state == CANCELLED:
            raise self._error
        return self._error

    def cancel(self, msg: Any = None) -> Any:
        """End the wait, because the task is cancelled."""
        if self._state != PENDING:
            return False
        self._state = CANCELLED
        self._error = CancelledError() if msg is None else CancelledError(msg)
        self._tell()
        return True

    # ---- for the reader

    def set_result(self, result: Any) -> None:
        """End the wait. The task continues in the next turn."""
        self._state = DONE
        self._tell()

    def set_exception(self, error: Any) -> None:
        """Let the task raise ``error``."""
        self._state = DONE
        self._error = error() if isinstance(error, type) else error
        self._tell()

    def resume(self) -> None:
        """End the wait. The task continues at once if no other task is running."""
        if self._state != PENDING:
            return
        self._state = DONE
        if self._callback is None:
            return
        loop = self._loop
        if self._context is None or _running_task(loop) is not None or not _runs_flat(loop):
            self._tell()
            return
        try:
            self._context.run(self._callback, _RESULT)
        except (SystemExit, KeyboardInterrupt) as error:
            # The task has the exception as well. It ends the loop, and not the connection that woke the task.
            self._loop.call_soon(_raise, error)
        except RuntimeError:
            if self._taken:
                raise
            # The task's context is already entered here.
            self._tell()

    def _tell(self) -> None:
        if self._callback is not None:
            self._loop.call_soon(self._callback, self, context=self._context)

    def _take(self) -> None:
        """Continue the coroutine: raise the error of the wait, if any."""
        self._taken = True
        if self._error is not None:
            raise self._error

    def __repr__(self) -> Any:
        return f"<Waiter {('pending', 'done', 'cancelled')[self._state]}>"


class _NoLoop:
    """The loop of the future below. It never calls anything."""

    def get_debug(self) -> Any:
        return False


# A task asks its future for the result. From asyncio's own class it takes that without a call through Python.
_RESULT: Future[None] = Future(loop=_NoLoop())  # type: ignore[arg-type]  # of no loop
_RESULT.set_result(None)

# The version of the last examined loop class if its loops never nest; else 0.
_flat_version = 0


def _runs_flat(loop: Any) -> bool:
    """Return whether a task may continue inside a callback. It must not if it could run the loop again inside it."""
    global _flat_version
    version = versions.version_of(loop)
    if version != 0 and version == _flat_version:
        return True
    flat = never_nests(loop)
    _flat_version = versions.version_of(loop) if flat else 0
    return flat


def _raise(error: Any) -> None:
    raise error
