"""Network addresses on the command line."""

from __future__ import annotations

import argparse
import re

from forebay.net._address import Place

__all__ = ["parse_listen", "parse_target"]

_HERE = "127.0.0.1"


def parse_listen(text: str) -> Place:
    """Parse ``PORT``, ``HOST:PORT``, ``[IPV6]:PORT``, or the path of a Unix socket, with or without ``unix:`` before it.

    Without a host it is this machine only; ``*`` means every address. Raises argparse.ArgumentTypeError.
    """
    place = _parse(text)
    return place._replace(host=None) if place.host == "*" else place


def parse_target(text: str) -> Place:
    """Parse an address as `parse_listen` does, for `connect`. Without a host it is this machine; ``*`` is an error."""
    place = _parse(text)
    if place.host == "*":
        raise argparse.ArgumentTypeError(f"{text!r} is every address, and only one can be connected to")
    return place


def _parse(text: str) -> Place:
    path = re.fullmatch(r"unix:(?://)?(.+)|(.*/.*)", text, re.DOTALL)
    if path is not None:
        return Place(None, 0, path[1] or path[2])
    match = re.fullmatch(r"(?:\[([^\]]+)\]:|([^:\[\]]*):)?(\d{1,5})", text)
    if match is None or int(match[3]) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a PORT, HOST:PORT or path of a socket")
    return Place(match[1] or match[2] or _HERE, int(match[3]), None)
