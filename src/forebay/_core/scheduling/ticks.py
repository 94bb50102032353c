"""The tick queue: calls that run after the running callback has returned, before the loop does anything else.

Each event loop has one FIFO. A single ``loop.call_soon`` empties it, including the ticks that are added meanwhile
(Node's ``process.nextTick``). A tick is a target with a small operation number and one argument, so that a stream can
queue its own work without making a callable. ``TICK_CALL`` is the number for any Python callable.
"""

from __future__ import annotations

from asyncio import _get_running_loop, get_running_loop
from collections.abc import Callable
from time import thread_time
from typing import TYPE_CHECKING, Any

from forebay._core.fields import give_defaults
from forebay._core.scheduling import calls, this_thread
from forebay._core.scheduling import constants as k
from forebay._core.scheduling.exit import heed
from forebay._core.scheduling.fifo import Fifo
from forebay._core.unfinished import watch_close
from forebay.errors import InvalidArgTypeError, NoRunningLoopError

if TYPE_CHECKING:
    import asyncio

_MANY_SLOTS = 3 * 256
# A flow works for this long before the loop gets its turn, in seconds of CPU time. What takes time because the machine is
# busy does not count, so the order of events depends on the program alone.
_SLICE = 0.004
# The clock is read after a number of operations. The number grows while they are short, and shrinks while they are long.
_FIRST_STEP = 16
_LONGEST_STEP = 256
_SHORT = _SLICE / 20
_LONG = _SLICE / 5
_ATTRIBUTE = "_forebay_ticks"


class Ticked:
    """The target of a tick. It runs one of its own operations."""

    def _s_run_tick(self, op: int, arg: Any) -> None:
        raise NotImplementedError

    def _s_check_thread(self, what: Any) -> None:
        """Raise WrongLoopError if ``what`` is called in a thread that the target does not belong to."""

    def _s_cannot_tick(self, op: int, arg: Any, error: Any) -> None:
        """Handle an operation for which there was no memory to queue it. Without an answer of its own, the caller fails."""
        raise error

    def _s_tick_failed(self, op: int, error: Any) -> bool:
        """Handle an exception of an operation: there was no memory to carry it out. Return whether it needs no report."""
        return False


