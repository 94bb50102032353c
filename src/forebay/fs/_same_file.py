"""A copy of a file to itself: it would lose the data, or the file would grow forever."""

from __future__ import annotations

import os
import stat
from typing import NamedTuple

from forebay._system.open_file import OpenFile, status_flags
from forebay.errors import InvalidArgValueError

__all__ = ["Origin", "check_apart"]


class Origin(NamedTuple):
    """The file at the beginning of a flow. ``start``: the offset to read from, None for where it stands.

    ``bounded``: whether the reader stops at a given offset, even if the file grows.
    """

    file: OpenFile
    start: int | None
    bounded: bool


def check_apart(origin: Origin, dest: OpenFile, flags: int, position: int | None) -> None:
    """Raise InvalidArgValueError if ``dest`` is the file that is read, and the write destroys unread data.

    ``flags``: those of the open of ``dest``. ``position``: the offset of the first write, None for the present position.
    """
    if flags & os.O_EXCL:
        return
    source, target = _status(origin.file), _status(dest)
    if source is None or target is None or not stat.S_ISREG(source.st_mode):
        return
    if not os.path.samestat(source, target):
        return
    names = f"the source {_name(origin.file)} and the destination {_name(dest)} are the same file"
    if dest.given is None and flags & os.O_TRUNC:
        raise InvalidArgValueError(
            f"{names}, which would be emptied before it is read; use atomic=True, which replaces it at the end"
        )
    if origin.bounded:
        return
    appends = flags & os.O_APPEND if dest.given is None else status_flags(dest.fd) & os.O_APPEND
    if appends or _at(dest, position) > _at(origin.file, origin.start):
        raise InvalidArgValueError(
            f"{names}, which would grow forever; give the reader an end=, or write another file"
        )


def _status(file: OpenFile) -> os.stat_result | None:
    try:
        if file.fd >= 0:
            return os.fstat(file.fd)
        return None if file.path is None else os.stat(file.path)
    except OSError:
        # The open reports the error.
        return None


def _at(file: OpenFile, position: int | None) -> int:
    if position is not None or file.given is None:
        return position or 0
    return file.position()


def _name(file: OpenFile) -> str:
    return f"fd={file.given}" if file.path is None else repr(file.path)
