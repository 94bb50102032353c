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

#: The capacity of the pipe, and the size of one step. The default size is slower than ``copy_file_range``. A larger pipe
#: gains little, and makes the file system allocate large pieces of memory, which can cost more than the copy.
PIPE_BYTES = 256 * 1024
_FICLONERANGE = 0x4020940D


class SplicePipe:
    """A pipe that is empty between two calls of `move`, until `move` says otherwise. Only if `can_splice`.

    The constructor raises OSError if the system refuses a pipe of `PIPE_BYTES`.
    """

    def __init__(self) -> None:
        self._fds = os.pipe()
        try:
            fcntl(self._fds[1], F_SETPIPE_SZ, PIPE_BYTES)
        except OSError:
            self.close()
            raise

    def move(self, source: int, start: int, dest: int, at: int | None, size: int) -> tuple[int, bool]:
        """Move up to ``size`` bytes. Return the number, and whether the pipe is empty. (0, True) is the end of the source.

        After a failure of the destination the pipe holds the unwritten bytes, and must not be used again. Raises the
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
    """Return whether both descriptors refer to one file: the pipe would hold pages that are being written."""
    return os.path.samestat(os.fstat(source), os.fstat(dest))


def may_share_blocks(source: int, start: int, dest: int, at: int) -> bool:
    """Return whether ``copy_file_range``, which just copied from ``start`` to ``at``, may share blocks or copy remotely.

    A file without a device of its own may be on a network, where a server copies, or on a layered file system.
    """
    if not (os.major(os.fstat(source).st_dev) and os.major(os.fstat(dest).st_dev)):
        return True
    try:
        # Ask to share a single existing byte, which no file system does unless the source ends with it. File systems
        # that share blocks reject the range; others do not know the call.
        ioctl(dest, _FICLONERANGE, struct.pack("qQQQ", source, start, 1, at))
    except OSError as error:
        return error.errno != errno.EOPNOTSUPP
    return True
