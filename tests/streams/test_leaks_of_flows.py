"""A loop, or a stream, that goes on keeps nothing of the pipelines and the hooks that are over."""

import asyncio
import contextlib
import gc
import weakref

import pytest

from forebay import PassThrough, PrematureCloseError, Readable, Writable, pipeline
from support.streams import closed, looped, quiet


async def give_nothing(size):
    await asyncio.sleep(0)
    return b""


async def numbers():
    number = 0
    while True:
        yield number
        number += 1
        await asyncio.sleep(0)


async def take_one(items):
    async for _ in items:
        break


async def of_a_function_that_stops(stream):
    await pipeline(numbers(), stream, take_one)


async def of_a_cancelled_pipeline(stream):
    flow = asyncio.ensure_future(pipeline(numbers(), stream, Writable(write=give_nothing, object_mode=True)))
    await quiet()
    flow.cancel()
    with pytest.raises(asyncio.CancelledError):
        await flow


async def of_cancelled_tasks(stream):
    """As a program does that ends its own tasks."""
    flow = pipeline(numbers(), stream, Writable(write=give_nothing, object_mode=True))
    await quiet()
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await flow


async def of_a_cancelled_hook(stream):
    async def read(size):
        reading.append(asyncio.current_task())
        await asyncio.sleep(60)

    reading = []
    source = Readable(read=read, object_mode=True)
    source.pipe(stream)
    await quiet()
    reading.pop().cancel()
    await closed(source)
    stream.destroy()
    return source


@looped
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize(
    "use", [of_a_function_that_stops, of_a_cancelled_pipeline, of_cancelled_tasks, of_a_cancelled_hook]
)
async def test_a_loop_keeps_nothing_of_what_is_over(use):
    stream = PassThrough(object_mode=True)
    other = await use(stream)
    await closed(stream)
    seen = [weakref.ref(each) for each in (stream, other) if each is not None]
    del stream, other
    await quiet()
    gc.collect()
    assert [ref() for ref in seen] == [None] * len(seen)


def failing_iterable():
    yield b"a"
    raise KeyError("source")


def failing_stream():
    source = Readable(read=lambda size: None)
    source.push(b"a")
    asyncio.get_running_loop().call_soon(source.destroy, KeyError("source"))
    return source


@looped
@pytest.mark.parametrize(
    "source",
    [
        lambda: [b"a"],
        lambda: Readable.from_([b"a"], object_mode=False),
        lambda: PassThrough().end(b"a"),
        failing_iterable,
        failing_stream,
    ],
    ids=["iterable", "stream", "duplex", "failing iterable", "failing stream"],
)
@pytest.mark.parametrize("between", [0, 1])
async def test_a_sink_that_stays_open_keeps_nothing_of_its_pipelines(source, between):
    taken = []
    sink = Writable(write=lambda chunk: taken.append(bytes(chunk)))
    for count in (1, 2, 3):
        with contextlib.suppress(KeyError):
            await pipeline(source(), *(PassThrough() for _ in range(between)), sink, end=False)
        await quiet()
        assert sink.event_names() == []
        assert len(taken) <= count
    assert not sink.writable_ended
    assert not sink.destroyed


@looped
async def test_an_error_after_a_pipeline_is_the_program_s_own():
    errors = []
    sink = Writable(write=lambda chunk: None)
    await pipeline([b"a"], sink, end=False)
    asyncio.get_running_loop().set_exception_handler(
        lambda loop, context: errors.append(context["exception"])
    )
    error = KeyError("later")
    sink.destroy(error)
    await quiet()
    assert errors == [error]


@looped
@pytest.mark.parametrize("event", ["end", "close"])
async def test_a_sink_that_closes_when_its_pipeline_is_done_reports_nothing(event):
    sink = Writable(write=lambda chunk: None)
    source = Readable.from_([b"a"], object_mode=False)
    source.on(event, sink.destroy)
    with contextlib.suppress(PrematureCloseError):
        await pipeline(source, sink, end=False)
    await quiet()
    gc.collect()


@looped
async def test_calls_of_a_read_that_pushes_in_a_loop_do_not_pile_up():
    calls = 0

    async def read(size):
        nonlocal calls
        calls += 1
        more = True
        while more:
            await asyncio.sleep(0)
            more = source.push(b"chunk")

    source = Readable(read=read, high_water_mark=50)
    taken = 0
    async for _ in source.iterator(destroy_on_return=False):
        taken += 1
        if taken > 1000:
            break
    await quiet(30)
    assert source.readable_length <= 50
    assert calls == 1
    source.destroy()
    await closed(source)
