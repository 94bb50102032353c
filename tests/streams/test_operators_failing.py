"""The operators that fail: errors of functions and sources, destroyed stages, aborts, cancellation."""

import asyncio

import pytest
from operator_cases import (
    as_stream,
    endless,
    later,
    numbers,
    over_readers,
    over_sources,
)

from forebay import (
    AbortController,
    AbortError,
    PrematureCloseError,
    Readable,
    next_tick,
)
from support.streams import looped, quiet, reported


def failing_at(n, error, turns=None):
    def fn(i):
        if turns is None:
            return check(i)
        return checked_later(i)

    def check(i):
        if i == n:
            raise error
        return True

    async def checked_later(i):
        await later(None, turns)
        return check(i)

    return fn


@pytest.mark.parametrize("turns", [None, 0, 2])
@pytest.mark.parametrize("concurrency", [1, 3])
@pytest.mark.parametrize("name", ["map", "filter", "flat_map", "tap"])
@over_sources
@over_readers
def test_a_failing_function_fails_the_result_and_destroys_the_source(
    run, source, gathered, name, turns, concurrency
):
    async def main():
        error = RuntimeError("boom")
        stream = source(9)
        result = getattr(stream, name)(failing_at(0, error, turns), concurrency=concurrency)
        with reported() as contexts:
            with pytest.raises(RuntimeError) as caught:
                await gathered(result)
            await quiet()
        assert caught.value is error
        assert contexts == []
        assert stream.destroyed
        assert result.destroyed

    run(main)


@pytest.mark.parametrize("concurrency", [1, 3])
@over_sources
def test_results_before_the_failing_one_are_given(run, source, concurrency):
    async def main():
        got = []
        stream = source(9).map(failing_at(3, RuntimeError("boom"), 1), concurrency=concurrency)
        with pytest.raises(RuntimeError):
            async for item in stream:
                got.append(item)
        assert 1 < len(got) <= 3

    run(main)


@pytest.mark.parametrize(
    "terminal",
    [
        lambda s, fn: s.for_each(fn),
        lambda s, fn: s.for_each(fn, concurrency=3),
        lambda s, fn: s.reduce(lambda a, i: fn(i), 0),
        lambda s, fn: s.every(fn),
        lambda s, fn: s.find(lambda i: not fn(i)),
        lambda s, fn: s.some(lambda i: not fn(i), concurrency=2),
        lambda s, fn: s.every(fn, concurrency=2),
    ],
)
@over_sources
def test_a_failing_function_fails_the_value(run, source, terminal):
    async def main():
        error = RuntimeError("boom")
        stream = source()
        with reported() as contexts:
            with pytest.raises(RuntimeError) as caught:
                await terminal(stream, failing_at(2, error))
            await quiet()
        assert caught.value is error
        assert contexts == []
        assert stream.destroyed

    run(main)


@pytest.mark.parametrize("concurrency", [1, 3])
@over_readers
def test_an_error_of_the_source_is_raised_once(run, gathered, concurrency):
    async def main():
        error = RuntimeError("boom")

        async def items():
            yield 1
            raise error

        with reported() as contexts:
            with pytest.raises(RuntimeError) as caught:
                await gathered(
                    Readable.from_(items()).map(lambda i: i, concurrency=concurrency).filter(lambda i: True)
                )
            await quiet()
        assert caught.value is error
        assert contexts == []

    run(main)


@over_readers
def test_source_destroyed_during_an_operator(run, gathered):
    async def main():
        stream = Readable(object_mode=True, read=lambda size: None)
        stream.push(1)
        next_tick(lambda: next_tick(stream.destroy))
        with pytest.raises(PrematureCloseError):
            await gathered(stream.map(lambda i: i))

    run(main)


def test_a_source_that_the_function_destroys(run):
    async def main():
        seen = []

        def fn(i):
            seen.append(i)
            stream.destroy()

        stream = endless()
        with pytest.raises(PrematureCloseError):
            await stream.for_each(fn)
        assert seen == [0]

    run(main)


