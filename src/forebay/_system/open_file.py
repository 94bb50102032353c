"""A descriptor and its properties: the kind of the file, where it is read and written, and which side closes it.

Everything here except the constructor is for a worker thread.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import warnings
from asyncio import AbstractEventLoop
from functools import cache, partial

from forebay._system.atomic_replace import Replacement
from forebay._system.cleanup import run_all
from forebay._system.interrupt import Interrupt

__all__ = ["OpenFile", "named", "status_flags"]

# The read-ahead of Linux.
_READ_AHEAD_BYTES = 128 * 1024
_NONBLOCK = getattr(os, "O_NONBLOCK", 0)


def named(error: OSError, path: str | bytes | None) -> OSError:
    """Return ``error`` with the file's name, if it has none."""
    if error.filename is None and path is not None:
        error.filename = path
    return error


class OpenFile:
    """One file of one stream, from before the open until its descriptor is closed exactly once.

    ``owned``: close the descriptor at the end. ``given``: the caller's descriptor, or None. ``discards``: it is the null device.
    ``seekable``: bytes have fixed offsets, so they may be read ahead and read again. ``append``: every write goes to the end.
    ``sparse``: the file has holes, and the descriptor's position may be moved to find them. ``published``: an atomic file has
    replaced its target.
    """

    def __init__(
        self, loop: AbstractEventLoop, path: str | bytes | None, fd: int | None, owned: bool
    ) -> None:
        self.path = path
        self.fd = -1 if fd is None else fd
        self.owned = owned
        self.interrupt = Interrupt(loop)
        self.regular = False
        self.discards = False
        self.seekable = False
        self.append = False
        self.sparse = False
        self.size = 0
        self.published = False
        self._loop = loop
        self.given = fd
        self._private = -1
        self._replacement: Replacement | None = None
        self._done = False

    # ---- opening

    def open(self, flags: int, mode: int, *, atomic: bool = False) -> None:
        """Open the path, or examine the given descriptor.

        Raises OSError with the file's name, including IsADirectoryError for reading.
        """
        try:
            if self.given is None:
                assert self.path is not None
                fd = self._open_replacement(self.path, mode) if atomic else None
                self.fd = self._open_path(self.path, flags, mode) if fd is None else fd
            self._look(flags)
        except BaseException:
            self.discard()
            raise

    def _open_replacement(self, path: str | bytes, mode: int) -> int | None:
        """Return the new file of an atomic writer; None if the path itself has to be written."""
        replacement = self._replacement = Replacement.of(path)
        fd = None if replacement is None else replacement.open(mode)
        if replacement is not None and fd is None:
            self._replacement = None
            replacement.discard()
        return fd

    def _open_path(self, path: str | bytes, flags: int, mode: int) -> int:
        """Open the path without being stuck in the call, whatever is there and whatever takes its place meanwhile.

        A reader of a FIFO waits for the other end when it reads. A writer has to repeat the open until there is a reader, and so
        does the open of a file on which another program holds a lease.
        """
        while True:
            if stat.S_IFMT(_mode_of(path)) in (stat.S_IFCHR, stat.S_IFBLK):
                # The meaning of a non-blocking open depends on the device.
                return os.open(path, flags, mode)
            try:
                return _wait_from_here(os.open(path, flags | _NONBLOCK, mode), flags)
            except BlockingIOError:
                pass
            except OSError as error:
                # The open of a socket fails with the same error.
                if error.errno != errno.ENXIO or not stat.S_ISFIFO(_mode_of(path)):
                    raise
            self.interrupt.pause()

    def _look(self, flags: int) -> None:
        try:
            status = os.fstat(self.fd)
        except OSError as error:
            raise named(error, self.path) from None
        self.take_status(status)
        self.append = bool(flags & os.O_APPEND)
        if self.given is not None:
            self.append = bool(status_flags(self.fd) & os.O_APPEND)
            if not self.seekable:
                self._private = _own_description(self.fd)

    def take_status(self, status: os.stat_result) -> None:
        """Store the properties in ``status``. Raises IsADirectoryError."""
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), self.path)
        self.regular = stat.S_ISREG(status.st_mode)
        self.discards = stat.S_ISCHR(status.st_mode) and status.st_rdev == _null_device()
        self.seekable = self.regular or stat.S_ISBLK(status.st_mode)
        self.size = status.st_size
        # st_blocks counts blocks of 512 bytes, whatever the block size of the file system is.
        self.sparse = self.regular and getattr(status, "st_blocks", status.st_size) * 512 < status.st_size

    def position(self) -> int:
        """Return the descriptor's own position."""
        return os.lseek(self.fd, 0, os.SEEK_CUR)

    def seek(self, offset: int) -> None:
        """Set the descriptor's own position. Raises OSError for a pipe."""
        try:
            os.lseek(self.fd, offset, os.SEEK_SET)
        except OSError as error:
            raise named(error, self.path) from None

    @property
    def replaces(self) -> bool:
        """Whether `publish` makes the written file visible."""
        return self._replacement is not None

    def expect_sequential(self) -> None:
        """Make the kernel read further ahead than it does by default, if the file is long enough."""
        if hasattr(os, "posix_fadvise") and self.size > _READ_AHEAD_BYTES:
            with contextlib.suppress(OSError):
                os.posix_fadvise(self.fd, 0, 0, os.POSIX_FADV_SEQUENTIAL)

    @property
    def write_fd(self) -> int:
        """Return the descriptor for writing: a non-blocking one if there is one."""
        return self._private if self._private >= 0 else self.fd

    # ---- finishing

    def sync(self) -> None:
        """Write everything to the disk. Raises OSError."""
        try:
            os.fsync(self.fd)
        except OSError as error:
            # Pipes, devices and files of the kernel cannot be synced.
            if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EROFS):
                raise named(error, self.path) from None

    def publish(self) -> None:
        """Rename an atomic file to the target. Raises OSError and Interrupted."""
        if self._replacement is not None:
            self.sync()
            self.interrupt.check()
            self._replacement.take_place(self.fd)
            self.published = True
            self._replacement.sync_directory()

    def close(self) -> None:
        """Release everything; a replacement that was not published is removed. Raises the OSError of the close itself."""
        if self._done:
            return
        self._done = True
        fd, self.fd = self.fd, -1
        private, self._private = self._private, -1
        replacement = self._replacement
        run_all(
            self.interrupt.close,
            partial(_close, private),
            _nothing if replacement is None else replacement.discard,
            # Do not close again after an error: the number may already belong to another file.
            partial(self._close_own, fd if self.owned else -1),
        )

    def _close_own(self, fd: int) -> None:
        try:
            _close(fd)
        except OSError as error:
            raise named(error, self.path) from None

    def discard(self) -> None:
        """Close the file and ignore errors, which have no receiver here."""
        with contextlib.suppress(OSError):
            self.close()

    def __del__(self) -> None:
        if self._done or not self.owned or self.fd < 0:
            return
        if not self._loop.is_closed():
            warnings.warn(f"unclosed file stream on {self.path or self.fd!r}", ResourceWarning, stacklevel=2)
        self.discard()


