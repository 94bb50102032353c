"""The tasks with aiofiles."""

from __future__ import annotations

import aiofiles

from benchmarks.programs._bench import Bench, program


@program("aiofiles:file-copy")
async def file_copy(bench: Bench, source: str, dest: str, block: int) -> None:
    total = 0
    bench.start()
    async with (
        aiofiles.open(source, "rb", buffering=0) as reader,
        aiofiles.open(dest, "wb", buffering=0) as writer,
    ):
        while chunk := await reader.read(block):
            total += len(chunk)
            await writer.write(chunk)
    bench.end(total / 1e6)


@program("aiofiles:file-read")
async def file_read(bench: Bench, source: str, block: int) -> None:
    total = 0
    bench.start()
    async with aiofiles.open(source, "rb", buffering=0) as reader:
        while chunk := await reader.read(block):
            total += len(chunk)
    bench.end(total / 1e6)


@program("aiofiles:file-lines")
async def file_lines(bench: Bench, source: str) -> None:
    count = 0
    bench.start()
    async with aiofiles.open(source, "rb") as reader:
        async for _ in reader:
            count += 1
    bench.end(count)
