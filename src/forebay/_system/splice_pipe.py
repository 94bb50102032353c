"""Linux's ``splice`` from one file to another through a pipe, which holds references to pages, not copies."""

from __future__ import annotations

import contextlib
import errno
import os
import struct
from functools import partial

from forebay._system.cleanup import run_all

try:
    from fcntl import F_SETPIPE_SZ, fcntl, ioctl
except ImportError:
    can_splice = False
else:
    can_splice = hasattr(os, "splice")

__all__ = ["SplicePipe", "can_splice", "is_same_file", "may_share_blocks"]

#: What the pipe holds, and one step moves. One of the usual size is slower than ``copy_file_range``; a larger one gains
#: little, and has the file system look for larger pieces of memory, which can cost a multiple of the copy.
PIPE_BYTES = 256 * 1024
_FICLONERANGE = 0x4020940D


class SplicePipe:
    """A pipe that is empty between two calls of `move`, until one says that it is not. Only where `can_splice`.

    The constructor raises OSError where the system does not grant a pipe of `PIPE_BYTES`.
    """

    def __init__(self) -> None:
        self._fds = os.pipe()
        try:
            fcntl(self._fds[1], F_SETPIPE_SZ, PIPE_BYTES)
        except OSError:
            self.close()
            raise

    def move(self, source: int, start: int, dest: int, at: int | None, size: int) -> tuple[int, bool]:
        """Move up to ``size`` bytes; return how many, and whether the pipe is empty. 0 and True: the source ends.

        After a failure of the destination the pipe holds what was not written, and is of no further use. Raises the
        source's OSError.
        """
        outlet, inlet = self._fds
        count = os.splice(source, inlet, min(size, PIPE_BYTES), start)
        done = 0
        with contextlib.suppress(OSError):
            while done < count:
                written = os.splice(outlet, dest, count - done, None, None if at is None else at + done)
                if written == 0:
                    break
                done += written
        return done, done == count

    def close(self) -> None:
        """Release the descriptors, once."""
        run_all(*(partial(os.close, fd) for fd in self._fds))


def is_same_file(source: int, dest: int) -> bool:
    """Return whether both descriptors are of one file: then the pages in a pipe would be those that are written to."""
    return os.path.samestat(os.fstat(source), os.fstat(dest))


def may_share_blocks(source: int, start: int, dest: int, at: int) -> bool:
    """Whether ``copy_file_range``, which has just copied from ``start`` to ``at``, may do more than that elsewhere.

    What has no device of its own may be on a network, where a server copies, or a layer over something that shares.
    """
    if not (os.major(os.fstat(source).st_dev) and os.major(os.fstat(dest).st_dev)):
        return True
    try:
        # A single byte, which is there already, is never shared, unless the source has become so short. Those that
        # share blocks say that the range is invalid; the others, that they do not know the call.
        ioctl(dest, _FICLONERANGE, struct.pack("qQQQ", source, start, 1, at))
    except OSError as error:
        return error.errno != errno.EOPNOTSUPP
    return True
