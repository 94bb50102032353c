"""No operation keeps a block of memory or a descriptor: counted exactly, over many runs of each."""

import asyncio
import os
import sys

import pytest

from forebay import (
    AbortController,
    AbortError,
    ChunkQueue,
    Completion,
    PassThrough,
    Readable,
    RingBuffer,
    Transform,
    Writable,
    codecs,
    compose,
    create_read_stream,
    create_write_stream,
    duplex_pair,
    finished,
    merge,
    pipeline,
    share,
)
from support.references import assert_nothing_kept


class Failure(Exception):
    pass


def fails(*args):
    raise Failure


def ignore(*args):
    return None


def numbers(count=5):
    return Readable.from_(range(count))


async def collect(stream):
    return [item async for item in stream]


async def operators():
    await numbers().map(str).filter(bool).flat_map(lambda item: [item, item]).chunks(2).window(2).to_list()
    await numbers().zip(range(3)).drop(1).take(1).tap(ignore).to_list()
    assert await numbers().reduce(lambda total, item: total + item) == 10
    assert await numbers().some(lambda item: item == 2)


async def operators_with_coroutines():
    async def later(item):
        await asyncio.sleep(0)
        return item

    await numbers().map(later, concurrency=3, ordered=False).filter(later, concurrency=2).to_list()
    await numbers().for_each(later, concurrency=2)


async def failing_operator():
    with pytest.raises(Failure):
        await numbers().map(fails).to_list()


async def unread_operator():
    numbers().map(str).chunks(2).destroy()


async def sharing():
    shared = share(numbers(), high_water_mark=2)
    await asyncio.gather(*[collect(shared.subscribe()) for _ in range(3)])


async def cancelled_sharing():
    shared = share(numbers(), high_water_mark=2)
    consumers = [shared.subscribe() for _ in range(3)]
    for consumer in consumers:
        consumer.on("error", ignore)
    consumers[0].read()
    shared.cancel()


async def merging():
    await collect(merge(numbers(), numbers(), range(3)))


async def failing_merge():
    with pytest.raises(Failure):
        await collect(merge(numbers(), numbers().map(fails)))


async def composing():
    await pipeline(
        numbers(), compose(PassThrough(object_mode=True), Transform(transform=str, object_mode=True)), collect
    )


async def a_pair():
    left, right = duplex_pair()
    left.end(b"data")
    right.end(b"data")
    await asyncio.gather(collect(left), collect(right))


async def aborting():
    controller = AbortController()
    stream = Readable(read=lambda size: None, signal=controller.signal)
    watch = asyncio.ensure_future(collect(stream))
    await asyncio.sleep(0)
    controller.abort()
    with pytest.raises(AbortError):
        await watch


async def held_writes():
    stream = PassThrough(high_water_mark=1)
    stream.on("error", ignore)
    for _ in range(3):
        stream.write(bytearray(b"xx"), callback=lambda error: None)
    stream.destroy(Failure())


async def failing_hooks():
    for stream in (Writable(write=fails), Transform(transform=fails), Writable(final=fails, write=len)):
        stream.write(b"x", callback=lambda error: None)
        stream.end(callback=lambda error: None)
        with pytest.raises(Failure):
            await finished(stream)


async def completions():
    promised = []

    def write(chunk):
        promised.append(Completion())
        return promised[-1]

    stream = Writable(write=write)
    stream.on("error", ignore)
    stream.write(b"x")
    promised[0].resolve()
    stream.write(b"y")
    promised[1].reject(Failure())


async def pipes():
    source, sinks = Readable(read=lambda size: None), [Writable(write=len) for _ in range(3)]
    for sink in sinks:
        source.pipe(sink)
    source.push(memoryview(bytearray(b"data")))
    source.unpipe(sinks[0])
    source.push(None)
    sinks[0].end()
    await asyncio.gather(*map(finished, sinks))


async def text():
    stream = Readable.from_([b"\xc3", b"\xa9t\xc3", b"\xa9"], object_mode=False)
    stream.set_encoding("utf8")
    assert "".join(await collect(stream)) == "été"


async def buffers():
    ring = RingBuffer(4096)
    ring.write(b"data" * 100)
    ring.peek(10)
    ring.read(100)
    queue = ChunkQueue()
    for chunk in (b"one", bytearray(b"two"), memoryview(b"three")):
        queue.append(chunk)
    queue.read(4)
    queue.peek(2)
    target = bytearray(3)
    queue.readinto(target)
    queue.appendleft(b"front")
    queue.views(4)
    queue.clear()
    with ring.read_view() as view:
        assert len(view) == 300
    ring.close()


async def coding():
    for name in ("gzip", "bz2", "xz", "deflate"):
        await pipeline(
            [b"data" * 100], codecs.compress(name), codecs.decompress(name), codecs.hashing(), collect
        )
    with pytest.raises(codecs.TruncatedDataError):
        await pipeline([b"\x1f\x8b"], codecs.gunzip(), collect)


async def files():
    await pipeline(create_read_stream(__file__), create_write_stream(os.devnull))
    with pytest.raises(FileNotFoundError):
        await pipeline(create_read_stream("/nowhere/nothing"), create_write_stream(os.devnull))


OPERATIONS = [
    operators,
    operators_with_coroutines,
    failing_operator,
    unread_operator,
    sharing,
    cancelled_sharing,
    merging,
    failing_merge,
    composing,
    a_pair,
    aborting,
    held_writes,
    failing_hooks,
    completions,
    pipes,
    text,
    buffers,
    coding,
    files,
]


@pytest.mark.skipif(sys.implementation.name != "cpython", reason="counts the blocks of CPython")
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.__name__)
def test_no_block_and_no_descriptor_is_kept(run, operation):
    run.seconds = 100

    run(assert_nothing_kept, operation)
