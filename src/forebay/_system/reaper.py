"""One thread that ends programs and takes their exit status, also after the event loop has been closed.

`end` asks a program and its group to terminate, kills them after a grace period, and waits for the exit. `watch` only waits; it
is for systems without a descriptor that reports an exit. The thread lives while there is a program to wait for. At the
end of the interpreter the programs that should end are killed at once.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import select
import signal
import threading
import time
from collections.abc import Callable
from time import monotonic

from forebay._system.child import Child

__all__ = ["THREAD_NAME", "end", "watch"]

#: The name of the thread.
THREAD_NAME = "forebay-reaper"
# Seconds between two looks. The exit of a program with an exit descriptor ends the pause.
_FIRST_PAUSE = 0.001
_LONGEST_PAUSE = 0.02
# Seconds for which `end` waits for the rest of the group after its leader has exited. A descendant that takes longer to terminate
# still has the grace period, but no call waits for it.
_GROUP_SECONDS = 0.05
# Seconds between two looks for descendants, which may have to read about every process of the system.
_LOOK_SECONDS = 0.02
# Seconds that the end of the interpreter waits for killed programs.
_EXIT_SECONDS = 1.0

Done = Callable[[BaseException | None], None]


class _Entry:
    def __init__(self, child: Child, done: Done | None, grace: float | None) -> None:
        self.child = child
        self.ends = grace is not None
        self._done = done
        self._deadline = monotonic() + (grace or 0.0)
        self._exited_at = 0.0
        self._next_look = 0.0
        self._killed = False

    def tell(self, error: BaseException | None) -> None:
        done, self._done = self._done, None
        if done is not None:
            done(error)

    def step(self, now: float) -> bool:
        """Do what is due. Return whether nothing is left to do."""
        child = self.child
        exited = child.reap()
        if not self.ends:
            if exited:
                self.tell(None)
            return exited
        try:
            if now >= self._deadline and not self._killed:
                self._killed = True
                child.signal_group(signal.SIGKILL)
            if not exited:
                return False
        except PermissionError as error:
            # A program of another user, such as one that sudo started. It is not killed, and its exit is awaited.
            self.ends = False
            self.tell(error)
            return exited
        self._exited_at = self._exited_at or now
        alone = self._killed or self._is_alone(now)
        if alone or now - self._exited_at >= _GROUP_SECONDS:
            self.tell(None)
        return alone

    def _is_alone(self, now: float) -> bool:
        """Return whether the exited program has no descendants in its group any more."""
        if now < self._next_look:
            return False
        self._next_look = now + _LOOK_SECONDS
        return not self.child.has_descendants()


class _Reaper:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: list[_Entry] = []
        self._thread: threading.Thread | None = None

    def add(self, entry: _Entry) -> None:
        with self._lock:
            self._entries.append(entry)
            if self._thread is None:
                thread = threading.Thread(target=self._work, name=THREAD_NAME, daemon=True)
                try:
                    thread.start()
                except RuntimeError:
                    # No thread can be started. Then the program gets no grace period.
                    self._entries.pop()
                    self._at_once(entry)
                    return
                self._thread = thread

    @staticmethod
    def _at_once(entry: _Entry) -> None:
        if entry.ends:
            entry.child.kill()
        until = monotonic() + _EXIT_SECONDS
        while not entry.child.reap() and monotonic() < until:
            time.sleep(_FIRST_PAUSE)
        entry.tell(None)
        entry.child.close()

    def _work(self) -> None:
        pause = _FIRST_PAUSE
        while True:
            with self._lock:
                entries = list(self._entries)
                if not entries:
                    self._thread = None
                    return
            now = monotonic()
            over = [each for each in entries if each.step(now)]
            if over:
                pause = _FIRST_PAUSE
                with self._lock:
                    self._entries = [each for each in self._entries if each not in over]
                for each in over:
                    each.tell(None)
                    each.child.close()
            else:
                _pause([each.child for each in entries], pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
            del entries, over

    def leave(self) -> None:
        """At the end of the interpreter: kill what should end."""
        with self._lock:
            ending = [each for each in self._entries if each.ends]
        for each in ending:
            if not each.child.exited:
                each.child.kill()
        until = monotonic() + _EXIT_SECONDS
        while any(not each.child.exited for each in ending) and monotonic() < until:
            time.sleep(_FIRST_PAUSE)


def _pause(children: list[Child], seconds: float) -> None:
    fds = [child.exit_fd for child in children if child.exit_fd >= 0 and not child.exited]
    if not fds:
        time.sleep(seconds)
        return
    poll = select.poll()
    for fd in fds:
        poll.register(fd, select.POLLIN)
    poll.poll(seconds * 1000)


_reaper = _Reaper()
if hasattr(os, "register_at_fork"):
    # A forked child has no such thread, and the programs are not its children.
    os.register_at_fork(after_in_child=_reaper.__init__)  # type: ignore[misc]  # starts afresh
atexit.register(_reaper.leave)


def end(child: Child, grace: float, done: Done | None) -> None:
    """Terminate the group of ``child`` (SIGTERM), kill it after ``grace`` seconds (SIGKILL), and take the exit status.

    ``done(error)`` is called in the thread. The error is the PermissionError of a program that may not be signalled.
    The caller leaves ``child`` to the thread until then.
    """
    with contextlib.suppress(PermissionError):
        child.signal_group(signal.SIGTERM)
        # A stopped program gets the signal only when it goes on.
        child.signal_group(signal.SIGCONT)
    _reaper.add(_Entry(child, done, grace))


def watch(child: Child, done: Done) -> None:
    """Call ``done(None)`` in the thread when ``child`` has exited."""
    _reaper.add(_Entry(child, done, None))
