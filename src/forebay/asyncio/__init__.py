"""A drop-in for asyncio's streams: the same names, and `install` for code that uses asyncio's."""

import importlib
import typing
from asyncio import IncompleteReadError, LimitOverrunError

from forebay.asyncio._install import install, installed, uninstall
from forebay.asyncio.connections import (
    open_connection,
    open_unix_connection,
    start_server,
    start_unix_server,
)
from forebay.asyncio.protocol import StreamReaderProtocol
from forebay.asyncio.reader import StreamReader
from forebay.asyncio.subprocess import create_subprocess_exec, create_subprocess_shell
from forebay.asyncio.writer import StreamWriter

if typing.TYPE_CHECKING:
    from forebay.asyncio.bridges import StreamTransport, as_duplex, as_pair, as_readable, as_writable
else:
    # The bridges need forebay's own streams, which a program that only installs the replacement does not load.
    _OF_BRIDGES = ("StreamTransport", "as_duplex", "as_pair", "as_readable", "as_writable")

    def __getattr__(name: str) -> object:
        """Load the bridges when a program asks for the first of them."""
        if name not in _OF_BRIDGES:
            raise AttributeError(f"module 'forebay.asyncio' has no attribute {name!r}")
        bridges = importlib.import_module("forebay.asyncio.bridges")
        globals().update({each: getattr(bridges, each) for each in _OF_BRIDGES})
        return globals()[name]

    def __dir__() -> list[str]:
        """Return the names of the module, with those that are loaded later."""
        return sorted({*globals(), *_OF_BRIDGES})


__all__ = [
    "IncompleteReadError",
    "LimitOverrunError",
    "StreamReader",
    "StreamReaderProtocol",
    "StreamTransport",
    "StreamWriter",
    "as_duplex",
    "as_pair",
    "as_readable",
    "as_writable",
    "create_subprocess_exec",
    "create_subprocess_shell",
    "install",
    "installed",
    "open_connection",
    "open_unix_connection",
    "start_server",
    "start_unix_server",
    "uninstall",
]
