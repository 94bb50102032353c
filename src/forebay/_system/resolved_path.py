"""A resolved path: a folder, held open, and a name in it that is not a link."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

__all__ = ["Place", "place_of"]

_MOST_LINKS = 40
# Attempts at a path whose links change all the time.
_MOST_ATTEMPTS = 20
_DIRECTORY = getattr(os, "O_DIRECTORY", 0)
_PATH = getattr(os, "O_PATH", 0)


class Place:
    """A name in a folder. The folder is held open if the system can, so it stays the same if it is renamed or swapped.

    ``name`` is bytes. ``folder`` is the descriptor, -1 if the system cannot open folders; `close` releases it.
    """

    def __init__(self, folder: int, path: bytes, name: bytes) -> None:
        self.folder = folder
        self.name = name
        held = b"/proc/self/fd/%d" % folder
        #: Whether `at` refers to the open folder itself, even if the folder was renamed.
        self.is_held = folder >= 0 and os.path.isdir(held)
        #: The folder in the form for a system call.
        self.at = held if self.is_held else path

    def path(self, name: bytes | None = None) -> bytes:
        """Return the path for a system call: ``name`` in the folder, or the name of the place itself."""
        return os.path.join(self.at, self.name if name is None else name)

    def close(self) -> None:
        """Release the folder, once."""
        folder, self.folder = self.folder, -1
        if folder >= 0:
            os.close(folder)


def place_of(path: str | bytes) -> tuple[Place, os.stat_result | None] | None:
    """Return the place of the file that ``path`` names, whether it exists or not, and its status if it exists.

    Return None for a link of the system to an open file, such as /dev/stdout: the file may be elsewhere.

    Raises what opening the file for writing would: IsADirectoryError for "folder/" and "..", NotADirectoryError,
    FileNotFoundError for a missing folder, PermissionError, and OSError for a ring of links.
    """
    for _ in range(_MOST_ATTEMPTS):
        place = _walk(os.fsencode(path))
        if place is None:
            return None
        try:
            # The system refuses to follow some links (a link of another user in /tmp), so these are not resolved step by step
            # either.
            seen = _status(os.stat, path)
            status = _status(os.lstat, place.path())
        except BaseException:
            place.close()
            raise
        if status is seen or (status is not None and seen is not None and os.path.samestat(status, seen)):
            return place, status
        place.close()
    raise OSError(errno.EBUSY, "a link or the file is replaced all the time")


def _walk(path: bytes) -> Place | None:
    """Follow the links at the end of ``path``; the kernel follows those before it."""
    folder = -1
    at = b""
    try:
        for _ in range(_MOST_LINKS):
            if _is_bare(path):
                _refuse(os.path.join(at, path))
            head, name = os.path.split(path)
            at = os.path.join(at, head) or b"."
            outer, folder = folder, _open_folder(at)
            if outer >= 0:
                os.close(outer)
            place = Place(folder, at, name)
            at = place.at
            try:
                path = os.readlink(place.path())
            except OSError as error:
                # This is not a link, or it does not exist.
                if error.errno not in (errno.EINVAL, errno.ENOENT):
                    raise
                folder = -1
                return place
            if _is_of_proc(folder):
                return None
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    finally:
        if folder >= 0:
            os.close(folder)


def _is_bare(path: bytes) -> bool:
    """Return whether ``path`` does not end with a name that a file can have."""
    return os.path.basename(path) in (b"", b".", b"..")


def _refuse(path: bytes) -> None:
    """Raise the error that the system has for such a path."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT))
    raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))


def _open_folder(path: bytes) -> int:
    if not _DIRECTORY:
        return -1
    try:
        return os.open(path, os.O_RDONLY | _DIRECTORY)
    except PermissionError:
        # Files can be created in a folder that cannot be listed.
        if not _PATH:
            raise
        return os.open(path, _PATH | _DIRECTORY)


def _is_of_proc(folder: int) -> bool:
    try:
        return folder >= 0 and os.fstat(folder).st_dev == os.stat("/proc/self").st_dev
    except OSError:
        return False


def _status(call: Callable[[str | bytes], os.stat_result], path: str | bytes) -> os.stat_result | None:
    try:
        return call(path)
    except FileNotFoundError:
        return None
