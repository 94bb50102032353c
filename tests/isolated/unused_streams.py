"""Streams that are dropped in the middle of their work, while the loop goes on, leave stderr empty."""

import asyncio
import gc

import forebay
from forebay import Completion, PassThrough, Readable, Transform, Writable


async def slow(*args):
    await asyncio.get_running_loop().create_future()


async def main():
    for _ in range(3):
        Writable(write=slow).write(b"x")
        Writable(write=lambda chunk: Completion()).write(b"x")
        Readable(read=slow).read()
        Transform(transform=slow).write(b"x")
        Readable.from_([b"x"] * 100).pipe(PassThrough())
        stream = Readable.from_(iter([b"x"] * 100))
        stream.read(0)
        forebay.finished(stream)
        del stream
        for _ in range(5):
            await asyncio.sleep(0)
        gc.collect()


forebay.run(main)
