"""pipeline(): every form of a stage, the end, every error in every place, and what is left when it is over."""

import asyncio
import contextlib
import gc
import itertools

import pytest

from forebay import (
    AbortController,
    AbortError,
    Duplex,
    InvalidArgTypeError,
    InvalidReturnValueError,
    MissingArgsError,
    NullChunkError,
    PassThrough,
    Pipeline,
    PrematureCloseError,
    Readable,
    Transform,
    UnableToPipeError,
    Writable,
    WriteAfterEndError,
    compose,
    pipeline,
)
from support.streams import Events, closed, looped, quiet, reported


class Boom(Exception):
    """What the stages of these tests fail with."""


COUNT = 40
NUMBERS = list(range(COUNT))


def sink(taken=None, **options):
    taken = [] if taken is None else taken
    return Writable(object_mode=True, **{"write": taken.append, **options})


def endless(**options):
    """A readable without an end; the last number that it gave is in ``stream.last``."""

    def read(size):
        stream.last += 1
        stream.push(stream.last)

    stream = Endless(object_mode=True, high_water_mark=2, read=read, **options)
    return stream


class Endless(Readable):
    last = -1


# ---- every form of a source


async def one_by_one(items):
    for item in items:
        await asyncio.sleep(0)
        yield item


async def value_later(value):
    await asyncio.sleep(0)
    return value


def readable(items):
    left = [*items, None]
    stream = Readable(object_mode=True, high_water_mark=3, read=lambda size: stream.push(left.pop(0)))
    return stream


def async_readable(items):
    left = [*items, None]

    async def read(size):
        await asyncio.sleep(0)
        stream.push(left.pop(0))

    stream = Readable(object_mode=True, read=read)
    return stream


SOURCES = {
    "list": list,
    "iterator": iter,
    "generator": lambda items: (item for item in items),
    "async-generator": one_by_one,
    "readable": readable,
    "async-readable": async_readable,
    "readable-from": Readable.from_,
    "duplex-from": lambda items: Duplex.from_(list(items)),
    "generator-function": lambda items: lambda: (item for item in items),
    "async-generator-function": lambda items: lambda: one_by_one(items),
    "list-function": lambda items: lambda: list(items),
    "awaitable-items": lambda items: [value_later(item) for item in items],
}


# ---- every form of a stage in the middle: each adds one


async def add_one(source):
    async for item in source:
        yield item + 1


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


# ---- every form of a sink: the name, and a function of a list that makes the sink that fills it


def slow_sink(taken):
    async def write(item):
        await asyncio.sleep(0)
        taken.append(item)

    return Writable(object_mode=True, high_water_mark=1, write=write)


def function_sink(taken):
    async def consume(source):
        async for item in source:
            taken.append(item)

    return consume


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
async def test_long_ones(stages):
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
async def test_it_starts_at_once_and_is_over_after_the_streams_are_closed():
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
    """It need not be read, and nothing of the pipeline listens to it any more."""
    for source in ([1, 2, 3], readable([1, 2, 3])):
        last = PassThrough(object_mode=True)
        await pipeline(source, last)
        assert not last.destroyed
        assert last.listener_count("error") == 0
        assert await last.to_list() == [1, 2, 3]


@looped
async def test_an_error_of_that_stage_after_the_end_is_not_swallowed():
    for source in ([1], readable([1])):
        last = PassThrough(object_mode=True)
        await pipeline(source, last)
        error = Boom()
        with reported() as contexts:
            last.destroy(error)
            await quiet()
        assert [context["exception"] for context in contexts] == [error]


@looped
async def test_the_listeners_go_with_the_streams():
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


async def one(source):
    yield 2


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
    """What comes before it is given up, and that is no failure."""
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
    """What comes before it is given up; what comes after it gets all that it gave."""
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
async def test_an_idle_source_is_given_up_too():
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
async def test_an_error_of_what_is_given_up_is_the_flows():
    source = endless(destroy=raising)
    with pytest.raises(Boom):
        await pipeline(source, PassThrough(object_mode=True), third)


@looped
async def test_others_who_leave_a_stage_do_make_it_fail():
    """Not a function of the flow: what was on its way is lost."""
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


# ---- errors, in every place


class Watched:
    """Generators, and whether they were closed."""

    def __init__(self):
        self.open = []
        self.begun = set()

    async def stage(self, source):
        with self.noted("stage"):
            async for item in source:
                yield item

    async def source(self):
        with self.noted("source"):
            for number in itertools.count():
                await asyncio.sleep(0)
                yield number

    @contextlib.contextmanager
    def noted(self, name):
        self.begun.add(name)
        self.open.append(name)
        try:
            yield
        finally:
            self.open.remove(name)


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


async def fail_slowly(item):
    await asyncio.sleep(0)
    raise Boom


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


def raising(_):
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


async def bad_function(source):
    async for item in source:
        if item == 3:
            raise Boom


async def bad_function_at_once(source):
    raise Boom


async def bad_last_generator(source):
    async for item in source:
        if item == 3:
            raise Boom
        yield item


BAD_SINKS = {
    "write": lambda: sink(write=raising),
    "async-write": lambda: sink(write=fail_slowly),
    "writev": lambda: Writable(object_mode=True, writev=raising),
    "final": lambda: sink(final=lambda: raising(None)),
    "construct": lambda: sink(construct=lambda: raising(None)),
    "function": lambda: bad_function,
    "function-at-once": lambda: bad_function_at_once,
    "generator": lambda: bad_last_generator,
}


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
async def test_an_error_is_raised_to_everybody_who_asks():
    flow = pipeline(bad_source("generator"), sink())
    for _ in range(2):
        with pytest.raises(Boom):
            await flow
    with pytest.raises(Boom):
        flow.result()


@looped
async def test_a_failure_that_nobody_asks_for_is_reported_once():
    with reported() as contexts:
        pipeline(bad_source("generator"), PassThrough(object_mode=True), sink())
        await quiet(60)
        gc.collect()
        await quiet()
    assert [type(context["exception"]) for context in contexts] == [Boom]


@looped
async def test_stages_that_had_finished_before_are_left_alone():
    """The source is over and closed when the sink fails at its last step."""
    source = readable([1, 2])
    with pytest.raises(Boom):
        await pipeline(source, sink(final=lambda: raising(None)))
    assert source.errored is None
    assert source.readable_ended


@looped
async def test_none_is_no_item():
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
async def test_a_sink_that_is_ended_by_somebody_else_meanwhile():
    dest = slow_sink([])
    flow = pipeline(itertools.count(), dest)
    await quiet()
    dest.end()
    with pytest.raises((PrematureCloseError, WriteAfterEndError)):
        await flow


# ---- abort and cancel


def flow_of(form, watched):
    if form == "streams":
        stages = [endless(), PassThrough(object_mode=True), slow_sink([])]
    elif form == "generators":
        stages = [watched.source(), watched.stage, slow_sink([])]
    elif form == "function":
        stages = [watched.source(), watched.stage, function_sink([])]
    else:
        stages = [watched.source(), PassThrough(object_mode=True), watched.stage, function_sink([])]
    return stages


FORMS = ["streams", "generators", "function", "mixed"]


@looped
@pytest.mark.parametrize("form", FORMS)
async def test_a_signal(form):
    watched = Watched()
    controller = AbortController()
    stages = flow_of(form, watched)
    flow = pipeline(*stages, signal=controller.signal)
    await quiet()
    assert not flow.done()
    reason = Boom()
    controller.abort(reason)
    # At once, not on a tick.
    assert all(stage.destroyed for stage in stages if not callable(stage) and hasattr(stage, "destroyed"))
    with pytest.raises(AbortError) as caught:
        await flow
    assert caught.value.__cause__ is reason
    await quiet()
    assert watched.begun == (set() if form == "streams" else {"source", "stage"})
    assert watched.open == []


@looped
@pytest.mark.parametrize("form", FORMS)
async def test_a_signal_that_has_aborted_before(form):
    controller = AbortController()
    controller.abort()
    stages = flow_of(form, Watched())
    with pytest.raises(AbortError):
        await pipeline(*stages, signal=controller.signal)
    assert all(stage.destroyed for stage in stages if isinstance(stage, (Readable, Writable)))


@looped
async def test_a_signal_after_the_end_changes_nothing():
    controller = AbortController()
    dest = PassThrough(object_mode=True)
    await pipeline([1], dest, signal=controller.signal)
    controller.abort()
    await quiet()
    assert not dest.destroyed
    assert await dest.to_list() == [1]


@looped
@pytest.mark.parametrize("form", FORMS)
async def test_cancelling_the_task_that_waits(form):
    watched = Watched()
    stages = flow_of(form, watched)
    flow = pipeline(*stages)

    async def wait():
        await flow

    task = asyncio.create_task(wait())
    await quiet()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    streams = [stage for stage in stages if isinstance(stage, (Readable, Writable))]
    assert all(stream.destroyed for stream in streams)
    await quiet()
    assert all(stream.closed and isinstance(stream.errored, AbortError) for stream in streams)
    assert isinstance(flow.exception(), AbortError)
    assert watched.begun == (set() if form == "streams" else {"source", "stage"})
    assert watched.open == []


@looped
async def test_a_timeout():
    source = endless()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await pipeline(source, slow_sink([]))
    assert source.destroyed


@looped
async def test_cancelling_one_of_two_who_wait_fails_the_other():
    flow = pipeline(endless(), slow_sink([]))
    tasks = [asyncio.create_task(flow.wait()) for _ in range(2)]
    await quiet()
    tasks[0].cancel()
    await asyncio.wait(tasks)
    assert tasks[0].cancelled()
    assert not tasks[1].cancelled()
    assert isinstance(flow.exception(), AbortError)


@looped
async def test_a_generator_that_was_begun_is_closed_even_if_the_flow_fails_at_once():
    watched = Watched()
    source = watched.source()
    await anext(source)
    controller = AbortController()
    flow = pipeline(source, sink(), signal=controller.signal)
    controller.abort()
    with pytest.raises(AbortError):
        await flow
    await quiet()
    assert watched.open == []


@looped
async def test_a_hook_that_is_under_way_is_cancelled():
    cancelled = []

    async def write(item):
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.append(item)
            raise

    flow = pipeline([1, 2], sink(write=write))
    task = asyncio.create_task(flow.wait())
    await quiet()
    task.cancel()
    await asyncio.wait([task])
    await quiet()
    assert cancelled == [1]


# ---- wrong use


@looped
@pytest.mark.parametrize("stages", [[], [sink], [[]], [["only one"]]])
async def test_too_few_stages(stages):
    with pytest.raises(MissingArgsError, match="a source and a sink"):
        pipeline(*stages)


@looped
async def test_what_is_no_stage_is_refused_before_anything_has_begun():
    for wrong, message in (
        (lambda: [5, sink()], "stage 0 must be a Readable, an iterable or a function, got 5"),
        (lambda: [None, sink()], "stage 0 .* None"),
        (lambda: [[1], 5, sink()], "stage 1 must be a stream or a function, got 5"),
        (lambda: [[1], PassThrough(), None], "stage 2 .* None"),
        (lambda: [[1], [2]], "stage 1"),
        (lambda: [[1], readable([])], "stage 1 cannot be written"),
        (lambda: [readable([]), readable([]), sink()], "stage 1 cannot be written"),
        (lambda: [sink(), sink()], "stage 0 cannot be read"),
        (lambda: [readable([]), sink(), sink()], "stage 1 cannot be read"),
        (lambda: [[1], Duplex(readable=False, write=print), sink()], "stage 1 cannot be read"),
        (lambda: [[1], Duplex(writable=False, read=print)], "stage 1 cannot be written"),
    ):
        stages = wrong()
        with pytest.raises(InvalidArgTypeError, match=message):
            pipeline(*stages)
        await quiet()
        for stage in stages:
            if isinstance(stage, (Readable, Writable)):
                assert stage.event_names() == []
                assert not stage.destroyed
                assert getattr(stage, "readable_flowing", None) is None


async def coroutine_of_a_list(*args):
    return [1]


@looped
@pytest.mark.parametrize(
    ("place", "function", "wanted"),
    [
        (0, lambda: 5, "an iterable or async iterable, got 5"),
        (0, coroutine_of_a_list, "an iterable or async iterable"),
        (2, lambda source: 5, "an async iterable, got 5"),
        (2, lambda source: [1], r"an async iterable, got \[1\]"),
        (2, coroutine_of_a_list, "an async iterable"),
        (4, lambda source: 5, "an awaitable or async iterable, got 5"),
        (4, lambda source: [1], "an awaitable or async iterable"),
    ],
)
async def test_a_function_that_returns_what_is_no_stage(place, function, wanted):
    stages = [endless(), PassThrough(object_mode=True), add_one, PassThrough(object_mode=True), sink()]
    stages[place] = function
    with pytest.raises(InvalidReturnValueError, match=f"stage {place} must return {wanted}"):
        pipeline(*stages)
    await quiet()
    # Raised, and once: the streams are given up without a report.
    assert all(stage.destroyed for stage in stages if isinstance(stage, (Readable, Writable)))


