"""StreamReader: asyncio's reader, with additional methods."""

from __future__ import annotations

import asyncio
import sys
from asyncio import events, format_helpers
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from forebay._backend import backend
from forebay.asyncio._compiled.arguments import LongLines, separator_of
from forebay.asyncio._compiled.buffer_attribute import Buffer
from forebay.asyncio._compiled.method_descriptors import own_methods
from forebay.asyncio._compiled.overrides import READ, READLINE, READUNTIL, WAIT, note_plain
from forebay.asyncio._compiled.reader_core import ReaderCore, show_buffer_as
from forebay.asyncio._stand_in_class import StandInMeta, stand_in

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

DEFAULT_LIMIT = 2**16

_Read = Callable[..., Coroutine[Any, Any, bytes]]

# Python 3.11 hands over the result of a compiled attempt without a StopIteration; later ones are fastest with
# coroutine functions.
LAZY = backend == "c" and sys.version_info < (3, 12)

if TYPE_CHECKING or not LAZY:
    _Core = ReaderCore
else:
    from forebay.asyncio._compiled.attempts import LazyReader as _Core


class StreamReader(_Core, asyncio.StreamReader, metaclass=StandInMeta):
    """`asyncio.StreamReader` with the received bytes in a `ChunkQueue`.

    A read whose data has arrived needs no future and no task. A waiting read is woken once, when what it needs has arrived.
    One coroutine reads at a time. The methods ``..._nowait`` never wait: they return None if the data has not arrived.

    Args:
        limit: The longest line in bytes, and half of the size of the buffer at which the transport is paused.
        loop: The event loop. None is the running one.
    """

    def __init__(self, limit: int = DEFAULT_LIMIT, loop: asyncio.AbstractEventLoop | None = None) -> None:
        if not isinstance(self, ReaderCore):  # see StandInMeta
            _Original.__init__(self, limit, loop)
            return
        if limit <= 0:
            raise ValueError("Limit cannot be <= 0")
        if loop is None:
            loop = getattr(events, "_get_event_loop", events.get_event_loop)()
        self._open(limit, loop)
        if loop.get_debug():
            self._source_traceback = format_helpers.extract_stack(sys._getframe(1))

    def __repr__(self) -> str:
        # asyncio's own form, on which its tests insist.
        info = ["StreamReader"]
        if buffered := self._buffered():
            info.append(f"{buffered} bytes")
        if self._eof:
            info.append("eof")
        if self._limit != DEFAULT_LIMIT:
            info.append(f"limit={self._limit}")
        if self._waiter:
            info.append(f"waiter={self._waiter!r}")
        if self._exception:
            info.append(f"exception={self._exception!r}")
        if self._transport:
            info.append(f"transport={self._transport!r}")
        if self._paused:
            info.append("paused")
        return "<{}>".format(" ".join(info))

    async def readline(self, *, limit: int | None = None, long_lines: LongLines = "error") -> bytes:
        """Read the next line with its newline.

        Args:
            limit: The longest line in bytes, without its newline. None is the reader's limit.
            long_lines: What happens to a longer line. ``"error"`` raises ValueError, and the received bytes of the line are
                lost: as in asyncio, the rest of the line then counts as a line. ``"skip"`` leaves the whole line out.
                ``"split"`` gives it in pieces of ``limit`` bytes, of which only the last ends with a newline.

        Returns:
            The line; at the end of the stream what is left, then ``b""``.

        Raises:
            ValueError: The line is too long.
        """
        line = self._line_now(READUNTIL | WAIT) if limit is None and long_lines == "error" else None
        if line is not None:
            return line
        if limit is None and long_lines == "error" and self._changed() & (READUNTIL | WAIT):
            return await _original_readline(self)
        if self._exception is not None:
            raise self._exception
        line = self._line(limit, long_lines)
        while line is None:
            waiter = self._wait_for_separator("readuntil", b"\n", limit)
            try:
                await waiter
            finally:
                self._end_wait()
            line = self._line(limit, long_lines)
        return line

    async def readuntil(self, separator: Any = b"\n", *, limit: int | None = None) -> bytes:
        """Read up to and including ``separator``.

        Args:
            separator: Bytes, or a tuple of bytes; of a tuple, the separator that ends first.
            limit: The most bytes before the separator. None is the reader's limit.

        Returns:
            The bytes, with the separator.

        Raises:
            asyncio.LimitOverrunError: There are more bytes before the separator. They stay in the buffer.
            asyncio.IncompleteReadError: The stream ended before the separator.
        """
        data = self.readuntil_nowait(separator) if limit is None else None
        if data is not None:
            return data
        wanted = separator_of(separator)
        if limit is not None:
            data = self.readuntil_nowait(separator, limit=limit)
        elif self._changed() & WAIT:
            return await _original_readuntil(self, separator)
        while data is None:
            if isinstance(wanted, list):
                waiter = self._wait_for_any("readuntil")
            else:
                waiter = self._wait_for_separator("readuntil", wanted, limit)
            try:
                await waiter
            finally:
                self._end_wait()
            data = self._until(wanted, limit)
        return data

    async def read(self, n: int = -1) -> bytes:
        """Read up to ``n`` bytes as soon as one has arrived.

        Args:
            n: The most bytes. A negative number reads everything until the end.

        Returns:
            The bytes; ``b""`` at the end.
        """
        if n < 0:
            blocks = []
            own = self._changed() & READ
            while block := await self.read(self._limit if own else max(self._limit, self._buffered())):
                blocks.append(block)
            return b"".join(blocks)
        data = self.read_nowait(n)
        if data is None and self._changed() & WAIT:
            return await _original_read(self, n)
        while data is None:
            waiter = self._wait_for_any("read")
            try:
                await waiter
            finally:
                self._end_wait()
            data = self._some(n)
        return data

    async def readexactly(self, n: int) -> bytes:
        """Read ``n`` bytes.

        Args:
            n: The number of bytes.

        Returns:
            The bytes.

        Raises:
            asyncio.IncompleteReadError: The stream ended before.
        """
        data = self.readexactly_nowait(n)
        if data is None and self._changed() & WAIT:
            return await _original_readexactly(self, n)
        while data is None:
            waiter = self._wait_for_bytes("readexactly", n)
            try:
                await waiter
            finally:
                self._end_wait()
            data = self._exactly(n)
        return data

    def __aiter__(self) -> StreamReader:
        return self

    async def __anext__(self) -> bytes:
        line = self._line_now(READLINE | READUNTIL | WAIT)
        if line is None:
            line = await self.readline()
        if not line:
            raise StopAsyncIteration
        return line

    # ---- what asyncio has not got

    async def _come(self, name: str, least: int) -> None:
        """Wait until ``least`` bytes have arrived, or until the end."""
        if self._exception is not None:
            raise self._exception
        while self._buffered() < least and not self._eof:
            waiter = self._wait_for_bytes(name, least)
            try:
                await waiter
            finally:
                self._end_wait()

    async def peek(self, n: int, *, at_least: int = 1) -> bytes:
        """Return up to ``n`` bytes, which stay in the buffer, as soon as ``at_least`` bytes have arrived; fewer at the end.

        Args:
            n: The most bytes.
            at_least: How many bytes to wait for.

        Raises:
            ValueError: ``at_least`` is not from 0 to ``n``.
        """
        if not 0 <= at_least <= n:
            raise ValueError(f"at_least must be from 0 to n ({n}), not {at_least}")
        await self._come("peek", at_least)
        return self._peek(n)

    async def readinto(self, buffer: WriteableBuffer) -> int:
        """Fill a writable buffer with at least one byte. Return the number of bytes; 0 at the end.

        Args:
            buffer: A writable buffer.
        """
        if not memoryview(buffer).nbytes:
            return 0
        await self._come("readinto", 1)
        return self._fill(buffer)

    async def read_view(self, n: int = sys.maxsize) -> memoryview:
        """Read up to ``n`` bytes without a copy.

        Args:
            n: The most bytes.

        Returns:
            A read-only memoryview of data received in one piece; empty at the end.

        Raises:
            ValueError: ``n`` is not above 0.
        """
        if n <= 0:
            raise ValueError(f"n must be above 0, not {n}")
        await self._come("read_view", 1)
        return self._view(n)

    async def read_lines(
        self, max_lines: int | None = None, *, limit: int | None = None, long_lines: LongLines = "error"
    ) -> list[bytes]:
        """Read all whole lines that have arrived, at least one.

        Args:
            max_lines: The most lines. None means no limit.
            limit: As for `readline`.
            long_lines: As for `readline`.

        Returns:
            The lines; an empty list at the end.

        Raises:
            ValueError: ``max_lines`` is not above 0, or a line is too long.
        """
        if max_lines is not None and max_lines <= 0:
            raise ValueError(f"max_lines must be above 0 or None, not {max_lines}")
        while True:
            lines = self.read_lines_nowait(max_lines, limit=limit, long_lines=long_lines)
            if lines or (self._eof and not self._buffered()):
                return lines
            waiter = self._wait_for_separator("read_lines", b"\n", limit)
            try:
                await waiter
            finally:
                self._end_wait()


_Original = stand_in(StreamReader)
_original_read: _Read = _Original.read
_original_readexactly: _Read = _Original.readexactly
_original_readuntil: _Read = _Original.readuntil
_original_readline: _Read = _Original.readline

_functions: dict[str, Any] = {}
if LAZY:
    for _name in ("read", "readline", "readuntil", "readexactly", "__anext__"):
        _functions[_name] = getattr(StreamReader, _name)
        setattr(StreamReader, f"_await_{_name}", _functions[_name])
        setattr(StreamReader, _name, getattr(_Core, _name))
own_methods(StreamReader, _Original, _functions, _Core, ReaderCore)
note_plain(StreamReader)
show_buffer_as(Buffer)
