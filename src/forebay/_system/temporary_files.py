"""Temporary files of `atomic` writers: their names, their locks (a locked file is in use), and the removal of leftovers."""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Iterator
from typing import Any, AnyStr

from forebay._system.paths import check_path

try:
    import fcntl
except ImportError:
    fcntl = None  # type: ignore[assignment]  # on Windows

__all__ = ["claim", "disclaim", "remove_leftovers", "temporary_names"]

# The length of the part of the target's name with which the temporary name begins, if the file system has room for it.
_NAME_BYTES = (200, 200, 100, 40, 10, 1)
_PATTERN = re.compile(rb"\..+\.[0-9a-f]{16}\.tmp", re.DOTALL)


def temporary_names(name: bytes) -> Iterator[bytes]:
    """Return names beside ``name``, to be tried one after the other."""
    for size in _NAME_BYTES:
        yield b".%b.%b.tmp" % (name[:size], os.urandom(8).hex().encode())


def claim(fd: int) -> bool:
    """Lock a temporary file until `disclaim`, a close or the end of the process. Return False if another process removes it."""
    if fcntl is not None:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            # A file system without locks.
            pass
    return True


def disclaim(fd: int) -> None:
    """Unlock the file: it has replaced its target, and other programs may lock it."""
    if fcntl is not None:
        with contextlib.suppress(OSError):
            fcntl.flock(fd, fcntl.LOCK_UN)


def remove_leftovers(folder: AnyStr | os.PathLike[AnyStr] = ".") -> list[AnyStr]:  # type: ignore[assignment]  # str by default
    """Remove the temporary files that killed ``atomic`` writers left in ``folder``.

    These files are named ``.NAME.*.tmp``, with 16 hexadecimal digits for the star. A file that a living process writes is
    left alone: the writer holds a lock (``flock``) on it. If the file system does not support such locks, nothing is removed.
    The call waits for the disk: inside an event loop call it by ``asyncio.to_thread``.

    Args:
        folder: str, bytes or os.PathLike. Subfolders are not searched.

    Returns:
        The names of the removed files, as str or bytes like ``folder``.

    Raises:
        InvalidArgTypeError: ``folder`` has the wrong type.
        InvalidArgValueError: ``folder`` is not a path.
        OSError: The folder cannot be read, or a leftover cannot be removed.
    """
    path: Any = check_path(folder)
    names = sorted(name for name in os.listdir(path) if _PATTERN.fullmatch(os.fsencode(name)))
    return [name for name in names if _remove(os.path.join(path, name))]


def _remove(path: Any) -> bool:
    """Remove a file, unless it is something else, is in use, or is gone by now."""
    try:
        fd = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        # A link or a socket of that name does not belong to forebay.
        if isinstance(error, PermissionError):
            raise
        return False
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or not _is_free(fd):
            return False
        # The writer may have renamed the file to its target since it was listed.
        if not os.path.samestat(status, os.lstat(path)):
            return False
        os.unlink(path)
        return True
    except FileNotFoundError:
        return False
    finally:
        os.close(fd)


def _is_free(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (OSError, AttributeError):
        return False
    return True
