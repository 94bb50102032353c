"""A started program: the leader of a session and a process group of its own; its signals and its exit status."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from forebay._system.cleanup import close_descriptors
from forebay._system.paths import StrPath

__all__ = ["Child"]


class Child:
    """One program, from its start until its exit status was taken.

    ``returncode``: the exit status, or the negative number of the signal that ended the program; None until it was taken.
    ``lost``: other code has taken the exit status, so it is unknown. ``exit_fd``: a descriptor that becomes readable when the
    program exits; -1 if the system has none.
    """

    def __init__(
        self,
        command: Sequence[str | bytes | os.PathLike[str]],
        stdin: int | None,
        stdout: int | None,
        stderr: int | None,
        cwd: StrPath | None,
        env: Mapping[str, str] | None,
    ) -> None:
        started = _Popen(
            command,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            cwd=cwd,
            env=env,
            bufsize=0,
            start_new_session=True,
        )
        self.pid = started.pid
        # This object takes the exit status, and not Popen, which would report a lost one as success.
        started.returncode = 0
        self.returncode: int | None = None
        self.lost = False
        self._lock = threading.Lock()
        self._closed = False
        self._kept: list[int] = []
        self.exit_fd = _exit_fd(self.pid)

    @property
    def exited(self) -> bool:
        """Whether the program has exited and its status was taken."""
        return self.returncode is not None or self.lost

    def reap(self) -> bool:
        """Take the exit status if the program has exited. Return whether it has."""
        if self.exited:
            return True
        try:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
        except ChildProcessError:
            self.lost = True
            return True
        if pid:
            self.returncode = os.waitstatus_to_exitcode(status)
        return self.exited

    def signal_group(self, number: int) -> bool:
        """Send a signal to the program and its descendants in its group. Return False if there are none.

        After the exit of the program, call this only while a descendant is known to be alive: the kernel may give the number of
        an empty group to another program. Raises PermissionError.
        """
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            return False
        return True

    def has_descendants(self) -> bool:
        """Return whether the group has a member that runs, after the exit of the program. Zombies do not count.

        They stay for long where the first process of the system does not care for them, as in some containers.
        """
        with contextlib.suppress(PermissionError):
            if not self.signal_group(0):
                return False
        try:
            names = os.listdir("/proc")
        except OSError:
            return True
        return any(name.isdigit() and _runs_in_group(name, self.pid) for name in names) or "self" not in names

    def kill(self) -> None:
        """Kill the whole group at once, as far as that is permitted."""
        with contextlib.suppress(PermissionError):
            self.signal_group(signal.SIGKILL)

    def close_after(self, fd: int) -> None:
        """Take over a descriptor, and close it with this object, after the exit of the program."""
        with self._lock:
            if not self._closed:
                self._kept.append(fd)
                return
        close_descriptors(fd)

    def close(self) -> None:
        """Release the descriptors."""
        with self._lock:
            self._closed = True
            fds, self._kept = [*self._kept, self.exit_fd], []
            self.exit_fd = -1
        close_descriptors(*fds)


class _Popen(subprocess.Popen[bytes]):
    """Ends the program if something fails, or Ctrl-C is pressed, after the start: nothing else could."""

    def __init__(self, *args: Any, **options: Any) -> None:
        try:
            super().__init__(*args, **options)
        except BaseException:
            # Popen itself takes the status of a program that could not be executed.
            if getattr(self, "pid", None) is not None and self.returncode is None:
                self.kill()
                self.wait()
            raise


def _runs_in_group(pid: str, group: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # The name of the program, in brackets, may contain anything.
            state, _, its_group = file.read().rpartition(b")")[2].split()[:3]
    except (OSError, ValueError):
        return False
    return int(its_group) == group and state not in (b"Z", b"X")


def _exit_fd(pid: int) -> int:
    if hasattr(os, "pidfd_open"):
        # Without it, or without a free descriptor, the exit is found by asking.
        with contextlib.suppress(OSError):
            return os.pidfd_open(pid)
    return -1
