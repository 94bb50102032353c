"""Streams and synchronous code: files, iterables and functions that wait, in threads.

::

    rows = await asyncio.to_thread(read_table, as_file(stream))          # a library that wants a file reads a stream
    await pipeline(from_thread(cursor_rows), gzip(), to_thread(file))    # an iterable and a file as stages
    async with thread_writer(sink) as writer:                            # any number of threads write to one stream
        await asyncio.to_thread(measure, writer)

The loop's thread never waits for another thread. A call that would wait there raises DeadlockError. A thread that waits for a
stream is released by an error, by the end of the stream, by the cancellation of the task that made the file or the writer, and
by the end of the event loop.

**Memory.** A file or a writer has ``high_water_mark`` bytes on their way (1 MiB), and what the stream itself buffers. The other
streams read ahead 512 KiB, or as many objects as come in a moment, at most 1,000. See docs/threads.md.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import IO, Any, TypeVar

from forebay._core.abort import AbortSignal
from forebay._core.names import stream_name
from forebay._core.state.stream import Stream
from forebay._core.usage_errors import is_class
from forebay.errors import InvalidArgTypeError, InvalidReturnValueError, OutOfRangeError
from forebay.streams.blocking.file_objects import BLOCK_BYTES, file_blocks, file_sink, file_source, is_file
from forebay.streams.blocking.job import CLEANUP_SECONDS
from forebay.streams.blocking.thread_streams import (
    MOST_BYTES,
    MOST_QUEUED,
    ThreadSink,
    ThreadSource,
    ThreadTransform,
)
from forebay.streams.duplex import Duplex
from forebay.streams.readable import Readable
from forebay.streams.writable import Writable
from forebay.threads._files import BinaryReader, BinaryWriter, TextFile, as_file
from forebay.threads._writer import ThreadWriter

__all__ = [
    "CLEANUP_SECONDS",
    "BinaryReader",
    "BinaryWriter",
    "TextFile",
    "ThreadWriter",
    "as_file",
    "from_thread",
    "thread_writer",
    "through_thread",
    "to_thread",
]

_T = TypeVar("_T")
_A = TypeVar("_A")


def from_thread(
    source: IO[Any] | Iterable[_T] | Callable[[], IO[Any] | Iterable[_T]],
    *,
    object_mode: bool | None = None,
    block: int = BLOCK_BYTES,
    close: bool = False,
    high_water_mark: int | None = None,
    signal: AbortSignal | None = None,
) -> Readable[Any]:
    """Make a Readable of an iterable or a file that a thread of its own iterates over or reads.

    The thread starts with the first read. It waits while ``high_water_mark`` is reached. A generator is closed in the thread
    when the stream is left early, and gets the error if the stream is destroyed with one.

    Args:
        source: An iterable, an open file, or a function without arguments that returns one of them and is called in the thread.
        object_mode: Whether the chunks are objects. None: a file gives bytes, a text file str, and everything else objects.
        block: The most bytes, or characters, of one read of a file. A read returns what there is.
        close: Whether the file is closed at the end. A file that a function has opened is always closed.
        high_water_mark: The bytes or objects to read ahead. None is 512 KiB, or for objects a number from 1 to 1,000 that grows
            while they come fast.
        signal: An `AbortSignal` that destroys the stream.

    Returns:
        The stream.

    Raises:
        InvalidArgTypeError: An argument has the wrong type.
        InvalidArgValueError: The file cannot be read.
        OutOfRangeError: A number is outside its range.
    """
    _check_count("block", block)
    if high_water_mark is not None:
        _check_count("high_water_mark", high_water_mark)
    if is_file(source):
        return file_source(
            source,
            block=block,
            close=close,
            object_mode=object_mode,
            high_water_mark=high_water_mark,
            signal=signal,
        )
    make: Callable[[], Iterable[Any]]
    if isinstance(source, Iterable) and not isinstance(source, (str, bytes, bytearray, memoryview)):
        make = partial(_same, source)
    elif callable(source) and not is_class(source, Stream):
        make = partial(_opened, source, block)
    else:
        raise InvalidArgTypeError(
            f"from_thread() needs an iterable, a file or a function, got {source!r:.80}"
        )
    return ThreadSource(
        make,
        stream_name(source),
        object_mode=object_mode is not False,
        high_water_mark=high_water_mark,
        signal=signal,
    )


def to_thread(
    target: IO[Any] | Callable[[Any], object],
    *,
    each: bool = True,
    object_mode: bool | None = None,
    close: bool = False,
    high_water_mark: int | None = None,
    signal: AbortSignal | None = None,
) -> Writable[Any]:
    """Make a Writable whose chunks are written to a file, or passed to a function, in a thread of its own.

    'finish' comes when the file was flushed, or when the function has returned. A function that stops its iteration early
    leaves the stream: that is not an error of a pipeline.

    Args:
        target: An open file, or a function.
        each: Whether the function is called with each chunk. False: it is called once, with an iterator of the chunks.
        object_mode: Whether the chunks are objects. None: a file takes bytes, a text file str, and a function objects.
        close: Whether the file is closed at the end, also after an error.
        high_water_mark: The bytes or objects that may be queued. None is 512 KiB or 128 objects.
        signal: An `AbortSignal` that destroys the stream.

    Returns:
        The stream.

    Raises:
        InvalidArgTypeError: An argument has the wrong type.
        InvalidArgValueError: The file cannot be written.
        OutOfRangeError: A number is outside its range.
    """
    if high_water_mark is not None:
        _check_count("high_water_mark", high_water_mark)
    options: dict[str, Any] = {"signal": signal}
    if is_file(target):
        if object_mode is not None:
            options["object_mode"] = object_mode
        return file_sink(target, close=close, high_water_mark=high_water_mark, **options)
    if not callable(target) or is_class(target, Stream):
        raise InvalidArgTypeError(f"to_thread() needs a file or a function, got {target!r:.80}")
    objects = object_mode is not False
    if high_water_mark is None:
        high_water_mark = MOST_QUEUED if objects else MOST_BYTES
    return ThreadSink(
        partial(_for_each, target) if each else target,
        stream_name(target),
        object_mode=objects,
        high_water_mark=high_water_mark,
        **options,
    )


def through_thread(
    fn: Callable[[Any], Any],
    *,
    each: bool | None = None,
    object_mode: bool = True,
    high_water_mark: int | None = None,
    signal: AbortSignal | None = None,
) -> Duplex[Any, Any]:
    """Make a transform by a synchronous function that runs in a thread of its own.

    Args:
        fn: A function of a chunk that returns the output for it, or None for no output. Or a function of an iterator of the
            chunks that returns an iterable of the output, such as a generator function.
        each: Whether the function is called with each chunk. None: a generator function is not.
        object_mode: Whether the chunks are objects. False is for bytes.
        high_water_mark: For both sides, in bytes or objects. None is 512 KiB or 128 objects.
        signal: An `AbortSignal` that destroys the stream.

    Returns:
        The stream.

    Raises:
        InvalidArgTypeError: An argument has the wrong type.
        OutOfRangeError: A number is outside its range.
    """
    if not callable(fn) or is_class(fn, Stream):
        raise InvalidArgTypeError(f"through_thread() needs a function, got {fn!r:.80}")
    if inspect.iscoroutinefunction(fn) or inspect.isasyncgenfunction(fn):
        raise InvalidArgTypeError(
            f"through_thread() needs a plain function; {fn!r:.80} is async, so use it itself as a stage"
        )
    if high_water_mark is not None:
        _check_count("high_water_mark", high_water_mark)
    if each is None:
        each = not inspect.isgeneratorfunction(fn)
    return ThreadTransform(
        partial(_map, fn) if each else partial(_iterated, fn),
        stream_name(fn),
        object_mode=object_mode,
        high_water_mark=high_water_mark,
        signal=signal,
    )


def thread_writer(stream: Writable[_A], *, high_water_mark: int | None = None) -> ThreadWriter[_A]:
    """Make a writer with which any number of threads write to a Writable.

    Call it on the loop's thread, and give the writer to the threads: ``writer.write(chunk)`` waits while the stream has no
    room. ``async with`` closes the writer at the end of the block: the stream then ends when all is written. An exception that
    leaves the block destroys the stream.

    Args:
        stream: The Writable. The writer ends it.
        high_water_mark: The bytes or objects that may be on their way to the loop's thread. None is 1 MiB or 1,000 objects.

    Returns:
        The writer.

    Raises:
        InvalidArgTypeError: An argument has the wrong type.
        NoRunningLoopError: No event loop is running in this thread.
        OutOfRangeError: A number is outside its range.
    """
    if not isinstance(stream, Writable):
        raise InvalidArgTypeError(f"thread_writer() needs a Writable, got {stream!r:.80}")
    if high_water_mark is None:
        high_water_mark = 1000 if stream.writable_object_mode else 1024 * 1024
    _check_count("high_water_mark", high_water_mark)
    return ThreadWriter(stream, high_water_mark)


def _check_count(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidArgTypeError(f"{name} must be an int, got {value!r}")
    if value < 1:
        raise OutOfRangeError(f"{name} must be 1 or more, got {value}")


# ---- in the thread


def _same(source: Iterable[Any]) -> Iterable[Any]:
    return source


def _opened(make: Callable[[], Any], block: int) -> Iterable[Any]:
    made = make()
    if is_file(made):
        return file_blocks(made, block, True)
    if isinstance(made, Iterable):
        return made
    if inspect.iscoroutine(made):
        made.close()
    raise InvalidReturnValueError(f"{stream_name(make)} must return an iterable or a file, got {made!r:.80}")


def _for_each(fn: Callable[[Any], object], chunks: Iterator[Any]) -> None:
    for chunk in chunks:
        fn(chunk)


def _map(fn: Callable[[Any], Any], chunks: Iterator[Any]) -> Iterator[Any]:
    for chunk in chunks:
        output = fn(chunk)
        if output is not None:
            yield output


def _iterated(fn: Callable[[Iterator[Any]], Any], chunks: Iterator[Any]) -> Iterable[Any]:
    made = fn(chunks)
    if isinstance(made, Iterable):
        return made
    raise InvalidReturnValueError(f"{stream_name(fn)} must return an iterable, got {made!r:.80}")
