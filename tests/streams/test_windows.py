"""take_while, drop_while, chunks, window and zip: results, early ends, errors and how far they read ahead."""

import asyncio

import pytest

from forebay import (
    AbortController,
    AbortError,
    InvalidArgTypeError,
    OutOfRangeError,
    Readable,
    Writable,
    pipeline,
)
from support.streams import chunks_of, closed, looped, quiet, reported


def counted(n=None, mark=4):
    """The numbers from 0 on, and how many of them were read."""
    state = {"next": 0}

    def read(size):
        if state["next"] == n:
            stream.push(None)
            return
        state["next"] += 1
        stream.push(state["next"] - 1)

    stream = Readable(object_mode=True, high_water_mark=mark, read=read)
    stream.state = state
    return stream


def slow_numbers(n=5):
    async def items():
        for i in range(n):
            await asyncio.sleep(0)
            yield i

    return Readable.from_(items())


SOURCES = {
    "from": lambda n=5: Readable.from_(range(n)),
    "async": slow_numbers,
    "pushed": lambda n=5: counted(n),
}


@pytest.fixture(params=list(SOURCES))
def source(request):
    return SOURCES[request.param]


async def as_stream(stream):
    return [item async for item in stream]


async def as_list(stream):
    return await stream.to_list()


async def piped(stream):
    out = []
    await pipeline(stream, Writable(object_mode=True, high_water_mark=1, write=out.append))
    return out


async def in_a_chain(stream):
    return await stream.map(lambda item: item).filter(lambda item: True).to_list()


@pytest.fixture(params=[as_stream, as_list, piped, in_a_chain])
def gathered(request):
    return request.param


async def later(value):
    await asyncio.sleep(0)
    return value


# ---- take_while and drop_while


def test_take_while(run, source, gathered):
    async def main():
        for count, expected in [(0, []), (3, [0, 1, 2]), (9, [0, 1, 2, 3, 4])]:
            stream = source()
            assert await gathered(stream.take_while(lambda i, count=count: i < count)) == expected
            await quiet()
            assert stream.destroyed
        assert await gathered(source().take_while(lambda i: later(i < 3))) == [0, 1, 2]

    run(main)


def test_drop_while(run, source, gathered):
    async def main():
        calls = []

        def small(i):
            calls.append(i)
            return i % 3 != 2

        assert await gathered(source().drop_while(small)) == [2, 3, 4]
        assert calls == [0, 1, 2]
        assert await gathered(source().drop_while(lambda i: later(i < 3))) == [3, 4]
        assert await gathered(source().drop_while(lambda i: True)) == []

    run(main)


@looped
async def test_take_while_ends_an_endless_source():
    stream = counted()
    assert await stream.drop_while(lambda i: i < 5).take_while(lambda i: i < 8).to_list() == [5, 6, 7]
    await closed(stream)
    assert stream.state["next"] < 30


@pytest.mark.parametrize("name", ["take_while", "drop_while"])
def test_an_error_of_the_function(run, source, gathered, name):
    async def main():
        stream = source()
        with pytest.raises(ZeroDivisionError):
            await gathered(getattr(stream, name)(lambda i: 1 / (i - 1)))
        await closed(stream)
        with pytest.raises(InvalidArgTypeError, match="function"):
            getattr(source(), name)(5).resume()

    run(main)


# ---- chunks and window


@pytest.mark.parametrize("count", [1, 2, 5, 7])
@pytest.mark.parametrize("n", [0, 1, 5, 10, 11])
def test_chunks(run, source, gathered, count, n):
    async def main():
        expected = [list(range(n))[at : at + count] for at in range(0, n, count)]
        assert await gathered(source(n).chunks(count)) == expected

    run(main)


@pytest.mark.parametrize(("count", "step"), [(1, 1), (2, 1), (3, 2), (2, 2), (2, 5), (4, 3), (20, 1)])
def test_window(run, source, gathered, count, step):
    async def main():
        items = list(range(11))
        expected = [items[at : at + count] for at in range(0, len(items) - count + 1, step)]
        assert await gathered(source(11).window(count, step=step)) == expected

    run(main)


@looped
async def test_a_window_may_be_changed():
    windows = []
    async for window in Readable.from_(range(5)).window(3):
        windows.append(list(window))
        window.clear()
    assert windows == [[0, 1, 2], [1, 2, 3], [2, 3, 4]]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 1000])
def test_chunks_of_bytes_are_blocks(run, gathered, size):
    async def main():
        data = bytes(range(150))
        pieces = [data[:1], data[1:70], data[70:75], data[75:]]
        blocks = await gathered(Readable(read=chunks_of(*pieces, b"")).chunks(size))
        assert blocks == [data[at : at + size] for at in range(0, 150, size)]
        text = Readable(read=chunks_of(*pieces[:2], b""), encoding="latin-1").chunks(size)
        assert "".join(await gathered(text)) == data[:70].decode("latin-1")

    run(main)


@looped
async def test_chunks_read_no_more_than_they_need():
    stream = counted(mark=1)
    groups = aiter(stream.chunks(10))
    assert await anext(groups) == list(range(10))
    await quiet()
    # One list is ready, and the source itself reads one item ahead.
    assert stream.state["next"] <= 22
    stream.destroy()
    await quiet()
    with pytest.raises(Exception, match="close"):
        while True:
            await anext(groups)


