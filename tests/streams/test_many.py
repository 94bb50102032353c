"""Many waits or readers at once: eight times as many cost about eight times as much."""

import asyncio
import sys

import pytest

from forebay import (
    PrematureCloseError,
    Readable,
    Writable,
    merge,
    once,
    share,
)
from support.streams import looped

# Linear is 8, square is 64.
MOST = 24


async def calls_of(work, count):
    """The number of Python functions that it calls, steps of generators included."""
    calls = 0

    def profile(frame, event, arg):
        nonlocal calls
        calls += event == "call"

    sys.setprofile(profile)
    try:
        await work(count)
    finally:
        sys.setprofile(None)
    return calls


async def share_with(count):
    shared = share([b"x"] * 5, high_water_mark=2)
    consumers = [shared.subscribe() for _ in range(count)]
    for taken in await asyncio.gather(*(consumer.to_list() for consumer in consumers)):
        assert taken == [b"x"] * 5


async def merge_with(count):
    sources = [Readable(object_mode=True, read=lambda size: None) for _ in range(count)]
    merged = merge(*sources)
    task = asyncio.ensure_future(merged.to_list())
    await asyncio.sleep(0)
    for source in sources:
        source.push(1)
        source.push(None)
    assert await task == [1] * count


async def take_with(count):
    chunks = aiter(Readable.from_(range(count)))
    assert await asyncio.gather(*(anext(chunks) for _ in range(count))) == list(range(count))


async def take_slowly_with(count):
    stream = Readable(object_mode=True, read=lambda size: None)
    chunks = aiter(stream)
    tasks = [asyncio.ensure_future(anext(chunks)) for _ in range(count)]
    for number in range(count):
        await asyncio.sleep(0)
        stream.push(number)
    assert await asyncio.gather(*tasks) == list(range(count))


@pytest.mark.parametrize("work", [share_with, merge_with, take_with, take_slowly_with])
@looped
async def test_many_readers(work):
    assert await calls_of(work, 320) < MOST * await calls_of(work, 40)


@looped
async def test_a_woken_step_that_is_dropped_wakes_the_next():
    stream = Readable(object_mode=True, read=lambda size: None)
    chunks = aiter(stream)
    dropped = chunks.__anext__().__await__()
    dropped.send(None)
    waiting = asyncio.ensure_future(anext(chunks))
    await asyncio.sleep(0)
    stream.push("chunk")
    await asyncio.sleep(0)
    dropped.close()
    assert await asyncio.wait_for(waiting, 5) == "chunk"


@looped
async def test_many_drains_share_a_listener_and_resume_in_several_turns():
    written = asyncio.get_running_loop().create_future()
    sink = Writable(high_water_mark=1, write=lambda chunk: written)
    woken = 0

    async def wait():
        nonlocal woken
        await sink.drain()
        woken += 1

    sink.write(b"x")
    tasks = [asyncio.ensure_future(wait()) for _ in range(1000)]
    await asyncio.sleep(0)
    assert sink.listener_count("drain") == 1
    tasks.pop().cancel()
    await asyncio.sleep(0)
    written.set_result(None)
    most = before = 0
    for _ in range(100):
        await asyncio.sleep(0)
        most, before = max(most, woken - before), woken
    assert woken == 999
    assert most < 500
    await asyncio.gather(*tasks)
    assert sink.event_names() == []
    sink.destroy()


@looped
async def test_many_drains_end_when_the_stream_closes():
    written = asyncio.get_running_loop().create_future()
    sink = Writable(high_water_mark=1, write=lambda chunk: written)
    sink.write(b"x")
    waits = [asyncio.ensure_future(once(sink, "close"))]
    waits += [asyncio.ensure_future(_drain(sink)) for _ in range(600)]
    await asyncio.sleep(0)
    sink.destroy()
    results = await asyncio.gather(*waits, return_exceptions=True)
    assert results[0] == []
    assert {type(result) for result in results[1:]} == {PrematureCloseError}


async def _drain(sink):
    await sink.drain()
