"""The folders of a tree that is copied: each is open in the source and in the target, and no path is looked up twice.

A folder is opened relative to the one that holds it, and a link is never followed. So no name can lead out of the tree, and a
tree may be deeper than the longest path. A folder that waits for its subfolders may be closed, and is then opened again on the
same way; it must still be the same folder.
"""

from __future__ import annotations

import errno
import os
import stat
from functools import partial
from types import TracebackType

from forebay._system.cleanup import run_all
from forebay.errors import InvalidArgValueError

__all__ = ["FOLDER", "About", "Folder", "Folders", "make_folder", "refuse_inside"]

#: How a folder is opened that a caller names. Those in it are never links.
FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
_INSIDE = FOLDER | getattr(os, "O_NOFOLLOW", 0)
#: Folders that stay open while they wait for their subfolders.
_MOST_IDLE = 16


class About:
    """Set the name of an entry in every OSError of a block. The path is made only then: it may be long.

    ``root`` is the path of the source or of the target.
    """

    __slots__ = ("_folder", "_name", "_root")

    def __init__(self, root: str, folder: Folder, name: str | None = None) -> None:
        self._root = root
        self._folder = folder
        self._name = name

    @property
    def path(self) -> str:
        rest = self._folder.path(self._name)
        return os.path.join(self._root, rest) if rest else self._root

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if isinstance(error, OSError):
            error.filename, error.filename2 = self.path, None


class Folder:
    """A folder of the source, and its copy.

    ``source`` and ``target`` are descriptors, -1 while the folder is closed. ``names`` are the subfolders that are still to be
    copied. ``unfinished`` counts what has to be done before the folder is: its listing, files and subfolders.
    """

    __slots__ = (
        "identities",
        "mode",
        "name",
        "names",
        "parent",
        "pins",
        "source",
        "target",
        "unfinished",
    )

    def __init__(self, parent: Folder | None, name: str, source: int, target: int) -> None:
        self.parent = parent
        self.name = name
        self.source = source
        self.target = target
        self.identities = _identities(source, target)
        # The permissions that the copy gets in the end, or None if it has them.
        self.mode: int | None = None
        self.names: list[str] = []
        self.unfinished = 1
        self.pins = 1

    def path(self, name: str | None = None) -> str:
        """Return the path of an entry, or of the folder itself, from the root of the tree."""
        parts = [] if name is None else [name]
        folder: Folder | None = self
        while folder is not None and folder.parent is not None:
            parts.append(folder.name)
            folder = folder.parent
        return os.path.join("", *reversed(parts))

    def keep_mode(self, mode: int) -> None:
        """Note what is left of ``mode`` after the umask, if the copy has it only when it is filled."""
        if mode & 0o700 != 0o700:
            self.mode = os.fstat(self.target).st_mode & mode

    def open(self, source: int, target: int) -> None:
        """Open the folder again, in the descriptors of its parent. Raises OSError if it is another one by now."""
        self.source = os.open(self.name, _INSIDE, dir_fd=source)
        try:
            self.target = os.open(self.name, _INSIDE, dir_fd=target)
            if _identities(self.source, self.target) != self.identities:
                raise OSError(errno.ESTALE, "the folder was replaced while it was copied")
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close both descriptors, once."""
        source, target = self.source, self.target
        self.source = self.target = -1
        run_all(*(partial(os.close, fd) for fd in (source, target) if fd >= 0))


def opened_folder(parent: Folder | None, name: str, descriptors: tuple[int, int], mode: int | None) -> Folder:
    """Return the folder of two descriptors. If that fails, the target's is closed. ``mode`` is that of a target that was made."""
    try:
        folder = Folder(parent, name, *descriptors)
        if mode is not None:
            folder.keep_mode(mode)
    except BaseException:
        os.close(descriptors[1])
        raise
    return folder


