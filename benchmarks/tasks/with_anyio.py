"""The tasks with anyio, on asyncio's loop."""

from __future__ import annotations

from typing import Any

import anyio
from anyio.abc import ObjectReceiveStream, ObjectSendStream
from anyio.streams.buffered import BufferedByteReceiveStream

from benchmarks.programs._bench import Bench, program
from benchmarks.tasks import LINE


@program("anyio:file-copy")
async def file_copy(bench: Bench, source: str, dest: str, block: int) -> None:
    total = 0
    bench.start()
    async with (
        await anyio.open_file(source, "rb", buffering=0) as reader,
        await anyio.open_file(dest, "wb", buffering=0) as writer,
    ):
        while chunk := await reader.read(block):
            total += len(chunk)
            await writer.write(chunk)
    bench.end(total / 1e6)


@program("anyio:file-read")
async def file_read(bench: Bench, source: str, block: int) -> None:
    total = 0
    bench.start()
    async with await anyio.open_file(source, "rb", buffering=0) as reader:
        while chunk := await reader.read(block):
            total += len(chunk)
    bench.end(total / 1e6)


@program("anyio:file-lines")
async def file_lines(bench: Bench, source: str) -> None:
    count = 0
    bench.start()
    async with await anyio.open_file(source, "rb") as reader:
        async for _ in reader:
            count += 1
    bench.end(count)


@program("anyio:lines")
async def memory_lines(bench: Bench, n: int, lines_of_chunk: int) -> None:
    chunk = LINE * lines_of_chunk
    send, receive = anyio.create_memory_object_stream[bytes](2)
    count = 0

    async def produce() -> None:
        async with send:
            for _ in range(n):
                await send.send(chunk)

    bench.start()
    async with anyio.create_task_group() as group:
        group.start_soon(produce)
        buffered = BufferedByteReceiveStream(receive)
        try:
            while True:
                await buffered.receive_until(b"\n", 65536)
                count += 1
        except (anyio.IncompleteRead, anyio.EndOfStream):
            pass
    bench.end(count)


async def hand_over(bench: Bench, bound: int, n: int, item: Any) -> None:
    send: ObjectSendStream[Any]
    receive: ObjectReceiveStream[Any]
    send, receive = anyio.create_memory_object_stream[Any](bound)

    async def produce() -> None:
        async with send:
            for _ in range(n):
                await send.send(item)

    bench.start()
    count = 0
    async with anyio.create_task_group() as group:
        group.start_soon(produce)
        async with receive:
            async for _ in receive:
                count += 1
    bench.end(count)


@program("anyio:object-queue")
async def object_queue(bench: Bench, n: int, bound: int) -> None:
    await hand_over(bench, bound, n, object())


@program("anyio:byte-queue")
async def byte_queue(bench: Bench, n: int, size: int, bound: int) -> None:
    await hand_over(bench, bound, n, bytes(size))
