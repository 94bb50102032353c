"""The read end of a pipe from a program: bytes go to a stream, or inside the kernel to a file or another program."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import Any

from forebay._core.state.pipe import sole_destination
from forebay._system.cleanup import close_descriptors
from forebay._system.syscalls import receive
from forebay.fs._write_stream import WriteStream
from forebay.process._feeding import Feeding
from forebay.process._pipe_to_file import PipeToFile
from forebay.process._pipe_to_pipe import PipeToPipe
from forebay.streams.readable import Readable

__all__ = ["Intake"]

#: The most pieces of 64 KiB that one call reads.
_MOST_PIECES = 4


class Intake:
    """Read a pipe for a stream while the stream wants more. ``ended()`` is called at the end of the pipe.

    ``fd`` is -1 once the pipe is closed. ``nbytes`` counts the bytes that came.
    """

    def __init__(
        self, stream: Readable[Any], loop: asyncio.AbstractEventLoop, fd: int, ended: Callable[[], None]
    ) -> None:
        self._stream = stream
        self._loop = loop
        self.fd = fd
        self.nbytes = 0
        self._ended = ended
        self._wanted = False
        self._reading = False
        self._pieces = 1
        self._fit = type(stream).push is Readable.push and sys.platform == "linux"
        self._route: PipeToFile | PipeToPipe | None = None
        self._closing = False

    def read(self, size: int) -> None:
        """The ``_read`` hook."""
        self._wanted = True
        self.resume()

    def resume(self) -> None:
        """Read if the stream wants more."""
        if not self._wanted or self._reading or self.fd < 0 or (self._route is not None and self._route.busy):
            return
        try:
            self._loop.add_reader(self.fd, self._readable)
        except OSError as error:
            # The system cannot watch more descriptors.
            self._stream.destroy(error)
            return
        self._reading = True
        if self._closing:
            self._loop.call_soon(self._readable)

    def expect_no_more(self) -> None:
        """Take the end of what is in the pipe for its end: a descendant of a failed program may keep the pipe open."""
        self._closing = True
        if self._reading:
            self._loop.call_soon(self._readable)

    def hold(self) -> None:
        """Stop reading although the stream wants more."""
        if self._reading:
            self._reading = False
            if not self._loop.is_closed():
                self._loop.remove_reader(self.fd)

    def close(self) -> None:
        """Close the pipe."""
        self._wanted = False
        self.hold()
        route, self._route = self._route, None
        fd, self.fd = self.fd, -1
        if route is not None:
            route.leave(fd)
        else:
            close_descriptors(fd)

    def reached_end(self) -> None:
        """Note the end of the pipe."""
        self.close()
        self._ended()

    def _readable(self) -> None:
        if not self._reading:
            return
        if not self._wanted:
            # The watch was kept, in case the stream wants more before more data arrives.
            self.hold()
            return
        if self._fit and not self._closing and self._goes_direct():
            return
        try:
            data = receive(self.fd, self._pieces)
        except OSError as error:
            self._stream.destroy(error)
            return
        if data is not None:
            self._take(data)
        elif self._closing:
            self.reached_end()
        if self._closing and self._reading:
            self._loop.call_soon(self._readable)

    def _take(self, data: bytes | list[bytes]) -> None:
        stream = self._stream
        if type(data) is list:
            self.nbytes += sum(map(len, data))
            full = len(data) == self._pieces
            more = stream.push_many(data)
        elif data:
            self.nbytes += len(data)
            full = len(data) >= 65536
            more = stream.push(data)
        else:
            self.reached_end()
            return
        if not more:
            self._wanted = False
        # A stream that takes everything at once gets more at once.
        self._pieces = min(self._pieces * 2, _MOST_PIECES) if full and not stream.readable_length else 1

    def __del__(self) -> None:
        # The loop was closed before the stream was.
        close_descriptors(self.fd)

    # ---- the direct path

    def _goes_direct(self) -> bool:
        """Return whether the kernel moves the bytes that have arrived to the file or the program."""
        dest = sole_destination(self._stream)
        route = self._route
        if route is not None and route.dest is not dest:
            route.leave(-1)
            route = self._route = None
        if route is None:
            if isinstance(dest, WriteStream):
                route = PipeToFile(self._stream, dest, self)
            elif isinstance(dest, Feeding):
                route = PipeToPipe(self._stream, dest, self)
            else:
                return False
            self._route = route
        return route.take_over()
