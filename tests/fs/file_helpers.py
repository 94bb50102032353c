"""Both event loops for every test of file streams, and what must be as before when one is over."""

import asyncio
import gc
import os
import threading
import time

import pytest

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


def eventually(check, seconds=5.0):
    """Whether ``check()`` becomes true."""
    limit = time.monotonic() + seconds
    while not check():
        if time.monotonic() > limit:
            return False
        time.sleep(0.001)
    return True


class Run:
    """Runs a coroutine function on a new loop; then no descriptor, thread, task or error may be left of it."""

    def __init__(self, name):
        self.loop_name = name
        self.errors = []
        self.errors_wanted = False
        self.seconds = 20

    def __call__(self, main, *args):
        fds = open_fds()
        threads = set(threading.enumerate())
        with asyncio.Runner(loop_factory=LOOPS[self.loop_name]) as runner:
            result = runner.run(self._guarded(main, args))
            late = runner.run(self._nothing_left())
        assert late == []
        assert self.errors_wanted or self.errors == []
        assert set(threading.enumerate()) <= threads
        gc.collect()
        assert open_fds() == fds
        return result

    async def _guarded(self, main, args):
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: self.errors.append(context))
        return await asyncio.wait_for(main(*args), self.seconds)

    @staticmethod
    async def _nothing_left():
        await asyncio.sleep(0)
        return [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]


@pytest.fixture(params=list(LOOPS))
def run(request):
    """``run(main, *args)`` runs ``main`` to its end on one of the event loops and checks that nothing is left."""
    with asyncio.Runner(loop_factory=LOOPS[request.param]) as runner:
        # What a loop opens once for the whole process is there before anything is counted.
        runner.run(asyncio.sleep(0))
    return Run(request.param)


class Events(list):
    """The events of streams in order, as ``(name, event)``, or ``event`` for a stream without a name."""

    NAMES = ("open", "ready", "end", "finish", "error", "close", "pause", "resume", "drain", "pipe", "unpipe")

    def watch(self, stream, name=None, *events):
        for event in events or self.NAMES:
            stream.on(event, self._listener(name, event))
        return stream

    def _listener(self, name, event):
        def note(*args):
            self.append(event if name is None else (name, event))

        return note


@pytest.fixture
def events():
    return Events()


async def until(stream, event):
    """Wait for an event; return what came with it."""
    done = asyncio.get_running_loop().create_future()
    stream.once(event, lambda *args: done.done() or done.set_result(args))
    return await done


async def closed(stream):
    """Wait for 'close'; return the error that came before it, or None."""
    if stream.closed:
        return stream.errored
    errors = []
    stream.on("error", errors.append)
    await until(stream, "close")
    return errors[0] if errors else None


async def gone(*streams):
    """Wait until all of them are closed."""
    for stream in streams:
        if not stream.closed:
            await until(stream, "close")


@pytest.fixture(scope="session")
def content():
    """3,000,007 bytes that do not repeat."""
    return b"".join(n.to_bytes(4, "big") for n in range(750_001)) + b"END"


@pytest.fixture
def big(tmp_path, content):
    """A file of 3,000,007 bytes that do not repeat, and its content."""
    path = tmp_path / "big.bin"
    path.write_bytes(content)
    return path, content
