"""A file into a socket by ``sendfile``: the loop's thread sends what is in memory, a worker fetches what is not."""

from __future__ import annotations

import asyncio
import os
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

from penstock._syscalls import in_memory, sendfile
from penstock.direct import Moved, Trip
from penstock.fs._files import OpenFile

if TYPE_CHECKING:
    from penstock.net._channel import Channel

__all__ = ["SendFile"]

# One byte in so many is looked at to see whether the file is in memory. Linux reads ahead by no less.
_PROBE_BYTES = 128 * 1024
#: Bytes that a worker fetches from the disk in one go.
_FETCH_BYTES = 256 * 1024
#: Bytes after which the loop has its turn, sent by one call where they are in memory and the socket has room.
_TURN_BYTES = 2 * 1024 * 1024
#: Seconds after which a trip ends so that the source can look whether the bytes may still go this way.
_TRIP_SECONDS = 0.25


class SendFile:
    """One trip of a file's bytes into a socket."""

    def __init__(self, channel: Channel, trip: Trip) -> None:
        self._channel = channel
        self._trip = trip
        self._loop = asyncio.get_running_loop()
        self._moved = 0
        self._over = False
        self._fetching = False
        # Offset in the file up to which it is in memory.
        self._known = 0
        self._began = monotonic()
        channel.lend(self)
        self._step()

    def stop(self) -> None:
        """Send nothing any more, and report soon."""
        self._end(False, False)

    def writable(self) -> None:
        """The socket takes more."""
        self._step()

    def dest_gone(self) -> None:
        """The socket is destroyed."""
        self._end(False, True)

    def _end(self, ended: bool, failed: bool) -> None:
        if not self._over:
            self._over = True
            self._loop.call_soon(self._trip.done, Moved(self._moved, ended, failed), None)

    def _step(self) -> None:
        trip = self._trip
        turn = 0
        while not self._over and not self._fetching:
            size = _TURN_BYTES - turn
            if trip.limit is not None:
                size = min(size, trip.limit - self._moved)
                if size == 0:
                    self._end(True, False)
                    return
            at = trip.start + self._moved
            size = self._in_memory(at, size)
            if size == 0:
                self._fetch(at)
                return
            try:
                taken = sendfile(self._channel.fd, trip.file.fd, at, size)
            except OSError:
                self._end(False, True)
                return
            if taken == 0:
                self._end(True, False)
                return
            if taken > 0:
                self._moved += taken
                self._channel.count_out(taken)
            if taken < size:
                self._channel.wait_writable()
                if monotonic() - self._began > _TRIP_SECONDS:
                    self._end(False, False)
                return
            turn += taken
            if turn == _TURN_BYTES:
                self._loop.call_soon(self._step)
                return

    def _in_memory(self, at: int, size: int) -> int:
        """How many bytes from ``at`` on, of ``size``, need no disk."""
        known = max(at, self._known)
        if known < at + size:
            known += in_memory(self._trip.file.fd, known, at + size - known, _PROBE_BYTES)
            self._known = known
        return min(known - at, size)

    def _fetch(self, at: int) -> None:
        self._fetching = True
        trip = self._trip
        trip.strand.submit(partial(_fetch, trip.file, at), partial(self._fetched, at))

    def _fetched(self, at: int, size: int | None, error: BaseException | None) -> None:
        self._fetching = False
        if error is not None or size is None:
            # The ordinary way meets the same error.
            self._end(False, True)
            return
        # At the end of the file there is nothing to fetch, and sendfile says so.
        self._known = max(self._known, at + max(size, 1))
        self._step()


def _fetch(file: OpenFile, at: int) -> int:
    """In a worker: have a part of the file read into the kernel's memory; how much there was."""
    return os.preadv(file.fd, [bytearray(_FETCH_BYTES)], at)
