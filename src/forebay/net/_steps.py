"""Steps of a clean-up: each is taken, whatever becomes of those before it."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable

__all__ = ["close_all", "take_all"]


def take_all(*steps: Callable[[], object]) -> None:
    """Take each step in turn. Raises what the first one has raised that failed, when all are taken."""
    first: BaseException | None = None
    for step in steps:
        try:
            step()
        except BaseException as error:
            first = first or error
    if first is not None:
        raise first


def close_all(socks: Iterable[socket.socket]) -> None:
    """Close every socket. Raises OSError where the system has failed to close one."""
    take_all(*(sock.close for sock in socks))
