"""Binding the sockets of a server: the addresses and options of listen()."""

from __future__ import annotations

import errno
import os
import socket
from typing import Any

from forebay.errors import OutOfRangeError
from forebay.net._address import Address, Place, parse_place
from forebay.net._unix_path import bind_path

__all__ = ["BindOptions", "bind", "places_of"]


class BindOptions:
    """The options of a bind."""

    def __init__(self, backlog: int, reuse_port: bool, ipv6_only: bool, unlink: bool) -> None:
        self.backlog = backlog
        self.reuse_port = reuse_port
        self.ipv6_only = ipv6_only
        self.unlink = unlink


def places_of(address: tuple[Any, ...]) -> list[Place]:
    """Return the places of listen(): one for each host of a list."""
    for index, each in enumerate(address):
        if isinstance(each, (list, set, frozenset)):
            rest = [other for at, other in enumerate(address) if at != index]
            if not each:
                raise OutOfRangeError("the list of hosts must not be empty")
            return [parse_place((host, *rest), "listen()") for host in each]
    return [parse_place(address, "listen()")]


def bind(
    address: Address,
    place: Place,
    options: BindOptions,
    bound: list[socket.socket],
    paths: list[tuple[str | bytes, int, int]],
) -> None:
    """Listen on ``address`` and add the socket to ``bound``. Add a new path and its identity to ``paths``."""
    where = address.address
    if bound and place.path is None and where[1] == 0:
        # All addresses get the port of the first one.
        where = (where[0], bound[0].getsockname()[1], *where[2:])
    try:
        sock = socket.socket(address.family, socket.SOCK_STREAM, address.protocol)
    except OSError as error:
        if error.errno == errno.EAFNOSUPPORT and where[0] == "::":
            # The system has no IPv6.
            bind(Address(socket.AF_INET, 0, ("0.0.0.0", where[1])), place, options, bound, paths)
            return
        raise
    try:
        sock.setblocking(False)
        if place.path is not None:
            bind_path(sock, place.path, options.unlink)
            if place.path[:1] not in ("\0", b"\0"):
                status = os.stat(place.path)
                paths.append((place.path, status.st_dev, status.st_ino))
        else:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if options.reuse_port:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            if address.family == socket.AF_INET6:
                only = options.ipv6_only or where[0] != "::"
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(only))
            sock.bind(where)
        sock.listen(options.backlog)
    except OSError as error:
        sock.close()
        raise OSError(error.errno, f"{error.strerror or error}: {place}") from None
    bound.append(sock)
