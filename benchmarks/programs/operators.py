"""The operators of Readable, each over n integers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from benchmarks.programs._bench import Bench, program
from forebay import Readable


def of_array(n: int) -> Readable:
    return Readable.from_(list(range(n)))


def of_iterator(n: int) -> Readable:
    return Readable.from_(i for i in range(n))


def of_readable(n: int) -> Readable:
    i = 0

    def read(size: int) -> None:
        nonlocal i
        if i == n:
            r.push(None)
        else:
            r.push(i)
            i += 1

    r = Readable(object_mode=True, read=read)
    return r


SOURCES = {"array": of_array, "iterator": of_iterator, "readable": of_readable}


def add(total: int, value: int) -> int:
    return total + value


async def add_later(total: int, value: int) -> int:
    return total + value


def succ(value: int) -> int:
    return value + 1


async def succ_later(value: int) -> int:
    return value + 1


async def find(r: Readable, n: int) -> Any:
    return await r.find(lambda value: value == n - 1, concurrency=1)


async def find_later(r: Readable, n: int) -> Any:
    async def is_last(value: int) -> bool:
        return value == n - 1

    return await r.find(is_last, concurrency=1)


async def for_each(r: Readable, n: int) -> int:
    total = 0

    def count(value: int) -> None:
        nonlocal total
        total += value

    await r.for_each(count)
    return total


OPERATIONS: dict[str, Callable[[Readable, int], Awaitable[Any]]] = {
    "reduce": lambda r, n: r.reduce(add, 0),
    "reduce-async": lambda r, n: r.reduce(add_later, 0),
    "map-sync-1": lambda r, n: r.map(succ, concurrency=1).reduce(add, 0),
    "map-sync-8": lambda r, n: r.map(succ, concurrency=8).reduce(add, 0),
    "map-async-1": lambda r, n: r.map(succ_later, concurrency=1).reduce(add, 0),
    "map-async-8": lambda r, n: r.map(succ_later, concurrency=8).reduce(add, 0),
    "find-sync-1": find,
    "find-async-1": find_later,
    "filter": lambda r, n: r.filter(lambda value: (value & 1) == 0).reduce(add, 0),
    "forEach": for_each,
    "toArray": lambda r, n: r.to_list(),
}


@program("operator-throughput")
async def operator_throughput(bench: Bench, n: int, operation: str, source: str) -> None:
    readable = SOURCES[source](n)
    bench.start()
    result = await OPERATIONS[operation](readable, n)
    if result is None:
        raise RuntimeError("no result")
    bench.end(n)
