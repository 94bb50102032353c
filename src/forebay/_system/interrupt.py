"""Wait in a worker for a descriptor; the stream can interrupt the wait at any time."""

from __future__ import annotations

import os
import select
import threading
from asyncio import AbstractEventLoop

from forebay._system.cleanup import close_descriptors
from forebay._system.worker_pool import waiting

__all__ = ["Interrupt", "Interrupted"]

# Seconds between two checks whether the program still needs the result of a wait.
_LOOK_MS = 1000
# Seconds between two attempts at something that cannot be polled.
_PAUSE_MS = 10


class Interrupted(Exception):
    """The stream has interrupted the work."""


class Interrupt:
    """Interrupt a worker: a flag to check between system calls, and a descriptor that ends a wait.

    The first wait makes the descriptor, so streams on regular files never have it.
    """

    def __init__(self, loop: AbstractEventLoop) -> None:
        self._loop = loop
        self._lock = threading.Lock()
        self._fds: tuple[int, ...] = ()
        self._set = False
        self._process = os.getpid()

    def check(self) -> None:
        """Raise Interrupted if the work was interrupted."""
        if self._set:
            raise Interrupted

    def set(self) -> None:
        """Interrupt the work. For the loop's thread."""
        with self._lock:
            self._set = True
            # A forked child shares the descriptor with its parent, whose wait must continue.
            if self._fds and self._process == os.getpid():
                os.write(self._fds[-1], b"\1\0\0\0\0\0\0\0")

    def readable(self, fd: int) -> bool:
        """Return whether a read would return at once."""
        return not _can_poll or bool(_poll(fd, select.POLLIN, 0))

    def wait_readable(self, fd: int) -> None:
        """Wait until a read would return at once. Raises Interrupted."""
        self.check()
        if not self.readable(fd):
            self._wait(fd, select.POLLIN)

    def wait_writable(self, fd: int) -> None:
        """Wait until a write would accept something. Raises Interrupted."""
        self.check()
        self._wait(fd, select.POLLOUT if _can_poll else 0)

    def pause(self) -> None:
        """Wait a moment before another attempt. Raises Interrupted."""
        self._wait(-1, 0)

    def _wait(self, fd: int, events: int) -> None:
        if not _can_poll:
            threading.Event().wait(_PAUSE_MS / 1000)
            self.check()
            return
        poll = select.poll()
        if fd >= 0:
            poll.register(fd, events)
        with self._lock:
            if not self._fds:
                self._fds = _wake_descriptors()
        poll.register(self._fds[0], select.POLLIN)
        with waiting():
            while not poll.poll(_PAUSE_MS if fd < 0 else _LOOK_MS):
                if self._loop.is_closed():
                    raise Interrupted
                if fd < 0:
                    break
        self.check()

    def close(self) -> None:
        """Release the descriptor. A later `set` does nothing."""
        with self._lock:
            fds, self._fds = self._fds, ()
        close_descriptors(*fds)


_can_poll = hasattr(select, "poll")


def _poll(fd: int, events: int, timeout_ms: int) -> list[tuple[int, int]]:
    poll = select.poll()
    poll.register(fd, events)
    return poll.poll(timeout_ms)


def _wake_descriptors() -> tuple[int, ...]:
    """Return one or two descriptors. The first becomes readable when the last is written to."""
    if hasattr(os, "eventfd"):
        return (os.eventfd(0),)
    return os.pipe()
