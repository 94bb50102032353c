"""Copy one entry of a folder, a file or a symbolic link, to another folder. No link is followed."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable
from contextlib import AbstractContextManager

from forebay._system.atomic_replace import Replacement
from forebay._system.kernel_copy import Mover
from forebay._system.temporary_files import temporary_names
from forebay._system.tree_folders import About

__all__ = ["End", "Stopped", "copy_file", "copy_link", "kind_of", "move_content"]

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_WRITE = os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_BLOCK = 64 * 1024
_KINDS = {
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
    stat.S_IFLNK: "a symbolic link",
}


class Stopped(Exception):
    """The copy was stopped."""


class End:
    """The part of an open file that `Mover` needs."""

    def __init__(self, fd: int, sparse: bool = False) -> None:
        self.fd = fd
        self.sparse = sparse
        self.regular = True
        self.append = False


def kind_of(mode: int) -> str:
    """What an entry is that is not a file: "a FIFO"."""
    return _KINDS.get(stat.S_IFMT(mode), "not a file")


def copy_file(
    source: int,
    target: int,
    name: str,
    about: tuple[About, About],
    atomic: bool,
    is_stopped: Callable[[], bool],
) -> int:
    """Copy a file of the folder ``source`` to the folder ``target``; return its bytes.

    ``about`` names it in errors of either side. Raises OSError and Stopped.
    """
    of_source, of_target = about
    with of_source:
        fd = os.open(name, _READ, dir_fd=source)
    try:
        with of_source:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):
                raise OSError(errno.EINVAL, f"this is {kind_of(status.st_mode)} by now")
        end = End(fd, getattr(status, "st_blocks", status.st_size) * 512 < status.st_size)
        mode = stat.S_IMODE(status.st_mode) & 0o777

        def move(out: int) -> int:
            return move_content(end, out, status.st_size, about, is_stopped)

        if atomic:
            return _replace(target, name, mode, of_target, move)
        return _overwrite(target, name, mode, of_target, move)
    finally:
        os.close(fd)


def _replace(target: int, name: str, mode: int, about: About, move: Callable[[int], int]) -> int:
    """Copy to a new file, and give it the name when it is whole."""
    replacement = Replacement.inside(target, os.fsencode(name), about.path)
    try:
        out = replacement.open(mode)
        if out is None:
            return _overwrite(target, name, mode, about, move)
        try:
            nbytes = move(out)
            replacement.take_place(out)
        finally:
            with about:
                os.close(out)
        return nbytes
    finally:
        replacement.discard()


def _overwrite(target: int, name: str, mode: int, about: About, move: Callable[[int], int]) -> int:
    """Copy to the file itself. What has its name and is a link is removed, and not followed."""
    with about:
        try:
            out = os.open(name, _WRITE | os.O_CREAT | os.O_EXCL, mode, dir_fd=target)
        except FileExistsError:
            out = _open_existing(target, name, mode)
    try:
        return move(out)
    finally:
        with about:
            os.close(out)


def _open_existing(target: int, name: str, mode: int) -> int:
    status = os.stat(name, dir_fd=target, follow_symlinks=False)
    if stat.S_ISLNK(status.st_mode):
        os.unlink(name, dir_fd=target)
        return os.open(name, _WRITE | os.O_CREAT | os.O_EXCL, mode, dir_fd=target)
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(status.st_mode):
        raise FileExistsError(errno.EEXIST, "it exists and is not a file")
    return os.open(name, _WRITE | os.O_TRUNC, dir_fd=target)


def move_content(
    end: End,
    out: int,
    size: int,
    about: tuple[AbstractContextManager[None], AbstractContextManager[None]],
    is_stopped: Callable[[], bool],
    start: int = 0,
) -> int:
    """Move the content of a file from ``start`` on, up to ``size`` bytes, or to its end if that is 0; return the bytes.

    ``about`` names the two files in errors. Raises OSError and Stopped.
    """
    mover, to = Mover(), End(out)
    done = 0
    while not size or done < size:
        if is_stopped():
            raise Stopped
        at = start + done
        moved = mover.move(end, at, size - done if size else None, to, at)
        done += moved.nbytes
        if moved.failed:
            return done + _by_hand(end.fd, out, start + done, about)
        if moved.ended:
            break
    return done


def _by_hand(
    source: int,
    target: int,
    at: int,
    about: tuple[AbstractContextManager[None], AbstractContextManager[None]],
) -> int:
    """Copy what is left, and so raise the error of what failed. Return the bytes."""
    done = 0
    while True:
        with about[0]:
            block = os.pread(source, _BLOCK, at + done)
        if not block:
            return done
        with about[1]:
            done += os.pwrite(target, block, at + done)


def copy_link(source: int, target: int, name: str, about: tuple[About, About]) -> None:
    """Make a link of the same name and text, in place of a file or a link of that name. Raises OSError."""
    with about[0]:
        text = os.readlink(name, dir_fd=source)
    with about[1]:
        try:
            os.symlink(text, name, dir_fd=target)
        except FileExistsError:
            _replace_by_link(target, name, text)


def _replace_by_link(target: int, name: str, text: str) -> None:
    if stat.S_ISDIR(os.stat(name, dir_fd=target, follow_symlinks=False).st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    for temporary in temporary_names(os.fsencode(name)):
        try:
            os.symlink(os.fsencode(text), temporary, dir_fd=target)
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ENAMETOOLONG):
                raise
            continue
        try:
            os.replace(temporary, name, src_dir_fd=target, dst_dir_fd=target)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary, dir_fd=target)
            raise
        return
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
