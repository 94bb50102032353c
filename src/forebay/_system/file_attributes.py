"""Attributes of a file that its replacement gets: owner, permissions, access control list, extended attributes."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import struct

__all__ = ["Attributes"]

_ACL = "system.posix_acl_access"
_CAPABILITY = "security.capability"
# Attributes that depend on the content: the system sets them, and those of other content would be wrong.
_OF_CONTENT = ("security.ima", "security.evm")
# An access control list is this version and its entries: the kind of the holder, the permissions, and the holder's id.
_ACL_HEADER = struct.Struct("<I")
_ACL_ENTRY = struct.Struct("<HHI")
_ACL_GROUP = 0x04
_ACL_OTHER = 0x20
_HAS_ATTRIBUTES = hasattr(os, "listxattr")
_NOT_THERE = (errno.ENODATA if hasattr(errno, "ENODATA") else errno.ENOENT, errno.ENOTSUP, errno.ENOSYS)
_NOT_OURS = (errno.EPERM, errno.EACCES, errno.EINVAL, errno.ENOTSUP, errno.ENOSYS)


class Attributes:
    """The attributes of one file, read once. ``path`` leads to this file even if its name now belongs to another file."""

    def __init__(self, path: bytes, status: os.stat_result) -> None:
        self._status = status
        self._named: dict[str, bytes] = {}
        for name in _list(path):
            try:
                self._named[name] = os.getxattr(path, name)
            except OSError as error:
                if _is_owed(name) and error.errno not in _NOT_THERE:
                    raise

    def give(self, fd: int) -> None:
        """Set the attributes on the new file ``fd``, which no other process can open yet, before anything is written to it.

        The new file grants no right that the old file did not grant. Raises OSError if the access list or a user attribute
        cannot be copied. System attributes are copied if permitted.
        """
        if not hasattr(os, "fchmod"):
            return
        uid, gid = _give_owner(fd, self._status)
        mode = stat.S_IMODE(self._status.st_mode)
        acl = self._named.get(_ACL)
        if uid != self._status.st_uid:
            mode &= ~stat.S_ISUID
        if gid != self._status.st_gid:
            # The permissions were those of another group; the new group counts among the others.
            mode &= ~stat.S_ISGID
            if acl is None:
                mode &= ~0o070 | (mode & 0o007) << 3
            else:
                acl = _without_group(acl)
        for name, value in self._named.items():
            if name not in (_ACL, _CAPABILITY):
                with contextlib.nullcontext() if _is_owed(name) else contextlib.suppress(OSError):
                    os.setxattr(fd, name, value)
        # Set the list before the mode, which says less than the list.
        if acl is not None:
            os.setxattr(fd, _ACL, acl)
        elif _ACL in _list(fd):
            # The folder gives a default list to new files.
            os.removexattr(fd, _ACL)
        os.fchmod(fd, mode)

    def give_last(self, fd: int) -> None:
        """Set the attributes that the system removes from a file when it is written, if permitted."""
        capability = self._named.get(_CAPABILITY)
        if capability is not None:
            with contextlib.suppress(OSError):
                os.setxattr(fd, _CAPABILITY, capability)


def _list(file: bytes | int) -> list[str]:
    """Return the names of the attributes that may be copied to another file."""
    if not _HAS_ATTRIBUTES:
        return []
    try:
        names = os.listxattr(file)
    except OSError as error:
        if error.errno not in _NOT_THERE:
            raise
        return []
    return [
        name
        for name in names
        if name == _ACL or not (name.startswith(("system.", "trusted.")) or name in _OF_CONTENT)
    ]


def _is_owed(name: str) -> bool:
    """Return whether the user can expect that this attribute is copied."""
    return name == _ACL or name.startswith("user.")


def _give_owner(fd: int, old: os.stat_result) -> tuple[int, int]:
    """Set owner and group of the old file, if permitted; return the resulting ones."""
    own = os.fstat(fd)
    # Only root may change the owner; an owner may choose one of their groups. Do this before the mode is set, because a
    # change of owner clears the set-id bits.
    for uid, gid in ((old.st_uid, old.st_gid), (-1, old.st_gid)):
        if (own.st_uid, own.st_gid) == (old.st_uid, old.st_gid):
            break
        try:
            os.fchown(fd, uid, gid)
        except OSError as error:
            if error.errno not in _NOT_OURS:
                raise
        own = os.fstat(fd)
    return own.st_uid, own.st_gid


def _without_group(acl: bytes) -> bytes:
    """Return the list with no more rights for the owning group than for others."""
    size = _ACL_HEADER.size
    entries = list(_ACL_ENTRY.iter_unpack(acl[size:]))
    others = next((rights for tag, rights, _ in entries if tag == _ACL_OTHER), 0)
    return acl[:size] + b"".join(
        _ACL_ENTRY.pack(tag, rights & others if tag == _ACL_GROUP else rights, who)
        for tag, rights, who in entries
    )
