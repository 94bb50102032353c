"""A million chunks through a pipe, and into a slow sink, take no more memory than a thousand."""

import asyncio
import resource
import sys

import forebay
from forebay import PassThrough, Readable, Writable

CHUNK = bytes(1024)


def source(count):
    left = count

    def read(size):
        nonlocal left
        left -= 1
        return bytes(1024) if left >= 0 else b""

    return Readable(read=read)


async def flow(count, write):
    await forebay.pipeline(source(count), PassThrough(), Writable(write=write))


async def slow(chunk):
    await asyncio.sleep(0)


def peak():
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


async def main():
    await flow(1_000, lambda chunk: None)
    await flow(1_000, slow)
    before = peak()
    await flow(100_000, lambda chunk: None)
    await flow(20_000, slow)
    assert peak() - before < 2 * 1024 * 1024, peak() - before


forebay.run(main)
