"""Subprocesses whose pipes have forebay's readers and writers."""

from __future__ import annotations

import asyncio
from asyncio import subprocess
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import Callable
from typing import Any

from forebay.asyncio._transports import adjust
from forebay.asyncio.reader import DEFAULT_LIMIT, StreamReader
from forebay.asyncio.writer import StreamWriter

__all__ = ["DEVNULL", "PIPE", "STDOUT", "Process", "create_subprocess_exec", "create_subprocess_shell"]


class SubprocessStreamProtocol(subprocess.SubprocessStreamProtocol):
    """`asyncio.subprocess.SubprocessStreamProtocol` with forebay's streams."""

    _limit: int
    _loop: asyncio.AbstractEventLoop
    _pipe_fds: list[int]

    def connection_made(self, transport: Any) -> None:
        """Make the streams of the pipes when the process runs."""
        self._transport = transport
        for fd, name in ((1, "stdout"), (2, "stderr")):
            pipe = transport.get_pipe_transport(fd)
            if pipe is not None:
                adjust(pipe)
                reader = StreamReader(limit=self._limit, loop=self._loop)
                reader.set_transport(pipe)
                setattr(self, name, reader)
                self._pipe_fds.append(fd)
        pipe = transport.get_pipe_transport(0)
        if pipe is not None:
            adjust(pipe)
            self.stdin = StreamWriter(pipe, protocol=self, reader=None, loop=self._loop)


def _factory(limit: int) -> tuple[asyncio.AbstractEventLoop, Callable[[], SubprocessStreamProtocol]]:
    loop = asyncio.get_running_loop()
    return loop, lambda: SubprocessStreamProtocol(limit=limit, loop=loop)


async def create_subprocess_exec(
    program: Any,
    *args: Any,
    stdin: Any = None,
    stdout: Any = None,
    stderr: Any = None,
    limit: int = DEFAULT_LIMIT,
    **kwds: Any,
) -> Process:
    """Run a program, as `asyncio.create_subprocess_exec` does. Its pipes have forebay's readers and writer.

    Args:
        program: The program.
        args: Its arguments.
        stdin, stdout, stderr: As for `asyncio.create_subprocess_exec`.
        limit: The limit of the readers, in bytes.
        kwds: Those of `asyncio.loop.subprocess_exec`.

    Returns:
        The process.
    """
    loop, factory = _factory(limit)
    transport, protocol = await loop.subprocess_exec(
        factory, program, *args, stdin=stdin, stdout=stdout, stderr=stderr, **kwds
    )
    return Process(transport, protocol, loop)


async def create_subprocess_shell(
    cmd: Any,
    stdin: Any = None,
    stdout: Any = None,
    stderr: Any = None,
    limit: int = DEFAULT_LIMIT,
    **kwds: Any,
) -> Process:
    """Run a shell command, as `asyncio.create_subprocess_shell` does. Its pipes have forebay's readers and writer.

    Args:
        cmd: The command.
        stdin, stdout, stderr: As for `asyncio.create_subprocess_shell`.
        limit: The limit of the readers, in bytes.
        kwds: Those of `asyncio.loop.subprocess_shell`.

    Returns:
        The process.
    """
    loop, factory = _factory(limit)
    transport, protocol = await loop.subprocess_shell(
        factory, cmd, stdin=stdin, stdout=stdout, stderr=stderr, **kwds
    )
    return Process(transport, protocol, loop)
