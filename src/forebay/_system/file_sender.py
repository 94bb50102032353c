"""A file to a socket or a pipe inside the kernel: the loop's thread sends cached bytes, and a worker loads the rest."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import Any, Protocol

from forebay._system.direct_transfer import Transfer
from forebay._system.kernel_copy import Moved
from forebay._system.open_file import OpenFile
from forebay._system.syscalls import in_memory

__all__ = ["FileSender"]

#: Bytes that one call sends at most.
_SLICE_BYTES = 2 * 1024 * 1024
#: The size of the part for which one check finds out whether it is cached.
_LOOK_BYTES = 8 * 1024 * 1024
# If the kernel cannot report this exactly, the first byte of every 128 KiB is checked. Linux reads ahead at least 128 KiB.
_PROBE_BYTES = 128 * 1024
#: Bytes that a worker loads from the disk at a time.
_FETCH_BYTES = 256 * 1024
#: Bytes after which the loop gets its turn.
_TURN_BYTES = 2 * 1024 * 1024
#: Seconds after which a transfer ends, so that the source can check whether the direct path still applies.
_TRANSFER_SECONDS = 0.25


class Destination(Protocol):
    """A descriptor that does not block, and that has one owner at a time."""

    fd: int

    def acquire(self, owner: Any) -> None:
        """Let ``owner`` send. Other writes wait."""

    def wait_writable(self) -> None:
        """Call the owner's ``writable()`` when the descriptor accepts more."""

    def count_out(self, size: int) -> None:
        """Count bytes that the owner has sent."""


class FileSender:
    """One transfer of a file's bytes to a descriptor.

    ``move(dest, source, offset, size)`` is the system call. It returns the number of bytes, 0 at the end of the file and -1 if
    it would block.
    """

    def __init__(
        self, dest: Destination, transfer: Transfer, move: Callable[[int, int, int, int], int]
    ) -> None:
        self._dest = dest
        self._move = move
        self._transfer = transfer
        self._loop = asyncio.get_running_loop()
        self._moved = 0
        self._over = False
        self._fetching = False
        # Offsets in the file: the end of the transfer, and the end of the cached part.
        self._stop_at = sys.maxsize if transfer.limit is None else transfer.start + transfer.limit
        self._known = transfer.start
        self._began = monotonic()
        dest.acquire(self)
        self._step()

    def stop(self) -> None:
        """Send nothing more, and report soon."""
        self._end(False, False)

    def writable(self) -> None:
        """Send more: the destination accepts data."""
        self._step()

    def dest_gone(self) -> None:
        """End the transfer: the destination is destroyed."""
        self._end(False, True)

    def _end(self, ended: bool, failed: bool) -> None:
        if not self._over:
            self._over = True
            self._loop.call_soon(self._transfer.done, Moved(self._moved, ended, failed), None)

    def _step(self) -> None:
        transfer = self._transfer
        file = transfer.file.fd
        turn = 0
        while not self._over and not self._fetching:
            at = transfer.start + self._moved
            upto = min(at + _SLICE_BYTES, self._stop_at)
            if at == upto:
                self._end(True, False)
                return
            if self._known < upto:
                self._known += in_memory(file, self._known, _LOOK_BYTES, _PROBE_BYTES)
                if self._known <= at:
                    self._fetch(at)
                    return
            size = min(upto, self._known) - at
            try:
                taken = self._move(self._dest.fd, file, at, size)
            except OSError:
                self._end(False, True)
                return
            if taken == 0:
                self._end(True, False)
                return
            if taken > 0:
                self._moved += taken
                self._dest.count_out(taken)
            turn += taken
            if taken < size:
                try:
                    self._dest.wait_writable()
                except OSError:
                    self._end(False, True)
                    return
            if taken < size or turn >= _TURN_BYTES:
                if monotonic() - self._began > _TRANSFER_SECONDS:
                    self._end(False, False)
                elif taken == size:
                    self._loop.call_soon(self._step)
                return

    def _fetch(self, at: int) -> None:
        self._fetching = True
        transfer = self._transfer
        transfer.executor.submit(partial(_fetch, transfer.file, at), partial(self._fetched, at))

    def _fetched(self, at: int, size: int | None, error: BaseException | None) -> None:
        self._fetching = False
        if error is not None or size is None:
            # The ordinary path reports the same error.
            self._end(False, True)
            return
        # At the end of the file there is nothing to load, and the system call reports the end.
        self._known = max(self._known, at + max(size, 1))
        self._step()


def _fetch(file: OpenFile, at: int) -> int:
    """Make the kernel read a part of the file into memory, in a worker. Return the number of bytes."""
    return os.preadv(file.fd, [bytearray(_FETCH_BYTES)], at)
