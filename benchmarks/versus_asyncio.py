"""forebay.asyncio beside asyncio's own streams: every case on both in turn, the ratio of each pair, their median.

    python -m benchmarks.versus_asyncio [--loop uvloop] [--rounds 7] [case ...]

Figures are CPU time of the process that holds the streams. Cases of the reader alone feed it and read what is there.
Cases over sockets run in a process of their own each time, in two regimes: "fresh", and "warm", in which malloc has
seen a large block freed and no longer maps every buffer of asyncio's receive calls anew. The cases of Redis need
redis-server and the package redis. A ratio above 1 says that forebay takes less. Beside an echo stands the ratio for
bare callbacks, which receive into one buffer and send from it: what streams cannot go beyond on that loop.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import importlib
import importlib.util
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import forebay
import forebay.asyncio

LINES = (b"x" * 99 + b"\n") * 655
RECORDS = (b"y" * 296 + b"\r\n\r\n") * 218
SEGMENT = bytes(1448)


def streams(which: str) -> Any:
    return forebay.asyncio if which == "forebay" else asyncio


# ---- the reader alone: seconds for an operation


async def over_buffer(
    which: str, data: bytes, count: int, read: Callable[[Any], Awaitable[Any]], rounds: int
) -> float:
    """Time ``read(reader)``, which makes ``count`` operations on a reader that has ``data``."""
    spent = 0.0
    for _ in range(rounds):
        reader = streams(which).StreamReader(limit=2**22)
        reader.feed_data(data)
        reader.feed_eof()
        started = time.process_time()
        await read(reader)
        spent += time.process_time() - started
    return spent / rounds / count


async def readline(which: str) -> float:
    async def read(reader: Any) -> None:
        for _ in range(655):
            await reader.readline()

    return await over_buffer(which, LINES, 655, read, 100)


async def async_for(which: str) -> float:
    async def read(reader: Any) -> None:
        async for _ in reader:
            pass

    return await over_buffer(which, LINES, 655, read, 100)


async def readuntil(which: str) -> float:
    async def read(reader: Any) -> None:
        for _ in range(218):
            await reader.readuntil(b"\r\n\r\n")

    return await over_buffer(which, RECORDS, 218, read, 200)


async def readexactly(which: str) -> float:
    async def read(reader: Any) -> None:
        for _ in range(63):
            await reader.readexactly(1024)

    return await over_buffer(which, LINES, 63, read, 500)


async def readline_nowait(which: str) -> float:
    if which == "asyncio":
        return await readline(which)

    async def read(reader: Any) -> None:
        for _ in range(655):
            reader.readline_nowait()

    return await over_buffer(which, LINES, 655, read, 100)


async def read_lines(which: str) -> float:
    if which == "asyncio":
        return await readline(which)

    async def read(reader: Any) -> None:
        while await reader.read_lines():
            pass

    return await over_buffer(which, LINES, 655, read, 100)


async def lines_nowait(which: str) -> float:
    if which == "asyncio":
        return await readline(which)

    async def read(reader: Any) -> None:
        for _ in reader.lines_nowait():
            pass

    return await over_buffer(which, LINES, 655, read, 100)


async def read_64k(which: str) -> float:
    pieces = [bytes(65536) for _ in range(8)]
    spent = 0.0
    for _ in range(300):
        reader = streams(which).StreamReader()
        started = time.process_time()
        for piece in pieces:
            reader.feed_data(piece)
            await reader.read(65536)
        spent += time.process_time() - started
    return spent / 300 / len(pieces)


async def in_segments(
    which: str, size: int, turns: int, read: Callable[[Any], Awaitable[Any]], end: bytes = b""
) -> float:
    """Feed ``size`` bytes in segments, ``turns`` of them in each turn of the loop; the loop's own time is not counted."""
    loop = asyncio.get_running_loop()
    count = size // len(SEGMENT) + 1

    async def run(feed: Callable[[bytes], None], done: Awaitable[Any]) -> float:
        left = count

        def turn() -> None:
            nonlocal left
            for _ in range(min(turns, left)):
                feed(SEGMENT)
            left -= turns
            if left > 0:
                loop.call_soon(turn)
            elif end:
                feed(end)

        started = time.process_time()
        loop.call_soon(turn)
        await done
        return time.process_time() - started

    idle = loop.create_future()
    seen = 0

    def count_only(piece: bytes) -> None:
        nonlocal seen
        seen += 1
        if seen == count and not idle.done():
            idle.set_result(None)

    empty = await run(count_only, idle)
    reader = streams(which).StreamReader(limit=2**23)
    # On a busy machine the difference of two such measurements can be nothing.
    return max((await run(reader.feed_data, asyncio.ensure_future(read(reader))) - empty) / count, 5e-8)