class Folders:
    """The open folders of a copy. The caller holds its lock around every call.

    A pinned folder is open. Of the others, the last used ones stay open.
    """

    def __init__(self, root: Folder, source: str, target: str) -> None:
        self._root = root
        self._paths = source, target
        # In the order of their last use.
        self._idle: dict[Folder, None] = {}

    def enter(self, parent: Folder, name: str) -> tuple[Folder, bool]:
        """Open a subfolder of the source, and make or open the one of the target. The folder is pinned.

        Return it, and whether it was made. Raises OSError. The caller has counted it in its parent.
        """
        self.pin(parent)
        try:
            with About(self._paths[0], parent, name):
                source = os.open(name, _INSIDE, dir_fd=parent.source)
            try:
                folder, made = self._enter(parent, name, source)
            except BaseException:
                os.close(source)
                raise
            return folder, made
        finally:
            self.unpin(parent)

    def _enter(self, parent: Folder, name: str, source: int) -> tuple[Folder, bool]:
        status = os.fstat(source)
        if (status.st_dev, status.st_ino) == self._root.identities[1]:
            with About(self._paths[0], parent, name):
                raise OSError(errno.ELOOP, "this is the copy itself")
        mode = stat.S_IMODE(status.st_mode) & 0o777
        with About(self._paths[1], parent, name):
            made = make_folder(name, mode, parent.target)
            target = os.open(name, _INSIDE, dir_fd=parent.target)
        return opened_folder(parent, name, (source, target), mode if made else None), made

    def pin(self, folder: Folder) -> None:
        """Keep a folder open, and open it if it is closed. Raises OSError."""
        if folder.source < 0:
            with About(self._paths[0], folder):
                self._open_again(folder)
        folder.pins += 1
        self._idle.pop(folder, None)

    def unpin(self, folder: Folder) -> None:
        """Undo one `pin`. A folder that is not done stays open for a while."""
        folder.pins -= 1
        if folder.pins == 0 and folder.unfinished and folder is not self._root:
            self._idle[folder] = None
            if len(self._idle) > _MOST_IDLE:
                oldest = next(iter(self._idle))
                del self._idle[oldest]
                oldest.close()

    def _open_again(self, folder: Folder) -> None:
        """Open a closed folder from the next one above it that is open."""
        way: list[Folder] = []
        above: Folder | None = folder
        while above is not None and above.source < 0:
            way.append(above)
            above = above.parent
        assert above is not None
        last = above
        for closed in reversed(way):
            try:
                closed.open(last.source, last.target)
            finally:
                if last is not above:
                    last.close()
            last = closed

    def done(self, folder: Folder) -> bool:
        """Count one thing of a folder as done. If it was the last one, close the folder and return True.

        Raises OSError if the copy cannot get its permissions; then, too, the folder is closed.
        """
        folder.unfinished -= 1
        if folder.unfinished:
            return False
        self._idle.pop(folder, None)
        try:
            if folder.mode is not None:
                with About(self._paths[1], folder):
                    if folder.target < 0:
                        self._open_again(folder)
                    os.fchmod(folder.target, folder.mode)
        finally:
            if folder is not self._root:
                folder.close()
        return True

    def close(self) -> None:
        """Close everything that a stopped copy has left open."""
        idle, self._idle = list(self._idle), {}
        run_all(*(folder.close for folder in idle), self._root.close)


def _identities(source: int, target: int) -> tuple[tuple[int, int], tuple[int, int]]:
    return _identity(source), _identity(target)


def make_folder(path: str, mode: int, parent: int | None = None) -> bool:
    """Make a folder, to which its owner has all rights until it is filled. Return False if there is one."""
    try:
        os.mkdir(path, mode | 0o700, dir_fd=parent)
    except FileExistsError:
        return False
    return True


def refuse_inside(fd: int, source: str, target: str) -> None:
    """Raise InvalidArgValueError if ``target`` is the folder ``fd``, named ``source``, or is inside it, at any depth."""
    identity = _identity(fd)
    try:
        above, exists = os.open(target, FOLDER), True
    except FileNotFoundError:
        above, exists = os.open(os.path.dirname(target.rstrip("/")) or ".", FOLDER), False
    try:
        here = _identity(above)
        if exists and here == identity:
            raise InvalidArgValueError(f"{source} and {target} are the same folder")
        while here != identity:
            below, above = above, os.open("..", FOLDER, dir_fd=above)
            os.close(below)
            outside = _identity(above)
            if outside == here:
                return
            here = outside
    finally:
        os.close(above)
    raise InvalidArgValueError(f"{target} is inside {source}, which would be copied into itself")


def _identity(fd: int) -> tuple[int, int]:
    status = os.fstat(fd)
    return status.st_dev, status.st_ino
