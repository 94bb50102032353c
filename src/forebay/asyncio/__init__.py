"""A drop-in for asyncio's streams: the same names, and `install` for code that uses asyncio's."""

from asyncio import IncompleteReadError, LimitOverrunError

from forebay.asyncio._install import install, installed, uninstall
from forebay.asyncio.bridges import StreamTransport, as_duplex, as_pair, as_readable, as_writable
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
