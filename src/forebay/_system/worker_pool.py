"""Worker threads for calls that may wait for a disk, and the way of results to the loop's thread.

A stream gives its calls to a `SerialExecutor`. It runs them one after the other in any free worker thread and delivers the
results on the loop's thread. Workers start when there is work, live while any stream is open, and end before the last
stream emits 'close'. A worker that is idle for a while ends earlier. At its end the interpreter waits a moment for the
running calls, and never for one that does not return.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import threading
import time
from asyncio import AbstractEventLoop, Future
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from time import monotonic
from typing import Any

__all__ = ["THREAD_NAME", "SerialExecutor", "at_work", "open_streams", "settle", "waiting"]

Job = Callable[[], Any]
Done = Callable[[Any, BaseException | None], None]

#: Threads that work at the same time. Those that wait for a pipe or a terminal do not count.
MOST_WORKERS = 32
#: Seconds without work after which a thread ends.
IDLE_SECONDS = 0.5
#: Seconds that the end of the interpreter waits for running calls: a disk answers within this time, a lost server never does.
#: Threads that wait for a pipe or a terminal are not waited for.
EXIT_SECONDS = 3.0
#: The name of every worker thread.
THREAD_NAME = "forebay-file"
# A close waits until the last threads have ended. They have nothing else to do, and a wait of some microseconds on the
# loop's thread lets them run. If it takes longer, the loop continues and checks again.
_JOIN_SECONDS = 0.001
_MOST_LOOKS = 1000


class _Seat:
    """The place where an idle worker waits for its next executor; None ends the worker."""

    __slots__ = ("executor", "wake")

    def __init__(self) -> None:
        self.executor: SerialExecutor | None = None
        self.wake = threading.Lock()
        self.wake.acquire()


class _Workers:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._threads: set[threading.Thread] = set()
        self._idle: list[_Seat] = []
        self._backlog: deque[SerialExecutor] = deque()
        self._waiting = 0
        self._open = 0
        # Whether idle threads stay although no stream is open: more of the same work is likely.
        self._lingers = False
        #: The process that started the threads.
        self.process = os.getpid()
        # Streams that were dropped without being closed. The garbage collector may find one while the lock is held, so they are
        # only noted here. The next thread that holds the lock counts them.
        self.strays: deque[None] = deque()

    def run(self, executor: SerialExecutor) -> None:
        """Run the jobs of ``executor``. Raises RuntimeError if no thread can be started."""
        with self._lock:
            if self._idle:
                # Use the thread that worked last: its stack is in the cache, and the others reach their idle time.
                seat = self._idle.pop()
                seat.executor = executor
                seat.wake.release()
            elif len(self._threads) - self._waiting >= MOST_WORKERS:
                self._backlog.append(executor)
            else:
                self._start(executor)

    def _start(self, executor: SerialExecutor) -> None:
        seat = _Seat()
        seat.executor = executor
        # A daemon thread: a call that never returns (a lost server, a device) must not keep the interpreter alive.
        thread = threading.Thread(target=self._serve, args=(seat,), name=THREAD_NAME, daemon=True)
        self._threads.add(thread)
        try:
            thread.start()
        except BaseException:
            self._threads.discard(thread)
            raise

    def _serve(self, seat: _Seat) -> None:
        # A thread keeps its arguments while it lives, and must not keep an executor.
        executor, seat.executor = seat.executor, None
        try:
            while executor is not None:
                executor.work()
                executor = None
                executor = self._next()
        finally:
            with self._lock:
                self._threads.discard(threading.current_thread())

    def _next(self) -> SerialExecutor | None:
        """Return the next executor for the calling thread, which ends if there is none."""
        seat = _Seat()
        with self._lock:
            if self._backlog:
                return self._backlog.popleft()
            if not (self._still_open() or self._lingers) or not threading.main_thread().is_alive():
                return None
            self._idle.append(seat)
        if not seat.wake.acquire(timeout=IDLE_SECONDS):
            with self._lock:
                if seat in self._idle:
                    self._idle.remove(seat)
                    return None
            # An executor was assigned between the end of the wait and the lock.
            seat.wake.acquire()
        return seat.executor

    def _still_open(self) -> int:
        while self.strays:
            self.strays.popleft()
            self._open -= 1
        return self._open

    @property
    def open(self) -> int:
        """Return the number of open streams without taking the lock."""
        return self._open

    @property
    def at_work(self) -> bool:
        """Return whether any thread works or is about to work."""
        with self._lock:
            return len(self._threads) > len(self._idle)

    def opened(self) -> None:
        """Count one more stream that may have work."""
        with self._lock:
            self._open += 1

    def closed(self) -> list[threading.Thread]:
        """Count one stream less. With the last stream all workers end. Return those that end."""
        with self._lock:
            self._open -= 1
            if self._still_open():
                return []
            self._lingers = False
            idle, self._idle = self._idle, []
            going = list(self._threads)
            for seat in idle:
                seat.wake.release()
            return going

    def done(self) -> None:
        """Count one executor less. More are likely to follow, so idle workers stay for a while."""
        with self._lock:
            self._open -= 1
            self._lingers = True

    def leave(self) -> None:
        """At the end of the interpreter: end all threads, and wait a moment for those that work."""
        until = monotonic() + EXIT_SECONDS
        with self._lock:
            idle, self._idle = self._idle, []
            for seat in idle:
                seat.wake.release()
        while len(self._threads) > self._waiting and monotonic() < until:
            time.sleep(_JOIN_SECONDS)

    def gone(self, going: list[threading.Thread]) -> bool:
        """Wait a moment and return whether these threads have ended; True if a new stream keeps them."""
        until = monotonic() + _JOIN_SECONDS
        for thread in going:
            if self._open:
                return True
            thread.join(max(0.0, until - monotonic()))
            if thread.is_alive():
                return False
        return True

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        with self._lock:
            self._waiting += 1
            if self._backlog:
                # If no thread can be started, the next free thread takes the executor.
                with contextlib.suppress(RuntimeError):
                    self._start(self._backlog[0])
                    self._backlog.popleft()
        try:
            yield
        finally:
            with self._lock:
                self._waiting -= 1


_workers = _Workers()
if hasattr(os, "register_at_fork"):
    # A forked child has none of the threads.
    os.register_at_fork(after_in_child=_workers.__init__)  # type: ignore[misc]  # starts afresh
atexit.register(_workers.leave)


def open_streams() -> int:
    """Return the number of open file streams in the process, including those dropped without being closed."""
    return _workers.open


def at_work() -> bool:
    """Return whether any worker has work."""
    return _workers.at_work


def waiting() -> contextlib.AbstractContextManager[None]:
    """Mark a call in a worker that may wait forever: the worker then does not count against `MOST_WORKERS`."""
    return _workers.waiting()


def settle(future: Future[Any], value: Any, error: BaseException | None) -> None:
    """Set the result of a job on a future, unless it was cancelled meanwhile."""
    if not future.done():
        if error is None:
            future.set_result(value)
        else:
            future.set_exception(error)


class SerialExecutor:
    """The calls of one stream: run in order, never two at a time, with the results on the loop's thread.

    ``abandoned`` is called, in a worker, if the loop is closed while there are results to deliver. It has to release what the
    stream holds. Queued jobs are dropped then.
    """

    def __init__(self, loop: AbstractEventLoop, abandoned: Callable[[], None]) -> None:
        self.loop = loop
        self._abandoned = abandoned
        self._lock = threading.Lock()
        self._jobs: deque[tuple[Job, Done]] = deque()
        self._results: deque[tuple[Done, Any, BaseException | None]] = deque()
        self._running = False
        self._posted = False
        self._ended = False
        self._process = _workers.process
        _workers.opened()

    def submit(self, job: Job, done: Done) -> None:
        """Run ``job()`` in a worker, then ``done(result, None)`` or ``done(None, error)`` on the loop's thread.

        If no thread can be started, the job is not run, and the error is the interpreter's RuntimeError.
        """
        with self._lock:
            self._jobs.append((job, done))
            if self._running:
                return
            self._running = True
        try:
            _workers.run(self)
        except RuntimeError as error:
            with self._lock:
                self._running = False
                self._jobs.pop()
            self.loop.call_soon(done, None, error)

    def end(self) -> None:
        """Note that more jobs are unlikely. Unlike `finish`, this neither waits for workers nor ends them."""
        if not self._ended:
            self._ended = True
            if self._process == _workers.process:
                _workers.done()

    def finish(self, job: Job, done: Done) -> None:
        """Submit the last job. ``done`` is called when the workers that are no longer needed have ended."""

        def last() -> tuple[Any, BaseException | None, list[threading.Thread]]:
            value, error = None, None
            try:
                value = job()
            except Exception as caught:
                error = _bare(caught)
            return value, error, self._end()

        def reap(outcome: Any, _: BaseException | None) -> None:
            # If no thread can be started, a short wait of the loop is better than a leaked descriptor.
            value, error, going = outcome or last()
            self._report(partial(done, value, error), going, _MOST_LOOKS)

        self.submit(last, reap)

    def _report(self, done: Callable[[], None], going: list[threading.Thread], looks: int) -> None:
        if looks and not _workers.gone(going):
            self.loop.call_later(_JOIN_SECONDS, self._report, done, going, looks - 1)
        else:
            done()

    def _end(self) -> list[threading.Thread]:
        if self._ended:
            return []
        self._ended = True
        return _workers.closed() if self._process == _workers.process else []

    def __del__(self) -> None:
        # A forked child does not count the copies of its parent's streams.
        if not self._ended and self._process == _workers.process:
            _workers.strays.append(None)

    # ---- in a worker

    def work(self) -> None:
        """Run the queued jobs until there are none."""
        while True:
            with self._lock:
                if not self._jobs:
                    self._running = False
                    return
                job, done = self._jobs.popleft()
            value, error = None, None
            try:
                value = job()
            except BaseException as caught:
                error = _bare(caught)
            self._post(done, value, error)
            del job, done, value, error

    def _post(self, done: Done, value: Any, error: BaseException | None) -> None:
        with self._lock:
            self._results.append((done, value, error))
            if self._posted and not self.loop.is_closed():
                return
            self._posted = True
        try:
            self.loop.call_soon_threadsafe(self._deliver)
        except RuntimeError:
            with self._lock:
                self._jobs.clear()
                self._results.clear()
            self._abandoned()
            self._end()

    # ---- on the loop's thread

    def _deliver(self) -> None:
        """Deliver the results: many results in one wake-up, if the loop was busy."""
        while True:
            with self._lock:
                if not self._results:
                    self._posted = False
                    return
                done, value, error = self._results.popleft()
            try:
                done(value, error)
            except BaseException:
                # An exception of a listener goes to the loop's exception handler; the other results still arrive.
                self.loop.call_soon(self._deliver)
                raise


def _bare(error: BaseException) -> BaseException:
    """Return ``error`` without the frames of the worker, which would hold the stream in a cycle."""
    return error.with_traceback(None) if isinstance(error, OSError) else error
