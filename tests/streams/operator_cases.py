"""What the tests of the operators share: sources, and ways to read a result."""

import asyncio

import pytest

from forebay import (
    Readable,
    Writable,
    next_tick,
    pipeline,
)


def numbers(n=5):
    return Readable.from_(range(n))


def slow_numbers(n=5):
    async def items():
        for i in range(n):
            await asyncio.sleep(0)
            yield i

    return Readable.from_(items())


def pushed(n=5, mark=4):
    """Items that come from a tick, several at a time."""
    state = {"next": 0}

    def give():
        for _ in range(2):
            if state["next"] == n:
                stream.push(None)
                return
            state["next"] += 1
            stream.push(state["next"] - 1)

    stream = Readable(object_mode=True, high_water_mark=mark, read=lambda size: next_tick(give))
    return stream


def endless(mark=4):
    state = {"next": 0}

    def read(size):
        state["next"] += 1
        stream.push(state["next"] - 1)

    stream = Readable(object_mode=True, high_water_mark=mark, read=read)
    stream.state = state
    return stream


over_sources = pytest.mark.parametrize(
    "source", [numbers, slow_numbers, pushed], ids=["from", "async", "pushed"]
)


async def as_stream(stream):
    """The items of a stream that is read as one, not taken apart by the operator behind it."""
    return [item async for item in stream]


async def as_list(stream):
    return await stream.to_list()


async def piped(stream):
    out = []
    await pipeline(stream, Writable(object_mode=True, high_water_mark=1, write=out.append))
    return out


over_readers = pytest.mark.parametrize(
    "gathered", [as_stream, as_list, piped], ids=["stream", "list", "piped"]
)


async def later(value, turns=1):
    for _ in range(turns):
        await asyncio.sleep(0)
    return value
