"""Run a program of the core again and again, each time with another allocation failing, and report what breaks the rules.

    python -m faults.memory --most 1000 piped written

After a failed allocation there is the right data, or an error that the program or the loop gets. The data that has arrived is the
beginning of the whole, every stream is closed, and the program does not hang. Now and then asyncio itself loses a task or a
callback for lack of memory. Such a run may hang; it is counted.
"""

import argparse
import asyncio
import faulthandler
import gc
import itertools
import json
import random
import selectors
import signal
import sys
import traceback
from typing import Any

from faults.core_programs import CHUNKS, PROGRAMS, SKIPPING, Program
from support.loops import LOOPS

try:
    import _testcapi
except ImportError:
    _testcapi = None

__all__ = ["Run"]

#: More allocations than a program makes.
_NEVER = 20_000
#: An object that no list of free objects holds.
_LARGE = 1000
_SECONDS = 4.0
_TURNS = 300
_WANTED = b"".join(CHUNKS)


class Stuck(BaseException):
    """Raised into a run that does not end."""


class _Selector(selectors.DefaultSelector):
    """Knows that a program hangs: a program without timers and I/O has ended when its loop would wait without a limit."""

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None:
            raise Stuck
        return super().select(timeout)


def _loop(name: str) -> asyncio.AbstractEventLoop:
    return asyncio.SelectorEventLoop(_Selector()) if name == "asyncio" else LOOPS[name]()


class Run:
    """One run of a program, in which the allocations of the numbers ``first`` to ``last - 1`` fail."""

    def __init__(self, name: str, loop: str, first: int, last: int) -> None:
        self.name = name
        self.program = Program()
        self.reports: list[Any] = []
        self.error: BaseException | None = None
        self.hangs = self._over = False
        self.count = 0
        #: A task that asyncio has lost: it waits for nothing that is still to come.
        self.lost: list[str] = []
        self._first, self._last = first, last
        self._loop = _loop(loop)
        hook, sys.unraisablehook = sys.unraisablehook, self._unraisable
        try:
            self._run()
        finally:
            sys.unraisablehook = hook
            asyncio.set_event_loop(None)

    def _unraisable(self, unraisable: Any) -> None:
        self.reports.append(f"unraisable: {unraisable.exc_value!r} in {unraisable.object!r}")

    def _reported(self, _: Any, context: dict[str, Any]) -> None:
        error = context.get("exception")
        self.reports.append(error or context["message"])
        callback = getattr(context.get("handle"), "_callback", None)
        if callback is not None and (not _is_of_forebay(callback) or not _was_called(error)):
            # Its own callback or one of the program, or it did not come to call ours.
            self.lost.append(f"the loop fails in {callback!r}")
        elif "could not be woken" in context["message"]:
            self.lost.append(context["message"])

    def _run(self) -> None:
        loop = self._loop
        asyncio.set_event_loop(loop)
        loop.set_exception_handler(self._reported)
        loop.run_until_complete(asyncio.sleep(0))
        self._task = loop.create_task(self._begin())
        self._task.add_done_callback(self._done)
        loop.call_soon(_testcapi.set_nomemory, self._first, self._last)
        signal.signal(signal.SIGALRM, self._stuck)
        signal.setitimer(signal.ITIMER_REAL, _SECONDS)
        while not self._task.done() and not self.hangs:
            try:
                loop.run_forever()
            except MemoryError:
                _testcapi.remove_mem_hooks()
                self.lost.append("the loop fails")
            except Stuck:
                self.hangs = True
            finally:
                _testcapi.remove_mem_hooks()
                # run_forever() itself may have failed on its way out.
                asyncio._set_running_loop(None)
                loop._thread_id = None
                loop._stopping = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        self._over = True
        if self._task.done():
            self.error = self._task.exception()
        loop.run_until_complete(self._settle())
        self._look_at_tasks()
        loop.close()

    async def _begin(self) -> None:
        await asyncio.sleep(0)
        await PROGRAMS[self.name](self.program)

    def _done(self, _: Any) -> None:
        if self._first == _NEVER:
            self._count()
        if not self._over:
            self._loop.stop()

    def _count(self) -> None:
        """Count the allocations of the run by those that are left until one fails."""
        counter = itertools.count()
        try:
            for _ in counter:
                bytes(_LARGE)
        except MemoryError:
            # Each number is an object, too.
            self.count = _NEVER - 2 * next(counter)

    def _stuck(self, *_: Any) -> None:
        _testcapi.remove_mem_hooks()
        raise Stuck

    async def _settle(self) -> None:
        if self.error is not None:
            # A call has failed, and the program gives up.
            for stream in self.program.streams:
                stream.destroy(self.error)
        for _ in range(_TURNS):
            await asyncio.sleep(0)

    def _look_at_tasks(self) -> None:
        for task in asyncio.all_tasks(self._loop):
            waits_for = task._fut_waiter
            if waits_for is None or waits_for.done():
                self.lost.append(repr(task))
            task._log_destroy_pending = False

    def broken(self) -> list[str]:
        arrived = b"".join(self.program.arrived)
        seen = self.error is not None or self.program.errors or self.reports
        rules = []
        if not _WANTED.startswith(arrived) and not (seen and self.name in SKIPPING):
            rules.append(f"delivers wrong data: {arrived!r}")
        if self.hangs and not self.lost:
            rules.append("hangs")
        if not seen and arrived != _WANTED:
            rules.append(f"loses data in silence: {len(arrived)} bytes of {len(_WANTED)}")
        if not self.hangs:
            rules += [f"leaves open: {stream!r}" for stream in self.program.streams if not stream.closed]
        return rules

    def seen(self) -> list[str]:
        """Return the errors that the program or the loop got, and where each came from."""
        return [_told(each) for each in (self.error, *self.program.errors, *self.reports) if each is not None]


