"""The tasks with forebay."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

from benchmarks.programs._bench import Bench, program
from benchmarks.tasks import LINE
from forebay import PassThrough, Readable, create_read_stream, create_write_stream, pipeline
from forebay.consumers import lines


@program("forebay:file-copy")
async def file_copy(bench: Bench, source: str, dest: str, block: int) -> None:
    bench.start()
    writer = create_write_stream(dest, high_water_mark=block)
    await pipeline(create_read_stream(source, high_water_mark=block), writer)
    bench.end(writer.bytes_written / 1e6)


@program("forebay:file-read")
async def file_read(bench: Bench, source: str, block: int) -> None:
    total = 0
    bench.start()
    async for chunk in create_read_stream(source, high_water_mark=block):
        total += len(chunk)
    bench.end(total / 1e6)


@program("forebay:file-lines")
async def file_lines(bench: Bench, source: str) -> None:
    count = 0
    bench.start()
    async for _ in lines(create_read_stream(source)):
        count += 1
    bench.end(count)


@program("forebay:lines")
async def memory_lines(bench: Bench, n: int, lines_of_chunk: int) -> None:
    chunk = LINE * lines_of_chunk
    count = 0
    bench.start()
    async for _ in lines(Readable.from_(chunk for _ in range(n))):
        count += 1
    bench.end(count)


async def hand_over(bench: Bench, stream: PassThrough, n: int, item: Any) -> None:
    async def produce() -> None:
        for _ in range(n):
            await stream.send(item)
        stream.end()

    bench.start()
    task = asyncio.create_task(produce())
    count = 0
    async for _ in stream:
        count += 1
    await task
    bench.end(count)


@program("forebay:object-queue")
async def object_queue(bench: Bench, n: int, bound: int) -> None:
    # The bound is that of both sides together.
    await hand_over(bench, PassThrough(object_mode=True, high_water_mark=bound // 2), n, object())


@program("forebay:byte-queue")
async def byte_queue(bench: Bench, n: int, size: int, bound: int) -> None:
    await hand_over(bench, PassThrough(high_water_mark=bound * size // 2), n, bytes(size))


def succ(value: int) -> int:
    return value + 1


def double(value: int) -> int:
    return value * 2


@program("forebay:two-stages")
async def two_stages(bench: Bench, n: int) -> None:
    def numbers() -> Iterator[int]:
        yield from range(n)

    bench.start()
    total = 0
    async for value in Readable.from_(numbers()).map(succ).map(double):
        total += value
    assert total == n * (n + 1)
    bench.end(n)
