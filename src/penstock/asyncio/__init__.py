"""asyncio's streams, faster: the same names, or `install` for code that uses asyncio's."""

from asyncio import IncompleteReadError, LimitOverrunError

from penstock.asyncio.bridges import StreamTransport, as_duplex, as_pair, as_readable, as_writable
from penstock.asyncio.connections import (
    open_connection,
    open_unix_connection,
    start_server,
    start_unix_server,
)
from penstock.asyncio.installing import install, installed, uninstall
from penstock.asyncio.protocol import StreamReaderProtocol
from penstock.asyncio.reader import StreamReader
from penstock.asyncio.subprocess import create_subprocess_exec, create_subprocess_shell
from penstock.asyncio.writer import StreamWriter

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
