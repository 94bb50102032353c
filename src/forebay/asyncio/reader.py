"""The reader, as asyncio's and with what has been asked for there."""

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
from forebay.asyncio._instancecheck import Standing, stand_in

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


class StreamReader(_Core, asyncio.StreamReader, metaclass=Standing):
    """`asyncio.StreamReader`, with the received bytes in a `ChunkQueue`.

    What is there already is handed out without a future and without a task; a read that waits is woken once, when
    what it asked for has come. ``limit`` is the longest line, and half of what is buffered before the transport is
    paused.

    One coroutine reads at a time. The methods ``..._nowait`` never wait: they return None where what they are asked
    for is not there yet.
    """

    def __init__(self, limit: int = DEFAULT_LIMIT, loop: asyncio.AbstractEventLoop | None = None) -> None:
        if not isinstance(self, ReaderCore):  # see Standing
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
        """The next line with its newline; what is left at the end of the stream, at last ``b""``.

        ``limit``: the longest line, without its newline, where it is not the reader's. A longer one raises ValueError
        and its bytes are gone: all of it if its end had been received, else what had come of it, as in asyncio, where
        the rest then passes for a line. ``long_lines`` is the way on: ``"skip"`` leaves such a line out, whole;
        ``"split"`` gives it in pieces of ``limit`` bytes, of which only the last ends with a newline.
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
        """The bytes up to and with ``separator``; of a tuple of separators, with the one that ends first.

        ``limit``: most bytes before the separator, where it is not the reader's. Raises `asyncio.LimitOverrunError` where
        there are more, which leaves them in the buffer, and `asyncio.IncompleteReadError` at the end of the stream.
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
        """Up to ``n`` bytes as soon as one is there, ``b""`` at the end; with ``n`` below 0, all until the end."""
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
        """``n`` bytes. Raises `asyncio.IncompleteReadError` where the stream ends before."""
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
        """Wait until ``least`` bytes are there, or the end."""
        if self._exception is not None:
            raise self._exception
        while self._buffered() < least and not self._eof:
            waiter = self._wait_for_bytes(name, least)
            try:
                await waiter
            finally:
                self._end_wait()

    async def peek(self, n: int, *, at_least: int = 1) -> bytes:
        """Up to ``n`` bytes, which stay in the buffer, as soon as ``at_least`` so many are there; fewer at the end."""
        if not 0 <= at_least <= n:
            raise ValueError(f"at_least must be from 0 to n ({n}), not {at_least}")
        await self._come("peek", at_least)
        return self._peek(n)

    async def readinto(self, buffer: WriteableBuffer) -> int:
        """Fill a writable buffer with what is there, at least a byte; return how many, 0 at the end."""
        if not memoryview(buffer).nbytes:
            return 0
        await self._come("readinto", 1)
        return self._fill(buffer)

    async def read_view(self, n: int = sys.maxsize) -> memoryview:
        """As ``read(n)``, without a copy: a read-only memoryview of what was received in one piece; empty at the end."""
        if n <= 0:
            raise ValueError(f"n must be above 0, not {n}")
        await self._come("read_view", 1)
        return self._view(n)

    async def read_lines(
        self, max_lines: int | None = None, *, limit: int | None = None, long_lines: LongLines = "error"
    ) -> list[bytes]:
        """All whole lines that are there, at least one, at most ``max_lines``; an empty list at the end.

        Options and errors are those of `readline`.
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
