"""Replace a file as a whole: write a hidden file, sync it, and rename it to the target."""

from __future__ import annotations

import atexit
import contextlib
import errno
import os
import stat
import weakref
from collections.abc import Iterator

from forebay._system.cleanup import run_all
from forebay._system.file_attributes import Attributes
from forebay._system.resolved_path import Place, place_of
from forebay._system.temporary_files import claim, disclaim, temporary_names

__all__ = ["Replacement"]

_NAMELESS = getattr(os, "O_TMPFILE", 0)
_NAMED = os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_PATH = getattr(os, "O_PATH", 0)
# Devices whose file system can name an unnamed file later, and devices whose file system cannot.
_nameless_on: dict[int, bool] = {}
# Errors of a folder that cannot be synced.
_NO_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES)


class Replacement:
    """The file that will replace another one, which does not change before `take_place`.

    Until then the file has no name if the system supports that, so that a killed process leaves nothing behind. Elsewhere it
    has a temporary name beside the target. `discard` releases everything.
    """

    def __init__(self, path: str | bytes, place: Place, old: Attributes | None) -> None:
        self._path = path
        self._place = place
        self._old = old
        self._name: bytes | None = None
        self._process = os.getpid()

    @staticmethod
    def of(path: str | bytes) -> Replacement | None:
        """Return a replacement for the file to which ``path`` leads now. Return None for an object that a file cannot
        replace, such as a device, a FIFO or a socket: these are written directly.

        Raises the OSError that writing the file itself would raise.
        """
        with _about(path):
            found = place_of(path)
            if found is None:
                return None
            place, status = found
            try:
                replacement = _replacement(path, place, status)
            except BaseException:
                place.close()
                raise
            if replacement is None:
                place.close()
            return replacement

    @staticmethod
    def inside(folder: int, name: bytes, path: str) -> Replacement:
        """Return a replacement for a name in an open folder. It also replaces a link of that name, which is not followed.

        ``path`` is for messages. Raises OSError, also for a folder, a device, a FIFO and a socket of that name.
        """
        with _about(path):
            place = Place(os.dup(folder), os.fsencode(os.path.dirname(path)), name)
            try:
                status = _status_of(place)
                linked = status is not None and stat.S_ISLNK(status.st_mode)
                replacement = _replacement(path, place, None if linked else status)
                if replacement is None:
                    raise FileExistsError(errno.EEXIST, "it exists and is not a file")
            except BaseException:
                place.close()
                raise
            return replacement

    def open(self, mode: int) -> int | None:
        """Make the file and return its descriptor. The file gets the attributes of an existing target.

        Return None where only the kernel has files, as in /proc and /sys: the target is written directly.
        """
        with _about(self._path):
            try:
                # The file is private until it gets the permissions of the file that it replaces.
                fd = self._make(mode if self._old is None else 0o600)
            except OSError:
                if self._old is not None and self._is_kernels():
                    return None
                raise
            try:
                if self._old is not None:
                    self._old.give(fd)
            except BaseException:
                run_all(lambda: os.close(fd), self.discard)
                raise
            return fd

    def _is_kernels(self) -> bool:
        return hasattr(os, "statvfs") and os.statvfs(self._place.at).f_blocks == 0

    def _make(self, mode: int) -> int:
        if self._can_be_nameless():
            return os.open(self._place.at, os.O_WRONLY | _NAMELESS, mode)
        return self._open_named(mode)

    def _can_be_nameless(self) -> bool:
        # The file gets its name by way of its descriptor's path in /proc, which must exist as well.
        if not _NAMELESS or not self._place.is_held:
            return False
        device = os.fstat(self._place.folder).st_dev
        if device not in _nameless_on:
            works = self._try_nameless()
            if works is None:
                return False
            _nameless_on[device] = works
        return _nameless_on[device]

    def _try_nameless(self) -> bool | None:
        """Return whether the file system and the system's policy let a file be named later; None if the error does not show
        this.
        """
        try:
            fd = os.open(self._place.at, os.O_WRONLY | _NAMELESS, 0o600)
        except OSError as error:
            unknown = (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOSYS)
            return False if error.errno in unknown else None
        try:
            self._link(fd)
            self._unlink()
        except OSError:
            return False
        finally:
            os.close(fd)
        return True

    def _open_named(self, mode: int) -> int:
        error: OSError | None = None
        for name in temporary_names(self._place.name):
            try:
                fd = os.open(self._place.path(name), os.O_WRONLY | _NAMED, mode)
            except OSError as caught:
                if caught.errno not in (errno.EEXIST, errno.ENAMETOOLONG):
                    raise
                error = caught
                continue
            self._keep(name)
            if claim(fd) and os.path.lexists(self._place.path(name)):
                return fd
            # Another process has just removed the file as a leftover.
            os.close(fd)
        raise error or FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))

    def _link(self, fd: int) -> None:
        """Give a temporary name to the file without a name."""
        error: OSError | None = None
        claim(fd)
        for name in temporary_names(self._place.name):
            try:
                self._link_as(fd, name)
            except OSError as caught:
                if caught.errno not in (errno.EEXIST, errno.ENAMETOOLONG):
                    raise
                error = caught
                continue
            self._keep(name)
            return
        assert error is not None
        raise error

    def _link_as(self, fd: int, name: bytes) -> None:
        # With a folder descriptor, which neither path needs, `os.link` uses the system call that follows links.
        folder = self._place.folder
        os.link(b"/proc/self/fd/%d" % fd, self._place.path(name), src_dir_fd=folder, follow_symlinks=True)

    def _keep(self, name: bytes) -> None:
        self._name = name
        _named.add(self)

    def take_place(self, fd: int) -> None:
        """Rename the synced file to the target. Raises OSError."""
        with _about(self._path):
            if self._old is not None:
                self._old.give_last(fd)
            if self._name is None:
                if self._old is None:
                    # Most likely there is no target, and then no other name is needed.
                    with contextlib.suppress(FileExistsError):
                        self._link_as(fd, self._place.name)
                        return
                self._link(fd)
            assert self._name is not None
            os.replace(self._place.path(self._name), self._place.path())
            self._name = None
            disclaim(fd)

    def sync_directory(self) -> None:
        """Make the rename itself durable, if a directory can be opened and synced. Raises OSError."""
        if self._place.folder >= 0:
            try:
                os.fsync(self._place.folder)
            except OSError as error:
                if error.errno not in _NO_SYNC:
                    raise

    def discard(self) -> None:
        """Remove the file, unless it has replaced the target, and release everything."""
        run_all(self._unlink, self._place.close)

    def _unlink(self) -> None:
        name, self._name = self._name, None
        # A forked child has a copy of this object, and the file belongs to its parent.
        if name is not None and self._process == os.getpid():
            try:
                os.unlink(self._place.path(name))
            except FileNotFoundError:
                pass
            except OSError as error:
                # The path that the user has to remove by hand.
                error.filename = os.path.join(os.path.dirname(os.fsencode(self._path)), name)
                raise


