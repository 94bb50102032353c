"""Files to send: open them inside a folder without leaving it, and read them. Most functions run in a worker."""

from __future__ import annotations

import asyncio
import errno
import mimetypes
import os
import posixpath
import stat
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import NamedTuple

from forebay._system.worker_pool import SerialExecutor, settle
from forebay.errors import IncompleteMessageError
from forebay.http._server.ranges import Span

__all__ = ["SMALL_FILE", "Folder", "OpenFile", "Variant", "fault_status", "open_file", "open_inside"]

#: A file up to this size is read in the call that opens it.
SMALL_FILE = 64 * 1024

_FLAGS = os.O_RDONLY
for _name in ("O_NONBLOCK", "O_NOCTTY", "O_BINARY", "O_CLOEXEC"):
    # Do not wait for a writer, in case the path has become a FIFO after the check.
    _FLAGS |= getattr(os, _name, 0)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
_PASSED = getattr(os, "O_PATH", os.O_RDONLY) | _FOLDER | _NO_LINK
_CAN_WALK = bool(_NO_LINK) and os.open in os.supports_dir_fd

# How often a path that changes meanwhile is resolved again.
_TRIES = 8
_CHANGED = (errno.ELOOP, errno.EMLINK, errno.ENOTDIR, errno.EINVAL)
# The system allows no longer paths.
_LONGEST_PATH = 4096

# System errors for a name that no file can have, or for an object other than a file.
_NO_FILE = frozenset(
    getattr(errno, name)
    for name in (
        *("ENOENT", "ENOTDIR", "EISDIR", "ENAMETOOLONG", "ELOOP", "EMLINK", "ENXIO", "ENODEV"),
        *("EINVAL", "EILSEQ", "EOPNOTSUPP"),
    )
    if hasattr(errno, name)
)


class Variant(NamedTuple):
    """A compressed file beside another: its Content-Encoding, and the suffix of its name."""

    encoding: str
    suffix: str


class Folder(NamedTuple):
    """The result for a folder instead of a file. The receiver closes ``fd``."""

    fd: int


