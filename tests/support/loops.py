"""Run a test on an event loop, and check that it leaves no task, error or resource behind."""

import asyncio
import gc
import inspect
import os
import threading
import time

from forebay._system.worker_pool import THREAD_NAME

try:
    import uvloop
except ImportError:
    uvloop = None

LOOPS = {"asyncio": asyncio.new_event_loop}
if uvloop is not None:
    LOOPS["uvloop"] = uvloop.new_event_loop
FDS = "/proc/self/fd" if os.path.isdir("/proc/self/fd") else "/dev/fd"


def open_fds():
    return {fd: os.readlink(f"{FDS}/{fd}") for fd in os.listdir(FDS) if os.path.islink(f"{FDS}/{fd}")}


def eventually(check, seconds=30.0):
    """Whether ``check()`` becomes true."""
    limit = time.monotonic() + seconds
    while not check():
        if time.monotonic() > limit:
            return False
        time.sleep(0.001)
    return True


def may_wait(thread):
    """Whether the thread may be there after a test: a worker waits for more work for a while."""
    return thread.name == THREAD_NAME


class Run:
    """Runs a coroutine function on a new loop; then no descriptor, thread, task or error may be left of it."""

    def __init__(self, name):
        with asyncio.Runner(loop_factory=LOOPS[name]) as runner:
            # What a loop opens once for the whole process is there before anything is counted.
            runner.run(asyncio.sleep(0))
        self.loop_name = name
        self.errors = []
        self.errors_wanted = False
        self.seconds = 20

    def __call__(self, main, *args):
        """Run ``main``, a coroutine or a function that returns one, to its end; return its result."""
        fds = open_fds()
        threads = set(threading.enumerate())
        with asyncio.Runner(loop_factory=LOOPS[self.loop_name]) as runner:
            result = runner.run(self._guarded(main, args))
            assert runner.run(self._ends()), "a task is left"
        assert self.errors_wanted or self.errors == []
        # The thread in which asyncio waits for a process ends a little later.
        assert eventually(
            lambda: {each for each in set(threading.enumerate()) - threads if not may_wait(each)} == set()
        )
        gc.collect()
        # A worker may still be closing a file.
        assert eventually(lambda: open_fds() == fds, 5)
        return result

    async def _guarded(self, main, args):
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: self.errors.append(context))
        async with asyncio.timeout(self.seconds):
            return await (main if inspect.iscoroutine(main) else main(*args))

    @staticmethod
    async def _ends():
        """Whether no task but this one is left after a few turns of the loop, in which one that is about to end ends."""
        for _ in range(20):
            await asyncio.sleep(0)
            if len(asyncio.all_tasks()) == 1:
                return True
        return False


def with_programs(run, seconds):
    """A `run` for tests that start programs: asyncio and uvloop keep a descriptor or two for that, which are not ours."""

    def runner(main):
        with asyncio.Runner(loop_factory=LOOPS[run.loop_name]) as loop_runner:
            return loop_runner.run(asyncio.wait_for(main(), seconds))

    return runner
