"""The library that makes system calls fail: how it is built, and how the program that runs under it steers it."""

import ctypes
import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).with_name("failing_calls.c")
FAIL, SHORTEN, KILL = range(3)


@dataclass(frozen=True)
class Fault:
    """What happens to one call of a function, or with ``persistent`` to it and all that follow."""

    function: str
    action: int
    value: int
    persistent: bool = False

    @property
    def error(self) -> str:
        """The name of the error, or "" for a call that comes up short."""
        return errno.errorcode.get(self.value, "") if self.action == FAIL else ""

    def __str__(self) -> str:
        what = self.error or f"{self.value or 'half the'} bytes"
        return f"{self.function} {what}{' from then on' if self.persistent else ''}"


_READING = "EINTR EAGAIN EIO ECONNRESET ENOMEM"
_WRITING = "EINTR EAGAIN EIO ENOSPC EPIPE ECONNRESET ENOBUFS"
_MOVING = "EINTR EAGAIN EINVAL ENOSYS EXDEV EOPNOTSUPP EIO ENOSPC EPIPE ENOMEM"
_OPENING = "EMFILE ENFILE ENOMEM EINTR EACCES"
# The errors that every later call may report as well.
_LASTING = {_READING: "EIO", _WRITING: "ENOSPC", _MOVING: "EOPNOTSUPP EIO", _OPENING: "EMFILE"}
# The functions, and the errors that each may report.
_ERRORS = {
    "read recv readv pread preadv recvmsg": _READING,
    "write send writev pwrite pwritev sendmsg": _WRITING,
    "sendfile splice copy_file_range syscall": _MOVING,
    "open openat socket socketpair pipe2 dup eventfd": _OPENING,
    "accept4 accept": "ECONNABORTED EMFILE ENOMEM EINTR EAGAIN EPROTO",
    "fsync fdatasync ftruncate ftruncate64 fallocate": "EIO ENOSPC EINTR",
    "fstat fstat64 fchmod fchown": "EIO EPERM ENOMEM",
    "rename renameat link linkat symlinkat mkdir mkdirat unlink unlinkat": "EIO ENOSPC EACCES",
    "fchmodat utimensat futimens": "EIO EPERM",
    "getsockopt setsockopt": "ENOBUFS EINVAL",
    "close": "EIO EINTR",
    "connect": "ECONNREFUSED ETIMEDOUT EINTR ENOBUFS",
    "bind": "EADDRINUSE EACCES",
    "listen": "EADDRINUSE",
    "shutdown": "ENOBUFS",
    "epoll_ctl": "ENOMEM ENOSPC",
    "poll epoll_wait epoll_pwait": "EINTR",
    "mmap": "ENOMEM",
}


def _faults() -> Iterator[Fault]:
    for functions, names in _ERRORS.items():
        for function in functions.split():
            for name in names.split():
                yield Fault(function, FAIL, getattr(errno, name))
            if names in (_READING, _WRITING, _MOVING) and function not in ("syscall", "recvmsg"):
                yield Fault(function, SHORTEN, 1)
                yield Fault(function, SHORTEN, 0)
                yield Fault(function, SHORTEN, 1000, persistent=True)
            for name in _LASTING.get(names, "").split():
                yield Fault(function, FAIL, getattr(errno, name), persistent=True)


FAULTS = tuple(_faults())


def build(folder: Path) -> Path:
    """Compile the library."""
    library = folder / "failing_calls.so"
    compiler = os.environ.get("CC", "gcc").split()
    subprocess.run([*compiler, "-shared", "-fPIC", "-O1", "-o", library, SOURCE, "-ldl"], check=True)
    return library


def preloaded() -> bool:
    """Return whether this program runs under the library."""
    return hasattr(ctypes.CDLL(None), "fault_arm")


class Shim:
    """The library as the running program sees it: it has to be preloaded."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(None)
        if not preloaded():
            sys.exit("run this with LD_PRELOAD=failing_calls.so")
        self._library.fault_disarm.restype = ctypes.c_long
        self._library.fault_calls.restype = ctypes.c_long
        self._library.fault_all_calls.restype = ctypes.c_long

    def spare(self, descriptors: set[int]) -> None:
        """Leave these descriptors alone from now on, and only these."""
        self._library.fault_spare((ctypes.c_int * len(descriptors))(*descriptors), len(descriptors))

    def arm(self, fault: Fault, number: int) -> None:
        """Change the call of this number, from 1 on."""
        self._library.fault_arm(
            fault.function.encode(),
            ctypes.c_int(fault.action),
            ctypes.c_int(fault.value),
            ctypes.c_long(number),
            ctypes.c_int(fault.persistent),
        )

    def disarm(self) -> int:
        """Return how many calls were changed."""
        return int(self._library.fault_disarm())

    def calls(self, function: str) -> int:
        """The calls of a function since `arm`."""
        return int(self._library.fault_calls(function.encode()))

    def all_calls(self) -> int:
        """The calls of all functions since `arm`."""
        return int(self._library.fault_all_calls())
