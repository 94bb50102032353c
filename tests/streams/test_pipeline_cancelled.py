"""pipeline(): abort, cancellation, wrong use, and functions that return before their source ends."""

import asyncio
import contextlib
import itertools

import pytest
from pipeline_cases import (
    BAD_SINKS,
    NUMBERS,
    Boom,
    Watched,
    add_one,
    endless,
    function_sink,
    one_by_one,
    raising,
    readable,
    sink,
    slow_sink,
)

from forebay import (
    AbortController,
    AbortError,
    Duplex,
    InvalidArgTypeError,
    InvalidReturnValueError,
    MissingArgsError,
    PassThrough,
    Readable,
    Writable,
    pipeline,
)
from support.streams import Events, looped, quiet

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
async def test_signal_aborted_before(form):
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
async def test_cancelling_one_of_two_awaiting_tasks_fails_the_other():
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
async def test_wrong_stage_raises_before_any_stage_starts():
    for wrong, message in (
        (lambda: [5, sink()], "stage 1 must be a Readable, an iterable or a function, got 5"),
        (lambda: [None, sink()], "stage 1 .* None"),
        (lambda: [[1], 5, sink()], "stage 2 must be a stream or a function, got 5"),
        (lambda: [[1], PassThrough(), None], "stage 3 .* None"),
        (lambda: [[1], [2]], "stage 2"),
        (lambda: [[1], readable([])], "stage 2 cannot be written"),
        (lambda: [readable([]), readable([]), sink()], "stage 2 cannot be written"),
        (lambda: [sink(), sink()], "stage 1 cannot be read"),
        (lambda: [readable([]), sink(), sink()], "stage 2 cannot be read"),
        (lambda: [[1], Duplex(readable=False, write=print), sink()], "stage 2 cannot be read"),
        (lambda: [[1], Duplex(writable=False, read=print)], "stage 2 cannot be written"),
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
async def test_function_with_a_wrong_result(place, function, wanted):
    stages = [endless(), PassThrough(object_mode=True), add_one, PassThrough(object_mode=True), sink()]
    stages[place] = function
    with pytest.raises(InvalidReturnValueError, match=f"stage {place + 1} must return {wanted}"):
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
async def test_signal_of_a_wrong_type_raises():
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
async def test_error_of_a_function_wins_over_the_abort_of_its_source(form, between):
    """A failing function leaves its source, which is destroyed with AbortError before the function returns."""
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