async def readexactly_16m(which: str) -> float:
    return await in_segments(which, 1 << 24, 1, lambda reader: reader.readexactly(1 << 24))


async def line_of_4m(which: str) -> float:
    return await in_segments(which, 1 << 22, 1, lambda reader: reader.readline(), b"\n")


# ---- sockets, in a process of their own: seconds for a unit


async def backlog(which: str) -> float:
    """64 MiB in writes of 1 KiB to a peer that does not read yet: seconds for the writes."""
    ours, peer = socket.socketpair()
    _, writer = await streams(which).open_connection(sock=ours)
    piece = bytes(1024)
    size = int(os.environ.get("BACKLOG_MIB", "64"))
    started = time.process_time()
    for _ in range(size * 1024):
        writer.write(piece)
    spent = time.process_time() - started
    writer.transport.abort()
    peer.close()
    return spent


async def receive(which: str) -> float:
    """Seconds for each GB through ``read(65536)``; a child process sends."""
    listening = socket.create_server(("127.0.0.1", 0))
    blocks = 2048
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


def echo_client(address: tuple[str, int], size: int, count: int) -> None:
    """Send messages and wait for each to come back; blocking calls in a process of their own."""
    message, room = bytes(size), bytearray(size)
    with socket.create_connection(address) as peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(count):
            peer.sendall(message)
            left = size
            while left:
                left -= peer.recv_into(room, left)


async def serve_echo(which: str, size: int, done: asyncio.Future[float]) -> tuple[str, int]:
    """Serve one client; ``done`` gets the CPU seconds until it leaves. "callbacks" is the loop with no streams at all."""
    loop = asyncio.get_running_loop()
    if which == "callbacks":
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

        loop.add_reader(listening, accept)
        return listening.getsockname()

    async def serve(reader: Any, writer: Any) -> None:
        started = time.process_time()
        try:
            while True:
                writer.write(await reader.readexactly(size))
                await writer.drain()
        except asyncio.IncompleteReadError:
            done.set_result(time.process_time() - started)
            writer.close()

    server = await streams(which).start_server(serve, "127.0.0.1", 0)
    return server.sockets[0].getsockname()


async def echo(which: str, size: int, count: int) -> float:
    """Seconds of the server for a message."""
    done = asyncio.get_running_loop().create_future()
    address = await serve_echo(which, size, done)
    child = os.fork()
    if child == 0:
        try:
            echo_client(address, size, count)
        finally:
            os._exit(0)
    spent = await done
    os.waitpid(child, 0)
    return spent / count


async def echo_1k(which: str) -> float:
    return await echo(which, 1024, 15000)


async def echo_64k(which: str) -> float:
    return await echo(which, 65536, 5000)


