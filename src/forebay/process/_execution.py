"""Execution: one run of a program on an event loop, from its start to its exit status."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import warnings
from collections.abc import Callable

from forebay._system import reaper
from forebay._system.child import Child
from forebay._system.cleanup import close_descriptors
from forebay._system.pipes import enlarge, open_pipe
from forebay._system.worker_pool import settle
from forebay.errors import ProcessError
from forebay.process._arguments import Plan, Wire
from forebay.process._error_tail import ErrorTail
from forebay.process._outlet import Outlet

__all__ = ["Execution"]

_CONSTANTS = {"inherit": None, "null": subprocess.DEVNULL, "stdout": subprocess.STDOUT}


class Execution:
    """Start a program with its pipes, find its exit, and end its group.

    ``stdin_fd``, ``stdout_fd``, ``stderr_fd``: this side's ends of the pipes, -1 for those without one. The streams take them
    over. ``over``: the exit status is known. ``ended``: this side has ended the program. ``told``: the program's error has
    reached its receiver.
    """

    def __init__(self, plan: Plan, stdin: Wire, stdout: Wire, stderr: Wire) -> None:
        self.loop = asyncio.get_running_loop()
        self.plan = plan
        self.over = False
        self.ended = False
        self.told = False
        self.cause: BaseException | None = None
        self.stdin_fd = self.stdout_fd = self.stderr_fd = -1
        self._child: Child | None = None
        self._tail: ErrorTail | None = None
        self._denied: BaseException | None = None
        self._calls: list[Callable[[], object]] = []
        self._start(stdin, stdout, stderr)

    # ---- the start

    def _start(self, stdin: Wire, stdout: Wire, stderr: Wire) -> None:
        ours: list[int] = []
        theirs: list[int] = []

        def wire(what: Wire, end: int, large: bool = True) -> tuple[int, int | None]:
            if isinstance(what, int):
                return -1, what
            if what in _CONSTANTS:
                return -1, _CONSTANTS[what]
            ends = open_pipe(ours=end)
            ours.append(ends[end])
            theirs.append(ends[1 - end])
            if large:
                enlarge(ends[1])
            return ends[end], ends[1 - end]

        plan = self.plan
        try:
            try:
                self.stdin_fd, child_in = wire(stdin, 1)
                self.stdout_fd, child_out = wire(stdout, 0)
                self.stderr_fd, child_err = wire(stderr, 0, stderr != "tail")
                child = Child(plan.command, child_in, child_out, child_err, plan.cwd, plan.env)
            finally:
                close_descriptors(*theirs)
            self._child = child
            if stderr == "tail":
                fd, self.stderr_fd = self.stderr_fd, -1
                self._tail = ErrorTail(self.loop, fd)
                ours.remove(fd)
            self._watch(child)
        except BaseException:
            self.stdin_fd = self.stdout_fd = self.stderr_fd = -1
            close_descriptors(*ours)
            if self._child is not None:
                self.end(None)
            raise

    def _watch(self, child: Child) -> None:
        if child.exit_fd >= 0:
            self.loop.add_reader(child.exit_fd, self._look)
        else:
            reaper.watch(child, self._reaped)

    # ---- the state

    @property
    def pid(self) -> int:
        """The number of the program's process."""
        assert self._child is not None
        return self._child.pid

    @property
    def returncode(self) -> int | None:
        """The exit status, or the negative number of a signal; None while the program runs, or if it is unknown."""
        return self._child.returncode if self.over and self._child is not None else None

    def failure(self) -> ProcessError | None:
        """Return the error that the exit status stands for, or None."""
        plan = self.plan
        code = self.returncode
        if not plan.check or (code is not None and code in plan.ok_statuses):
            return None
        tail = self._tail.content if self._tail is not None else b""
        error = ProcessError(plan.words, code, tail)
        error.__cause__ = self.cause
        return error

    def when_over(self, call: Callable[[], object]) -> None:
        """Call ``call()`` when the exit status is known; now if it is."""
        if self.over:
            call()
        else:
            self._calls.append(call)

    async def until_over(self) -> None:
        """Wait until the exit status is known."""
        if not self.over:
            waiter: asyncio.Future[None] = self.loop.create_future()
            self._calls.append(lambda: settle(waiter, None, None))
            await waiter

    # ---- the exit

    def _look(self) -> None:
        child = self._child
        assert child is not None
        if child.reap():
            self._unwatch()
            child.close()
            self._conclude()

    def _unwatch(self) -> None:
        child = self._child
        if child is not None and child.exit_fd >= 0 and not self.loop.is_closed():
            self.loop.remove_reader(child.exit_fd)

    def _reaped(self, error: BaseException | None) -> None:
        """Note what the reaper's thread says, in this thread."""
        # The loop may be closed by now.
        with contextlib.suppress(RuntimeError):
            self.loop.call_soon_threadsafe(self._ended_by_reaper, error)

    def _ended_by_reaper(self, error: BaseException | None) -> None:
        self._denied = error
        self._conclude()

    def _conclude(self) -> None:
        if self.over:
            return
        self.over = True
        if self._tail is not None:
            self._tail.finish()
        calls, self._calls = self._calls, []
        for call in calls:
            try:
                call()
            except Exception as error:
                self.loop.call_exception_handler(
                    {"message": "Exception in a forebay callback", "exception": error}
                )

    def end(self, cause: BaseException | None, *, held: bool = False) -> None:
        """End the program and its group: SIGTERM, and SIGKILL after the grace period.

        Args:
            cause: Why, for the error of the program.
            held: Whether a descendant is known to be alive, because it holds a pipe. Then the group ends even if the
                program itself has exited.
        """
        child = self._child
        if child is None or self.ended or (child.exited and not held):
            return
        self.ended = True
        if not self.over:
            self.cause = cause
        self._unwatch()
        # The program may still write while it ends. The loop may be closed before that.
        tail = -1 if self._tail is None else self._tail.detach()
        if tail >= 0:
            child.close_after(tail)
        reaper.end(child, self.plan.grace, self._reaped)

    def close_input(self, outlet: Outlet) -> None:
        """Close the pipe to the program; if that is being ended, when it is gone: it must not see the end of its input."""
        fd = outlet.detach()
        if fd >= 0 and self.ended and self._child is not None:
            self._child.close_after(fd)
        else:
            close_descriptors(fd)

    def send_signal(self, number: int) -> None:
        """Send a signal to the program and its group, if the program still runs."""
        child = self._child
        if child is not None and not child.exited:
            child.signal_group(number)

    def denied(self) -> BaseException | None:
        """Return why the program could not be ended, or None."""
        return self._denied

    def release(self) -> None:
        """Close the pipe of the standard error that this object reads."""
        if self._tail is not None:
            self._tail.close()

    def __del__(self) -> None:
        child = getattr(self, "_child", None)
        if child is None or self.ended:
            return
        if not child.exited:
            warnings.warn(f"a running program was dropped: {self.plan.words}", ResourceWarning, stacklevel=2)
            reaper.end(child, self.plan.grace, None)
        elif not self.told:
            error = self.failure()
            if error is not None and not self.loop.is_closed():
                self.loop.call_exception_handler(
                    {"message": "A program failed, and nothing waited for it", "exception": error}
                )
