"""Places in the network as people write them on the command line."""

from __future__ import annotations

import argparse
import re
from typing import Any

__all__ = ["parse_listen", "parse_target", "place_text"]

_HERE = "127.0.0.1"


def parse_listen(text: str) -> tuple[Any, ...]:
    """``PORT``, ``HOST:PORT``, ``[IPV6]:PORT`` or the path of a Unix socket, as `Server.listen` takes it.

    Without a host it is this machine alone; ``*`` is every address. Raises argparse.ArgumentTypeError.
    """
    place = parse_target(text)
    return (None, place[1]) if place[0] == "*" else place


def parse_target(text: str) -> tuple[Any, ...]:
    """As `parse_listen`, for `connect`; without a host it is this machine."""
    if "/" in text:
        return (text,)
    match = re.fullmatch(r"(?:(\[[^\]]+\]|[^:]*):)?(\d{1,5})", text)
    if match is None or int(match[2]) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no PORT, HOST:PORT or path of a socket")
    return (match[1] or _HERE).strip("[]"), int(match[2])


def place_text(place: tuple[Any, ...] | str | None) -> str:
    """An address as it was written: "[::1]:80", "example.org:80", or a path."""
    if not isinstance(place, tuple):
        return str(place)
    if len(place) == 1:
        return str(place[0])
    host = place[0] or "*"
    return f"[{host}]:{place[1]}" if ":" in host else f"{host}:{place[1]}"
