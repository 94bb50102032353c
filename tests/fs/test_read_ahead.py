"""How much of a file is read ahead of the consumer."""

import asyncio
import re
from pathlib import Path

import pytest

from forebay import create_read_stream

KIB = 1024
MIB = 1024 * KIB
IO = Path("/proc/self/io")

pytestmark = pytest.mark.skipif(not IO.exists(), reason="needs /proc/self/io, which counts what was read")


def read_so_far():
    """Bytes that the process has got from read() and its like."""
    return int(re.search(r"rchar: (\d+)", IO.read_text())[1])


@pytest.fixture
def long(tmp_path):
    path = tmp_path / "long.bin"
    with path.open("wb") as file:
        file.truncate(16 * MIB)
    return path


async def quiet():
    """Wait until nothing is read any more; return what was read by then."""
    now = read_so_far()
    while True:
        await asyncio.sleep(0.02)
        before, now = now, read_so_far()
        # Looking is reading, too.
        if now - before < KIB:
            return now


def test_slow_reader_gets_no_read_ahead(run, long):
    async def main():
        before = read_so_far()
        async with create_read_stream(long) as reader:
            taken = 0
            async for chunk in reader:
                taken += len(chunk)
                if taken == 384 * KIB:
                    break
                # Longer than a reader takes that keeps up.
                await asyncio.sleep(0.06)
        assert read_so_far() - before - taken <= 768 * KIB

    run(main)


def test_many_readers_share_the_read_ahead_budget(run, long):
    async def main():
        before = read_so_far()
        readers = [create_read_stream(long) for _ in range(100)]
        taken = 0
        iterators = [aiter(reader) for reader in readers]
        for iterator in iterators:
            for _ in range(40):
                taken += len(await anext(iterator))
        assert await quiet() - before - taken <= 80 * MIB
        for reader in readers:
            await reader.aclose()

    run(main)
