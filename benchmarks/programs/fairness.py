"""Flows that never wait, and how long each keeps the loop from a task that ticks every millisecond."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from array import array
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import forebay
import forebay.asyncio
from benchmarks.programs._bench import Bench, program
from forebay import Completion, PassThrough, Readable, Transform, Writable, finished, next_tick, pipeline
from forebay.http import create_server as create_http_server
from forebay.net import create_server

HOST = "127.0.0.1"
CHUNK = bytes(1024)
TICK_SECONDS = 0.001
BIN_SECONDS = 0.00001
BINS = 100_000

Flow = Callable[[int], Awaitable[None]]
FLOWS: dict[str, Flow] = {}


def flow(name: str) -> Callable[[Flow], Flow]:
    def register(function: Flow) -> Flow:
        FLOWS[name] = function
        return function

    return register


class Ticker:
    """A timer of a millisecond, and by how much it is late each time: what else the loop did at a stretch."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        # Counts of holds by length, so that a long run takes no more memory than a short one.
        self.counts = array("Q", bytes(8 * BINS))
        self.longest = self.cpu_longest = 0.0
        self._arm()

    def _arm(self) -> None:
        self._since, self._cpu_since = time.perf_counter(), time.thread_time()
        self._timer = self._loop.call_later(TICK_SECONDS, self._tick)

    def _tick(self) -> None:
        hold = max(0.0, time.perf_counter() - self._since - TICK_SECONDS)
        self.counts[min(int(hold / BIN_SECONDS), BINS - 1)] += 1
        self.longest = max(self.longest, hold)
        self.cpu_longest = max(self.cpu_longest, time.thread_time() - self._cpu_since)
        self._arm()

    def forget(self) -> None:
        """Do not count what the measurement itself has done since the last tick."""
        self._timer.cancel()
        self._arm()

    def end(self) -> dict[str, Any]:
        """Count what was held until now, and return milliseconds."""
        self._timer.cancel()
        self._tick()
        self._timer.cancel()
        return {
            "p50": self._length_of(0.5) * 1000,
            "p99": self._length_of(0.99) * 1000,
            "longest": self.longest * 1000,
            "cpu_longest": self.cpu_longest * 1000,
        }

    def _length_of(self, part: float) -> float:
        """The length, in seconds, that this part of the holds does not exceed."""
        left = part * sum(self.counts)
        for place, count in enumerate(self.counts):
            left -= count
            if left <= 0:
                return place * BIN_SECONDS
        return self.longest


@program("fairness")
async def fairness(bench: Bench, n: int, flow: str) -> None:
    ticker = Ticker()
    await FLOWS[flow](n)
    bench.report(ticker.end())


def nothing(chunk: Any) -> None:
    pass


def same(chunk: Any) -> Any:
    return chunk


async def same_later(chunk: Any) -> Any:
    return chunk


async def nothing_later(chunk: Any) -> None:
    pass


def source(n: int) -> Readable:
    left = n

    def read(size: int) -> bytes:
        nonlocal left
        left -= 1
        return CHUNK if left >= 0 else b""

    return Readable(read=read)


@flow("pipe")
async def pipe(n: int) -> None:
    await pipeline(source(n), Writable(write=nothing))


@flow("pipe, 3 stages")
async def stages(n: int) -> None:
    await pipeline(
        source(n), PassThrough(), Transform(transform=same), PassThrough(), Writable(write=nothing)
    )


@flow("pipe, async hooks")
async def async_hooks(n: int) -> None:
    await pipeline(source(n), Transform(transform=same_later), Writable(write=nothing_later))


@flow("'data' listener")
async def data_listener(n: int) -> None:
    stream = source(n)
    stream.on("data", nothing)
    await finished(stream)


@flow("read() in a 'readable' listener")
async def read_loop(n: int) -> None:
    stream = source(n)

    def take() -> None:
        while stream.read() is not None:
            pass

    stream.on("readable", take)
    await finished(stream)


@flow("ticks")
async def ticks(n: int) -> None:
    done = asyncio.get_running_loop().create_future()
    left = n

    def go() -> None:
        nonlocal left
        left -= 1
        if left:
            next_tick(go)
        else:
            done.set_result(None)

    next_tick(go)
    await done


