"""``Readable.from_()`` over each kind of iterable, and asynchronous iteration."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from benchmarks.programs._bench import Bench, program
from forebay import Readable, next_tick


def array(n: int) -> list[str]:
    return [str(i) for i in range(n)]


def sync_values(n: int) -> Iterator[str]:
    for i in range(n):
        yield str(i)


def async_values(n: int) -> Iterator[asyncio.Future[str]]:
    """Done futures, which correspond to resolved promises."""
    loop = asyncio.get_running_loop()
    for i in range(n):
        future = loop.create_future()
        future.set_result(str(i))
        yield future


async def async_generator(n: int) -> AsyncIterator[str]:
    for i in range(n):
        yield str(i)


ITERABLES: dict[str, Callable[[int], Any]] = {
    "array": array,
    "sync-generator-with-sync-values": sync_values,
    "sync-generator-with-async-values": async_values,
    "async-generator": async_generator,
}


def nothing(chunk: Any) -> None:
    pass


@program("readable-from")
async def readable_from(bench: Bench, n: int, type: str) -> None:
    s = Readable.from_(ITERABLES[type](n))
    bench.start()
    s.on("data", nothing)
    s.on("close", lambda: bench.end(n))


@program("readable-async-iterator")
async def readable_async_iterator(bench: Bench, n: int, sync: str) -> None:
    def read(size: int) -> None:
        s.push(1)

    def read_later(size: int) -> None:
        next_tick(lambda: s.push(1))

    s = Readable(object_mode=True, read=read if sync == "yes" else read_later)
    total = 0
    bench.start()
    async for item in s:
        total += item
        if total > n:
            break
    bench.end(n)
