"""A source with a mark of 0 that opens slowly gives all its data, however it is read."""

import asyncio

import pytest

from forebay import PassThrough, Readable, Transform, Writable, consumers, finished, pipeline, share
from support.streams import looped

CHUNKS = [b"a\n", b"b\n", b"c\n"]


class Slow:
    async def _construct(self):
        for _ in range(3):
            await asyncio.sleep(0)


class Source(Slow, Readable):
    def __init__(self, **options):
        super().__init__(high_water_mark=0, **options)
        self.left = list(CHUNKS)

    def _next(self):
        return self.left.pop(0) if self.left else b""


class Returning(Source):
    def _read(self, size):
        return self._next()


class Pushing(Source):
    def _read(self, size):
        self.push(self._next() or None)


class PushingLater(Source):
    def _read(self, size):
        asyncio.get_running_loop().call_soon(lambda: self.push(self._next() or None))


class Awaiting(Source):
    async def _read(self, size):
        await asyncio.sleep(0)
        return self._next()


class Sink(Slow, Writable):
    def __init__(self, **options):
        super().__init__(**options)
        self.got = []

    def _write(self, chunk):
        self.got.append(bytes(chunk))


# ---- ways of reading


async def by_data(source):
    got = []
    source.on("data", got.append)
    await finished(source)
    return got


async def by_data_after_a_pause(source):
    got = []
    source.pause()
    source.on("data", got.append)
    for _ in range(5):
        await asyncio.sleep(0)
    source.resume()
    await finished(source)
    return got


async def by_readable(source):
    got = []

    def take():
        while (chunk := source.read()) is not None:
            got.append(chunk)

    source.on("readable", take)
    await finished(source)
    return got


async def by_read_now_and_then(source):
    got = []
    while not source.destroyed:
        chunk = source.read()
        if chunk is not None:
            got.append(chunk)
        await asyncio.sleep(0)
    return got


async def by_async_for(source):
    return [chunk async for chunk in source]


async def by_iterator(source):
    return [chunk async for chunk in source.iterator(destroy_on_return=False)]


async def by_pipe(source):
    sinks = [Sink(high_water_mark=0), Sink()]
    for sink in sinks:
        source.pipe(sink)
    for sink in sinks:
        await finished(sink)
    assert sinks[0].got == sinks[1].got
    return sinks[0].got


async def by_pipe_through(source):
    class Through(Slow, Transform):
        def _transform(self, chunk):
            return chunk

    return [chunk async for chunk in source.pipe(Through(high_water_mark=0))]


async def by_operators(source):
    async def same(chunk):
        await asyncio.sleep(0)
        return chunk

    return await source.map(same, concurrency=2).filter(bool).take(10).to_list()


async def by_reduce(source):
    return [await source.reduce(lambda one, two: one + two)]


async def by_pipeline(source):
    async def same(chunks):
        async for chunk in chunks:
            yield chunk

    sink = Sink(high_water_mark=0)
    await pipeline(source, same, PassThrough(high_water_mark=0), sink)
    return sink.got


async def by_batches(source):
    return [chunk async for batch in source.batches() for chunk in batch]


async def by_bytes(source):
    return [await consumers.bytes(source)]


async def by_lines(source):
    return [line + b"\n" async for line in consumers.lines(source)]


async def by_share(source):
    shared = share(source)
    first, second = await asyncio.gather(by_async_for(shared.subscribe()), by_async_for(shared.subscribe()))
    assert first == second
    return first


WAYS = [value for name, value in list(globals().items()) if name.startswith("by_")]


@pytest.mark.parametrize("opened", [False, True], ids=["opening", "open"])
@pytest.mark.parametrize("kind", [Returning, Pushing, PushingLater, Awaiting])
@pytest.mark.parametrize("way", WAYS)
@looped
async def test_every_way_of_reading_gives_all_data(way, kind, opened):
    source = kind()
    if opened:
        for _ in range(10):
            await asyncio.sleep(0)
    async with asyncio.timeout(5):
        got = await way(source)
    assert b"".join(bytes(chunk) for chunk in got) == b"".join(CHUNKS)
