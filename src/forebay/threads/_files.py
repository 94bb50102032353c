"""as_file(): a stream as a file object for synchronous code in a thread."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from types import TracebackType
from typing import Any, Literal, Self, cast, overload

from forebay.errors import InvalidArgTypeError, InvalidArgValueError, OutOfRangeError
from forebay.streams.joining.chain import Chain
from forebay.streams.readable import Readable
from forebay.streams.writable import Writable
from forebay.threads._bridge import ReadBridge, WriteBridge
from forebay.threads._raw_files import RawFile, RawReader, RawWriter
from forebay.threads._writer import close_in_thread, reason_of

__all__ = ["BinaryReader", "BinaryWriter", "TextFile", "as_file"]

_CAPACITY = 1024 * 1024
# Reads of this size and larger ones go past the buffer.
_BUFFER = 64 * 1024
_MODES = ("r", "rb", "rt", "w", "wb", "wt")


class _StreamFile:
    """``with`` in the thread, ``async with`` on the loop's thread; the end of either one ends the flow."""

    close: Callable[[], None]

    def _raw_file(self) -> RawFile:
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and not self._raw_file().closed:
            self._raw_file().abandon(reason_of(error, "file"))
            with contextlib.suppress(Exception):
                self.close()
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and not self._raw_file().closed:
            self._raw_file().abandon(reason_of(error, "file"))
            with contextlib.suppress(Exception):
                self.close()
        await self.aclose()

    async def aclose(self) -> None:
        """Close the file on the loop's thread. A writing one is flushed, and waits for 'finish'.

        Raises:
            BaseException: The error of the stream.
        """
        raw = self._raw_file()
        if raw.closed:
            return
        if not raw.writable():
            self.close()
            return
        await close_in_thread(self.close, raw.abandon)


class BinaryReader(_StreamFile, io.BufferedReader):
    """A buffered binary file that reads a stream; made by `as_file`."""

    def _raw_file(self) -> RawFile:
        return cast(RawReader, self.raw)

    def close(self) -> None:
        """Close the file. A stream that has not ended is destroyed."""
        # First, as a thread that reads has the lock of the buffer.
        self.raw.close()
        super().close()


class BinaryWriter(_StreamFile, io.BufferedWriter):
    """A buffered binary file that writes to a stream; made by `as_file`."""

    def _raw_file(self) -> RawFile:
        return cast(RawWriter, self.raw)

    def close(self) -> None:
        """Write what is buffered, end the stream and wait for 'finish'. Raises the error of the stream if it fails."""
        # First, as the class loses what is buffered if its close() fails.
        self._raw_file().check_close()
        super().close()

    def __del__(self) -> None:
        with contextlib.suppress(ValueError):  # detached
            self._raw_file().drop()


class TextFile(_StreamFile, io.TextIOWrapper):
    """A text file over a stream; made by `as_file`."""

    def _raw_file(self) -> RawFile:
        raw: RawFile = cast(Any, self.buffer).raw
        return raw

    def close(self) -> None:
        """Close the file as a binary file is closed."""
        self._raw_file().check_close()
        super().close()

    def __del__(self) -> None:
        with contextlib.suppress(ValueError, AttributeError):  # detached, or never made
            self._raw_file().drop()