class OpenFile:
    """A file to send. ``data`` has all of a small file; a larger one is read by ``fd``.

    ``size`` is -1 if only reading can find it. ``etag`` and ``mtime`` are None for a file whose size is not the reported one, as
    in /proc: there they mean nothing. ``encoding`` is the Content-Encoding of the file, or None.
    """

    def __init__(self, fd: int, status: os.stat_result, kind: str) -> None:
        self._fd = fd
        self._executor: SerialExecutor | None = None
        self._reads = 0
        self._closing = False
        self.status = status
        self.size = status.st_size
        self.mtime: float | None = status.st_mtime
        self.etag: str | None = f'"{status.st_mtime_ns:x}-{status.st_size:x}"'
        self.kind = kind
        self.encoding: str | None = None
        self.data: bytes | None = None

    def read_by(self, executor: SerialExecutor) -> None:
        """Set the worker that reads the file from now on."""
        self._executor = executor

    def load(self) -> None:
        """In a worker: read a small file, and find out whether its real size differs from the reported one."""
        if self.size > SMALL_FILE:
            return
        data = self._read_at(0, SMALL_FILE + 1)
        if len(data) <= SMALL_FILE:
            if len(data) != self.size:
                self.etag = self.mtime = None
            self.size = len(data)
            self.data = data
            self.close()
            return
        status = os.fstat(self._fd)
        if status.st_size >= len(data):
            # The file has grown.
            self.status = status
            self.size, self.mtime = status.st_size, status.st_mtime
            self.etag = f'"{status.st_mtime_ns:x}-{status.st_size:x}"'
        else:
            self.size = -1
            self.etag = self.mtime = None

    def take_fd(self) -> int:
        """Return the descriptor, which the caller now owns."""
        fd, self._fd = self._fd, -1
        return fd

    def read(self, pieces: Sequence[bytes | Span]) -> asyncio.Future[bytes]:
        """Join the pieces, in one call in a worker. Raises IncompleteMessageError if the file is too short."""
        return self._in_worker(partial(self.join, pieces))

    def read_on(self, offset: int, size: int) -> asyncio.Future[bytes]:
        """Read up to ``size`` bytes from ``offset``; empty at the end of the file."""
        return self._in_worker(partial(os.pread, self._fd, size, offset))

    def _in_worker(self, work: Callable[[], bytes]) -> asyncio.Future[bytes]:
        executor = self._executor
        assert executor is not None
        reading = executor.loop.create_future()
        self._reads += 1

        def done(data: bytes | None, error: BaseException | None) -> None:
            # If the caller is cancelled, the worker continues and needs the descriptor until it has finished.
            self._reads -= 1
            if self._closing:
                self.close()
            settle(reading, data, error)

        executor.submit(work, done)
        return reading

    def join(self, pieces: Iterable[bytes | Span]) -> bytes:
        """Replace each span by the file's bytes; in a worker, unless ``data`` exists."""
        parts = []
        for piece in pieces:
            if isinstance(piece, Span):
                data = self._read_at(piece.first, piece.last - piece.first + 1)
                if len(data) != piece.last - piece.first + 1:
                    raise IncompleteMessageError("the file became shorter while it was sent")
                parts.append(data)
            else:
                parts.append(piece)
        return b"".join(parts)

    def _read_at(self, offset: int, size: int) -> bytes:
        """Read ``size`` bytes, or up to the end of the file; one system call may return less."""
        if self.data is not None:
            return self.data[offset : offset + size]
        data = os.pread(self._fd, size, offset)
        if not data or len(data) == size:
            return data
        parts = [data]
        have = len(data)
        while have < size and (data := os.pread(self._fd, size - have, offset + have)):
            parts.append(data)
            have += len(data)
        return b"".join(parts)

    def close(self) -> None:
        """Close the descriptor, after the read of a worker if there is one."""
        self._closing = True
        if self._fd >= 0 and not self._reads:
            os.close(self.take_fd())

    def __del__(self) -> None:
        # The loop may be closed before a worker returns the descriptor.
        if self._fd >= 0:
            os.close(self.take_fd())


def fault_status(error: BaseException) -> int:
    """Return 404 or 403 if ``error`` means that there is no such file, or that it may not be read; otherwise 0."""
    if isinstance(error, ValueError):
        # The name has a null byte, or characters outside the file system's encoding.
        return 404
    if not isinstance(error, OSError):
        return 0
    if error.errno in (errno.EACCES, errno.EPERM):
        return 403
    return 404 if error.errno in _NO_FILE else 0


# ---- in a worker


def open_file(
    path: str | bytes, root: str | bytes | None = None, variants: Sequence[Variant] = ()
) -> OpenFile | Folder:
    """Open a file, in ``root`` if there is one, or the first of its ``variants`` that exists and is not older.

    Raises OSError and ValueError; see `fault_status`.
    """
    found = _open_named(path) if root is None else open_inside(path, root)
    if isinstance(found, Folder):
        return found
    fd, status = found
    kind = content_type_of(path)
    try:
        for variant in variants:
            beside = _open_variant(path, root, variant, status)
            if beside is not None:
                os.close(fd)
                fd, status = beside
                return _loaded(fd, status, kind, variant.encoding)
    except BaseException:
        os.close(fd)
        raise
    return _loaded(fd, status, kind, None)


def _loaded(fd: int, status: os.stat_result, kind: str, encoding: str | None) -> OpenFile:
    file = OpenFile(fd, status, kind)
    try:
        file.load()
    except BaseException:
        file.close()
        raise
    if encoding is not None:
        file.encoding = encoding
        if file.etag is not None:
            file.etag = f'{file.etag[:-1]}-{encoding}"'
    return file


