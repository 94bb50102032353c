"""The operators: ordered results, early stops, concurrency, errors, and the end of the source."""

import asyncio
import tracemalloc

import pytest

from forebay import (
    AbortController,
    AbortError,
    InvalidArgTypeError,
    InvalidReturnValueError,
    MissingArgsError,
    NullChunkError,
    OutOfRangeError,
    PassThrough,
    PrematureCloseError,
    Readable,
    Writable,
    next_tick,
    pipeline,
)
from support.streams import chunks_of, closed, looped, quiet, reported


def numbers(n=5):
    return Readable.from_(range(n))


def slow_numbers(n=5):
    async def items():
        for i in range(n):
            await asyncio.sleep(0)
            yield i

    return Readable.from_(items())


def pushed(n=5, mark=4):
    """Items that come from a tick, several at a time."""
    state = {"next": 0}

    def give():
        for _ in range(2):
            if state["next"] == n:
                stream.push(None)
                return
            state["next"] += 1
            stream.push(state["next"] - 1)

    stream = Readable(object_mode=True, high_water_mark=mark, read=lambda size: next_tick(give))
    return stream


def endless(mark=4):
    state = {"next": 0}

    def read(size):
        state["next"] += 1
        stream.push(state["next"] - 1)

    stream = Readable(object_mode=True, high_water_mark=mark, read=read)
    stream.state = state
    return stream


SOURCES = {"from": numbers, "async": slow_numbers, "pushed": pushed}


@pytest.fixture(params=list(SOURCES))
def source(request):
    return SOURCES[request.param]


async def as_stream(stream):
    """The items of a stream that is read as one, not taken apart by the operator behind it."""
    return [item async for item in stream]


async def as_list(stream):
    return await stream.to_list()


async def piped(stream):
    out = []
    await pipeline(stream, Writable(object_mode=True, high_water_mark=1, write=out.append))
    return out


@pytest.fixture(params=[as_stream, as_list, piped], ids=["stream", "list", "piped"])
def gathered(request):
    return request.param


async def later(value, turns=1):
    for _ in range(turns):
        await asyncio.sleep(0)
    return value


# ---- what they give


@pytest.mark.parametrize("concurrency", [1, 2, 8])
def test_map(run, source, gathered, concurrency):
    async def main():
        assert await gathered(source(9).map(lambda i: i * 2, concurrency=concurrency)) == list(
            range(0, 18, 2)
        )

    run(main)


@pytest.mark.parametrize("concurrency", [1, 2, 8])
def test_map_async_keeps_the_order_of_the_source(run, source, gathered, concurrency):
    async def main():
        # The later, the faster.
        mapped = source(9).map(lambda i: later(i * 2, 20 - 2 * i), concurrency=concurrency)
        assert await gathered(mapped) == list(range(0, 18, 2))

    run(main)


def test_map_of_a_function_that_is_async_now_and_then(run, source, gathered):
    async def main():
        mapped = source(9).map(lambda i: later(i) if i % 2 else i, concurrency=3)
        assert await gathered(mapped) == list(range(9))

    run(main)


@pytest.mark.parametrize("concurrency", [1, 3])
def test_filter(run, source, gathered, concurrency):
    async def main():
        assert await gathered(source().filter(lambda i: i % 2, concurrency=concurrency)) == [1, 3]
        assert await gathered(source().filter(lambda i: later(i % 2), concurrency=concurrency)) == [1, 3]
        assert await gathered(source().filter(lambda i: False, concurrency=concurrency)) == []

    run(main)


def test_tap(run, source, gathered):
    async def main():
        seen = []
        assert await gathered(source().tap(seen.append)) == [0, 1, 2, 3, 4]
        assert seen == [0, 1, 2, 3, 4]
        assert await gathered(source().tap(lambda i: later("ignored"))) == [0, 1, 2, 3, 4]

    run(main)


def test_flat_map(run, source, gathered):
    async def main():
        async def several(i):
            for _ in range(i):
                await asyncio.sleep(0)
                yield i

        expected = [1, 2, 2, 3, 3, 3]
        assert await gathered(source(4).flat_map(lambda i: [i] * i)) == expected
        assert await gathered(source(4).flat_map(lambda i: (i for _ in range(i)))) == expected
        assert await gathered(source(4).flat_map(lambda i: later([i] * i), concurrency=2)) == expected
        assert await gathered(source(4).flat_map(several)) == expected
        assert await gathered(source(4).flat_map(lambda i: Readable.from_([i] * i))) == expected
        assert await gathered(source(3).flat_map(lambda i: "ab" if i else b"cd")) == [b"cd", "ab", "ab"]

    run(main)


def test_flat_map_of_what_is_not_iterable(run, source, gathered):
    async def main():
        with pytest.raises(InvalidReturnValueError):
            await gathered(source().flat_map(lambda i: i))

    run(main)