@overload
def as_file(
    stream: Readable[Any],
    mode: Literal["rb"] | None = None,
    *,
    buffering: int = -1,
    high_water_mark: int = _CAPACITY,
) -> BinaryReader: ...
@overload
def as_file(
    stream: Writable[Any],
    mode: Literal["wb"] | None = None,
    *,
    buffering: int = -1,
    high_water_mark: int = _CAPACITY,
) -> BinaryWriter: ...
@overload
def as_file(
    stream: Readable[Any] | Writable[Any],
    mode: Literal["r", "rt", "w", "wt"],
    *,
    buffering: int = -1,
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
    high_water_mark: int = _CAPACITY,
) -> TextFile: ...
def as_file(
    stream: Any,
    mode: str | None = None,
    *,
    buffering: int = -1,
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
    high_water_mark: int = _CAPACITY,
) -> Any:
    """Make a file object of a stream, for synchronous code in a worker thread.

    Call it on the loop's thread, and use the file in another one: ``await asyncio.to_thread(work, as_file(stream))``. On the
    loop's thread each call that would wait raises DeadlockError. Reading waits for the stream and pauses it while
    ``high_water_mark`` bytes are not read; an error of the stream is raised in the thread, behind the bytes before it.
    Closing the file early destroys the stream. Writing waits while the stream has no room. ``close()`` of a written file ends
    the stream, waits for 'finish', and raises the error if the stream fails.

    With ``async with``, the end of the block releases a thread that still waits: by an exception, by a cancellation, or
    because the block is done. An exception that leaves ``with`` or ``async with`` destroys the stream, so that what was
    written so far does not look whole.

    Args:
        stream: A Readable or a Writable. Its chunks are bytes; a ``str`` is encoded.
        mode: "rb", "wb" for bytes, "r", "w" for text. None is "rb" for a Readable and "wb" for a Writable.
        buffering: The size of the file's own buffer in bytes. -1 is 64 KiB; 0, for bytes only, is a raw file.
        encoding: The encoding of the text. None is UTF-8.
        errors: What happens to text that cannot be decoded or encoded, as for ``open``.
        newline: How line ends are handled, as for ``open``.
        high_water_mark: The bytes that may be on their way between the stream and the thread.

    Returns:
        The file: an ``io.BufferedReader``, ``io.BufferedWriter`` or ``io.TextIOWrapper``, or an ``io.RawIOBase``.

    Raises:
        InvalidArgTypeError: An argument has the wrong type.
        InvalidArgValueError: An argument has a wrong value.
        NoRunningLoopError: No event loop is running in this thread.
        OutOfRangeError: A number is outside its range.
    """
    reads, text = _direction(stream, mode)
    _check_sizes(buffering, high_water_mark, text)
    if not text and not encoding is errors is newline is None:
        raise InvalidArgValueError(
            'encoding, errors and newline are for text: use mode="r" or mode="w", or leave them out'
        )
    raw: Any
    if reads:
        raw = RawReader(ReadBridge(stream, high_water_mark, encoding or "utf-8"), stream)
    else:
        raw = RawWriter(WriteBridge(stream, high_water_mark), stream)
    if buffering == 0:
        return raw
    size = buffering if buffering > 1 else _BUFFER
    buffered = BinaryReader(raw, size) if reads else BinaryWriter(raw, size)
    if not text:
        return buffered
    try:
        return TextFile(buffered, encoding or "utf-8", errors, newline, line_buffering=buffering == 1)
    except BaseException as error:
        raw.abandon(error)
        raise


def _direction(stream: Any, mode: str | None) -> tuple[bool, bool]:
    """Return whether the file reads, and whether it is a text file."""
    can_read = isinstance(stream, Readable)
    can_write = isinstance(stream, Writable)
    if not can_read and not can_write:
        hint = '; give its stream: as_file(chain.stream, mode="rb")' if isinstance(stream, Chain) else ""
        raise InvalidArgTypeError(f"as_file() needs a Readable or a Writable, got {stream!r:.80}{hint}")
    if mode is None:
        if can_read and can_write:
            raise InvalidArgValueError(f'{stream!r} can be read and written: give mode="rb" or mode="wb"')
        mode = "rb" if can_read else "wb"
    if mode not in _MODES:
        raise InvalidArgValueError(f"mode must be one of {', '.join(_MODES)}, got {mode!r}")
    reads = mode[0] == "r"
    if not (can_read if reads else can_write):
        raise InvalidArgValueError(
            f"mode={mode!r} needs a {'Readable' if reads else 'Writable'}, got {stream!r}"
        )
    return reads, "b" not in mode


def _check_sizes(buffering: Any, high_water_mark: Any, text: bool) -> None:
    for name, value, least in (("buffering", buffering, -1), ("high_water_mark", high_water_mark, 1)):
        if isinstance(value, bool) or not isinstance(value, int):
            raise InvalidArgTypeError(f"{name} must be an int, got {value!r}")
        if value < least:
            raise OutOfRangeError(f"{name} must be {least} or more, got {value}")
    if text and buffering == 0:
        raise InvalidArgValueError("buffering=0 is for bytes: a text file needs a buffer")
