"""Writing the queue in a worker: one gather write for many chunks."""

from __future__ import annotations

import errno
import os
from itertools import groupby
from typing import Any, NamedTuple

from forebay._buffers import ChunkQueue
from forebay._system.file_holes import is_hole, leave_hole
from forebay._system.interrupt import Interrupted
from forebay._system.open_file import OpenFile, named
from forebay._system.worker_pool import waiting

__all__ = ["Written", "write_out", "write_with_holes"]

# More than this number of writes of 0 bytes in a row is an error.
_MOST_RETRIES = 5


class Written(NamedTuple):
    """The bytes that reached the file, and the error that stopped the rest of the queue."""

    nbytes: int
    error: OSError | None


def write_out(file: OpenFile, queue: ChunkQueue, at: int | None) -> Written:
    """Write all of ``queue`` from the offset ``at`` on, or at the descriptor's position if it is None.

    Continue after a short write, and wait if the descriptor would block. Stop early at an error of the kernel, and if the
    stream was destroyed.
    """
    before = queue.nbytes
    error = None
    try:
        if file.regular:
            _write_all(file, queue, at)
        else:
            # A pipe may stay full without a limit of time.
            with waiting():
                _write_all(file, queue, at)
    except Interrupted:
        pass
    except OSError as caught:
        error = named(caught.with_traceback(None), file.path)
    return Written(before - queue.nbytes, error)


def write_with_holes(file: OpenFile, chunks: list[Any], at: int | None) -> Written:
    """Write as `write_out` does chunks that are partly holes. They stay holes where the file system supports it."""
    done = 0
    for hollow, group in groupby(chunks, is_hole):
        part = list(group)
        size = sum(map(len, part))
        here = None if at is None else at + done
        if hollow and leave_hole(file, here, size):
            done += size
            continue
        queue = ChunkQueue()
        queue.extend(part)
        size = queue.nbytes
        nbytes, error = write_out(file, queue, here)
        done += nbytes
        if error is not None or nbytes < size:
            return Written(done, error)
    return Written(done, None)


def _write_all(file: OpenFile, queue: ChunkQueue, at: int | None) -> None:
    fd = file.write_fd
    retries = 0
    while queue:
        file.interrupt.check()
        try:
            count = queue.writev_to(fd) if at is None else queue.pwritev_to(fd, at)
        except BlockingIOError:
            file.interrupt.wait_writable(fd)
            continue
        if at is not None:
            at += count
        retries = 0 if count else retries + 1
        if retries > _MOST_RETRIES:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
