"""Counts the blocks of memory and the descriptors that an operation keeps, over many runs of it."""

import asyncio
import gc
import sys

from support.loops import open_fds

__all__ = ["assert_nothing_kept"]

RUNS = 100
ROUNDS = 5


async def assert_nothing_kept(operation):
    """Run an operation many times; it may keep nothing for each run."""

    async def rounds(count):
        for _ in range(count):
            await operation()
        for _ in range(5):
            await asyncio.sleep(0)
        gc.collect()

    await rounds(20)
    grown, more = [], []
    for _ in range(ROUNDS):
        blocks, descriptors = sys.getallocatedblocks(), len(open_fds())
        await rounds(RUNS // ROUNDS)
        grown.append(sys.getallocatedblocks() - blocks)
        more.append(len(open_fds()) - descriptors)
    # Caches fill and empty once in a while; a leak grows in each round, by about one for each run.
    assert min(grown) < RUNS // ROUNDS // 2, grown
    assert min(more) < 1, more
