"""File objects as the first or the last stage of a flow: a thread reads or writes them."""

from __future__ import annotations

import inspect
import io
import os
from collections.abc import AsyncIterable, Callable, Iterator
from functools import partial
from typing import Any

from forebay._core.state.stream import Stream
from forebay.errors import InvalidArgTypeError, InvalidArgValueError
from forebay.streams.blocking.thread_streams import MOST_BYTES, ThreadSink, ThreadSource

__all__ = [
    "BLOCK_BYTES",
    "file_blocks",
    "file_sink",
    "file_source",
    "file_stream",
    "is_file",
    "is_text",
    "with_files",
]

#: The most bytes or characters of one read.
BLOCK_BYTES = 128 * 1024


def is_file(value: Any) -> bool:
    """Return whether ``value`` is a file object of synchronous code: it has read() or write() that wait."""
    if isinstance(value, io.IOBase):
        return True
    if isinstance(value, (Stream, AsyncIterable, type)) or not callable(getattr(value, "close", None)):
        return False
    # Readers of tables and of messages have read() as well, but no readline().
    reads = _waits(value, "read") and _waits(value, "readline")
    return reads or (_waits(value, "write") and _waits(value, "flush"))


def _waits(value: Any, method: str) -> bool:
    found = getattr(value, method, None)
    return callable(found) and not inspect.iscoroutinefunction(found)


def is_text(file: Any) -> bool:
    """Return whether a file reads and takes str."""
    if isinstance(file, io.IOBase):
        return isinstance(file, io.TextIOBase)
    # A wrapper such as that of tempfile has the attributes of its file.
    return hasattr(file, "encoding") and hasattr(file, "newlines")


def _can(file: Any, method: str) -> bool:
    """Return whether the file says that it is readable or writable; without a word, whether it has the method."""
    says = getattr(file, f"{method}able" if method == "read" else "writable", None)
    try:
        return bool(says()) if callable(says) else hasattr(file, method)
    except ValueError:
        raise InvalidArgValueError(f"{file!r:.80} is closed") from None


def with_files(stages: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the stages of a flow with streams in the place of file objects."""
    first, last = stages[0], stages[-1]
    if is_file(first):
        stages = (file_source(first), *stages[1:])
    if is_file(last):
        stages = (*stages[:-1], file_sink(last))
    return stages


def file_stream(file: Any) -> ThreadSource | ThreadSink:
    """Make a stream of a file whose place does not tell its direction.

    Raises:
        InvalidArgValueError: It can be both read and written.
    """
    reads = _can(file, "read")
    if reads and _can(file, "write"):
        raise InvalidArgValueError(
            f"{file!r:.80} can be read and written: use threads.from_thread(file) to read it, or threads.to_thread(file) "
            f"to write it"
        )
    return file_source(file) if reads else file_sink(file)


def file_source(
    file: Any,
    *,
    block: int = BLOCK_BYTES,
    close: bool = False,
    object_mode: bool | None = None,
    **options: Any,
) -> ThreadSource:
    """Make a Readable that reads a file object in a thread: bytes, or str in object mode for a text file."""
    if not _can(file, "read"):
        raise InvalidArgValueError(f"{file!r:.80} cannot be read; open it with mode 'rb'")
    return ThreadSource(
        partial(file_blocks, file, block, close),
        _label(file),
        object_mode=is_text(file) if object_mode is None else object_mode,
        unused=file.close if close else None,
        **options,
    )


def file_sink(file: Any, *, close: bool = False, **options: Any) -> ThreadSink:
    """Make a Writable that writes to a file object in a thread: bytes, or str in object mode for a text file."""
    if not _can(file, "write"):
        raise InvalidArgValueError(f"{file!r:.80} cannot be written; open it with mode 'wb'")
    options.setdefault("object_mode", is_text(file))
    if not options["object_mode"] and options.get("high_water_mark") is None:
        options["high_water_mark"] = MOST_BYTES
    unused = file.close if close else None
    return ThreadSink(partial(_write_all, file, close), _label(file), unused=unused, **options)


def file_blocks(file: Any, block: int, close: bool) -> Iterator[Any]:
    """Read a file block by block. A read returns what there is, if the file can do so."""
    read = getattr(file, "read1", None)
    try:
        if read is None or isinstance(file, io.TextIOBase):
            read = file.read
        while True:
            data = read(block)
            if data == b"" and not _blocks(file):
                # read1() returns this at the end and when there is no data yet. read() returns None in the second case.
                data = file.read(1)
            if data is None:
                raise BlockingIOError(f"{file!r:.80} is not blocking and has no data; use a blocking file")
            if not data:
                return
            yield data
    finally:
        if close:
            file.close()


def _blocks(file: Any) -> bool:
    """Return whether a read waits for data, as it does unless the file's descriptor says otherwise."""
    try:
        return os.get_blocking(file.fileno())
    except (AttributeError, TypeError, OSError, ValueError):
        return True


def _write_all(file: Any, close: bool, chunks: Iterator[Any]) -> None:
    try:
        write: Callable[[Any], object] = file.write
        if isinstance(file, io.RawIOBase):
            write = partial(_write_raw, file)
        text = is_text(file)
        for chunk in chunks:
            if text and not isinstance(chunk, str):
                raise InvalidArgTypeError(
                    f"the text file {file!r:.80} takes str, got {chunk!r:.80}; open it with mode 'wb' for bytes"
                )
            write(chunk)
        flush = getattr(file, "flush", None)
        if flush is not None:
            flush()
    finally:
        if close:
            file.close()


def _write_raw(file: io.RawIOBase, chunk: Any) -> None:
    """Write a whole chunk to a file that may take a part of it."""
    rest = memoryview(chunk).cast("B")
    while rest:
        count = file.write(rest)
        if count is None:
            raise BlockingIOError(f"{file!r:.80} is not blocking and has no room; use a blocking file")
        rest = rest[count:]


def _label(file: Any) -> str:
    name = getattr(file, "name", None)
    return repr(name) if isinstance(name, (str, bytes)) else type(file).__name__
