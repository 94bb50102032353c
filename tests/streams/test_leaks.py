"""A stream that is done leaves no task, no reference cycle and no memory behind."""

import asyncio
import gc
import sys
import weakref
from itertools import pairwise

import pytest

from forebay import (
    AbortController,
    Completion,
    Duplex,
    PassThrough,
    Readable,
    Transform,
    Writable,
    backend,
    consumers,
    finished,
    on,
    once,
    pipeline,
)
from support.streams import chunks_of, closed, collected, looped, quiet

COUNTS_REFERENCES = sys.implementation.name == "cpython"
needs_counts = pytest.mark.skipif(
    not COUNTS_REFERENCES, reason="objects go when the last name does only on CPython"
)


@pytest.fixture
def no_gc():
    """The cycle collector does not help."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


async def ignore(chunk):
    await asyncio.sleep(0)


async def give_nothing(size):
    await asyncio.sleep(0)
    return b""


class Source(Readable):
    """Hooks as methods: bound to the stream."""

    def __init__(self, count):
        super().__init__()
        self.left = count

    def _construct(self):
        return None

    def _read(self, size):
        self.left -= 1
        return b"x" if self.left >= 0 else b""

    def _destroy(self, error):
        return None


class Sink(Writable):
    def _write(self, chunk):
        return None

    def _writev(self, chunks):
        return None

    def _final(self):
        return None


class Upper(Transform):
    def _transform(self, chunk):
        return chunk.upper()

    def _flush(self):
        return b"."


class AsyncSink(Writable):
    async def _write(self, chunk):
        await asyncio.sleep(0)

    async def _final(self):
        await asyncio.sleep(0)

    async def _destroy(self, error):
        await asyncio.sleep(0)


# Each makes streams, uses them up, and returns them.


async def read_to_the_end():
    stream = Source(3)
    collected(stream)
    await closed(stream)
    return [stream]


async def read_by_keyword():
    stream = Readable(read=chunks_of(b"x", b"y"))
    stream.resume()
    await closed(stream)
    return [stream]


async def iterate():
    stream = Source(3)
    async for _ in stream:
        pass
    return [stream]


async def leave_the_iteration():
    stream = Source(3)
    async for _ in stream:
        break
    stream.on("error", lambda error: None)
    await quiet()
    return [stream]


async def write_to_the_end():
    stream = Sink()
    stream.write(b"x", callback=lambda error: None)
    stream.end(b"y")
    await closed(stream)
    return [stream]


async def write_with_async_hooks():
    stream = AsyncSink()
    stream.write(b"x")
    stream.end(b"y")
    await closed(stream)
    return [stream]


async def wait_for_drain():
    stream = Writable(write=ignore, high_water_mark=1)
    for _ in range(3):
        await stream.send(b"x")
    stream.end()
    await closed(stream)
    return [stream]


async def pipe_to_the_end():
    streams = [Source(5), Upper(high_water_mark=1), PassThrough(), Sink()]
    for left, right in pairwise(streams):
        left.pipe(right)
    await closed(streams[-1])
    await quiet()
    return streams


async def pipeline_to_the_end():
    streams = [Source(5), Upper(), Sink()]
    await pipeline(*streams)
    await quiet()
    return streams


async def pipeline_that_fails():
    def write(chunk):
        raise OSError("full")

    streams = [Source(5), Upper(), Writable(write=write)]
    with pytest.raises(OSError, match="full"):
        await pipeline(*streams)
    await quiet()
    return streams


async def pipeline_that_is_cancelled():
    streams = [Readable(read=lambda size: None), Upper(), AsyncSink()]
    task = asyncio.create_task(_await(pipeline(*streams)))
    await quiet()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await quiet()
    return streams


async def _await(awaitable):
    return await awaitable


async def destroy():
    streams = [
        Source(5),
        Sink(),
        Upper(),
        PassThrough(),
        AsyncSink(),
        Duplex(read=give_nothing, write=ignore),
    ]
    for stream in streams:
        if isinstance(stream, Writable):
            stream.write(b"x")
        if isinstance(stream, Readable):
            stream.read()
        stream.destroy()
    await quiet()
    return streams


async def destroy_with_an_error():
    streams = [Source(5), Sink(), Upper(), AsyncSink()]
    for stream in streams:
        stream.on("error", lambda error: None)
        stream.destroy(ValueError())
    await quiet()
    return streams


async def a_hook_that_fails():
    def read(size):
        raise OSError

    stream = Readable(read=read)
    stream.on("error", lambda error: None)
    stream.resume()
    await quiet()
    return [stream]


async def a_completion_that_nobody_settles():
    stream = Writable(write=lambda chunk: Completion())
    stream.write(b"x")
    stream.destroy()
    await quiet()
    return [stream]


async def watch_with_finished():
    stream = Source(1)
    watch = finished(stream)
    stream.resume()
    await watch
    watch.cancel()
    return [stream]


async def wait_for_events():
    stream = Source(1)
    events = on(stream, "nothing", close=("close",))
    stream.resume()
    await once(stream, "end")
    async for _ in events:
        raise AssertionError
    return [stream]


async def once_that_never_comes():
    stream = Source(1)
    stream.once("error", print)
    stream.once("drain", print)
    stream.resume()
    await once(stream, "close")
    await quiet()
    return [stream]


async def with_a_signal():
    controller = AbortController()
    stream = Readable(read=chunks_of(b"x"), signal=controller.signal)
    stream.resume()
    await closed(stream)
    # The controller lives on; it holds nothing of the stream.
    with_a_signal.controller = controller
    return [stream]


async def aborted():
    controller = AbortController()
    stream = Readable(read=lambda size: None, signal=controller.signal)
    stream.on("error", lambda error: None)
    controller.abort()
    await quiet()
    return [stream]


async def from_a_generator():
    stream = Readable.from_(n for n in range(5))
    stream.resume()
    await closed(stream)
    return [stream]


async def from_an_async_generator():
    async def numbers():
        for n in range(5):
            yield n

    stream = Readable.from_(numbers())
    stream.resume()
    await closed(stream)
    return [stream]


async def from_a_generator_that_is_given_up():
    async def numbers():
        for n in range(5):
            yield n

    streams = [Readable.from_(numbers()), Readable.from_(n for n in range(5))]
    for stream in streams:
        stream.read(0)
        await quiet()
        stream.destroy()
        await quiet()
    return streams


async def generator_outputs():
    def transform(chunk):
        yield chunk
        yield chunk

    async def agen(chunk):
        yield chunk
        yield chunk

    streams = [
        Transform(transform=transform, high_water_mark=1),
        Transform(transform=agen, high_water_mark=1),
    ]
    for stream in streams:
        stream.resume()
        stream.write(b"x")
        stream.end(b"y")
        await closed(stream)
    return streams


async def with_blocks():
    async with Sink() as sink:
        sink.write(b"x")
    async with Source(3) as source:
        source.read()
    return [sink, source]


USES = [
    read_to_the_end,
    read_by_keyword,
    iterate,
    leave_the_iteration,
    write_to_the_end,
    write_with_async_hooks,
    wait_for_drain,
    pipe_to_the_end,
    pipeline_to_the_end,
    pipeline_that_fails,
    pipeline_that_is_cancelled,
    destroy,
    destroy_with_an_error,
    a_hook_that_fails,
    a_completion_that_nobody_settles,
    watch_with_finished,
    wait_for_events,
    once_that_never_comes,
    with_a_signal,
    aborted,
    from_a_generator,
    from_an_async_generator,
    from_a_generator_that_is_given_up,
    generator_outputs,
    with_blocks,
]
uses = pytest.mark.parametrize("use", USES, ids=lambda use: use.__name__)


@looped
@uses
async def test_no_task_is_left(use):
    before = asyncio.all_tasks()
    streams = await use()
    await quiet()
    assert all(stream.closed for stream in streams)
    assert asyncio.all_tasks() == before


# Where a hook's error is raised or was caught in Python, its traceback holds the frames, and those the streams.
HELD_BY_A_TRACEBACK = [pipeline_that_fails] + ([a_hook_that_fails] if backend == "python" else [])


@looped
@pytest.mark.parametrize(
    "use", [use for use in USES if use not in HELD_BY_A_TRACEBACK], ids=lambda use: use.__name__
)
@needs_counts
async def test_no_cycle_keeps_a_closed_stream(no_gc, use):
    dead = [weakref.ref(stream) for stream in await use()]
    await quiet()
    assert dead
    assert [ref() for ref in dead] == [None] * len(dead)


@looped
@uses
@needs_counts
async def test_rounds_leave_nothing_behind(use):
    async def rounds(count):
        for _ in range(count):
            await use()
        await quiet()
        gc.collect()

    await rounds(5)
    objects, blocks = len(gc.get_objects()), sys.getallocatedblocks()
    await rounds(50)
    grown = len(gc.get_objects()) - objects
    # A leak shows as one for each round; what caches and the tracing of the test run do is less.
    assert grown < 25
    assert sys.getallocatedblocks() - blocks < 250


@looped
@needs_counts
async def test_chunks_are_released():
    class Chunk(bytearray):
        pass

    refs = []
    through = PassThrough()

    def make(size):
        if len(refs) == 20:
            return b""
        chunk = Chunk(b"x")
        refs.append(weakref.ref(chunk))
        return chunk

    Readable(read=make).pipe(through)
    through.pipe(Writable(write=lambda chunk: None))
    await closed(through)
    await quiet()
    assert [ref() for ref in refs] == [None] * 20


@looped
@needs_counts
async def test_destroyed_stream_releases_its_buffer(no_gc):
    class Chunk(bytearray):
        pass

    source = Readable(read=lambda size: None)
    sink = Writable(write=lambda chunk: Completion())
    refs = []
    for _ in range(3):
        for give in (source.push, sink.write):
            chunk = Chunk(b"x")
            refs.append(weakref.ref(chunk))
            give(chunk)
    del chunk
    for stream in (source, sink):
        stream.destroy()
        await closed(stream)
    del source, sink, stream, give
    await quiet()
    assert [ref() for ref in refs] == [None] * 6


@looped
@needs_counts
async def test_unused_stream_is_freed_at_once(no_gc):
    dead = [weakref.ref(make()) for make in (Readable, Writable, Duplex, Transform, PassThrough, Sink, Upper)]
    assert [ref() for ref in dead] == [None] * len(dead)


@needs_counts
@looped
async def test_fully_read_stream_is_freed(no_gc):
    source = Readable.from_([b"a", b"b"], object_mode=False)
    seen = weakref.ref(source)
    assert await consumers.bytes(source) == b"ab"
    del source
    await quiet()
    assert seen() is None
