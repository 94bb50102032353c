"""The operators: ordered results, early stops, concurrency, errors, and the end of the source."""

import asyncio
import tracemalloc

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
    InvalidArgTypeError,
    InvalidReturnValueError,
    MissingArgsError,
    NullChunkError,
    OutOfRangeError,
    PassThrough,
    PrematureCloseError,
    Readable,
)
from support.streams import chunks_of, closed, quiet

# ---- what they give


@pytest.mark.parametrize("concurrency", [1, 2, 8])
@over_sources
@over_readers
def test_map(run, source, gathered, concurrency):
    async def main():
        assert await gathered(source(9).map(lambda i: i * 2, concurrency=concurrency)) == list(
            range(0, 18, 2)
        )

    run(main)


@pytest.mark.parametrize("concurrency", [1, 2, 8])
@over_sources
@over_readers
def test_map_async_keeps_the_order_of_the_source(run, source, gathered, concurrency):
    async def main():
        # The later, the faster.
        mapped = source(9).map(lambda i: later(i * 2, 20 - 2 * i), concurrency=concurrency)
        assert await gathered(mapped) == list(range(0, 18, 2))

    run(main)


@over_sources
@over_readers
def test_map_of_a_function_that_is_async_now_and_then(run, source, gathered):
    async def main():
        mapped = source(9).map(lambda i: later(i) if i % 2 else i, concurrency=3)
        assert await gathered(mapped) == list(range(9))

    run(main)


@pytest.mark.parametrize("concurrency", [1, 3])
@over_sources
@over_readers
def test_filter(run, source, gathered, concurrency):
    async def main():
        assert await gathered(source().filter(lambda i: i % 2, concurrency=concurrency)) == [1, 3]
        assert await gathered(source().filter(lambda i: later(i % 2), concurrency=concurrency)) == [1, 3]
        assert await gathered(source().filter(lambda i: False, concurrency=concurrency)) == []

    run(main)


@over_sources
@over_readers
def test_tap(run, source, gathered):
    async def main():
        seen = []
        assert await gathered(source().tap(seen.append)) == [0, 1, 2, 3, 4]
        assert seen == [0, 1, 2, 3, 4]
        assert await gathered(source().tap(lambda i: later("ignored"))) == [0, 1, 2, 3, 4]

    run(main)


@over_sources
@over_readers
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


@over_sources
@over_readers
def test_flat_map_of_what_is_not_iterable(run, source, gathered):
    async def main():
        with pytest.raises(InvalidReturnValueError):
            await gathered(source().flat_map(lambda i: i))

    run(main)


@pytest.mark.parametrize(
    ("count", "expected"), [(0, []), (1, [0]), (3, [0, 1, 2]), (5, [0, 1, 2, 3, 4]), (9, [0, 1, 2, 3, 4])]
)
@over_sources
@over_readers
def test_take(run, source, gathered, count, expected):
    async def main():
        stream = source()
        assert await gathered(stream.take(count)) == expected
        await quiet()
        assert stream.destroyed

    run(main)


@pytest.mark.parametrize(("count", "expected"), [(0, [0, 1, 2, 3, 4]), (2, [2, 3, 4]), (5, []), (9, [])])
@over_sources
@over_readers
def test_drop(run, source, gathered, count, expected):
    async def main():
        assert await gathered(source().drop(count)) == expected

    run(main)


@over_sources
@over_readers
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


@over_sources
@over_readers
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


@over_sources
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
@over_sources
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
@over_sources
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


@over_sources
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


@over_sources
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


@over_sources
@over_readers
def test_none_as_a_result_is_an_error(run, source, gathered):
    async def main():
        with pytest.raises(NullChunkError):
            await gathered(source().map(lambda i: None))
        with pytest.raises(NullChunkError):
            await gathered(source().flat_map(lambda i: [i, None]))

    run(main)
