"""pipeline(): errors in every place, and streams that were used before."""

import gc
import itertools

import pytest
from pipeline_cases import (
    BAD_SINKS,
    COUNT,
    NUMBERS,
    SOURCES,
    Boom,
    Endless,
    Watched,
    endless,
    fail_slowly,
    one_by_one,
    raising,
    readable,
    sink,
    slow_sink,
    value_later,
)

from forebay import (
    Duplex,
    InvalidArgTypeError,
    NullChunkError,
    PassThrough,
    PrematureCloseError,
    Readable,
    Transform,
    UnableToPipeError,
    Writable,
    WriteAfterEndError,
    compose,
    pipeline,
)
from support.streams import closed, looped, quiet, reported


def bad_source(kind):
    def generator():
        yield 1
        raise Boom

    async def async_generator():
        yield 1
        raise Boom

    async def fails():
        raise Boom

    def read(size):
        if stream.last == 3:
            raise Boom
        stream.last += 1
        stream.push(stream.last)

    stream = Endless(object_mode=True, high_water_mark=1, read=read)
    return {
        "generator": lambda: generator,
        "generator-object": generator,
        "async-generator": lambda: async_generator,
        "readable": lambda: stream,
        "awaitable-item": lambda: [value_later(1), fails()],
    }[kind]()


@looped
@pytest.mark.parametrize(
    "kind", ["generator", "generator-object", "async-generator", "readable", "awaitable-item"]
)
async def test_an_error_of_the_source(kind):
    watched = Watched()
    middle, dest = PassThrough(object_mode=True), sink()
    with pytest.raises(Boom):
        await pipeline(bad_source(kind), middle, watched.stage, dest)
    assert isinstance(middle.errored, Boom)
    assert isinstance(dest.errored, Boom)
    assert watched.open == []


async def bad_stage(source):
    async for item in source:
        if item == 3:
            raise Boom
        yield item


async def bad_at_once(source):
    raise Boom
    yield


async def bad_at_the_end(source):
    async for item in source:
        if item == COUNT - 1:
            break
        yield item
    raise Boom


BAD_MIDDLES = {
    "transform": lambda: Transform(object_mode=True, transform=raising),
    "async-transform": lambda: Transform(object_mode=True, transform=fail_slowly),
    "flush": lambda: Transform(object_mode=True, transform=lambda item: item, flush=lambda: raising(None)),
    "generator": lambda: bad_stage,
    "generator-at-once": lambda: bad_at_once,
    "generator-at-the-end": lambda: bad_at_the_end,
    "construct": lambda: Duplex(
        object_mode=True, construct=lambda: raising(None), read=lambda size: None, write=lambda item: None
    ),
    "composed": lambda: compose(
        PassThrough(object_mode=True), Transform(object_mode=True, transform=raising)
    ),
}


@looped
@pytest.mark.parametrize("kind", BAD_MIDDLES)
@pytest.mark.parametrize("first", ["readable", "async-generator", "list"])
async def test_an_error_in_the_middle(kind, first):
    before, after, dest = PassThrough(object_mode=True), PassThrough(object_mode=True), sink()
    source = SOURCES[first](NUMBERS)
    with pytest.raises(Boom):
        await pipeline(source, before, BAD_MIDDLES[kind](), after, dest)
    assert before.destroyed
    assert isinstance(after.errored, Boom)
    assert isinstance(dest.errored, Boom)
    assert not dest.writable_finished
    if isinstance(source, Readable):
        assert source.destroyed


@looped
@pytest.mark.parametrize("kind", BAD_SINKS)
@pytest.mark.parametrize("first", ["readable", "endless", "async-generator"])
async def test_an_error_of_the_sink(kind, first):
    if first == "endless" and kind == "final":
        pytest.skip("it has no end")
    watched = Watched()
    source = {"readable": lambda: readable(NUMBERS), "endless": endless, "async-generator": watched.source}[
        first
    ]()
    if first == "async-generator" and kind == "final":
        source = one_by_one(NUMBERS)
    middle = PassThrough(object_mode=True)
    flow = pipeline(source, middle, BAD_SINKS[kind]())
    with pytest.raises(Boom):
        await flow
    assert isinstance(flow.exception(), Boom)
    if kind != "final":
        assert middle.destroyed
        assert watched.open == []
        if isinstance(source, Readable):
            assert source.destroyed


@looped
@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("error", [Boom(), None], ids=["error", "plain"])
async def test_a_stage_that_is_destroyed(place, error):
    stages = [endless(), PassThrough(object_mode=True), slow_sink([])]
    flow = pipeline(*stages)
    await quiet()
    stages[place].destroy(error)
    with pytest.raises(PrematureCloseError if error is None else Boom):
        await flow
    assert [stage.destroyed for stage in stages] == [True] * 3
    assert [stage.closed for stage in stages] == [True] * 3


