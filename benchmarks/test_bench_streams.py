"""Streams, for each chunk: write and drain, pipe, pass-through stages, iteration; beside asyncio's own means."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from forebay import PassThrough, Readable, Transform, Writable, finished

CHUNKS = 20_000
CHUNK = b"x" * 1024


@pytest.fixture
def per_chunk(benchmark: Any) -> Callable[[Callable[[], Awaitable[Any]]], None]:
    """Run a coroutine function that moves CHUNKS chunks; the loop is made outside the timed part."""

    def run(work: Callable[[], Awaitable[Any]]) -> None:
        with asyncio.Runner() as runner:
            loop = runner.get_loop()
            benchmark.extra_info["chunks"] = CHUNKS
            benchmark(lambda: loop.run_until_complete(_settled(work)))

    return run


async def _settled(work: Callable[[], Awaitable[Any]]) -> None:
    await work()


def source(**options: Any) -> Readable:
    left = CHUNKS

    def read(size: int) -> bytes:
        nonlocal left
        left -= 1
        return CHUNK if left >= 0 else b""

    return Readable(read=read, **options)


def nothing(chunk: bytes) -> None:
    pass


@pytest.mark.parametrize("stages", [0, 1, 4])
def test_pipe(per_chunk: Any, stages: int) -> None:
    async def work() -> None:
        tail: Any = source()
        for _ in range(stages):
            tail = tail.pipe(PassThrough())
        await finished(tail.pipe(Writable(write=nothing)))

    per_chunk(work)


def test_pipe_transform(per_chunk: Any) -> None:
    async def work() -> None:
        await finished(source().pipe(Transform(transform=lambda chunk: chunk)).pipe(Writable(write=nothing)))

    per_chunk(work)


def test_write_and_drain(per_chunk: Any) -> None:
    async def work() -> None:
        sink = Writable(write=nothing)
        for _ in range(CHUNKS):
            if not sink.write(CHUNK):
                await sink.drain()
        sink.end()
        await finished(sink)

    per_chunk(work)


def test_send(per_chunk: Any) -> None:
    async def work() -> None:
        sink = Writable(write=nothing)
        for _ in range(CHUNKS):
            await sink.send(CHUNK)
        sink.end()
        await finished(sink)

    per_chunk(work)


def test_async_write_hook(per_chunk: Any) -> None:
    async def work() -> None:
        async def write(chunk: bytes) -> None:
            pass

        await finished(source().pipe(Writable(write=write)))

    per_chunk(work)


def test_async_iteration(per_chunk: Any) -> None:
    async def work() -> None:
        async for _ in source():
            pass

    per_chunk(work)


def test_from_list(per_chunk: Any) -> None:
    items = [CHUNK] * CHUNKS

    async def work() -> None:
        stream = Readable.from_(items)
        stream.on("data", nothing)
        await finished(stream)

    per_chunk(work)


def test_asyncio_queue(per_chunk: Any) -> None:
    """The peer: a bounded asyncio.Queue between two tasks."""

    async def work() -> None:
        queue: asyncio.Queue[bytes | None] = asyncio.Queue(64)

        async def produce() -> None:
            for _ in range(CHUNKS):
                await queue.put(CHUNK)
            await queue.put(None)

        task = asyncio.create_task(produce())
        while await queue.get() is not None:
            pass
        await task

    per_chunk(work)


def test_asyncio_stream_reader(per_chunk: Any) -> None:
    """The peer: asyncio's StreamReader, fed and read in one task."""

    async def work() -> None:
        reader = asyncio.StreamReader()
        for _ in range(CHUNKS):
            reader.feed_data(CHUNK)
            await reader.readexactly(1024)

    per_chunk(work)
