"""Programs on asyncio, with and without `forebay.asyncio.install`: ``python -m benchmarks.installed CASE SIDE LOOP SHARE``.

Each run is a process of its own and prints the seconds of CPU of a unit.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import socket
import ssl
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

# Nothing of forebay is imported at the top: one of the sides does without it.

# The names of variables: where Redis listens, and the file with a certificate for localhost and its key.
REDIS_SOCKET = "BENCHMARK_REDIS_SOCKET"
CERTIFICATE = "BENCHMARK_CERTIFICATE"

PIECE = 1 << 18


def part(count: int, share: float) -> int:
    return max(int(count * share), 1)


def tls_client() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=os.environ[CERTIFICATE])


def tls_server() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.environ[CERTIFICATE])
    return context


def run_on(loop: str, main: Awaitable[float]) -> float:
    """Run one case on asyncio's loop or on uvloop."""
    factory = importlib.import_module("uvloop").new_event_loop if loop == "uvloop" else None
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main)  # type: ignore[arg-type]


def spent_since(started: float, count: int) -> float:
    return (time.process_time() - started) / count


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer one line, and close."""
    writer.write(await reader.readline())
    await writer.drain()
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


async def visit(port: int, context: Any = None) -> None:
    """Send one line, read the answer to its end, and close."""
    name = "localhost" if context else None
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=name)
    writer.write(b"a line\n")
    assert await reader.read() == b"a line\n"
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


async def connections(count: int, over_tls: bool) -> float:
    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=tls_server() if over_tls else None)
    context = tls_client() if over_tls else None
    port = server.sockets[0].getsockname()[1]
    await visit(port, context)
    started = time.process_time()
    for _ in range(count):
        await visit(port, context)
    spent = spent_since(started, count)
    server.close()
    return spent


async def short_connections(share: float) -> float:
    return await connections(part(2000, share), False)


async def short_tls_connections(share: float) -> float:
    return await connections(part(300, share), True)


def run_for_each_connection(loop: str, share: float) -> float:
    """One loop for each connection, to a server in another process that sends a line."""
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    count = part(300, share)
    child = os.fork()
    if child == 0:
        try:
            for _ in range(count):
                peer, _ = listening.accept()
                peer.sendall(b"a line\n")
                peer.close()
        finally:
            os._exit(0)

    async def receive() -> float:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await reader.readline() == b"a line\n"
        writer.close()
        return 0.0

    started = time.process_time()
    for _ in range(count):
        run_on(loop, receive())
    spent = spent_since(started, count)
    os.waitpid(child, 0)
    return spent


async def processes(share: float) -> float:
    """Start a process and read its output."""
    count = part(150, share)
    started = time.process_time()
    for _ in range(count):
        process = await asyncio.create_subprocess_exec("/bin/echo", "a line", stdout=asyncio.subprocess.PIPE)
        assert (await process.communicate())[0] == b"a line\n"
    return spent_since(started, count)


async def sending(count: int, size: int, send: Callable[[asyncio.StreamWriter], object]) -> float:
    """Send to a process that only receives; the buffer is drained before each call."""
    ours, peer = socket.socketpair()
    for end in (ours, peer):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
    child = os.fork()
    if child == 0:
        try:
            ours.close()
            room = bytearray(1 << 20)
            while peer.recv_into(room):
                pass
        finally:
            os._exit(0)
    peer.close()
    _, writer = await asyncio.open_connection(sock=ours)
    writer.transport.set_write_buffer_limits(0)
    started = time.process_time()
    for _ in range(count):
        send(writer)
        await writer.drain()
    spent = spent_since(started, count)
    writer.close()
    await writer.wait_closed()
    os.waitpid(child, 0)
    return spent


async def writelines(share: float) -> float:
    pieces = [bytes(PIECE)] * 8
    return await sending(part(300, share), 8 * PIECE, lambda writer: writer.writelines(pieces))


async def write_bytearray(share: float) -> float:
    data = bytearray(1 << 20)
    return await sending(part(500, share), 1 << 20, lambda writer: writer.write(data))


async def cancelled_reads(share: float) -> float:
    """Reads that time out, from a peer that sends nothing."""
    ours, peer = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=ours)
    count = part(5000, share)
    started = time.process_time()
    for _ in range(count):
        task = asyncio.ensure_future(reader.read(100))
        await asyncio.sleep(0)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    spent = spent_since(started, count)
    writer.close()
    peer.close()
    return spent


async def redis_get(share: float) -> float:
    """One small GET after another by redis-py."""
    client = importlib.import_module("redis.asyncio").Redis(unix_socket_path=os.environ[REDIS_SOCKET])
    await client.set("key", bytes(100))
    count = part(3000, share)
    for _ in range(count // 10):
        await client.get("key")
    started = time.process_time()
    for _ in range(count):
        await client.get("key")
    spent = spent_since(started, count)
    await client.aclose()
    return spent


@dataclass(frozen=True)
class InstalledCase:
    """A case, and what it needs: 'redis', 'certificate' or nothing."""

    run: Callable[[float], Awaitable[float]] | None
    needs: str | None = None


CASES = {
    "short connections": InstalledCase(short_connections),
    "short TLS connections": InstalledCase(short_tls_connections, "certificate"),
    "a loop for each connection": InstalledCase(None),
    "processes": InstalledCase(processes),
    "writelines of 8 x 256 KiB": InstalledCase(writelines),
    "write of a bytearray of 1 MiB": InstalledCase(write_bytearray),
    "cancelled reads": InstalledCase(cancelled_reads),
    "redis-py GET": InstalledCase(redis_get, "redis"),
}


def main(arguments: list[str]) -> None:
    name, side, loop, share = arguments
    if side == "forebay":
        importlib.import_module("forebay.asyncio").install()
    run = CASES[name].run
    seconds = run_for_each_connection(loop, float(share)) if run is None else run_on(loop, run(float(share)))
    print(json.dumps({"seconds": seconds}))


if __name__ == "__main__":
    main(sys.argv[1:])
