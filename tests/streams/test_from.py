"""Readable.from_(): every kind of source, and the closing of the source."""

import asyncio

import pytest

from forebay import InvalidArgTypeError, NullChunkError, Readable, Writable, pipeline
from support.streams import closed, collected, looped, quiet


async def everything(source, **options):
    stream = Readable.from_(source, **options)
    got = collected(stream)
    assert await closed(stream) is None
    return got


def generator(n):
    yield from range(n)


async def async_generator(n):
    for i in range(n):
        await asyncio.sleep(0)
        yield i


class Iterable:
    def __iter__(self):
        return iter([0, 1, 2])


class AsyncIterable:
    def __aiter__(self):
        return async_generator(3)


SOURCES = {
    "list": lambda: [0, 1, 2],
    "tuple": lambda: (0, 1, 2),
    "range": lambda: range(3),
    "dict": lambda: {0: "a", 1: "b", 2: "c"},
    "iterator": lambda: iter([0, 1, 2]),
    "generator": lambda: generator(3),
    "iterable": Iterable,
    "async-generator": lambda: async_generator(3),
    "async-iterable": AsyncIterable,
}


@looped
@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
async def test_every_kind_of_iterable(source):
    assert await everything(source()) == [0, 1, 2]


@looped
@pytest.mark.parametrize("source", ["text", b"bytes", bytearray(b"array"), memoryview(b"view"), "", b""])
async def test_text_and_bytes_are_one_chunk(source):
    got = await everything(source)
    assert len(got) == 1
    assert got[0] is source


@looped
async def test_a_readable_is_an_async_iterable():
    assert await everything(Readable.from_([1, 2])) == [1, 2]


@looped
async def test_awaitables():
    async def value():
        return 5

    async def nothing():
        return None

    assert await everything(value()) == [5]
    assert await everything(nothing()) == []
    done = asyncio.get_running_loop().create_future()
    done.set_result("x")
    assert await everything(done) == ["x"]


@looped
async def test_awaitable_items_are_awaited_in_order():
    async def later(value):
        for _ in range(3 - value):
            await asyncio.sleep(0)
        return value

    assert await everything([later(0), later(1), 2, later(3)]) == [0, 1, 2, 3]
    assert await everything([0, later(1), later(2)]) == [0, 1, 2]


@looped
async def test_an_awaitable_item_that_fails():
    async def fails():
        raise OSError("item")

    stream = Readable.from_([fails()])
    stream.resume()
    assert isinstance(await closed(stream), OSError)


@looped
async def test_default_is_object_mode_with_a_mark_of_1():
    stream = Readable.from_([1])
    assert stream.readable_object_mode
    assert stream.readable_high_water_mark == 1
    stream = Readable.from_([b"x"], object_mode=False, high_water_mark=100)
    assert not stream.readable_object_mode
    assert stream.readable_high_water_mark == 100


@looped
async def test_encoding():
    got = await everything([b"\xc3", b"\xa9"], object_mode=False, encoding="utf8")
    assert got == ["é"]


@looped
@pytest.mark.parametrize("kind", ["plain", "async"])
async def test_source_is_read_only_while_there_is_room(kind):
    taken = []

    def plain():
        for n in range(100):
            taken.append(n)
            yield n

    async def agen():
        for n in range(100):
            taken.append(n)
            yield n

    stream = Readable.from_(plain() if kind == "plain" else agen(), high_water_mark=3)
    stream.read(0)
    await quiet()
    assert taken == [0, 1, 2]
    stream.destroy()
    await closed(stream)
    await quiet()


@looped
@pytest.mark.parametrize("items", [[1, None], [None]])
@pytest.mark.parametrize("kind", ["plain", "async", "awaitable"])
async def test_none_as_an_item_is_an_error(kind, items):
    async def agen():
        for item in items:
            yield item

    async def value(item):
        return item

    source = {"plain": lambda: items, "async": agen, "awaitable": lambda: [value(item) for item in items]}[
        kind
    ]()
    stream = Readable.from_(source)
    got = collected(stream)
    error = await closed(stream)
    assert isinstance(error, NullChunkError)
    assert "from_()" in str(error)
    assert got == items[:-1]


@looped
@pytest.mark.parametrize("kind", ["plain", "async"])
async def test_an_error_of_the_generator_destroys_the_stream(kind):
    error = ValueError("generator")

    def plain():
        yield 1
        raise error

    async def agen():
        yield 1
        raise error

    stream = Readable.from_(plain() if kind == "plain" else agen())
    got = collected(stream)
    assert await closed(stream) is error
    assert got == [1]


@looped
@pytest.mark.parametrize("error", [None, ValueError("why")], ids=["plain", "with-error"])
@pytest.mark.parametrize("kind", ["plain", "async"])
async def test_destroy_closes_the_generator(kind, error):
    seen = []

    def plain():
        try:
            while True:
                yield 1
        except BaseException as caught:
            seen.append(caught)
            raise

    async def agen():
        try:
            while True:
                yield 1
        except BaseException as caught:
            seen.append(caught)
            raise

    stream = Readable.from_(plain() if kind == "plain" else agen())
    stream.read(0)
    await quiet()
    stream.destroy(error)
    assert await closed(stream) is error
    await quiet()
    assert len(seen) == 1
    if error is None:
        assert isinstance(seen[0], GeneratorExit)
    else:
        assert seen == [error]


@looped
@pytest.mark.parametrize("kind", ["plain", "async"])
async def test_a_generator_that_swallows_the_error_or_goes_on(kind):
    def plain():
        try:
            yield 1
        except ValueError:
            yield 2

    async def agen():
        try:
            yield 1
        except ValueError:
            yield 2

    error = ValueError("why")
    stream = Readable.from_(plain() if kind == "plain" else agen())
    stream.read(0)
    await quiet()
    stream.destroy(error)
    assert await closed(stream) is error


@looped
async def test_destroy_while_an_async_generator_is_running():
    closings = []

    async def agen():
        try:
            yield 1
            await asyncio.get_running_loop().create_future()
        finally:
            closings.append(1)

    stream = Readable.from_(agen())
    got = collected(stream)
    await quiet()
    assert got == [1]
    stream.destroy()
    assert await closed(stream) is None
    await quiet()
    assert closings == [1]


@looped
async def test_iterator_with_close_is_closed():
    class Source:
        closed = False

        def __iter__(self):
            return self

        def __next__(self):
            return 1

        def close(self):
            self.closed = True

    source = Source()
    stream = Readable.from_(source)
    stream.read(0)
    stream.destroy()
    await closed(stream)
    assert source.closed


@looped
@pytest.mark.parametrize("wrong", [3, None, object(), print])
async def test_wrong_sources_raise(wrong):
    with pytest.raises(InvalidArgTypeError, match=r"from_\(\) needs an iterable.*got"):
        Readable.from_(wrong)


@looped
async def test_wrong_options_raise():
    with pytest.raises(TypeError, match="colour"):
        Readable.from_([1], colour="red")


def test_an_async_iterable_is_closed_after_the_destination(run):
    async def main():
        async def nothing():
            for item in ():
                yield item

        closes = []
        source = Readable.from_(nothing())
        sink = Writable(write=lambda chunk: None, object_mode=True)
        for name, stream in (("source", source), ("sink", sink)):
            stream.on("close", lambda name=name: closes.append(name))
        await pipeline(source, sink)
        await quiet()
        # As in Node: the source waits for the end of its iterator.
        assert closes == ["sink", "source"]

    run(main)