@pytest.mark.parametrize(
    ("count", "expected"), [(0, []), (1, [0]), (3, [0, 1, 2]), (5, [0, 1, 2, 3, 4]), (9, [0, 1, 2, 3, 4])]
)
def test_take(run, source, gathered, count, expected):
    async def main():
        stream = source()
        assert await gathered(stream.take(count)) == expected
        await quiet()
        assert stream.destroyed

    run(main)


@pytest.mark.parametrize(("count", "expected"), [(0, [0, 1, 2, 3, 4]), (2, [2, 3, 4]), (5, []), (9, [])])
def test_drop(run, source, gathered, count, expected):
    async def main():
        assert await gathered(source().drop(count)) == expected

    run(main)


def test_a_chain(run, source, gathered):
    async def main():
        chain = (
            source(20)
            .drop(1)
            .filter(lambda i: i % 2)
            .map(lambda i: later(i * 10))
            .tap(lambda i: None)
            .take(3)
        )
        assert await gathered(chain) == [10, 30, 50]

    run(main)


def test_a_chain_with_concurrency_in_it(run, source, gathered):
    async def main():
        chain = (
            source(20)
            .map(lambda i: later(i, 5), concurrency=4)
            .filter(lambda i: i % 2)
            .flat_map(lambda i: [i, -i])
        )
        assert await gathered(chain.take(5)) == [1, -1, 3, -3, 5]

    run(main)


def test_reduce(run, source):
    async def main():
        assert await source().reduce(lambda a, b: a + b) == 10
        assert await source().reduce(lambda a, b: a + b, 5) == 15
        assert await source().reduce(lambda a, b: later(a + b), 5) == 15
        assert await source(0).reduce(lambda a, b: a + b, 5) == 5
        assert await source(0).reduce(lambda a, b: a + b, None) is None
        assert await source(1).reduce(lambda a, b: a / 0) == 0
        with pytest.raises(MissingArgsError):
            await source(0).reduce(lambda a, b: a + b)

    run(main)


@pytest.mark.parametrize("concurrency", [1, 3])
@pytest.mark.parametrize("turns", [None, 0, 3])
def test_some_every_find(run, source, concurrency, turns):
    def fn(test):
        return test if turns is None else lambda i: later(test(i), turns)

    async def main():
        options = {"concurrency": concurrency}
        assert await source().some(fn(lambda i: i == 2), **options) is True
        assert await source().some(fn(lambda i: i == 9), **options) is False
        assert await source().every(fn(lambda i: i < 9), **options) is True
        assert await source().every(fn(lambda i: i < 2), **options) is False
        assert await source().find(fn(lambda i: i > 2), **options) == 3
        assert await source().find(fn(lambda i: i > 9), **options) is None
        assert await source(0).some(fn(lambda i: True), **options) is False
        assert await source(0).every(fn(lambda i: False), **options) is True

    run(main)


@pytest.mark.parametrize("concurrency", [1, 3])
def test_for_each(run, source, concurrency):
    async def main():
        seen = []

        async def slowly(i):
            await asyncio.sleep(0)
            seen.append(i)

        assert await source().for_each(seen.append, concurrency=concurrency) is None
        assert await source().for_each(slowly, concurrency=concurrency) is None
        assert seen == [0, 1, 2, 3, 4] * 2

    run(main)


def test_byte_streams(run):
    async def main():
        stream = Readable(read=chunks_of(b"ab", b"cd"))
        assert await stream.map(bytes.upper).to_list() == [b"AB", b"CD"]

    run(main)


def test_of_a_transform(run):
    async def main():
        stage = PassThrough(object_mode=True)
        for i in range(5):
            stage.write(i)
        stage.end()
        assert await stage.map(lambda i: i + 1).to_list() == [1, 2, 3, 4, 5]
        assert stage.destroyed

    run(main)


# ---- early stops and laziness


@pytest.mark.parametrize(
    "stop",
    [
        lambda s: s.some(lambda i: i == 2),
        lambda s: s.every(lambda i: i < 2),
        lambda s: s.find(lambda i: i == 2),
        lambda s: s.take(2).to_list(),
        lambda s: s.map(lambda i: i).find(lambda i: i == 2),
        lambda s: s.map(lambda i: i, concurrency=4).find(lambda i: i == 2),
        lambda s: s.take(2).filter(lambda i: False).to_list(),
        lambda s: s.map(lambda i: later(i), concurrency=4).find(lambda i: i == 2),
        lambda s: as_stream(s.take(2)),
    ],
)
def test_an_early_stop_destroys_an_endless_source(run, stop):
    async def main():
        stream = endless()
        await stop(stream)
        await closed(stream)
        assert stream.destroyed
        assert stream.state["next"] < 30

    run(main)


def test_operators_are_lazy(run):
    async def main():
        stream = endless()
        mapped = stream.map(lambda i: i).filter(lambda i: i)
        await quiet()
        assert stream.state["next"] == 0
        assert mapped.read() is None or stream.state["next"]
        await quiet()
        assert 0 < stream.state["next"] < 20
        stream.destroy()
        # Nobody hears of it before more is asked for.
        mapped.resume()
        assert isinstance(await closed(mapped), PrematureCloseError)

    run(main)