# Replacements with a temporary name, which must be removed at the end of the program.
_named: weakref.WeakSet[Replacement] = weakref.WeakSet()


def _remove_named() -> None:
    for replacement in list(_named):
        with contextlib.suppress(OSError):
            replacement._unlink()


atexit.register(_remove_named)


def _status_of(place: Place) -> os.stat_result | None:
    try:
        return os.lstat(place.path())
    except FileNotFoundError:
        return None


def _replacement(path: str | bytes, place: Place, status: os.stat_result | None) -> Replacement | None:
    if status is None:
        return Replacement(path, place, None)
    # Refer to the file by its descriptor, even if its name now belongs to another file.
    held = os.open(place.path(), _PATH | os.O_NOFOLLOW) if _PATH and place.is_held else -1
    try:
        file = place.path()
        if held >= 0:
            file, status = b"/proc/self/fd/%d" % held, os.fstat(held)
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not stat.S_ISREG(status.st_mode):
            return None
        # A rename checks only the folder, but a write-protected file should stay.
        if not os.access(file, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
            protected = os.statvfs(place.at).f_flag & os.ST_RDONLY if hasattr(os, "statvfs") else 0
            code = errno.EROFS if protected else errno.EACCES
            raise OSError(code, os.strerror(code))
        return Replacement(path, place, Attributes(file, status))
    finally:
        if held >= 0:
            os.close(held)


@contextlib.contextmanager
def _about(path: str | bytes) -> Iterator[None]:
    """Set the caller's name of the file in every error."""
    try:
        yield
    except OSError as error:
        error.filename, error.filename2 = path, None
        raise
