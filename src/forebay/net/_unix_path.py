"""Binding to the path of a Unix socket."""

from __future__ import annotations

import errno
import os
import socket
import stat

__all__ = ["bind_path"]


def bind_path(sock: socket.socket, path: str | bytes, unlink: bool) -> None:
    """Bind to ``path``; with ``unlink``, replace a socket on which no process listens any more."""
    try:
        sock.bind(path)
    except OSError as error:
        if error.errno != errno.EADDRINUSE or not unlink or not _is_abandoned(path):
            raise
        os.unlink(path)
        sock.bind(path)


def _is_abandoned(path: str | bytes) -> bool:
    """Return whether the path is a socket on which no process listens any more."""
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            return False
    except OSError:
        return False
    # A socket of another type cannot connect to one that is in use: it gets an error, and the server does not notice.
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
        return probe.connect_ex(path) == errno.ECONNREFUSED
