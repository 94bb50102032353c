"""The interface of a destination to which the kernel can move a file's bytes."""

from __future__ import annotations

from asyncio import AbstractEventLoop, TimerHandle
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from forebay._system.kernel_copy import Moved, Mover
    from forebay._system.open_file import OpenFile
    from forebay._system.worker_pool import SerialExecutor

__all__ = ["DirectSource", "DirectTarget", "Hold", "TargetOwner", "Transfer"]

# The longest time for which a read waits until the destination has written its chunks. Without this wait, a chunk would
# always be in flight, and the destination would never be free.
_HOLD_SECONDS = 0.05


class TargetOwner(Protocol):
    """The current owner of the destination, which moves the bytes."""

    def stop(self) -> None:
        """Release the destination soon, because other code wants to write to it."""


class Transfer(NamedTuple):
    """One part of a file, to be moved by the destination, from the file's offset ``start`` on.

    ``limit``: the most bytes to move, or None. ``done(moved, error)`` is called at the end, after a failure, soon after
    `TargetOwner.stop`, and regularly so that the source can check whether the direct path still applies. ``executor`` belongs
    to the file, ``mover`` to the source.
    """

    file: OpenFile
    executor: SerialExecutor
    mover: Mover
    start: int
    limit: int | None
    done: Callable[[Moved | None, BaseException | None], None]


class DirectSource(Protocol):
    """The interface of a Readable whose file the kernel moves."""

    _file: OpenFile
    _executor: SerialExecutor

    @property
    def readable_encoding(self) -> str | None: ...

    @property
    def readable_flowing(self) -> bool | None: ...

    @property
    def readable_high_water_mark(self) -> int: ...

    @property
    def readable_length(self) -> int: ...

    def listener_count(self, event: str) -> int: ...

    def _rewind(self) -> tuple[int, int | None]:
        """Return the offset at which to begin, with nothing read ahead, and the most bytes to move."""

    def _count_moved(self, nbytes: int, chunks: int) -> None:
        """Count moved bytes as if they had been read."""

    def _answer_read(self) -> None:
        """Answer the outstanding `_read`, on the direct path if possible."""

    def _feed(self) -> None:
        """Answer the outstanding `_read` with a chunk."""

    def _reached_end(self) -> None:
        """Note the end of the file, or of the requested part."""


class DirectTarget:
    """The interface of a Writable to which the kernel can move a piped file."""

    __slots__ = ()

    def _fed_by(self, source: object) -> None:
        """Note that a pipeline from ``source`` leads here. Raises InvalidArgValueError if that is not possible."""

    @property
    def _takes_files(self) -> bool:
        """Return whether the methods of this class write chunks to a descriptor unchanged."""
        raise NotImplementedError

    @property
    def _busy(self) -> bool:
        """Return whether the destination will become free by itself."""
        raise NotImplementedError

    @property
    def _free(self) -> bool:
        """Return whether the destination is open, has no chunk in flight, and may take more."""
        raise NotImplementedError

    def _when_free(self, call: Callable[[], None]) -> None:
        """Call ``call()`` once, when the destination may have become free."""
        raise NotImplementedError

    def _acquire(self, owner: TargetOwner) -> None:
        """Let ``owner`` write until `_release`. Writes wait, and ask it to stop."""
        raise NotImplementedError

    def _transfer(self, transfer: Transfer) -> None:
        """Move a part of a file; after `_acquire`."""
        raise NotImplementedError

    def _stop_transfer(self) -> None:
        """End the transfer soon."""

    def _release(self, nbytes: int, chunks: int) -> None:
        """Take the destination back. The owner has added ``nbytes``, which would have been ``chunks`` chunks."""
        raise NotImplementedError


class Hold:
    """A read that waits for a moment until its destination is free. ``over()`` is called when the hold ends."""

    def __init__(self, loop: AbstractEventLoop, over: Callable[[], None]) -> None:
        self._loop = loop
        self._over = over
        self._timer: TimerHandle | None = None
        # The time of the first delay, 0 without a delay.
        self._since = 0.0

    @property
    def on(self) -> bool:
        """Return whether the read is delayed."""
        return self._timer is not None

    def begin(self, dest: DirectTarget | None) -> bool:
        """Delay the read until ``dest`` is free, or for a turn of the loop if it is None. Return False after a long delay."""
        if self._timer is not None:
            return True
        now = self._loop.time()
        self._since = self._since or now
        left = self._since + _HOLD_SECONDS - now
        if left <= 0:
            self._since = 0.0
            return False
        self._timer = self._loop.call_later(left, self.end)
        end = partial(self._end_if, self._timer)
        if dest is None:
            self._loop.call_soon(end)
        else:
            dest._when_free(end)
        return True

    def end(self) -> None:
        """Continue with the delayed read now."""
        if self._timer is not None:
            self.cancel()
            self._over()

    def _end_if(self, timer: TimerHandle) -> None:
        # The destination may call this late, when the next read is already delayed.
        if self._timer is timer:
            self.end()

    def cancel(self) -> None:
        """End the hold without a call."""
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def forget(self) -> None:
        """Note that the read was answered, so the next one may be delayed again."""
        self._since = 0.0