@cache
def _null_device() -> int:
    """Return the number of the null device; -1 if there is none."""
    try:
        return os.stat(os.devnull).st_rdev
    except OSError:
        return -1


def _nothing() -> None:
    pass


def _close(fd: int) -> None:
    if fd >= 0:
        os.close(fd)


def _mode_of(path: str | bytes) -> int:
    """Return kind and permissions of the object at ``path``; 0 if there is none or it cannot be seen."""
    try:
        return os.stat(path).st_mode
    except OSError:
        return 0


def _wait_from_here(fd: int, flags: int) -> int:
    """Make ``fd``, which was opened without blocking, blocking unless it is a FIFO. Some files, such as some in /proc, would
    otherwise fail for a reader.
    """
    if _NONBLOCK and not flags & _NONBLOCK:
        try:
            if not stat.S_ISFIFO(os.fstat(fd).st_mode):
                os.set_blocking(fd, True)
        except BaseException:
            os.close(fd)
            raise
    return fd


def _own_description(fd: int) -> int:
    """Open the same pipe or terminal again for writing without blocking; return -1 if that is impossible.

    The flag cannot be set on a given descriptor, because other processes (a shell, a parent) share it.
    """
    try:
        flags = status_flags(fd)
        if flags & os.O_NONBLOCK or flags & os.O_ACCMODE == os.O_RDONLY:
            return -1
        return os.open(f"/proc/self/fd/{fd}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | flags & os.O_APPEND)
    except OSError:
        return -1


def status_flags(fd: int) -> int:
    """Return the flags with which the descriptor was opened; those for reading if the system does not say."""
    try:
        import fcntl
    except ImportError:
        return 0
    return fcntl.fcntl(fd, fcntl.F_GETFL)
