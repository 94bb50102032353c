"""asyncio's streams over sockets: ``python -m benchmarks.asyncio_sockets CASE SIDE LOOP REGIME SHARE``.

Each run is a process of its own and prints seconds for a unit, in one of two regimes: "fresh", and "warm", in which malloc
has seen a large block freed and no longer maps every buffer of asyncio's receive calls anew.
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
from dataclasses import dataclass
from functools import partial
from typing import Any

import forebay.asyncio
from benchmarks.asyncio_reader import part, streams
from benchmarks.installed import REDIS_SOCKET, run_on, tls_client, tls_server


async def backlog(which: str, share: float) -> float:
    """64 MiB in writes of 1 KiB to a peer that does not read yet: seconds for the writes."""
    ours, peer = socket.socketpair()
    _, writer = await streams(which).open_connection(sock=ours)
    piece = bytes(1024)
    size = part(64, share)
    started = time.process_time()
    for _ in range(size * 1024):
        writer.write(piece)
    spent = time.process_time() - started
    writer.transport.abort()
    peer.close()
    return spent


async def receive(which: str, share: float) -> float:
    """Seconds for each GB through ``read(65536)``; a child process sends."""
    listening = socket.create_server(("127.0.0.1", 0))
    blocks = part(2048, share)
    child = os.fork()
    if child == 0:
        try:
            peer, _ = listening.accept()
            data = bytes(1 << 18)
            for _ in range(blocks):
                peer.sendall(data)
        finally:
            os._exit(0)
    reader, writer = await streams(which).open_connection(*listening.getsockname())
    received = 0
    started = time.process_time()
    while data := await reader.read(65536):
        received += len(data)
    spent = time.process_time() - started
    assert received == blocks << 18
    writer.close()
    os.waitpid(child, 0)
    return spent / received * 1e9


def echo_client(address: tuple[str, int], message: bytes, count: int, over_tls: bool) -> None:
    """Send messages and wait for each to come back; blocking calls in a process of their own."""
    size = len(message)
    room = bytearray(size)
    plain = socket.create_connection(address)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with tls_client().wrap_socket(plain, server_hostname="localhost") if over_tls else plain as peer:
        for _ in range(count):
            peer.sendall(message)
            left = size
            while left:
                left -= peer.recv_into(room, left)


def serve_by_callbacks(done: asyncio.Future[float]) -> tuple[str, int]:
    """Serve one client with callbacks of the loop, which receive into one buffer and send from it."""
    loop = asyncio.get_running_loop()
    listening = socket.create_server(("127.0.0.1", 0))
    area = memoryview(bytearray(1 << 18))

    def accept() -> None:
        loop.remove_reader(listening)
        peer, _ = listening.accept()
        listening.close()
        peer.setblocking(False)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        started = time.process_time()

        def ready() -> None:
            left = peer.recv_into(area)
            if not left:
                loop.remove_reader(peer)
                peer.close()
                done.set_result(time.process_time() - started)
            while left:
                left -= peer.send(area[:left])

        loop.add_reader(peer, ready)

    address: tuple[str, int] = listening.getsockname()
    loop.add_reader(listening, accept)
    return address


async def serve_by_streams(
    which: str, size: int, done: asyncio.Future[float], context: ssl.SSLContext | None
) -> tuple[str, int]:
    """Serve one client with streams, whole messages or lines (size 0); the clock starts when its connection is made."""

    async def serve(reader: Any, writer: Any) -> None:
        started = time.process_time()
        try:
            while data := await (reader.readexactly(size) if size else reader.readline()):
                writer.write(data)
                await writer.drain()
        except asyncio.IncompleteReadError:
            pass
        done.set_result(time.process_time() - started)
        writer.close()

    if which == "aiofastnet":
        start = partial(importlib.import_module("aiofastnet").start_server, asyncio.get_running_loop())
    else:
        start = streams(which).start_server
    server = await start(serve, "127.0.0.1", 0, ssl=context)
    address: tuple[str, int] = server.sockets[0].getsockname()
    return address


async def echo(which: str, size: int, count: int, *, over_tls: bool = False, lines: int = 0) -> float:
    """Seconds of the server for a message. ``lines``: a message is so many lines of ``size`` bytes, echoed one by one."""
    done = asyncio.get_running_loop().create_future()
    if which == "callbacks":
        address = serve_by_callbacks(done)
    else:
        address = await serve_by_streams(
            which, 0 if lines else size, done, tls_server() if over_tls else None
        )
    child = os.fork()
    if child == 0:
        try:
            line = bytes(size - 1) + b"\n"
            echo_client(address, line * lines if lines else bytes(size), count, over_tls)
        finally:
            os._exit(0)
    spent: float = await done
    os.waitpid(child, 0)
    return spent / count


async def echo_1k(which: str, share: float) -> float:
    return await echo(which, 1024, part(15000, share))


async def echo_64k(which: str, share: float) -> float:
    return await echo(which, 65536, part(5000, share))


async def tls_echo_1k(which: str, share: float) -> float:
    return await echo(which, 1024, part(10000, share), over_tls=True)


async def tls_lines(which: str, share: float) -> float:
    return await echo(which, 100, part(10000, share), over_tls=True, lines=1)


async def tls_burst_of_lines(which: str, share: float) -> float:
    return await echo(which, 100, part(2000, share), over_tls=True, lines=50)


async def tls_echo_256k(which: str, share: float) -> float:
    return await echo(which, 262144, part(700, share), over_tls=True)


async def tls_echo_64k(which: str, share: float) -> float:
    return await echo(which, 65536, part(2000, share), over_tls=True)


async def redis_case(which: str, size: int, count: int, pipelined: int = 0) -> float:
    """Seconds of wall time for a command: 16 tasks with a connection each, or one with a pipeline.

    One task alone measures how soon the server's process wakes up.
    """
    redis = importlib.import_module("redis.asyncio")
    if which == "forebay":
        forebay.asyncio.install()
    client = redis.Redis(unix_socket_path=os.environ[REDIS_SOCKET])
    await client.set("key", bytes(size))

    async def get(times: int) -> None:
        for _ in range(times):
            await client.get("key")

    async def visit(times: int) -> None:
        if not pipelined:
            await asyncio.gather(*(get(max(times // 16, 1)) for _ in range(16)))
            return
        for _ in range(max(times // pipelined, 1)):
            async with client.pipeline(transaction=False) as pipe:
                for _ in range(pipelined):
                    pipe.get("key")
                await pipe.execute()

    await visit(max(count // 10, 1))
    started = time.perf_counter()
    await visit(count)
    spent = (time.perf_counter() - started) / count
    await client.aclose()
    return spent


async def redis_get_100(which: str, share: float) -> float:
    return await redis_case(which, 100, part(500, share) * 16)


async def redis_get_100k(which: str, share: float) -> float:
    return await redis_case(which, 100_000, part(200, share) * 16)


async def redis_pipeline(which: str, share: float) -> float:
    return await redis_case(which, 100, part(20, share) * 1000, pipelined=1000)


@dataclass(frozen=True)
class SocketCase:
    """A case, and what it takes."""

    run: Callable[[str, float], Awaitable[float]]
    unit: str = "us"
    regimes: tuple[str, ...] = ("fresh", "warm")
    # The sides beside forebay.
    peers: tuple[str, ...] = ("asyncio",)
    # 'redis' or 'certificate'.
    needs: str | None = None


ECHO = ("asyncio", "aiofastnet", "callbacks")
CASES = {
    "receive": SocketCase(receive, "s/GB"),
    "echo 1 KiB": SocketCase(echo_1k, peers=ECHO),
    "echo 64 KiB": SocketCase(echo_64k, peers=ECHO),
    "TLS echo 1 KiB": SocketCase(tls_echo_1k, peers=ECHO[:2], needs="certificate"),
    "TLS lines": SocketCase(tls_lines, peers=ECHO[:2], needs="certificate"),
    "TLS bursts of 50 lines": SocketCase(tls_burst_of_lines, peers=ECHO[:2], needs="certificate"),
    "TLS echo 256 KiB": SocketCase(tls_echo_256k, peers=ECHO[:2], needs="certificate"),
    "TLS echo 64 KiB": SocketCase(tls_echo_64k, peers=ECHO[:2], needs="certificate"),
    "redis GET 100 B": SocketCase(redis_get_100, needs="redis"),
    "redis GET 100 KB": SocketCase(redis_get_100k, needs="redis"),
    "redis pipeline of 1,000": SocketCase(redis_pipeline, needs="redis"),
    "backlog of 64 MiB": SocketCase(backlog, "s", ("fresh",)),
}


def main(arguments: list[str]) -> None:
    case, side, loop, regime, share = arguments
    if regime == "warm":
        bytearray(4 << 20)  # made and freed: malloc's threshold for mapping goes up
    print(json.dumps({"seconds": run_on(loop, CASES[case].run(side, float(share)))}))


if __name__ == "__main__":
    main(sys.argv[1:])
