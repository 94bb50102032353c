"""The tasks with asyncio alone: a hop to a thread for each call on a file, its Queue, its StreamReader, generators."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from benchmarks.programs._bench import Bench, program
from benchmarks.tasks import LINE


@program("asyncio:file-copy")
async def file_copy(bench: Bench, source: str, dest: str, block: int) -> None:
    total = 0
    bench.start()
    reader = await asyncio.to_thread(open, source, "rb", buffering=0)
    writer = await asyncio.to_thread(open, dest, "wb", buffering=0)
    while chunk := await asyncio.to_thread(reader.read, block):
        total += len(chunk)
        await asyncio.to_thread(writer.write, chunk)
    await asyncio.to_thread(reader.close)
    await asyncio.to_thread(writer.close)
    bench.end(total / 1e6)


@program("asyncio:file-read")
async def file_read(bench: Bench, source: str, block: int) -> None:
    total = 0
    bench.start()
    reader = await asyncio.to_thread(open, source, "rb", buffering=0)
    while chunk := await asyncio.to_thread(reader.read, block):
        total += len(chunk)
    await asyncio.to_thread(reader.close)
    bench.end(total / 1e6)


@program("asyncio:lines")
async def memory_lines(bench: Bench, n: int, lines_of_chunk: int) -> None:
    """A StreamReader does not slow down its feeder, so it is fed one chunk at a time."""
    reader = asyncio.StreamReader()
    chunk = LINE * lines_of_chunk
    count = 0
    bench.start()
    for _ in range(n):
        reader.feed_data(chunk)
        for _ in range(lines_of_chunk):
            await reader.readline()
            count += 1
    bench.end(count)


async def hand_over(bench: Bench, bound: int, n: int, item: Any) -> None:
    queue: asyncio.Queue[Any] = asyncio.Queue(bound)

    async def produce() -> None:
        for _ in range(n):
            await queue.put(item)
        await queue.put(None)

    bench.start()
    task = asyncio.create_task(produce())
    count = 0
    while await queue.get() is not None:
        count += 1
    await task
    bench.end(count)


@program("asyncio:object-queue")
async def object_queue(bench: Bench, n: int, bound: int) -> None:
    await hand_over(bench, bound, n, object())


@program("asyncio:byte-queue")
async def byte_queue(bench: Bench, n: int, size: int, bound: int) -> None:
    await hand_over(bench, bound, n, bytes(size))


@program("asyncio:two-stages")
async def two_stages(bench: Bench, n: int) -> None:
    async def numbers() -> AsyncIterator[int]:
        for value in range(n):
            yield value

    async def succ(values: AsyncIterator[int]) -> AsyncIterator[int]:
        async for value in values:
            yield value + 1

    async def double(values: AsyncIterator[int]) -> AsyncIterator[int]:
        async for value in values:
            yield value * 2

    bench.start()
    total = 0
    async for value in double(succ(numbers())):
        total += value
    assert total == n * (n + 1)
    bench.end(n)


@program("asyncio:net-pipe")
async def net_pipe(bench: Bench, len: int, seconds: float) -> None:
    """Chunks to a server of this process that writes them back; the rate is MiB/s there and back."""
    received = 0

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    chunk = b"x" * len

    async def pump() -> None:
        while True:
            writer.write(chunk)
            await writer.drain()
            # drain() alone does not let the reader run.
            await asyncio.sleep(0)

    async def take() -> None:
        nonlocal received
        while data := await reader.read(65536):
            received += data.__len__()

    bench.start()
    tasks = [asyncio.create_task(pump()), asyncio.create_task(take())]
    await asyncio.sleep(seconds)
    bench.end(2 * received / (1024 * 1024))
    for task in tasks:
        task.cancel()


@program("asyncio:net-proxy")
async def net_proxy(bench: Bench, port: int) -> None:
    """Forward one connection to a port, in MB/s."""

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        total = 0
        _, upstream = await asyncio.open_connection("127.0.0.1", port)
        bench.start()
        while data := await reader.read(65536):
            total += len(data)
            upstream.write(data)
            await upstream.drain()
        upstream.write_eof()
        bench.end(total / 1e6)

    server = await asyncio.start_server(forward, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await bench.result


@program("asyncio:net-send-file")
async def net_send_file(bench: Bench, source: str) -> None:
    """A file goes to one connection by the loop's own sendfile; MB/s."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        bench.start()
        with open(source, "rb") as file:
            size = await asyncio.get_running_loop().sendfile(writer.transport, file)
        bench.end(size / 1e6)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await bench.result
