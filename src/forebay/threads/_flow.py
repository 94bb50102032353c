"""A flow whose one end is in other threads: it never leaves them waiting."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncGenerator, Callable
from typing import Any

from forebay._system.loop_watch import POLL_SECONDS, check_alive
from forebay.errors import AbortError, DeadlockError
from forebay.streams.joining.pipeline import Pipeline, pipeline

__all__ = ["ThreadFlow"]


class ThreadFlow:
    """A pipeline, one stage of which, the stream of this class, is used by other threads.

    The methods may be called in any thread, if they do not say otherwise.
    """

    # The stage that is used by other threads.
    _end: Any
    _flow: Pipeline[Any]

    def __init__(self, what: str) -> None:
        self.loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()
        self._what = what
        #: The error of the flow, or the reason why it was given up.
        self.error: BaseException | None = None
        #: Whether it was given up: what is on its way no longer counts.
        self.aborted = False
        #: Set when the flow is done.
        self.over = threading.Event()

    def _release(self) -> None:
        """Wake the threads that wait. `error` and `aborted` tell them why."""
        raise NotImplementedError

    # ---- on the loop's thread

    def start(self, *stages: Any) -> None:
        """Start the pipeline."""
        # A task that fails or is cancelled leaves its threads alone: threads must not wait for a stream that no task drives.
        self._owner = asyncio.current_task()
        if self._owner is not None:
            self._owner.add_done_callback(self._owner_done)
        # The loop closes its generators before it waits for the threads of its executor.
        self._guard = _until_closed(self._loop_ends)
        _step(self._guard.__anext__())
        try:
            self._flow = pipeline(*stages)
        except BaseException:
            self._settled()
            raise
        self._flow.add_done_callback(self._flow_done)

    def _owner_done(self, task: asyncio.Task[Any]) -> None:
        if task.cancelled():
            self.abandon(AbortError(f"the task that made the {self._what} was cancelled"))
        elif task.exception() is not None:
            error = AbortError(f"the task that made the {self._what} failed")
            error.__cause__ = task.exception()
            self.abandon(error)

    def _loop_ends(self) -> None:
        self.abandon(AbortError("the event loop ended before the stream"))

    def _flow_done(self, flow: Pipeline[Any]) -> None:
        error = flow.exception()
        if self.error is None:
            self.error = error
        self._settled()

    def _settled(self) -> None:
        if self._owner is not None:
            self._owner.remove_done_callback(self._owner_done)
            self._owner = None
        self.over.set()
        self._release()
        _step(self._guard.aclose())

    def _destroy(self, error: BaseException) -> None:
        if not self.over.is_set():
            self._end.destroy(error)

    # ---- in any thread

    def abandon(self, error: BaseException) -> None:
        """Give the flow up: wake the threads, which get the error, and destroy the stream."""
        if self.over.is_set() or self.aborted:
            return
        if self.error is None:
            self.error = error
        self.aborted = True
        self._release()
        if self.on_loop_thread() and asyncio._get_running_loop() is self.loop:
            self._destroy(error)
        else:
            self.wake(self._destroy, error)

    def wake(self, call: Callable[..., object], *args: Any) -> None:
        """Call a function on the loop's thread. A closed loop has released its streams."""
        with contextlib.suppress(RuntimeError):
            self.loop.call_soon_threadsafe(call, *args)

    def on_loop_thread(self) -> bool:
        """Return whether the caller is the loop's thread, which must not wait for itself."""
        return threading.get_ident() == self._loop_thread

    def check_thread(self, call: str) -> None:
        """Raise DeadlockError on the loop's thread."""
        if self.on_loop_thread():
            raise DeadlockError(
                f"{call} waits for the event loop, and was called on the loop's own thread; use the {self._what} in a "
                f"worker thread, as in: await asyncio.to_thread(function, {self._what})"
            )

    def raise_error(self) -> None:
        """Raise the error of the flow, if there is one."""
        if self.error is not None:
            raise self.error

    def wait_over(self) -> None:
        """Wait in a thread for the end of the flow, or raise its error."""
        while not self.over.wait(POLL_SECONDS):
            check_alive(self.loop)
        self.raise_error()

    def drop(self, error: BaseException) -> None:
        """Give the flow up in the garbage collector, and report the error, which no thread will get."""
        if not self.over.is_set() and not self.aborted:
            # Not at once: the garbage collector may run in the middle of anything.
            self.wake(self.abandon, error)
        elif self.error is None:
            return
        else:
            error = self.error
        context = {"message": f"A {self._what} was dropped without close()", "exception": error}
        self.wake(self.loop.call_exception_handler, context)


async def _until_closed(closed: Callable[[], None]) -> AsyncGenerator[None]:
    try:
        yield
    except BaseException:
        closed()
        raise


def _step(step: Any) -> None:
    """Run one step of a generator that never waits."""
    with contextlib.suppress(StopIteration, StopAsyncIteration):
        step.send(None)
