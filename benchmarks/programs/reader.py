"""Reads of forebay's StreamReader whose bytes have already arrived."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from benchmarks.programs._bench import Bench, program
from forebay.asyncio import StreamReader

LINES = 500
BLOCK = (b"x" * 99 + b"\n") * LINES


async def over_block(bench: Bench, n: int, read: Callable[[StreamReader], Awaitable[Any]]) -> None:
    """Feed ``n`` blocks of 500 lines of 100 bytes, and read each to its end, one `read` for a line."""
    bench.start()
    reader = StreamReader(limit=2**20)
    for _ in range(n):
        reader.feed_data(BLOCK)
        for _ in range(LINES):
            await read(reader)
    bench.end(n * LINES)


@program("reader-readline")
async def reader_readline(bench: Bench, n: int) -> None:
    await over_block(bench, n, lambda reader: reader.readline())


@program("reader-readuntil")
async def reader_readuntil(bench: Bench, n: int) -> None:
    await over_block(bench, n, lambda reader: reader.readuntil(b"\n"))


@program("reader-readexactly")
async def reader_readexactly(bench: Bench, n: int) -> None:
    await over_block(bench, n, lambda reader: reader.readexactly(100))


@program("reader-read")
async def reader_read(bench: Bench, n: int) -> None:
    await over_block(bench, n, lambda reader: reader.read(100))
