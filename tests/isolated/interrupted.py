"""Ctrl-C in the middle of a pipeline destroys every stage and raises KeyboardInterrupt."""

import asyncio
import os
import signal

import forebay
from forebay import PassThrough, Readable, Writable

stages = []


def read(size):
    return b"x"


async def write(chunk):
    taken.append(chunk)
    if len(taken) == 1000:
        os.kill(os.getpid(), signal.SIGINT)
    await asyncio.sleep(0)


async def main():
    stages.extend([Readable(read=read), PassThrough(), Writable(write=write)])
    await forebay.pipeline(*stages)


taken = []
try:
    forebay.run(main)
except KeyboardInterrupt:
    assert all(stage.destroyed for stage in stages)
    print("interrupted")
