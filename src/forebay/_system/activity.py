"""Find out whether an event loop still waits for something. In Node, that keeps a program alive."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
from contextlib import suppress
from typing import Any

from forebay._system import worker_pool

# The thread in which asyncio waits for a process. It is a daemon thread, like others that the interpreter does not wait for.
_PROCESS_THREAD = "asyncio-waitpid-"
# Names of uvloop classes whose objects show what the loop waits for; the kernel does not show it.
_UVLOOP_REQUESTS = ("AddrInfoRequest", "NameInfoRequest")
_UVLOOP_ENDS = ("Transport", "UVPoll", "UVProcess", "UVStreamServer", "Server")


class Activity:
    """The timers, descriptors, threads and tasks that a loop waits for, without the descriptors that it had at first."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop: Any = loop
        self._thread = threading.get_ident()
        # asyncio's loops have attributes for this; uvloop's loop has none.
        self._open = hasattr(loop, "_scheduled") and hasattr(loop, "_selector")
        self._before = self._descriptors()

    def idle(self) -> bool:
        """Return whether only a signal could still cause progress. The caller is a task that only a timer resumed."""
        if self._threads_at_work() or self._tasks_ready() or self._timers():
            return False
        now = self._descriptors()
        return now is not None and (self._before is None or now <= self._before)

    def _timers(self) -> bool:
        if self._open:
            return bool(self._loop._ready) or any(not timer.cancelled() for timer in self._loop._scheduled)
        now = self._loop.time()
        for each in gc.get_objects():
            kind = type(each)
            if kind.__module__ == "uvloop.loop":
                if kind.__name__ == "TimerHandle" and not each.cancelled() and each.when() >= now:
                    return True
                if kind.__name__ in _UVLOOP_REQUESTS:
                    return True
        return False

    def _descriptors(self) -> set[Any] | None:
        """Return the objects that the loop waits for in the kernel; None if there are some and they are unknown."""
        if self._open:
            return set(self._loop._selector.get_map())
        with (
            suppress(OSError, AttributeError),
            open(f"/proc/self/fdinfo/{self._loop._get_backend_id()}") as lines,
        ):
            return {line.split()[1] for line in lines if line.startswith("tfd:")}
        ends = (type(each) for each in gc.get_objects())
        if any(kind.__module__ == "uvloop.loop" and kind.__name__.endswith(_UVLOOP_ENDS) for kind in ends):
            return None
        return set()

    def _tasks_ready(self) -> bool:
        current = asyncio.current_task()
        for task in asyncio.all_tasks(self._loop):
            waits_for: Any = getattr(task, "_fut_waiter", None)
            if task is not current and (waits_for is None or waits_for.done()):
                return True
        return False

    def _threads_at_work(self) -> bool:
        if worker_pool.at_work():
            return True
        frames = sys._current_frames()
        idle = _idle_code()
        for thread in threading.enumerate():
            if thread.ident == self._thread or thread is threading.main_thread():
                continue
            if thread.daemon and not thread.name.startswith(_PROCESS_THREAD):
                continue
            frame = frames.get(thread.ident or 0)
            if thread.name != worker_pool.THREAD_NAME and (frame is None or frame.f_code is not idle):
                return True
        return False


def _idle_code() -> object:
    """Return the code that a thread of an executor runs while it waits for work. Without executors it is not loaded."""
    threads = sys.modules.get("concurrent.futures.thread")
    return None if threads is None else threads._worker.__code__
