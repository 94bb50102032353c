"""One thread that runs all the calls of one owner, for libraries that want each object used in a single thread."""

from __future__ import annotations

import threading
from asyncio import AbstractEventLoop, Future
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from typing import Any, TypeVar

from forebay._system.worker_pool import settle

__all__ = ["PinnedThread"]

T = TypeVar("T")

Job = Callable[[], Any]


class PinnedThread:
    """Run calls one after the other in one thread, and deliver each result on the loop's thread.

    The thread starts with the first call and ends with `end`. It is a daemon: a call that never returns does not keep the
    interpreter alive. ``abandoned`` is called in the thread if the loop is closed before a result could be delivered.
    """

    def __init__(self, loop: AbstractEventLoop, name: str, abandoned: Callable[[], None]) -> None:
        self.loop = loop
        self._name = name
        self._abandoned = abandoned
        self._jobs: SimpleQueue[tuple[Job, Future[Any]] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        #: Whether `end` was called.
        self.ended = False

    def run(self, job: Callable[[], T]) -> Future[T]:
        """Run ``job()`` in the thread. Cancelling the future does not stop the job.

        Raises:
            RuntimeError: The thread cannot be started, or has been ended.
        """
        if self.ended:
            raise RuntimeError("the thread has been ended")
        if self._thread is None:
            thread = threading.Thread(
                target=_serve, args=(self.loop, self._jobs, self._abandoned), daemon=True
            )
            thread.name = self._name
            thread.start()
            self._thread = thread
        future: Future[T] = self.loop.create_future()
        self._jobs.put((job, future))
        return future

    def wait_idle(self, seconds: float) -> None:
        """Wait until the calls that were given to the thread are done, at most some seconds."""
        if self._thread is not None and not self.ended:
            idle = threading.Event()
            self.run(idle.set)
            idle.wait(seconds)

    def end(self) -> None:
        """End the thread after the calls that were given to it. `join` waits for its end."""
        if self.ended:
            return
        self.ended = True
        if self._thread is not None:
            self._jobs.put(None)

    def join(self, seconds: float) -> bool:
        """Wait for the end of the thread, at most some seconds. Return whether it has ended."""
        if self._thread is None:
            return True
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def __del__(self) -> None:
        self.end()


def _serve(
    loop: AbstractEventLoop,
    jobs: SimpleQueue[tuple[Job, Future[Any]] | None],
    abandoned: Callable[[], None],
) -> None:
    while True:
        entry = jobs.get()
        if entry is None:
            return
        job, future = entry
        value, error = None, None
        try:
            value = job()
        except BaseException as caught:
            error = caught
        try:
            loop.call_soon_threadsafe(partial(settle, future, value, error))
        except RuntimeError:
            # The loop is closed, and no more calls will come.
            abandoned()
            return
        del entry, job, future, value, error