def _open_variant(
    path: str | bytes, root: str | bytes | None, variant: Variant, plain: os.stat_result
) -> tuple[int, os.stat_result] | None:
    name = os.fsdecode(path) + variant.suffix
    try:
        found = _open_named(name) if root is None else open_inside(name, root)
    except (OSError, ValueError):
        return None
    if isinstance(found, Folder):
        os.close(found.fd)
        return None
    if int(found[1].st_mtime) < int(plain.st_mtime):
        # The compressed file was made from an older version of the file.
        os.close(found[0])
        return None
    return found


def _open_named(path: str | bytes) -> tuple[int, os.stat_result]:
    """Open a file by its name and follow links. A check before the open avoids side effects on devices."""
    _refuse_special(os.stat(path), path)
    return _checked(os.open(path, _FLAGS), path)


def open_inside(path: str | bytes, root: str | bytes) -> tuple[int, os.stat_result] | Folder:
    """Open ``path`` relative to ``root``. Links are followed as long as they stay inside ``root``.

    The links are resolved first. Then each step is opened without following links, and a path that has changed meanwhile is
    resolved again. Raises FileNotFoundError if the path leads out of ``root``.
    """
    names, folder = _segments(os.fsdecode(path))
    base = os.path.realpath(os.fsdecode(root))
    for left in reversed(range(_TRIES)):
        try:
            whole = os.path.realpath(os.path.join(base, *names), strict=True)
            if whole != base and not whole.startswith(base.rstrip(os.sep) + os.sep):
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
            found = _open_below(base, [name for name in whole[len(base) :].split(os.sep) if name])
        except OSError as error:
            if error.errno not in _CHANGED or not left:
                raise
        else:
            if folder and not isinstance(found, Folder):
                os.close(found[0])
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
            return found
    raise AssertionError("unreachable")


def _segments(path: str) -> tuple[list[str], bool]:
    """Return the names in a path with dots resolved as in a URL, and whether the path can only be a folder."""
    if len(path) > _LONGEST_PATH:
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
    if "\0" in path:
        raise ValueError("embedded null byte")
    if os.sep != "/":
        path = path.replace(os.sep, "/")
    names: list[str] = []
    parts = path.split("/")
    for part in parts:
        if part == "..":
            if not names:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
            names.pop()
        elif part not in ("", "."):
            names.append(part)
    return names, parts[-1] in ("", ".", "..")


def _open_below(base: str, names: list[str]) -> tuple[int, os.stat_result] | Folder:
    """Open a resolved path step by step, without following links."""
    if not _CAN_WALK:
        whole = os.path.join(base, *names)
        return Folder(os.open(whole, _FOLDER)) if os.path.isdir(whole) else _open_named(whole)
    place = os.open(base, _PASSED)
    try:
        for name in names[:-1]:
            below = os.open(name, _PASSED, dir_fd=place)
            os.close(place)
            place = below
        last = names[-1] if names else "."
        status = os.stat(last, dir_fd=place, follow_symlinks=False)
        if stat.S_ISDIR(status.st_mode):
            return Folder(os.open(last, _FOLDER | _NO_LINK, dir_fd=place))
        if stat.S_ISLNK(status.st_mode):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), last)
        _refuse_special(status, last)
        return _checked(os.open(last, _FLAGS | _NO_LINK, dir_fd=place), last)
    finally:
        os.close(place)


def _refuse_special(status: os.stat_result, path: str | bytes) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, "not a regular file", path)


def _checked(fd: int, path: str | bytes) -> tuple[int, os.stat_result]:
    try:
        status = os.fstat(fd)
        _refuse_special(status, path)
    except BaseException:
        os.close(fd)
        raise
    return fd, status


def content_type_of(path: str | bytes) -> str:
    """Return the media type for the name of a file; for text, with its charset."""
    # With a leading slash, the name is not taken for a URL with a scheme.
    kind, encoding = mimetypes.guess_type("/" + posixpath.basename(os.fsdecode(path)))
    if encoding is not None:
        # The browser should store a compressed file and not unpack it.
        return "application/gzip" if encoding == "gzip" else "application/octet-stream"
    if kind is None:
        return "application/octet-stream"
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind
