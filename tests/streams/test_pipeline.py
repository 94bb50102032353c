"""pipeline(): every form of a source, a stage and a sink, the end, and backpressure."""

import asyncio
import itertools

import pytest
from pipeline_cases import (
    NUMBERS,
    SOURCES,
    Boom,
    Watched,
    add_one,
    endless,
    function_sink,
    one,
    one_by_one,
    raising,
    readable,
    sink,
    slow_sink,
    value_later,
)

from forebay import (
    AbortError,
    Duplex,
    PassThrough,
    Pipeline,
    Readable,
    Transform,
    Writable,
    compose,
    pipeline,
)
from support.streams import closed, looped, quiet, reported


class AddOne:
    """An async iterator that is no generator."""

    def __init__(self, source):
        self.source = aiter(source)

    def __aiter__(self):
        return self

    async def __anext__(self):
        return await anext(self.source) + 1


async def slow_plus_one(number):
    await asyncio.sleep(0)
    return number + 1


MIDDLES = {
    "transform": lambda: Transform(object_mode=True, transform=lambda number: number + 1),
    "transform-mark-1": lambda: Transform(
        object_mode=True, high_water_mark=1, transform=lambda number: number + 1
    ),
    "async-transform": lambda: Transform(object_mode=True, transform=slow_plus_one),
    "async-generator-function": lambda: add_one,
    "function-of-an-async-iterator": lambda: AddOne,
    "duplex-from": lambda: Duplex.from_(add_one),
    "composed": lambda: compose(
        PassThrough(object_mode=True), Transform(object_mode=True, transform=lambda number: number + 1)
    ),
}


def generator_sink(taken):
    async def consume(source):
        async for item in source:
            taken.append(item)
            yield item

    return consume


def read_passthrough(taken):
    stream = PassThrough(object_mode=True, high_water_mark=2)
    stream.on("data", taken.append)
    return stream


def duplex_sink(taken):
    """A last stage whose readable side is not read."""
    return Duplex(object_mode=True, read=lambda size: None, write=taken.append)


SINKS = {
    "writable": sink,
    "slow-writable": slow_sink,
    "async-function": function_sink,
    "passthrough-that-is-read": read_passthrough,
    "duplex-that-is-not-read": duplex_sink,
}


@looped
@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("dest", SINKS)
async def test_every_source_and_every_sink(source, dest):
    taken = []
    await pipeline(SOURCES[source](NUMBERS), SINKS[dest](taken))
    assert taken == NUMBERS


@looped
@pytest.mark.parametrize("middle", MIDDLES)
@pytest.mark.parametrize("source", ["generator", "async-generator", "readable"])
@pytest.mark.parametrize("dest", ["slow-writable", "async-function", "passthrough-that-is-read"])
async def test_every_stage_in_the_middle(source, middle, dest):
    taken = []
    await pipeline(SOURCES[source](NUMBERS), MIDDLES[middle](), SINKS[dest](taken))
    assert taken == [number + 1 for number in NUMBERS]


@looped
@pytest.mark.parametrize(("first", "second"), list(itertools.permutations(MIDDLES, 2)))
async def test_stages_of_different_forms_in_a_row(first, second):
    taken = []
    await pipeline(NUMBERS, MIDDLES[first](), MIDDLES[second](), sink(taken))
    assert taken == [number + 2 for number in NUMBERS]


@looped
@pytest.mark.parametrize("stages", [1, 5, 20])
async def test_pipelines_of_many_stages(stages):
    taken = []
    forms = itertools.cycle(MIDDLES.values())
    await pipeline(NUMBERS, *(next(forms)() for _ in range(stages)), sink(taken))
    assert taken == [number + stages for number in NUMBERS]


@looped
@pytest.mark.parametrize("whole", [b"bytes", bytearray(b"mutable"), memoryview(b"view")])
async def test_bytes_as_a_source_are_one_chunk(whole):
    taken = []
    await pipeline(whole, Writable(write=lambda chunk: taken.append(bytes(chunk))))
    assert taken == [bytes(whole)]
    await pipeline("text", sink(taken))
    assert taken[1:] == ["text"]


@looped
@pytest.mark.parametrize("make", [value_later, lambda value: asyncio.ensure_future(value_later(value))])
async def test_an_awaitable_as_a_source_is_one_chunk(make):
    taken = []
    await pipeline(make(b"later"), Writable(write=taken.append))
    assert taken == [b"later"]


@looped
async def test_an_async_iterable_that_has_begun_goes_on_from_there():
    items = one_by_one(range(5))
    assert await anext(items) == 0
    taken = []
    await pipeline(items, sink(taken))
    assert taken == [1, 2, 3, 4]


@looped
async def test_a_list_of_stages():
    for kind in (list, tuple):
        taken = []
        await pipeline(kind([NUMBERS, PassThrough(object_mode=True), sink(taken)]))
        assert taken == NUMBERS


@looped
@pytest.mark.parametrize("source", SOURCES)
async def test_an_empty_source(source):
    taken = []
    dest = sink(taken)
    await pipeline(SOURCES[source]([]), PassThrough(object_mode=True), dest)
    assert taken == []
    assert dest.writable_finished


# ---- the end


@looped
async def test_starts_at_once_and_ends_after_the_streams_closed():
    source, dest = readable(NUMBERS), sink()
    flow = pipeline(source, dest)
    assert isinstance(flow, Pipeline)
    assert not flow.done()
    events = []
    source.on("close", lambda: events.append("source"))
    dest.on("close", lambda: events.append("dest"))
    flow.add_done_callback(lambda done: events.append(done))
    await closed(dest)
    await quiet()
    assert events == ["source", "dest", flow]
    assert flow.done()
    assert await flow is None


@looped
@pytest.mark.parametrize("value", [None, 0, "text", [1, 2], b""])
async def test_the_value_of_the_last_function(value):
    async def consume(source):
        async for _ in source:
            pass
        return value

    flow = pipeline(NUMBERS, consume)
    assert await flow == value
    assert flow.result() == value
    assert await pipeline(readable(NUMBERS), PassThrough(object_mode=True), consume) == value
    assert await pipeline(NUMBERS, consume, end=False) == value


@looped
async def test_the_last_function_may_return_any_awaitable():
    def consume(source):
        return asyncio.ensure_future(total(source))

    async def total(source):
        return sum([item async for item in source])

    assert await pipeline(NUMBERS, consume) == sum(NUMBERS)


@looped
async def test_a_last_generator_is_run_by_itself_and_its_items_can_be_read():
    flow = pipeline([1, 2, 3], add_one)
    assert await flow.stream.to_list() == [2, 3, 4]
    assert await flow is None


@looped
async def test_a_last_stage_that_is_readable_is_left_to_its_reader():
    """The program may leave it unread, and the pipeline has removed its listeners."""
    for source in ([1, 2, 3], readable([1, 2, 3])):
        last = PassThrough(object_mode=True)
        await pipeline(source, last)
        assert not last.destroyed
        assert last.listener_count("error") == 0
        assert await last.to_list() == [1, 2, 3]


@looped
async def test_late_error_of_a_readable_last_stage_is_reported():
    for source in ([1], readable([1])):
        last = PassThrough(object_mode=True)
        await pipeline(source, last)
        error = Boom()
        with reported() as contexts:
            last.destroy(error)
            await quiet()
        assert [context["exception"] for context in contexts] == [error]


@looped
async def test_listeners_are_removed_at_the_end():
    streams = [readable(NUMBERS), PassThrough(object_mode=True), sink()]
    await pipeline(*streams)
    await quiet()
    assert [stream.event_names() for stream in streams] == [[], [], []]


@looped
@pytest.mark.parametrize("source", ["list", "async-generator", "readable"])
async def test_end_false_leaves_the_last_stage_open(source):
    taken = []
    dest = sink(taken)
    await pipeline(SOURCES[source]([1, 2]), PassThrough(object_mode=True), dest, end=False)
    await pipeline(SOURCES[source]([3]), dest, end=False)
    assert not dest.writable_ended
    assert not dest.destroyed
    await pipeline(SOURCES[source]([4]), dest)
    assert taken == [1, 2, 3, 4]
    assert dest.writable_finished


@looped
@pytest.mark.parametrize("source", ["generator", "readable"])
async def test_end_false_leaves_the_last_stage_alone_when_the_flow_fails(source):
    def failing():
        yield 1
        raise Boom

    first = failing() if source == "generator" else Readable.from_(failing())
    middle = PassThrough(object_mode=True)
    dest = sink()
    with pytest.raises(Boom):
        await pipeline(first, middle, dest, end=False)
    assert middle.destroyed
    assert not dest.destroyed
    dest.end()
    assert await closed(dest) is None


# ---- functions that stop reading before the end


async def take_three(source):
    async for item in source:
        yield item
        if item == 2:
            return


async def third(source):
    async for item in source:
        if item == 2:
            return item
    return None