class TickQueue:
    _loop: Any
    _fifo: Any
    _scheduled: bool
    _running: bool
    _debug: bool
    _thread: int
    _left: int
    _step: int
    _measuring: bool
    _over: bool
    _began: float
    _looked: float

    # On the compiled backend the field exists even if a subclass does not call __init__.
    def __cinit__(self) -> None:
        self._fifo = Fifo()

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        if self._fifo is None:
            self._fifo = Fifo()
        # A new loop often runs in a new thread.
        calls.forget_stack()
        self._scheduled = False
        self._running = False
        self._debug = loop.get_debug()
        self._thread = this_thread.identifier()
        self._left = self._step = _FIRST_STEP
        self._measuring = self._over = False

    def is_here(self) -> bool:
        """Return whether this is the thread of the loop."""
        return this_thread.identifier() == self._thread or self._has_moved()

    def _has_moved(self) -> bool:
        """Return whether the loop runs in this thread, after it has run in another one."""
        if _get_running_loop() is not self._loop:
            return False
        self._thread = this_thread.identifier()
        return True

    def late(self) -> bool:
        """Count one operation. Return whether a flow has to stop, because the loop must have its turn first.

        Ticks do not run either until then, so a flow that stops adds a tick with which it continues.
        """
        self._left -= 1
        return self._left <= 0 and self._look()

    def _look(self) -> bool:
        if self._over:
            return True
        if not self._loop.is_running() or (this_thread.FREE_THREADED and not self.is_here()):
            # The call comes from outside the loop, which may be closed. No task waits for its turn.
            self._left = self._step
            return False
        now = thread_time()
        if not self._measuring:
            try:
                self._loop.call_soon(self._turned)
            except MemoryError:
                # The time is measured from a later look on.
                self._left = self._step
                return False
            self._measuring = True
            self._began = now
        else:
            if now - self._began > _SLICE:
                self._over = True
                return True
            if now - self._looked > _LONG:
                self._step = max(1, self._step // 4)
            elif now - self._looked < _SHORT:
                self._step = min(_LONGEST_STEP, self._step * 2)
        self._looked = now
        self._left = self._step
        return False

    def _turned(self) -> None:
        """Begin a new slice. The loop calls this in its next turn."""
        self._measuring = False
        self._go_on()

    def _go_on(self) -> None:
        if self._over:
            self._over = False
            self._left = self._step

    def add(self, target: Any, op: int, arg: Any) -> None:
        if this_thread.FREE_THREADED and not self.is_here():
            # The garbage collector finalizes a stream in any thread.
            self._loop.call_soon_threadsafe(self._add_here, target, op, arg)
            return
        fifo = self._fifo
        # Keep the three together: code that runs during an allocation may queue ticks, which come before them.
        if (self._scheduled and fifo.has_room(3)) or self._prepare(target, op, arg):
            fifo.put(target)
            fifo.put(op)
            fifo.put(arg)

    def _add_here(self, target: Any, op: int, arg: Any) -> None:
        self.add(target, op, arg)

    def _prepare(self, target: Any, op: int, arg: Any) -> bool:
        """Make room for a tick, and have the loop run it. Return whether there was memory; if not, the target knows."""
        if not self._running and self._fifo.size > _MANY_SLOTS:
            # So many ticks wait that the loop may have lost the call, for lack of memory.
            self._scheduled = False
        # The first attempt may have freed memory: the garbage collector can have run.
        fifo = self._fifo
        for last in (False, True):
            try:
                self._schedule()
                fifo.reserve(3)
                return True
            except MemoryError as error:
                if last:
                    if op == k.TICK_CALL:
                        raise
                    ticked = target
                    ticked._s_cannot_tick(op, arg, error)
        return False

    def _schedule(self) -> None:
        if not self._scheduled:
            self._loop.call_soon(self.drain)
            self._scheduled = True

    def relieve(self) -> None:
        """Run the ticks now if there are many. For code between two steps of a task."""
        if self._fifo.size > _MANY_SLOTS:
            self._run_all()

    def settle(self) -> bool:
        """Run the ticks now, for a task that is about to wait. Return whether there were any.

        Inside a tick nothing runs: the remaining ticks follow this one. Nothing runs either while the loop must have its turn
        first.
        """
        if self._running or self._over or self._fifo.size == 0:
            return False
        self._run_all()
        return True

    def drain(self) -> None:
        """Run all ticks. The loop calls this."""
        self._go_on()
        try:
            self._run_all()
        finally:
            self._scheduled = False
            self._leave_rest()

    def _leave_rest(self) -> None:
        """After Ctrl-C, and when a flow was stopped, have the remaining ticks run in the next turn of the loop."""
        while self._fifo.size:
            try:
                self._schedule()
                return
            except MemoryError:
                # No tick is lost: they run now.
                self._go_on()
                self._run_all()

    def _run_all(self) -> None:
        """Run ticks until none is left or it is the loop's turn. The loop's exception handler gets an exception of a tick."""
        fifo = self._fifo
        outer = self._running
        self._running = True
        try:
            while fifo.size and not self.late():
                target = fifo.popleft()
                op = fifo.popleft()
                arg = fifo.popleft()
                try:
                    if op == k.TICK_CALL:
                        target(*arg)
                    else:
                        ticked = target
                        ticked._s_run_tick(op, arg)
                except (KeyboardInterrupt, SystemExit):
                    raise
                except BaseException as error:
                    self._failed(target, op, error)
        finally:
            self._running = outer

    def _failed(self, target: Any, op: int, error: Any) -> None:
        if op != k.TICK_CALL:
            ticked = target
            if ticked._s_tick_failed(op, error):
                return
        report(self._loop, "Exception in a forebay callback", error, target)


def fail(target: Ticked, error: BaseException) -> bool:
    """Have a target fail with ``error``. Return whether it needs no other report."""
    return target._s_tick_failed(k.TICK_CALL, error)


def report(loop: asyncio.AbstractEventLoop, message: str, error: BaseException, source: object) -> None:
    """Pass an error that has no listener to the loop's exception handler."""
    context = {"message": message, "exception": error}
    if isinstance(source, Ticked):
        context["stream"] = source
    try:
        loop.call_exception_handler(context)
    except (KeyboardInterrupt, SystemExit) as raised:
        # The exception ends the program: raise it in the loop, not inside a stream.
        heed(raised)


# The queue used last. Nearly every program has one loop at a time. Without the GIL each loop is asked instead, because
# another thread could take the queue away while this one takes a reference to it.
_last = None


def running_loop() -> asyncio.AbstractEventLoop:
    try:
        return get_running_loop()
    except RuntimeError:
        raise NoRunningLoopError(
            "forebay's streams need a running event loop; call this from a coroutine, for example one that "
            "forebay.run(main()) runs"
        ) from None


def current_queue() -> TickQueue:
    global _last
    loop = running_loop()
    last = _last
    if last is not None and last._loop is loop:
        return last
    queue = getattr(loop, _ATTRIBUTE, None)
    if queue is None:
        made = TickQueue(loop)
        # Code that the garbage collector ran meanwhile may have made one.
        queue = getattr(loop, _ATTRIBUTE, None)
        if queue is None:
            setattr(loop, _ATTRIBUTE, made)
            queue = made
            watch_close(loop)
    if not this_thread.FREE_THREADED:
        _last = queue
    return queue


def next_tick(fn: Callable[..., object], *args: Any) -> None:
    """Call ``fn(*args)`` after the running callback has returned, in order with the ticks of the streams.

    An exception of ``fn`` goes to the loop's exception handler. This is Node's ``process.nextTick``.

    Args:
        fn: The function.
        args: Its arguments.

    Raises:
        InvalidArgTypeError: ``fn`` cannot be called.
        NoRunningLoopError: No event loop is running.
    """
    if not callable(fn):
        raise InvalidArgTypeError(f"next_tick() needs a callable, got {fn!r}")
    current_queue().add(fn, k.TICK_CALL, args)


give_defaults(TickQueue)
