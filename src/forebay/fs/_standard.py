"""The standard input and output of this process as streams."""

from __future__ import annotations

import contextlib
import os
import sys

from forebay._core.abort import AbortSignal
from forebay.fs._read_stream import ReadStream
from forebay.fs._write_stream import WriteStream

__all__ = ["stderr", "stdin", "stdout"]


def stdin(*, high_water_mark: int | None = None, signal: AbortSignal | None = None) -> ReadStream[bytes]:
    """Return the standard input as a Readable: a terminal, a pipe or a file.

    A worker thread waits for the data, so the descriptor stays as it is for the programs that share it (it is never set to
    non-blocking). Only what is asked for is read, and destroying the stream leaves the descriptor open. Do not use `sys.stdin` as
    well: it reads ahead.

    Args:
        high_water_mark: Bytes that the stream buffers. None is 64 KiB.
        signal: An `AbortSignal` that destroys the stream.

    Returns:
        The stream.

    Raises:
        OSError: There is no standard input.
        NoRunningLoopError: No event loop is running.
    """
    fd = os.dup(0)
    try:
        return ReadStream(fd=fd, high_water_mark=high_water_mark, signal=signal)
    except BaseException:
        os.close(fd)
        raise


def stdout(*, high_water_mark: int | None = None, signal: AbortSignal | None = None) -> WriteStream[bytes]:
    """Return the standard output as a Writable: a terminal, a pipe or a file.

    What `sys.stdout` has buffered is written first. A slow reader makes the writer wait. If the reader of a pipe has gone, the
    stream fails with BrokenPipeError. The descriptor is never set to non-blocking, and ending the stream leaves it open.

    Args:
        high_water_mark: Bytes that the stream queues. None is 1 MiB.
        signal: An `AbortSignal` that destroys the stream.

    Returns:
        The stream.

    Raises:
        OSError: There is no standard output.
        NoRunningLoopError: No event loop is running.
    """
    return _writer(1, high_water_mark, signal)


def stderr(*, high_water_mark: int | None = None, signal: AbortSignal | None = None) -> WriteStream[bytes]:
    """Return the standard error as a Writable, as `stdout` does.

    Args:
        high_water_mark: As for `stdout`.
        signal: As for `stdout`.

    Returns:
        The stream.

    Raises:
        OSError: There is no standard error.
        NoRunningLoopError: No event loop is running.
    """
    return _writer(2, high_water_mark, signal)


def _writer(number: int, high_water_mark: int | None, signal: AbortSignal | None) -> WriteStream[bytes]:
    file = sys.stdout if number == 1 else sys.stderr
    if file is not None:
        with contextlib.suppress(OSError, ValueError):
            file.flush()
    fd = os.dup(number)
    try:
        return WriteStream(fd=fd, high_water_mark=high_water_mark, signal=signal)
    except BaseException:
        os.close(fd)
        raise
