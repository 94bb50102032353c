"""What the tests of the direct paths share: the data, and the pipes that are open."""

import contextlib
import fcntl
import os

from forebay._system.pipes import PIPE_BYTES
from support.sockets import payload

SIZE = 6_000_000


DATA = payload(SIZE)


# Nothing that would be in it by chance.
MARK = b"<somebody else was here>"


def pipe_ends():
    """The descriptors of the pipes that splice has made, which are larger than others."""
    found = []
    for fd in map(int, os.listdir("/proc/self/fd")):
        with contextlib.suppress(OSError):
            if fcntl.fcntl(fd, fcntl.F_GETPIPE_SZ) == PIPE_BYTES:
                found.append(fd)
    return found