@flow("write by hand, 'drain'")
async def by_hand(n: int) -> None:
    def write(chunk: Any) -> Completion:
        done = Completion()
        next_tick(done.resolve)
        return done

    stream = Writable(write=write, high_water_mark=len(CHUNK))
    left = iter(range(n))

    def go() -> None:
        for _ in left:
            if not stream.write(CHUNK):
                stream.once("drain", go)
                return
        stream.end()

    go()
    await finished(stream)


@flow("from_, pipeline")
async def from_iterable(n: int) -> None:
    await pipeline(Readable.from_(range(n)), Writable(write=nothing, object_mode=True))


@flow("operators")
async def operators(n: int) -> None:
    await Readable.from_(range(n)).map(same).filter(lambda item: True).for_each(nothing)


@flow("async operators")
async def async_operators(n: int) -> None:
    await Readable.from_(range(n)).map(same_later).for_each(nothing)


@flow("to_list")
async def to_list(n: int) -> None:
    await Readable.from_(range(n)).to_list()


@flow("async for")
async def async_for(n: int) -> None:
    async for _ in Readable.from_(range(n)):
        pass


@flow("async generator in a pipeline")
async def generator(n: int) -> None:
    async def pass_on(chunks: AsyncIterator[Any]) -> AsyncIterator[Any]:
        async for chunk in chunks:
            yield chunk

    await pipeline(range(n), pass_on, Writable(write=nothing, object_mode=True))


@flow("merge")
async def merge(n: int) -> None:
    await forebay.merge(Readable.from_(range(n // 2)), Readable.from_(range(n // 2))).for_each(nothing)


# ---- with a peer, which is a process of its own


@contextmanager
def peer(code: str, *arguments: object) -> Iterator[subprocess.Popen[bytes]]:
    """Run Python code beside this process."""
    command = [sys.executable, "-S", "-c", code, *map(str, arguments)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


# Sends as much as is taken, and reads what comes back.
FLOOD = """
import socket, sys, threading
port, count, data = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3].encode().decode("unicode_escape").encode()
sock = socket.create_connection(("127.0.0.1", port))
def take():
    while sock.recv(1 << 20): pass
taking = threading.Thread(target=take)
taking.start()
block = data * 1000
for _ in range(count // 1000): sock.sendall(block)
sock.shutdown(socket.SHUT_WR)
taking.join()
"""

# Sends one chunk on each of many connections, again and again, to all of them at once.
CROWD = """
import resource, socket, sys
port, connections, rounds = map(int, sys.argv[1:])
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
socks = [socket.create_connection(("127.0.0.1", port)) for _ in range(connections)]
for _ in range(rounds):
    for sock in socks: sock.sendall(b"x" * 1024)
    for sock in socks: sock.recv(1024, socket.MSG_WAITALL)
for sock in socks: sock.close()
"""
CONNECTIONS = 1000


async def ended(process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        await asyncio.sleep(0.01)


@flow("HTTP pipelining")
async def pipelining(n: int) -> None:
    server = await create_http_server(lambda request, response: response.end(b"hello")).listen(0, HOST)
    request = r"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    with peer(FLOOD, server.port, n, request) as process:
        await ended(process)
    server.close()


@flow("lines of the asyncio replacement")
async def drop_in(n: int) -> None:
    async def serve(reader: Any, writer: Any) -> None:
        while await reader.readline():
            pass
        writer.close()

    server = await forebay.asyncio.start_server(serve, HOST, 0)
    with peer(FLOOD, server.sockets[0].getsockname()[1], n, r"a line of some length\n") as process:
        await ended(process)
    server.close()


@flow("1,000 sockets that are ready at once")
async def crowd(n: int) -> None:
    server = await create_server(lambda socket: socket.pipe(socket)).listen(0, HOST, backlog=CONNECTIONS)
    with peer(CROWD, server.port, CONNECTIONS, max(1, n // CONNECTIONS)) as process:
        await ended(process)
    server.close()