async def redis_case(which: str, size: int, count: int, pipelined: int = 0) -> float:
    """Seconds of wall time for a command: 16 tasks with a connection each, or one with a pipeline.

    One task alone measures how soon the server's process wakes up.
    """
    redis = importlib.import_module("redis.asyncio")
    if which == "forebay":
        forebay.asyncio.install()
    client = redis.Redis(unix_socket_path=os.environ["REDIS_SOCKET"])
    await client.set("key", bytes(size))

    async def get(times: int) -> None:
        for _ in range(times):
            await client.get("key")

    async def visit(times: int) -> None:
        if not pipelined:
            await asyncio.gather(*(get(times // 16) for _ in range(16)))
            return
        for _ in range(times // pipelined):
            async with client.pipeline(transaction=False) as pipe:
                for _ in range(pipelined):
                    pipe.get("key")
                await pipe.execute()

    await visit(count // 10)
    started = time.perf_counter()
    await visit(count)
    spent = (time.perf_counter() - started) / count
    await client.aclose()
    return spent


async def redis_get_100(which: str) -> float:
    return await redis_case(which, 100, 8000)


async def redis_get_100k(which: str) -> float:
    return await redis_case(which, 100_000, 3200)


async def redis_pipeline(which: str) -> float:
    return await redis_case(which, 100, 20000, pipelined=1000)


#: The name, what it must reach on 3.11 (4 instead of 5 on 3.12 and later), and the unit.
READER_CASES = {
    readline: ("readline, 100 bytes", 5),
    async_for: ("async for, 100 bytes", 5),
    readuntil: ("readuntil, 300 bytes", 5),
    readexactly: ("readexactly(1024)", 5),
    readline_nowait: ("readline_nowait", 12),
    read_lines: ("read_lines, batches", 12),
    lines_nowait: ("lines_nowait, plain for", 12),
    read_64k: ("read(65536)", 7),
    readexactly_16m: ("readexactly(16 MiB) in segments", 3),
    line_of_4m: ("line of 4 MiB in segments", 3),
}
SOCKET_CASES = {
    receive: ("receive, s/GB", 2.5, 1.2),
    echo_1k: ("echo 1 KiB", 1.5, 1.5),
    echo_64k: ("echo 64 KiB", 1.5, 1.5),
    redis_get_100: ("redis GET 100 B", 1.0, 1.0),
    redis_get_100k: ("redis GET 100 KB", 1.0, 1.0),
    redis_pipeline: ("redis pipeline of 1,000", 1.0, 1.0),
    backlog: ("backlog of 64 MiB, s", 1.0, None),
}


def run_on(loop: str, main: Awaitable[float]) -> float:
    factory = importlib.import_module("uvloop").new_event_loop if loop == "uvloop" else None
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main)


def in_child(case: str, which: str, loop: str, regime: str) -> float:
    command = [
        sys.executable,
        __file__,
        "--child",
        case,
        "--which",
        which,
        "--loop",
        loop,
        "--regime",
        regime,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    return float(done.stdout)


def show(title: str, pairs: list[tuple[float, ...]], target: float | None) -> None:
    """Print one case. Each pair: seconds of asyncio, of forebay, and perhaps of bare callbacks."""
    ratios = sorted(pair[0] / pair[1] for pair in pairs)
    asyncios, forebays = (statistics.median(side) for side in list(zip(*pairs, strict=True))[:2])
    unit, scale = ("s", 1) if asyncios > 0.05 else ("us", 1e6)
    wanted = f"  target {target:g}" if target else ""
    if len(pairs[0]) > 2:
        wanted += f"  bare callbacks {statistics.median(pair[0] / pair[2] for pair in pairs):.2f}"
    print(
        f"{title:40} asyncio {asyncios * scale:8.3f} {unit:2}  forebay {forebays * scale:8.3f} {unit:2}"
        f"  ratio {statistics.median(ratios):6.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f}){wanted}",
        flush=True,
    )


def start_redis(folder: str) -> subprocess.Popen[bytes] | None:
    binary = shutil.which("redis-server")
    if binary is None or importlib.util.find_spec("redis") is None:
        return None
    path = Path(folder) / "socket"
    os.environ["REDIS_SOCKET"] = str(path)
    command = [binary, "--port", "0", "--unixsocket", path, "--save", "", "--dir", folder]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while not path.exists():
        time.sleep(0.02)
    return server


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("cases", nargs="*", help="names of cases; all if none is given")
    parser.add_argument("--loop", choices=["asyncio", "uvloop"], default="asyncio")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--which", help=argparse.SUPPRESS)
    parser.add_argument("--regime", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    every = {case.__name__: case for case in (*READER_CASES, *SOCKET_CASES)}
    if chosen.child:
        if chosen.regime == "warm":
            bytearray(4 << 20)  # made and freed: malloc's threshold for mapping goes up
        print(run_on(chosen.loop, every[chosen.child](chosen.which)))
        return
    print(
        f"Python {sys.version.split()[0]}, backend {forebay.backend}, loop {chosen.loop}, {chosen.rounds} pairs"
    )
    wanted = set(chosen.cases or every)
    if unknown := wanted - set(every):
        parser.error(f"no such case: {', '.join(sorted(unknown))}; there are {', '.join(every)}")
    gc.disable()
    for case, (title, target) in READER_CASES.items():
        if case.__name__ in wanted:
            pairs = [
                (run_on(chosen.loop, case("asyncio")), run_on(chosen.loop, case("forebay")))
                for _ in range(chosen.rounds)
            ]
            show(title, pairs, 4 if target == 5 and sys.version_info >= (3, 12) else target)
    with tempfile.TemporaryDirectory() as folder:
        redis = start_redis(folder) if any(name.startswith("redis") for name in wanted) else None
        try:
            for case, (title, fresh, warm) in SOCKET_CASES.items():
                name = case.__name__
                if name not in wanted or (name.startswith("redis") and redis is None):
                    continue
                for regime, target in (("fresh", fresh), ("warm", warm)):
                    if target is not None:
                        sides = ["asyncio", "forebay"] + ["callbacks"] * name.startswith("echo")
                        pairs = [
                            tuple(in_child(name, which, chosen.loop, regime) for which in sides)
                            for _ in range(chosen.rounds if case is not backlog else 1)
                        ]
                        show(f"{title}, {regime}", pairs, target)
        finally:
            if redis is not None:
                redis.terminate()
                redis.wait(10)


if __name__ == "__main__":
    main()