@looped
async def test_a_function_that_raises_at_once():
    def failing(source):
        raise Boom

    stages = [[1], PassThrough(object_mode=True), failing, sink()]
    with pytest.raises(Boom):
        pipeline(*stages)
    await quiet()
    assert stages[1].destroyed
    assert stages[3].destroyed


@looped
async def test_what_is_no_signal():
    source = readable([1])
    with pytest.raises(InvalidArgTypeError, match=r"signal must be an AbortSignal.*'stop'"):
        pipeline(source, sink(), signal="stop")
    assert source.event_names() == []


@looped
async def test_events_of_the_streams_come_in_order():
    source, middle, dest = readable([1]), PassThrough(object_mode=True), sink()
    events = [Events(stream, "end", "finish", "error", "close") for stream in (source, middle, dest)]
    await pipeline(source, middle, dest)
    assert events == [["end", "close"], ["end", "finish", "close"], ["finish", "close"]]


@looped
async def test_many_at_the_same_time():
    results = []

    async def one(number):
        taken = []
        with contextlib.suppress(Boom):
            await pipeline(
                one_by_one(range(number)),
                PassThrough(object_mode=True),
                BAD_SINKS["async-write"]() if number % 7 == 6 else sink(taken),
            )
        results.append((number, taken == list(range(number)) or number % 7 == 6))

    await asyncio.gather(*(one(number) for number in range(50)))
    assert sorted(results) == [(number, True) for number in range(50)]


# ---- a function that fails, or leaves, while its source goes on


class Slow:
    """Functions that take turns to clean up."""

    def __init__(self):
        self.cleaned = []

    async def last(self, source):
        try:
            async for item in source:
                if item == 3:
                    raise Boom
        finally:
            await quiet(5)
            self.cleaned.append("last")

    async def middle(self, source):
        try:
            async for item in source:
                if item == 3:
                    raise Boom
                yield item
        finally:
            await quiet(5)
            self.cleaned.append("middle")

    async def operator(self, source):
        try:
            await source.for_each(lambda item: raising(item) if item == 3 else None)
        finally:
            await quiet(5)
            self.cleaned.append("operator")


@looped
@pytest.mark.parametrize("form", ["last", "middle", "operator"])
@pytest.mark.parametrize("between", [0, 1, 3])
async def test_the_error_of_a_function_is_not_hidden_by_the_abortion_of_its_source(form, between):
    """By failing it leaves its source, which is destroyed with AbortError before the function is over."""
    slow = Slow()
    stages = [endless(), *(PassThrough(object_mode=True) for _ in range(between)), getattr(slow, form)]
    if form == "middle":
        stages += [PassThrough(object_mode=True), sink()]
    with pytest.raises(Boom):
        await pipeline(*stages)
    assert slow.cleaned == [form], "cleaning up was not cut short"
    assert all(stage.destroyed for stage in stages if isinstance(stage, (Readable, Writable)))


@looped
async def test_generators_are_closed_from_the_last_to_the_first():
    closed = []

    def stage(name):
        async def run(source):
            try:
                async for item in source:
                    yield item
            finally:
                await asyncio.sleep(0)
                closed.append(name)

        return run

    async def take_two(source):
        return [await anext(source), await anext(source)]

    source = stage("source")(one_by_one(itertools.count()))
    assert await pipeline(source, stage("first"), stage("second"), take_two) == [0, 1]
    assert closed == ["second", "first", "source"]


@looped
async def test_a_generator_that_fails_when_it_is_closed():
    async def stage(source):
        try:
            async for item in source:
                yield item
        finally:
            raise Boom

    async def take_one(source):
        return await anext(source)

    with pytest.raises(Boom):
        await pipeline(NUMBERS, stage, take_one)


@looped
async def test_an_iterable_that_cannot_be_iterated():
    class Broken:
        def __aiter__(self):
            raise Boom

    with pytest.raises(Boom):
        await pipeline(Broken(), sink())


@looped
async def test_an_iterator_with_aclose_is_closed():
    class Items:
        def __init__(self):
            self.closed = 0

        def __aiter__(self):
            return self

        async def __anext__(self):
            await asyncio.sleep(0)
            return 1

        async def aclose(self):
            self.closed += 1

    items = Items()
    with pytest.raises(Boom):
        await pipeline(items, sink(write=raising))
    await quiet()
    assert items.closed >= 1
