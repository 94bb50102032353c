"""Addresses to connect to or listen on: parsing the forms that a program gives, and resolving host names."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

from forebay.errors import InvalidArgTypeError, InvalidArgValueError, MissingArgsError, OutOfRangeError

__all__ = ["Address", "Lookup", "Place", "find_addresses", "parse_place", "place_of", "readable_address"]

#: ``lookup(host, port, family)``: an async function with the result of `socket.getaddrinfo`.
Lookup: TypeAlias = Callable[[str | None, int, int], Awaitable[Sequence[Any]]]


class Place(NamedTuple):
    """A host and a port, or with ``path`` a Unix socket."""

    host: str | None
    port: int
    path: str | bytes | None

    def __str__(self) -> str:
        if self.path is not None:
            return os.fsdecode(self.path)
        host = self.host or "*"
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"


class Address(NamedTuple):
    """One address of a place, for `socket.connect` and `socket.bind`."""

    family: int
    protocol: int
    address: Any


def parse_place(args: tuple[Any, ...], what: str) -> Place:
    """Return the place that positional arguments name: ``(port)``, ``(port, host)``, ``(host, port)`` or ``(path)``."""
    if len(args) == 1 and isinstance(args[0], tuple):
        if isinstance(args[0], Place):
            return args[0]
        args = args[0][:2]
    if not args:
        raise MissingArgsError(f"{what} needs a port, a host and a port, or the path of a Unix socket")
    first = args[0]
    second = args[1] if len(args) > 1 else None
    if len(args) > 2:
        raise InvalidArgTypeError(f"{what} takes a host and a port, or a path; got {len(args)} arguments")
    if isinstance(first, (str, bytes, os.PathLike)) and second is None:
        return Place(None, 0, _checked_path(os.fspath(first)))
    if _is_port(first) and (second is None or isinstance(second, str)):
        return Place(second, _checked_port(first), None)
    if (first is None or isinstance(first, str)) and _is_port(second):
        return Place(first, _checked_port(second), None)
    raise InvalidArgTypeError(
        f"{what} needs a port (an int), a host (a str) and a port, or a path; got {', '.join(map(repr, args))}"
    )


def _is_port(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _checked_port(port: Any) -> int:
    if not 0 <= port <= 65535:
        raise OutOfRangeError(f"port must be from 0 to 65535, got {port}")
    return int(port)


def _checked_path(path: str | bytes) -> str | bytes:
    if not path:
        raise OutOfRangeError("the path of a Unix socket must not be empty")
    # A name that begins with a null byte is no path (Linux), and may contain more null bytes.
    if os.fsdecode(path).find("\0") > 0:
        raise InvalidArgValueError(f"the path of a Unix socket must not hold a null byte, got {path!r}")
    return path


def readable_address(address: Any) -> tuple[str, int] | str | None:
    """Return a socket's address for the program: ``(host, port)``, the path of a Unix socket, or None."""
    if isinstance(address, tuple):
        return address[0], address[1]
    if isinstance(address, bytes):
        return os.fsdecode(address)
    return address or None


def place_of(address: tuple[str, int] | str) -> Place:
    """Return the place of an address that `readable_address` returned."""
    return Place(None, 0, address) if isinstance(address, str) else Place(*address, None)


async def find_addresses(
    place: Place,
    *,
    family: int = 0,
    lookup: Lookup | None = None,
    passive: bool = False,
) -> list[Address]:
    """Return the addresses of a place. ``lookup``, or the loop, looks up a name. Raises socket.gaierror, an OSError."""
    if place.path is not None:
        return [Address(socket.AF_UNIX, 0, place.path)]
    host = place.host
    if host is None and not passive:
        host = "localhost"
    found: Sequence[Any] | None = _without_lookup(host, place.port, family, passive)
    if found is None:
        if lookup is not None:
            found = await lookup(host, place.port, family)
        else:
            loop = asyncio.get_running_loop()
            flags = socket.AI_PASSIVE if passive else 0
            try:
                found = await loop.getaddrinfo(
                    host, place.port, family=family, type=socket.SOCK_STREAM, flags=flags
                )
            except UnicodeError as error:
                raise InvalidArgValueError(f"{host!r} cannot be the name of a host: {error}") from None
    addresses = [Address(each[0], each[2], each[4]) for each in found or ()]
    if not addresses:
        raise socket.gaierror(socket.EAI_NONAME, f"{host} has no address")
    return addresses


def _without_lookup(host: str | None, port: int, family: int, passive: bool) -> Sequence[Any] | None:
    """Return addresses that need no lookup: a numeric address, or no host at all."""
    if host is None or host == "":
        # All addresses. One socket serves both families if the system has both.
        if family != socket.AF_INET and socket.has_ipv6 and passive:
            return [(socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("::", port, 0, 0))]
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("0.0.0.0", port))]
    try:
        return socket.getaddrinfo(
            host, port, family, socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        )
    except (socket.gaierror, UnicodeError):
        return None


def host_of(name: Any) -> str | None:
    return name[0] if isinstance(name, tuple) else None


def port_of(name: Any) -> int | None:
    return name[1] if isinstance(name, tuple) else None


def family_of(name: Any) -> str | None:
    if isinstance(name, tuple):
        return "IPv6" if len(name) == 4 else "IPv4"
    return None if name is None else "Unix"