def test_a_stage_that_is_destroyed_stops_the_reader_and_the_source(run):
    async def main():
        stream = Readable(object_mode=True, read=lambda size: None)
        middle = stream.map(lambda i: i)
        reading = asyncio.ensure_future(middle.filter(lambda i: True).to_list())
        await quiet()
        error = RuntimeError("enough")
        with reported() as contexts:
            middle.destroy(error)
            with pytest.raises(RuntimeError) as caught:
                await reading
            await quiet()
        assert caught.value is error
        assert contexts == []
        assert stream.destroyed

    run(main)


@pytest.mark.parametrize("concurrency", [1, 3])
def test_a_stage_that_is_destroyed_cancels_what_it_awaits(run, concurrency):
    async def main():
        cancelled = []

        async def forever(i):
            try:
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                cancelled.append(i)
                raise

        stream = numbers(9)
        mapped = stream.map(forever, concurrency=concurrency)
        mapped.on("data", lambda item: None)
        await quiet()
        mapped.destroy()
        await quiet()
        assert sorted(cancelled) == list(range(concurrency))
        assert stream.destroyed

    run(main)


@over_readers
def test_a_signal_that_has_aborted(run, gathered):
    async def main():
        controller = AbortController()
        controller.abort()
        stream = endless()
        with pytest.raises(AbortError):
            await gathered(stream.map(lambda i: i, signal=controller.signal))
        assert stream.destroyed
        stream = endless()
        with pytest.raises(AbortError):
            await stream.to_list(signal=controller.signal)
        assert stream.destroyed

    run(main)


@pytest.mark.parametrize(
    "start",
    [
        lambda s, signal: s.to_list(signal=signal),
        lambda s, signal: s.map(lambda i: i, signal=signal).to_list(),
        lambda s, signal: s.map(lambda i: i).for_each(lambda i: None, signal=signal),
        lambda s, signal: s.for_each(lambda i: None, signal=signal, concurrency=2),
        lambda s, signal: s.reduce(lambda a, b: a, signal=signal),
        lambda s, signal: s.some(lambda i: False, signal=signal),
        lambda s, signal: s.take(9, signal=signal).to_list(),
        lambda s, signal: as_stream(s.filter(lambda i: i, signal=signal)),
    ],
)
def test_a_signal_aborts(run, start):
    async def main():
        controller = AbortController()
        stream = Readable(object_mode=True, read=lambda size: None)
        stream.push(1)
        reading = asyncio.ensure_future(start(stream, controller.signal))
        await quiet()
        reason = RuntimeError("why")
        with reported() as contexts:
            controller.abort(reason)
            with pytest.raises(AbortError) as caught:
                await reading
            await quiet()
        assert caught.value.__cause__ is reason
        assert contexts == []
        assert stream.destroyed

    run(main)


@pytest.mark.parametrize("concurrency", [1, 3])
def test_cancelling_the_task_destroys_the_source(run, concurrency):
    async def main():
        stream = Readable(object_mode=True, read=lambda size: None)
        stream.push(1)
        mapped = stream.map(lambda i: later(i, 1000), concurrency=concurrency)
        with reported() as contexts:
            reading = asyncio.ensure_future(mapped.to_list())
            await quiet()
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
            await quiet()
        assert contexts == []
        assert stream.destroyed
        assert mapped.destroyed

    run(main)


def test_async_functions_run_in_the_task_that_awaits(run):
    async def main():
        async def fn(i):
            async with asyncio.timeout(30):
                await asyncio.sleep(0)
            return asyncio.current_task()

        tasks = await numbers().map(fn).to_list()
        assert set(tasks) == {asyncio.current_task()}

    run(main)


@looped
async def test_flat_map_destroyed_before_its_task_has_begun_closes_the_items():
    inner = Readable(read=lambda size: None)
    flat = Readable.from_([1]).flat_map(lambda _: inner)
    flat.read()
    flat.destroy()
    await quiet()
    assert inner.destroyed


def test_coroutine_of_a_destroyed_stage_is_closed(run):
    begun = []

    async def work():
        begun.append(True)

    async def main():
        def destroys(item):
            stream.destroy()
            works.append(work())
            return works[0]

        works = []
        stream = Readable.from_([1, 2]).map(destroys)
        stream.resume()
        await asyncio.sleep(0.01)
        assert len(works) == 1
        assert works[0].cr_frame is None
        assert not begun

    run(main)