def _is_of_forebay(callback: Any) -> bool:
    owner = getattr(callback, "__self__", callback)
    return str(getattr(type(owner), "__module__", "")).startswith("forebay.") or str(
        getattr(callback, "__module__", "")
    ).startswith("forebay.")


def _was_called(error: BaseException | None) -> bool:
    """Return whether the traceback of an error goes further than the loop's own frame."""
    return error is None or len(traceback.extract_tb(error.__traceback__)) > 1


def _told(error: Any) -> str:
    if not isinstance(error, BaseException):
        return str(error)
    places = [f"{each.name}:{each.lineno}" for each in traceback.extract_tb(error.__traceback__)[-3:]]
    return f"{error!r} in {' '.join(places)}"


class Sweep:
    """The runs of some programs. ``most`` is how many allocations of each are tried."""

    def __init__(self, loop: str, most: int, seed: int) -> None:
        self.loop = loop
        self.most = most
        self.random = random.Random(seed)
        self.runs = self.lost = 0
        self.violations: list[str] = []

    def program(self, name: str, window: int) -> None:
        """Try the program until no allocation is left to fail, or ``most`` numbers of them."""
        count = self._allocations(name)
        every = range(1, count + 1)
        numbers = every if count <= self.most else sorted(self.random.sample(every, self.most))
        for number in numbers:
            self._once(name, number, number + window)

    def _allocations(self, name: str) -> int:
        """Return how many allocations the program makes."""
        for _ in range(3):
            run = Run(name, self.loop, _NEVER, _NEVER + 1)
        return run.count

    def _once(self, name: str, first: int, last: int) -> None:
        faulthandler.dump_traceback_later(6 * _SECONDS, exit=True)
        run = Run(name, self.loop, first, last)
        faulthandler.cancel_dump_traceback_later()
        self.runs += 1
        self.lost += bool(run.lost)
        self.violations += [
            f"{name} on {self.loop}, allocations {first} to {last - 1}: {rule}; {run.seen()}"
            for rule in run.broken()
        ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--loop", default="asyncio", choices=LOOPS)
    parser.add_argument("--most", type=int, default=_NEVER, help="allocations that are tried")
    parser.add_argument("--windows", type=int, nargs="+", default=[1], help="allocations in a row that fail")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("programs", nargs="*", choices=[*PROGRAMS, []], default=[])
    options = parser.parse_args()
    sweep = Sweep(options.loop, options.most, options.seed)
    for name in options.programs or PROGRAMS:
        for window in options.windows:
            sweep.program(name, window)
    gc.collect()
    print(json.dumps({"runs": sweep.runs, "lost": sweep.lost, "violations": sweep.violations}))


if __name__ == "__main__":
    main()
