from asyncio import AbstractEventLoop, Future
from collections.abc import Iterator
from typing import Any

from forebay.asyncio._compiled.arguments import LongLines

def show_buffer_as(cls: type) -> None:
    """Name the class of what stands for asyncio's private ``_buffer``."""

class ReaderCore:
    """The buffer of a `StreamReader`, and the reads that do not wait."""

    _limit: int
    _eof: bool
    _paused: bool
    _exception: Exception | None
    _transport: Any
    _loop: AbstractEventLoop
    _waiter: Future[None] | None
    _buffer: Any
    def _open(self, limit: int, loop: AbstractEventLoop) -> None: ...
    def _changed(self) -> int: ...
    def _line_now(self, own: int) -> bytes | None: ...
    def _replace(self, data: bytes) -> None: ...
    def feed_data(self, data: Any) -> None:
        """Take in bytes that were received."""
    def feed_eof(self) -> None:
        """Say that no more comes."""
    def exception(self) -> Exception | None:
        """The exception that reads raise, or None."""
    def set_exception(self, exc: Exception) -> None:
        """Let every read, and the one that waits, raise ``exc``."""
    def set_transport(self, transport: Any) -> None:
        """Name the transport that is paused when too much is buffered."""
    def at_eof(self) -> bool:
        """Whether all was read and no more comes."""
    def _wakeup_waiter(self) -> None: ...
    def _wait_for_any(self, name: str) -> Future[None]: ...
    def _wait_for_bytes(self, name: str, n: int) -> Future[None]: ...
    def _wait_for_separator(self, name: str, separator: bytes, limit: int | None) -> Future[None]: ...
    def _end_wait(self) -> None: ...
    def _maybe_resume_transport(self) -> None: ...
    def _some(self, n: int) -> bytes | None: ...
    def _exactly(self, n: int) -> bytes | None: ...
    def _until(self, separator: bytes | list[bytes], limit: int | None) -> bytes | None: ...
    def _line(self, limit: int | None, long_lines: str) -> bytes | None: ...
    def _buffered(self) -> int: ...
    def _peek(self, n: int) -> bytes: ...
    def _view(self, n: int) -> memoryview: ...
    def _fill(self, buffer: Any) -> int: ...
    def read_nowait(self, n: int = -1) -> bytes | None:
        """Up to ``n`` bytes of what is there, or all of it; None where there is nothing, ``b""`` at the end."""
    def readexactly_nowait(self, n: int) -> bytes | None:
        """``n`` bytes, or None where fewer are there. Raises `asyncio.IncompleteReadError` at the end."""
    def readuntil_nowait(self, separator: Any = b"\n", *, limit: int | None = None) -> bytes | None:
        """The bytes up to and with ``separator``, or None where it is not there. Raises what `readuntil` does."""
    def readline_nowait(self) -> bytes | None:
        """The next line, or None where it is not whole yet; ``b""`` at the end. Raises ValueError as `readline` does."""
    def read_lines_nowait(
        self, max_lines: int | None = None, *, limit: int | None = None, long_lines: LongLines = "error"
    ) -> list[bytes]:
        """A list of the whole lines that are there, at most ``max_lines``; at the end also what follows the last."""
    def lines_nowait(self) -> Iterator[bytes]:
        """An iterator over the whole lines that are there, for a plain ``for``."""