async def third_and_more(source):
    """Goes on for a while after it has left its source."""
    item = await third(source)
    await quiet(10)
    return item


async def unread(source):
    await quiet(3)
    return 2


def sources_without_an_end(watched):
    return {"readable": endless(), "generator": itertools.count(), "async-generator": watched.source()}


@looped
@pytest.mark.parametrize("first", ["readable", "generator", "async-generator"])
@pytest.mark.parametrize("between", [0, 1, 3])
@pytest.mark.parametrize("last", [third, third_and_more, unread])
async def test_the_last_function_may_stop_reading(first, between, last):
    """The stages before it are destroyed, and the pipeline succeeds."""
    watched = Watched()
    stages = [
        sources_without_an_end(watched)[first],
        *(PassThrough(object_mode=True, high_water_mark=2) for _ in range(between)),
    ]
    assert await pipeline(*stages, last) == 2
    await quiet()
    assert all(stage.closed for stage in stages if isinstance(stage, Readable))
    assert watched.open == []


@looped
@pytest.mark.parametrize("first", ["readable", "generator", "async-generator"])
@pytest.mark.parametrize("before", [0, 1, 3])
@pytest.mark.parametrize("after", [0, 2])
@pytest.mark.parametrize("function", [take_three, one])
async def test_a_function_in_the_middle_may_stop_reading(first, before, after, function):
    """The stages before it are destroyed; the stages after it get its whole output."""
    watched = Watched()
    taken = []
    upstream = [
        sources_without_an_end(watched)[first],
        *(PassThrough(object_mode=True, high_water_mark=2) for _ in range(before)),
    ]
    downstream = [*(PassThrough(object_mode=True) for _ in range(after)), slow_sink(taken)]
    await pipeline(*upstream, function, *downstream)
    assert taken == ([0, 1, 2] if function is take_three else [2])
    await quiet()
    assert all(stage.closed for stage in upstream if isinstance(stage, Readable))
    assert all(stage.errored is None for stage in downstream)
    assert watched.open == []


@looped
async def test_several_functions_may_stop_reading():
    source = endless()
    middle = [PassThrough(object_mode=True) for _ in range(2)]

    async def two(items):
        return [await anext(items), await anext(items)]

    flow = pipeline(source, middle[0], take_three, middle[1], add_one, lambda items: two(items))
    assert await flow == [1, 2]
    assert source.closed


@looped
async def test_idle_source_is_destroyed_when_the_function_stops():
    released = []

    async def idle():
        yield 0
        try:
            await asyncio.sleep(60)
        finally:
            released.append(True)

    async def first(source):
        async for item in source:
            return item
        return None

    assert await pipeline(idle(), PassThrough(object_mode=True), first) == 0
    await quiet()
    assert released == [True]


@looped
async def test_error_while_destroying_the_source_fails_the_pipeline():
    source = endless(destroy=raising)
    with pytest.raises(Boom):
        await pipeline(source, PassThrough(object_mode=True), third)


@looped
async def test_external_reader_that_leaves_fails_the_pipeline():
    """The reader is not a stage of the pipeline, so data is lost."""
    last = PassThrough(object_mode=True)
    flow = pipeline(endless(), last)
    async for _ in last:
        break
    with pytest.raises(AbortError):
        await flow


# ---- backpressure


@looped
@pytest.mark.parametrize("source", ["generator", "async-generator", "readable", "readable-from"])
@pytest.mark.parametrize("stages", [0, 2])
async def test_a_slow_sink_makes_every_source_wait(source, stages):
    given = []

    def counted():
        for number in range(200):
            given.append(number)
            yield number

    made = SOURCES[source](counted()) if source != "readable" else lazily_readable(counted())
    taken = []

    async def write(number):
        await quiet(3)
        taken.append(number)
        # What is under way: the marks of the streams, a chunk in the hand of each, and the source's own.
        assert len(given) - len(taken) <= (stages + 1) * 5 + 4

    middle = [PassThrough(object_mode=True, high_water_mark=2) for _ in range(stages)]
    await pipeline(made, *middle, Writable(object_mode=True, high_water_mark=2, write=write))
    assert taken == list(range(200))


def lazily_readable(items):
    stream = Readable(object_mode=True, high_water_mark=2, read=lambda size: stream.push(next(items, None)))
    return stream


@looped
async def test_a_slow_last_function_makes_the_source_wait():
    source = endless()

    async def consume(chunks):
        async for number in chunks:
            await quiet(3)
            assert source.last - number <= 4
            if number == 50:
                return

    await pipeline(source, consume)
