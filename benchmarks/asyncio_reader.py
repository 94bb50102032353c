"""The reader of asyncio's streams alone: it is fed, and read from what is there. Each case gives seconds for an operation."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import forebay.asyncio

LINES = (b"x" * 99 + b"\n") * 655
RECORDS = (b"y" * 296 + b"\r\n\r\n") * 218
SEGMENT = bytes(1448)


def streams(which: str) -> Any:
    """The module with the streams of a side."""
    return forebay.asyncio if which == "forebay" else asyncio


def part(full: int, share: float) -> int:
    """That share of an amount of work, and 1 at least."""
    return max(1, int(full * share))


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


async def readline(which: str, share: float) -> float:
    async def read(reader: Any) -> None:
        for _ in range(655):
            await reader.readline()

    return await over_buffer(which, LINES, 655, read, part(100, share))


async def async_for(which: str, share: float) -> float:
    async def read(reader: Any) -> None:
        async for _ in reader:
            pass

    return await over_buffer(which, LINES, 655, read, part(100, share))


async def readuntil(which: str, share: float) -> float:
    async def read(reader: Any) -> None:
        for _ in range(218):
            await reader.readuntil(b"\r\n\r\n")

    return await over_buffer(which, RECORDS, 218, read, part(200, share))


async def readexactly(which: str, share: float) -> float:
    async def read(reader: Any) -> None:
        for _ in range(63):
            await reader.readexactly(1024)

    return await over_buffer(which, LINES, 63, read, part(500, share))


async def readline_nowait(which: str, share: float) -> float:
    if which == "asyncio":
        return await readline(which, share)

    async def read(reader: Any) -> None:
        for _ in range(655):
            reader.readline_nowait()

    return await over_buffer(which, LINES, 655, read, part(100, share))


async def read_lines(which: str, share: float) -> float:
    if which == "asyncio":
        return await readline(which, share)

    async def read(reader: Any) -> None:
        while await reader.read_lines():
            pass

    return await over_buffer(which, LINES, 655, read, part(100, share))


async def lines_nowait(which: str, share: float) -> float:
    if which == "asyncio":
        return await readline(which, share)

    async def read(reader: Any) -> None:
        for _ in reader.lines_nowait():
            pass

    return await over_buffer(which, LINES, 655, read, part(100, share))


async def read_64k(which: str, share: float) -> float:
    pieces = [bytes(65536) for _ in range(8)]
    spent = 0.0
    rounds = part(300, share)
    for _ in range(rounds):
        reader = streams(which).StreamReader()
        started = time.process_time()
        for piece in pieces:
            reader.feed_data(piece)
            await reader.read(65536)
        spent += time.process_time() - started
    return spent / rounds / len(pieces)


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


async def readexactly_16m(which: str, share: float) -> float:
    size = part(1 << 24, share)
    return await in_segments(which, size, 1, lambda reader: reader.readexactly(size))


async def line_of_4m(which: str, share: float) -> float:
    return await in_segments(which, part(1 << 22, share), 1, lambda reader: reader.readline(), b"\n")


CASES = {
    "readline, 100 bytes": readline,
    "async for, 100 bytes": async_for,
    "readuntil, 300 bytes": readuntil,
    "readexactly(1024)": readexactly,
    "readline_nowait": readline_nowait,
    "read_lines, batches": read_lines,
    "lines_nowait, plain for": lines_nowait,
    "read(65536)": read_64k,
    "readexactly(16 MiB) in segments": readexactly_16m,
    "line of 4 MiB in segments": line_of_4m,
}
