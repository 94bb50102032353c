"""From one program's pipe to another's by ``splice``: the bytes are never copied to this process."""

from __future__ import annotations

import asyncio
from typing import Any

from forebay._system.cleanup import close_descriptors
from forebay._system.pipes import PIPE_BYTES
from forebay._system.syscalls import splice
from forebay.process._feeding import Feeding
from forebay.process._pipe_to_file import Inlet
from forebay.streams.readable import Readable

__all__ = ["PipeToPipe"]


class PipeToPipe:
    """The direct path from a program's output to the input of another program."""

    def __init__(self, source: Readable[Any], dest: Feeding, into: Inlet) -> None:
        self._source = source
        self.dest = dest
        self._into = into
        #: Whether the path waits until the other program has read.
        self.busy = False
        self._unfit = False

    def take_over(self) -> bool:
        """Return whether the direct path handles the arrived data."""
        into = self._into
        if self._unfit or not self.dest._free:
            return False
        moved = self._move()
        if moved == 0:
            into.reached_end()
        elif moved < 0 and not self._unfit:
            # There is data, so the other pipe is full.
            self.busy = True
            into.hold()
            out = self._out
            out.acquire(self)
            out.wait_writable()
        return not self._unfit

    @property
    def _out(self) -> Any:
        return self.dest._outlet

    def _move(self) -> int:
        """Move bytes. Return their number, 0 at the end of the source, and -1 if no more can be moved now."""
        try:
            moved = splice(self._into.fd, self._out.fd, PIPE_BYTES)
        except BrokenPipeError:
            self._out.leave()
            return -1 if self.busy else 1
        except OSError:
            # The ordinary path reports the same error.
            self._unfit = True
            return -1
        if moved > 0:
            self._into.nbytes += moved
            self._out.count_out(moved)
            self._source._s_count_direct(moved, 1)
            self.dest._s_count_written(moved, 1)
        return moved

    # ---- as the owner of the other pipe

    def writable(self) -> None:
        """Go on: the other program has read."""
        if self.busy:
            ended = self._into.fd >= 0 and self._move() == 0
            self._finish()
            if ended and self._into.fd >= 0:
                self._into.reached_end()

    def stop(self) -> None:
        """Return the pipe soon."""
        asyncio.get_running_loop().call_soon(self._finish)

    def dest_gone(self) -> None:
        """Go on without the other program, which is closed."""
        self.busy = False
        self._into.resume()

    def leave(self, fd: int) -> None:
        """Close the descriptor, and return the pipe of the other program."""
        close_descriptors(fd)
        self._finish()

    def _finish(self) -> None:
        if self.busy:
            self.busy = False
            self._out.release()
            self._into.resume()
