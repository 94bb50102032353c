"""The write end of a pipe to a program."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from typing import Any

from forebay._buffers import ChunkQueue
from forebay._core.state.completion import Completion
from forebay._system.cleanup import close_descriptors
from forebay._system.direct_transfer import TargetOwner
from forebay._system.syscalls import gather, has_error, send
from forebay.errors import StreamDestroyedError

__all__ = ["Outlet"]


class Outlet:
    """Write to a pipe for a stream. ``left()`` is called, once, when the program has stopped reading.

    ``fd`` is -1 once the pipe is closed. ``nbytes`` counts the bytes that the pipe has taken. ``gone``: whether the program
    has stopped reading; what is written then is dropped.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, fd: int, left: Callable[[], None]) -> None:
        self._loop = loop
        self.fd = fd
        self.nbytes = 0
        self.gone = False
        self._left = left
        self._queue = ChunkQueue()
        self._done: Completion | None = None
        self._ending: Completion | None = None
        self._watching = False
        self._blocked = False
        self.owner: Any = None
        self._free_calls: list[Callable[[], None]] = []

    # ---- the hooks

    def write(self, chunk: Any) -> Completion | None:
        """The ``_write`` hook."""
        if self.gone:
            return None
        if self.owner is not None:
            self._queue.append(chunk)
            return self._pending()
        try:
            taken = send(self.fd, chunk)
        except BrokenPipeError:
            self.leave()
            return None
        if taken > 0:
            self.nbytes += taken
            if taken == len(chunk):
                return None
            chunk = memoryview(chunk)[taken:]
        elif not len(chunk):
            return None
        self._queue.append(chunk)
        return self._pending()

    def writev(self, chunks: list[Any]) -> Completion | None:
        """The ``_writev`` hook."""
        if self.gone:
            return None
        self._queue.extend(chunks)
        if self.owner is None and self._send():
            return None
        return None if self.gone else self._pending()

    def final(self) -> Completion | None:
        """The ``_final`` hook: close the pipe, so that the program sees the end of its input."""
        if self.owner is not None:
            self._ending = Completion()
            self.owner.stop()
            return self._ending
        self.close()
        return None

    def close(self) -> None:
        """Close the pipe, and drop what it has not taken."""
        close_descriptors(self.detach())

    def detach(self) -> int:
        """Drop what the pipe has not taken, and return the descriptor, which the caller closes; -1 if it is closed."""
        self._unwatch()
        fd, self.fd = self.fd, -1
        self._queue.clear()
        done, self._done = self._done, None
        ending, self._ending = self._ending, None
        owner, self.owner = self.owner, None
        if done is not None:
            done.reject(
                StreamDestroyedError("the stream was destroyed before the program had read everything")
            )
        if ending is not None:
            ending.resolve()
        if owner is not None:
            owner.dest_gone()
        self._tell_free()
        return fd

    def __del__(self) -> None:
        # The loop was closed before the stream was.
        close_descriptors(self.fd)

    # ---- a program that stops reading

    def refusal(self) -> BrokenPipeError | None:
        """Return the error of a write after the program has stopped reading, or None."""
        if not self.gone:
            return None
        return BrokenPipeError(errno.EPIPE, "the program has stopped reading its input")

    def leave(self) -> None:
        """Note that the program has stopped reading: drop what is queued, and report it once."""
        if self.gone:
            return
        self.gone = True
        self._unwatch()
        self._queue.clear()
        done, self._done = self._done, None
        owner = self.owner
        if owner is not None:
            owner.stop()
        self._left()
        if done is not None:
            done.resolve()

    def look(self) -> None:
        """Check whether the program still reads, after its exit."""
        if self.fd >= 0 and not self.gone and has_error(self.fd):
            self.leave()

    # ---- sending

    def _pending(self) -> Completion:
        self._done = Completion()
        if self.owner is not None:
            self.owner.stop()
        else:
            self._block()
        return self._done

    def _send(self) -> bool:
        """Send from the queue. Return whether it is empty."""
        queue = self._queue
        try:
            while queue.nbytes:
                taken = gather(queue, self.fd)
                if taken < 0:
                    return False
                self.nbytes += taken
        except BrokenPipeError:
            self.leave()
            return False
        return True

    def _block(self) -> None:
        self._blocked = True
        if not self._watching:
            self._loop.add_writer(self.fd, self._writable)
            self._watching = True

    def _unwatch(self) -> None:
        self._blocked = False
        if self._watching:
            self._watching = False
            if not self._loop.is_closed():
                self._loop.remove_writer(self.fd)

    def _writable(self) -> None:
        self._blocked = False
        if self.owner is not None:
            if has_error(self.fd):
                self.leave()
            else:
                self.owner.writable()
        else:
            self._go_on()
        if not self._blocked:
            self._unwatch()

    def _go_on(self) -> None:
        try:
            sent = self._send()
        except OSError as error:
            done, self._done = self._done, None
            self._queue.clear()
            if done is not None:
                done.reject(error)
            return
        if not sent:
            if not self.gone:
                self._block()
            return
        done, self._done = self._done, None
        if done is not None:
            done.resolve()
        ending, self._ending = self._ending, None
        if ending is not None:
            self.close()
            ending.resolve()
        self._tell_free()

    # ---- the direct path from a file

    @property
    def idle(self) -> bool:
        """Whether the pipe is open and nothing waits to be sent."""
        return self.fd >= 0 and not self.gone and self.owner is None and self._done is None

    def when_free(self, call: Callable[[], None]) -> None:
        """Call ``call()`` once, when the pipe has taken everything, or was closed."""
        self._free_calls.append(call)

    def _tell_free(self) -> None:
        calls, self._free_calls = self._free_calls, []
        for call in calls:
            # This comes after the ticks in which the streams handle what has just happened.
            self._loop.call_soon(call)

    def acquire(self, owner: TargetOwner) -> None:
        """Let ``owner`` send until it calls `release`. Other writes wait."""
        self.owner = owner

    def wait_writable(self) -> None:
        """Call the owner's ``writable()`` when the pipe accepts more."""
        self._block()

    def count_out(self, size: int) -> None:
        """Count bytes that the owner has sent."""
        self.nbytes += size

    def release(self) -> None:
        """Note that the owner has finished."""
        self.owner = None
        if self.fd < 0:
            return
        self._unwatch()
        self._go_on()
