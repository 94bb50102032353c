"""The end of what a program writes to its standard error, for the error of the program."""

from __future__ import annotations

import asyncio

from forebay._system.cleanup import close_descriptors
from forebay._system.syscalls import receive

__all__ = ["ErrorTail"]

#: Bytes that are kept.
TAIL_BYTES = 8192
# Reads after the exit of the program, at most: a descendant may go on to write.
_LAST_READS = 64


class ErrorTail:
    """Read a pipe to its end and keep the last bytes. ``content`` are these bytes."""

    def __init__(self, loop: asyncio.AbstractEventLoop, fd: int) -> None:
        self._loop = loop
        self._fd = fd
        self.content = b""
        loop.add_reader(fd, self._read)

    def finish(self) -> None:
        """Read what is there, after the exit of the program."""
        for _ in range(_LAST_READS):
            if self._fd < 0 or not self._read():
                return

    def close(self) -> None:
        """Close the pipe."""
        close_descriptors(self.detach())

    def detach(self) -> int:
        """Stop reading, and return the descriptor, which the caller closes; -1 if it is closed."""
        fd, self._fd = self._fd, -1
        if fd >= 0 and not self._loop.is_closed():
            self._loop.remove_reader(fd)
        return fd

    def __del__(self) -> None:
        # The loop was closed before the program had exited.
        self.close()

    def _read(self) -> bool:
        try:
            data = receive(self._fd, 1)
        except OSError:
            data = b""
        if data is None:
            return False
        if not data:
            self.close()
            return False
        assert isinstance(data, bytes)
        self.content = (self.content + data)[-TAIL_BYTES:]
        return True