def test_stages_in_the_middle_are_done_with_the_last(run, source):
    async def main():
        first = source()
        middle = first.map(lambda i: i)
        last = middle.filter(lambda i: True)
        assert await last.to_list() == [0, 1, 2, 3, 4]
        await quiet()
        for stage in (first, middle, last):
            assert stage.readable_ended
            assert stage.destroyed
            assert stage.errored is None
        assert await last.to_list() == []

    run(main)


def test_a_listener_on_a_stage_in_the_middle_sees_what_passes(run, source):
    async def main():
        middle = source().map(lambda i: i + 1)
        seen = []
        middle.on("end", lambda: seen.append("end"))
        assert await middle.map(lambda i: i).to_list() == [1, 2, 3, 4, 5]
        assert seen == ["end"]

    run(main)


@pytest.mark.parametrize(
    "read",
    [
        lambda s: s.for_each(lambda i: None),
        lambda s: s.map(lambda i: i).filter(lambda i: i).reduce(lambda a, b: b),
        lambda s: as_stream(s.filter(lambda i: False)),
        lambda s: s.map(lambda i: i, concurrency=4).every(lambda i: True),
        lambda s: s.for_each(lambda i: later(i, 0)),
    ],
)
def test_memory_does_not_grow_with_what_passes(run, read):
    async def main():
        left = iter(range(20_000))
        stream = Readable(object_mode=True, read=lambda size: stream.push(next(left, None)))
        tracemalloc.start()
        try:
            await read(stream)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 250_000

    run(main)


# ---- concurrency


@pytest.mark.parametrize(("concurrency", "mark"), [(1, None), (2, None), (4, 0), (4, 6)])
def test_no_more_calls_than_concurrency_and_no_more_results_than_the_mark(run, concurrency, mark):
    async def main():
        running = most = made = taken = ahead = 0

        async def work(i):
            nonlocal running, most, made
            running += 1
            most = max(most, running)
            await quiet(10)
            running -= 1
            made += 1
            return i

        stream = numbers(60).map(work, concurrency=concurrency, high_water_mark=mark)
        async for _ in stream:
            taken += 1
            await quiet()
            ahead = max(ahead, made - taken)
        assert taken == 60
        assert most == concurrency
        # What may wait, and the one that the stream itself has read ahead.
        assert ahead <= concurrency + (concurrency - 1 if mark is None else mark) + 1

    run(main)


def test_calls_are_not_started_before_there_is_a_place_for_them(run):
    async def main():
        started = []

        def work(i):
            started.append(i)
            return asyncio.get_running_loop().create_task(later(i, 50))

        stream = numbers(10).map(work, concurrency=3)
        stream.on("data", lambda item: None)
        await quiet(5)
        assert started == [0, 1, 2]
        await closed(stream)
        assert started == list(range(10))

    run(main)


@pytest.mark.parametrize("options", [{"concurrency": 0}, {"concurrency": -1}, {"high_water_mark": -1}])
def test_numbers_out_of_range_raise(run, options):
    async def main():
        with pytest.raises(OutOfRangeError):
            numbers().map(str, **options)
        with pytest.raises(OutOfRangeError):
            await numbers().for_each(str, **options)

    run(main)


# ---- wrong use


@pytest.mark.parametrize("name", ["map", "filter", "flat_map", "tap"])
def test_missing_function_raises_at_once(run, name):
    async def main():
        with pytest.raises(InvalidArgTypeError) as caught:
            getattr(numbers(), name)(5)
        assert caught.value.code == "ERR_INVALID_ARG_TYPE"

    run(main)


@pytest.mark.parametrize("name", ["for_each", "reduce", "some", "every", "find"])
def test_missing_function_fails_the_awaitable(run, name):
    async def main():
        failing = getattr(numbers(), name)(5)
        with pytest.raises(InvalidArgTypeError):
            await failing

    run(main)


@pytest.mark.parametrize("name", ["take", "drop"])
def test_wrong_counts_raise(run, name):
    async def main():
        with pytest.raises(OutOfRangeError):
            getattr(numbers(), name)(-1)
        for wrong in ("1", 1.5, None, True):
            with pytest.raises(InvalidArgTypeError):
                getattr(numbers(), name)(wrong)

    run(main)


def test_wrong_signal_raises(run):
    async def main():
        with pytest.raises(InvalidArgTypeError):
            numbers().map(str, signal="stop")
        with pytest.raises(InvalidArgTypeError):
            await numbers().to_list(signal="stop")

    run(main)


def test_none_as_a_result_is_an_error(run, source, gathered):
    async def main():
        with pytest.raises(NullChunkError):
            await gathered(source().map(lambda i: None))
        with pytest.raises(NullChunkError):
            await gathered(source().flat_map(lambda i: [i, None]))

    run(main)


# ---- errors


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


# ---- abort and cancellation


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
