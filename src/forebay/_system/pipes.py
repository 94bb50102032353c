"""Pipes between this process and another program."""

from __future__ import annotations

import contextlib
import os
import sys

from forebay._system.cleanup import close_descriptors

__all__ = ["PIPE_BYTES", "enlarge", "open_pipe"]

#: The wanted capacity of a pipe. An unprivileged user may have 64 MiB in all; beyond that a pipe keeps its default capacity.
PIPE_BYTES = 1024 * 1024
_F_SETPIPE_SZ = 1031


def open_pipe(*, ours: int) -> tuple[int, int]:
    """Return the read end and the write end of a pipe. End number ``ours`` (0 or 1) does not block. Raises OSError."""
    ends = os.pipe()
    try:
        # Each end has a flag of its own: the program gets an end that blocks.
        os.set_blocking(ends[ours], False)
    except BaseException:
        close_descriptors(*ends)
        raise
    return ends


def enlarge(fd: int) -> None:
    """Give a pipe the capacity of `PIPE_BYTES`, if the system permits it."""
    if sys.platform == "linux":
        import fcntl

        with contextlib.suppress(OSError):
            fcntl.fcntl(fd, _F_SETPIPE_SZ, PIPE_BYTES)
