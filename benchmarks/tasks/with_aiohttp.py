"""The tasks with aiohttp's StreamReader, the one behind its request and response bodies."""

from __future__ import annotations

import asyncio

from aiohttp import StreamReader
from aiohttp.base_protocol import BaseProtocol

from benchmarks.programs._bench import Bench, program
from benchmarks.tasks import LINE


@program("aiohttp:lines")
async def memory_lines(bench: Bench, n: int, lines_of_chunk: int) -> None:
    """It is fed one chunk at a time, because it does not slow down its feeder."""
    loop = asyncio.get_running_loop()
    reader = StreamReader(BaseProtocol(loop), 65536, loop=loop)
    chunk = LINE * lines_of_chunk
    count = 0
    bench.start()
    for _ in range(n):
        reader.feed_data(chunk)
        for _ in range(lines_of_chunk):
            await reader.readline()
            count += 1
    bench.end(count)
