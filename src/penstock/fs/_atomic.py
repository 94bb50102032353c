"""Replacing a file as a whole: written beside it, synced, and renamed over it."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat

__all__ = ["Replacement"]

# The name of the temporary file starts with the target's, as far as a name of at most 255 bytes has room for it.
_MOST_NAME_BYTES = 200


class Replacement:
    """The file that is to take the place of ``target``, which stays as it is until `take_place`."""

    def __init__(self, path: str | bytes, target: bytes, old: os.stat_result | None) -> None:
        self._path = path
        self._target = target
        self._old = old
        self._name: bytes | None = None

    @staticmethod
    def of(path: str | bytes) -> Replacement | None:
        """A replacement for the file at ``path``, or for what it is a link to. None for a device, a FIFO or a socket,
        in whose place a file would be of no use: they are written directly.

        Raises IsADirectoryError, PermissionError where the file must not be written, and what ``os.stat`` raises.
        """
        target = os.path.realpath(os.fsencode(path))
        try:
            old = os.stat(target)
        except FileNotFoundError:
            return Replacement(path, target, None)
        if stat.S_ISDIR(old.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        if not stat.S_ISREG(old.st_mode):
            return None
        # A rename asks the directory only, but a file that is protected against writing is meant to stay.
        if not os.access(target, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return Replacement(path, target, old)

    def open(self, mode: int) -> int:
        """Make the temporary file and return its descriptor; an existing target's owner and permissions carry over."""
        folder, base = os.path.split(self._target)
        flags = (
            os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        )
        while True:
            name = b".%b.%b.tmp" % (base[:_MOST_NAME_BYTES], secrets.token_hex(8).encode())
            path = os.path.join(folder, name)
            try:
                # Private until it has the permissions of the file that it replaces.
                fd = os.open(path, flags, mode if self._old is None else 0o600)
            except FileExistsError:
                continue
            except OSError as error:
                error.filename = self._path
                raise
            break
        self._name = path
        try:
            if self._old is not None:
                self._take_over(fd, self._old)
        except BaseException:
            os.close(fd)
            self.discard()
            raise
        return fd

    def _take_over(self, fd: int, old: os.stat_result) -> None:
        if not hasattr(os, "fchmod"):
            return
        own = os.fstat(fd)
        if (own.st_uid, own.st_gid) != (old.st_uid, old.st_gid):
            # Only root may give a file away. Before the mode, because a change of owner clears the set-id bits.
            with contextlib.suppress(PermissionError):
                os.fchown(fd, old.st_uid, old.st_gid)
        os.fchmod(fd, stat.S_IMODE(old.st_mode))

    def take_place(self) -> None:
        """Rename the file, which is synced, over the target. Raises OSError."""
        assert self._name is not None
        try:
            os.replace(self._name, self._target)
        except OSError as error:
            error.filename, error.filename2 = self._path, None
            raise
        self._name = None

    def sync_directory(self) -> None:
        """Make the rename itself last, where a directory can be opened and synced. Raises OSError."""
        try:
            fd = os.open(os.path.dirname(self._target), os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
        except OSError:
            return
        try:
            os.fsync(fd)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES):
                raise
        finally:
            os.close(fd)

    def discard(self) -> None:
        """Remove the temporary file, unless it is the target by now."""
        name, self._name = self._name, None
        if name is not None:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name)
