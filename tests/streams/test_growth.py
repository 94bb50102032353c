"""Streams, signals and emitters that live long keep nothing of the operations that use them."""

import asyncio
import contextlib

import pytest

from forebay import (
    AbortController,
    AbortError,
    AbortSignal,
    Completion,
    EventEmitter,
    PassThrough,
    Readable,
    Writable,
    add_abort_signal,
    compose,
    consumers,
    duplex_pair,
    finished,
    merge,
    on,
    once,
    pipeline,
    share,
)
from forebay.throttle import throttle
from support.growth import cancelled_after, growth
from support.streams import looped, quiet


class Lasting:
    """Objects that are there before the operations, and after them."""

    def __init__(self):
        self.signal = AbortController().signal
        self.emitter = EventEmitter()
        self.silent = Readable(read=lambda size: None)
        self.full = Writable(write=lambda chunk: Completion(), high_water_mark=1)
        self.full.write(b"more than that")
        self.endless = Readable(read=give)
        self.sink = Writable(write=lambda chunk: None)
        self.shared = share(Readable(read=give))

    async def end(self):
        self.shared.cancel()
        for stream in (self.silent, self.full, self.endless, self.sink):
            stream.destroy()
        await quiet()


async def give(size):
    await asyncio.sleep(0)
    return b"chunk"


async def chunks():
    while True:
        await asyncio.sleep(0)
        yield b"chunk"


def sink():
    return Writable(write=lambda chunk: None)


async def take_one(items):
    async for item in items:
        return item
    return None


OPERATIONS = {
    "pipeline with a signal": lambda it: pipeline([b"a"], sink(), signal=it.signal),
    "cancelled pipeline": lambda it: cancelled_after(4, pipeline(chunks(), PassThrough(), sink())),
    "cancelled pipeline with a signal": lambda it: cancelled_after(
        4, pipeline(chunks(), sink(), signal=it.signal)
    ),
    "function that stops reading": lambda it: pipeline(chunks(), PassThrough(), take_one),
    "pipeline into an open sink": lambda it: pipeline([b"a"], PassThrough(), it.sink, end=False),
    "cancelled pipeline into an open sink": lambda it: cancelled_after(
        4, pipeline(chunks(), it.sink, end=False)
    ),
    "cancelled throttle": lambda it: cancelled_after(4, pipeline(chunks(), throttle(1e6), sink())),
    "cancelled once": lambda it: cancelled_after(2, once(it.emitter, "event")),
    "cancelled finished": lambda it: cancelled_after(2, finished(it.silent)),
    "cancelled drain": lambda it: cancelled_after(2, it.full.drain()),
    "cancelled operators": lambda it: cancelled_after(4, Readable.from_(chunks()).map(len).to_list()),
    "operator that stops reading": lambda it: Readable.from_(chunks()).take(2).to_list(),
    "signal of signals": lambda it: ended(
        add_abort_signal(AbortSignal.any([it.signal]), Readable(read=give))
    ),
    "stream with a signal": lambda it: ended(add_abort_signal(it.signal, Readable(read=give))),
    "stream with a signal, read": lambda it: consumers.bytes(
        add_abort_signal(it.signal, Readable.from_([b"a"], object_mode=False))
    ),
}


def operation(function):
    OPERATIONS[function.__name__.replace("_", " ")] = function
    return function


async def ended(stream):
    stream.destroy()
    await quiet(3)


@operation
async def once_that_is_aborted(it):
    controller = AbortController()
    waiting = asyncio.ensure_future(once(it.emitter, "event", signal=controller.signal))
    await asyncio.sleep(0)
    controller.abort()
    with contextlib.suppress(AbortError):
        await waiting


@operation
async def loop_over_events_that_is_left(it):
    asyncio.get_running_loop().call_soon(it.emitter.emit, "event", 1)
    async for _ in on(it.emitter, "event"):
        break


@operation
async def cancelled_loop_over_events(it):
    await cancelled_after(2, anext(on(it.emitter, "event")))


@operation
async def async_listener(it):
    async def listener(value):
        await asyncio.sleep(0)

    it.emitter.once("event", listener)
    it.emitter.emit("event", 1)
    await quiet(3)


@operation
async def loop_over_a_stream_that_goes_on(it):
    async for _ in it.endless.iterator(destroy_on_return=False):
        break


@operation
async def pipe_and_unpipe(it):
    dest = sink()
    it.endless.pipe(dest)
    await quiet(4)
    it.endless.unpipe(dest)
    await ended(dest)


@operation
async def pipe_to_a_sink_that_is_destroyed(it):
    dest = sink()
    it.endless.pipe(dest)
    await quiet(4)
    await ended(dest)


@operation
async def pipe_into_an_open_sink(it):
    source = Readable.from_([b"a"], object_mode=False)
    source.pipe(it.sink, end=False)
    await finished(source)


@operation
async def consumer_of_a_share_that_is_left(it):
    async for _ in it.shared.subscribe():
        break


@operation
async def merge_that_is_left(it):
    async for _ in merge(Readable.from_(chunks()), chunks()):
        break


@operation
async def composed_streams(it):
    stream = compose(PassThrough(), PassThrough())
    stream.end(b"a")
    assert await consumers.bytes(stream) == b"a"


@operation
async def composed_streams_that_fail(it):
    stream = compose(PassThrough(), PassThrough())
    stream.on("error", lambda error: None)
    stream.write(b"a")
    stream.destroy(KeyError("a"))
    await quiet(4)


@operation
async def pair_that_is_destroyed(it):
    one, other = duplex_pair()
    one.write(b"a")
    await ended(one)
    await ended(other)


@operation
async def hook_that_is_cancelled(it):
    async def read(size):
        calls.append(asyncio.current_task())
        await asyncio.sleep(60)

    calls = []
    source = Readable(read=read)
    source.on("error", lambda error: None)
    source.resume()
    await quiet(3)
    calls.pop().cancel()
    await quiet(3)
    await ended(source)


@looped
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("name", OPERATIONS)
async def test_nothing_is_kept(name):
    it = Lasting()
    assert await growth(lambda: OPERATIONS[name](it)) == {}
    await it.end()