@looped
@pytest.mark.parametrize("error", [Boom(), None], ids=["error", "plain"])
async def test_a_sink_that_is_destroyed_stops_a_generator(error):
    watched = Watched()
    dest = slow_sink([])
    flow = pipeline(watched.source(), dest)
    await quiet()
    dest.destroy(error)
    with pytest.raises(PrematureCloseError if error is None else Boom):
        await flow
    assert watched.begun == {"source"}
    await quiet()
    assert watched.open == []


@looped
async def test_a_premature_close_gives_way_to_a_real_error():
    stages = [endless(), PassThrough(object_mode=True), slow_sink([])]
    flow = pipeline(*stages)
    await quiet()
    stages[1].destroy()
    stages[0].destroy(Boom())
    with pytest.raises(Boom):
        await flow
    assert isinstance(stages[2].errored, PrematureCloseError), "which came first"


@looped
async def test_the_first_of_two_errors():
    stages = [endless(), PassThrough(object_mode=True), slow_sink([])]
    flow = pipeline(*stages)
    first, second = Boom("first"), Boom("second")
    stages[1].destroy(first)
    stages[2].destroy(second)
    with pytest.raises(Boom) as caught:
        await flow
    assert caught.value is first


@looped
async def test_error_is_raised_to_every_awaiting_task():
    flow = pipeline(bad_source("generator"), sink())
    for _ in range(2):
        with pytest.raises(Boom):
            await flow
    with pytest.raises(Boom):
        flow.result()


@looped
async def test_unretrieved_error_is_reported_once():
    with reported() as contexts:
        pipeline(bad_source("generator"), PassThrough(object_mode=True), sink())
        await quiet(60)
        gc.collect()
        await quiet()
    assert [type(context["exception"]) for context in contexts] == [Boom]


@looped
async def test_stages_that_had_finished_before_are_left_alone():
    """The source has closed before the sink fails in its last step."""
    source = readable([1, 2])
    with pytest.raises(Boom):
        await pipeline(source, sink(final=lambda: raising(None)))
    assert source.errored is None
    assert source.readable_ended


@looped
async def test_none_as_an_item_is_an_error():
    dest = sink()
    with pytest.raises(NullChunkError):
        await pipeline([1, None, 2], dest)
    assert dest.destroyed


@looped
async def test_a_chunk_that_the_sink_refuses():
    dest = Writable(write=lambda chunk: None)
    with pytest.raises(InvalidArgTypeError):
        await pipeline(["text"], dest)
    assert dest.destroyed
    source, dest = readable([object()]), Writable(write=lambda chunk: None)
    with pytest.raises(InvalidArgTypeError):
        await pipeline(source, dest)
    assert source.destroyed


@looped
async def test_a_destroy_hook_that_fails():
    dest = sink(destroy=raising)
    with pytest.raises(Boom):
        await pipeline([1], dest)


# ---- streams that were used before


@looped
@pytest.mark.parametrize("wait", [False, True], ids=["at-once", "closed"])
@pytest.mark.parametrize("place", [0, 1, 2])
async def test_a_stage_that_was_destroyed_before(place, wait):
    stages = [endless(), PassThrough(object_mode=True), sink()]
    stages[place].destroy()
    if wait:
        await closed(stages[place])
    with pytest.raises(PrematureCloseError):
        await pipeline(*stages)
    assert all(stage.destroyed for stage in stages)


@looped
async def test_a_source_that_has_ended_before():
    for wait in (False, True):
        source = readable([])
        source.resume()
        await (closed(source) if wait else quiet(4))
        dest = sink()
        await pipeline(source, dest)
        assert dest.writable_finished


@looped
@pytest.mark.parametrize("first", ["readable", "list", "async-generator"])
@pytest.mark.parametrize("wait", [False, True], ids=["at-once", "closed"])
async def test_a_sink_that_was_ended_before_takes_nothing_without_an_error(first, wait):
    taken = []
    dest = sink(taken)
    dest.end()
    if wait:
        await closed(dest)
    with pytest.raises((PrematureCloseError, WriteAfterEndError, UnableToPipeError)):
        await pipeline(SOURCES[first](NUMBERS), dest)
    assert taken == []


@looped
async def test_sink_ended_by_other_code():
    dest = slow_sink([])
    flow = pipeline(itertools.count(), dest)
    await quiet()
    dest.end()
    with pytest.raises((PrematureCloseError, WriteAfterEndError)):
        await flow