@looped
async def test_wrong_counts():
    stream = Readable.from_(range(3))
    for make in (stream.chunks, stream.window):
        for count in (0, -1):
            with pytest.raises(OutOfRangeError):
                make(count)
        for count in (1.5, "2", True, None):
            with pytest.raises(InvalidArgTypeError):
                make(count)
    with pytest.raises(OutOfRangeError, match="step"):
        stream.window(2, step=0)
    with pytest.raises(OutOfRangeError, match="1 GiB"):
        Readable(read=chunks_of(b"")).chunks(1 << 31)
    stream.destroy()


@pytest.mark.parametrize(
    "make", [lambda s: s.chunks(2), lambda s: s.window(2), lambda s: s.zip(range(99)), lambda s: s.timeout(9)]
)
def test_an_error_of_the_source(run, gathered, make):
    async def main():
        def read(size):
            if stream.pushed == 3:
                raise OSError("broken")
            stream.pushed += 1
            stream.push(stream.pushed)

        stream = Readable(object_mode=True, read=read)
        stream.pushed = 0
        with reported() as contexts:
            with pytest.raises(OSError, match="broken"):
                await gathered(make(stream))
            await quiet()
        assert contexts == []

    run(main)


@pytest.mark.parametrize(
    "make", [lambda s: s.chunks(2), lambda s: s.window(2), lambda s: s.zip(range(99)), lambda s: s.timeout(9)]
)
def test_destroyed_and_aborted(run, make):
    async def main():
        stream = counted()
        made = make(stream)
        await anext(aiter(made))
        made.destroy()
        assert isinstance(await closed(stream), AbortError)

        stream = counted()
        async for _ in make(stream):
            break
        assert isinstance(await closed(stream), AbortError)

        stalled = Readable(object_mode=True, read=lambda size: None)
        task = asyncio.ensure_future(make(stalled).to_list())
        await quiet()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await closed(stalled)

        controller = AbortController()
        stalled = Readable(object_mode=True, read=lambda size: None)
        reading = asyncio.ensure_future(make(stalled).to_list(signal=controller.signal))
        await quiet()
        controller.abort()
        with pytest.raises(AbortError):
            await reading
        await closed(stalled)

    run(main)


# ---- zip


def test_zip(run, source, gathered):
    async def main():
        assert await gathered(source(3).zip()) == [(0,), (1,), (2,)]
        assert await gathered(source(3).zip(range(3))) == [(0, 0), (1, 1), (2, 2)]
        assert await gathered(source(4).zip(slow_numbers(3), counted())) == [(i, i, i) for i in range(3)]
        assert await gathered(source(0).zip(counted())) == []
        assert await gathered(source(3).zip([False, 0, ""])) == [(0, False), (1, 0), (2, "")]

    run(main)


@looped
async def test_zip_ends_with_the_first_that_ends():
    long, longer = counted(), counted()
    assert await Readable.from_("abc").map(str).zip(long, longer).to_list() == [
        ("abc", 0, 0),
    ]
    assert isinstance(await closed(long), AbortError)
    assert isinstance(await closed(longer), AbortError)
    stalled = Readable(object_mode=True, read=lambda size: None)
    assert await stalled.zip([]).to_list() == []
    await closed(stalled)


def test_zip_strict(run, source, gathered):
    async def main():
        assert await gathered(source(3).zip(range(3), slow_numbers(3), strict=True)) == [
            (i, i, i) for i in range(3)
        ]
        for first, second, which in [
            (3, 5, "stream 1 of 2 ended after 3 items, and stream 2"),
            (5, 3, "stream 2"),
        ]:
            one, two = source(first), slow_numbers(second)
            with pytest.raises(ValueError, match=which):
                await gathered(one.zip(two, strict=True))
            await quiet()
            assert one.destroyed
            assert two.destroyed

    run(main)


@looped
async def test_zip_holds_one_item_of_each_source():
    fast = counted(mark=1)
    stalled = Readable(object_mode=True, read=lambda size: None)
    both = stalled.zip(fast)
    reader = asyncio.ensure_future(anext(aiter(both)))
    await quiet()
    # One that waits for the other source, and one that its source reads ahead.
    assert fast.state["next"] <= 2
    stalled.push("there")
    assert await reader == ("there", 0)
    await quiet()
    assert fast.state["next"] <= 3
    both.destroy()
    await closed(fast)


@looped
async def test_an_error_of_one_source_of_zip_ends_all():
    good = [counted(), counted()]
    bad = Readable(object_mode=True, read=lambda size: None)
    both = good[0].zip(bad, good[1])
    reading = asyncio.ensure_future(both.to_list())
    await quiet()
    with reported() as contexts:
        bad.destroy(OSError("broken"))
        with pytest.raises(OSError, match="broken"):
            await reading
        await quiet()
    assert contexts == []
    assert all(stream.closed for stream in good)


@looped
async def test_zip_of_sources_that_are_over_already():
    failed = Readable(object_mode=True, read=lambda size: None)
    failed.on("error", lambda error: None)
    failed.destroy(OSError("broken"))
    await closed(failed)
    good = counted()
    with pytest.raises(OSError, match="broken"):
        await good.zip(failed).to_list()
    await closed(good)
    ended = Readable.from_([])
    assert await ended.to_list() == []
    assert await counted().zip(ended).to_list() == []


@looped
async def test_zip_that_is_never_read_destroys_its_sources():
    one, two = counted(), counted()
    both = one.zip(two)
    both.destroy()
    await closed(one)
    await closed(two)
    for wrong in (5, None, "text"):
        with pytest.raises(InvalidArgTypeError):
            counted().zip(wrong)
