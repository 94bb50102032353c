"""Duplex.from_(): every kind of body, and the end of its parts."""

import asyncio

import pytest

from forebay import (
    AbortError,
    Duplex,
    InvalidArgTypeError,
    InvalidReturnValueError,
    PassThrough,
    Readable,
    Writable,
    pipeline,
)
from support.streams import Events, chunks_of, closed, collected, looped, quiet, reported


def test_a_duplex_is_itself(run):
    async def main():
        stream = PassThrough()
        assert Duplex.from_(stream) is stream

    run(main)


def test_a_readable(run):
    async def main():
        stream = Duplex.from_(Readable(read=chunks_of(b"a", b"b")))
        assert not stream.writable
        assert await stream.to_list() == [b"a", b"b"]

    run(main)


def test_a_writable(run):
    async def main():
        taken = []
        stream = Duplex.from_(Writable(write=taken.append))
        assert not stream.readable
        stream.write(b"a")
        stream.end(b"b")
        assert await closed(stream) is None
        assert taken == [b"a", b"b"]

    run(main)


@pytest.mark.parametrize("as_mapping", [True, False])
def test_a_pair(run, as_mapping):
    async def main():
        taken = []
        readable = Readable(read=chunks_of(b"r"))
        writable = Writable(write=taken.append)
        stream = Duplex.from_(
            {"readable": readable, "writable": writable} if as_mapping else (readable, writable)
        )
        got = collected(stream)
        finished = []
        stream.end(b"w", callback=finished.append)
        assert await closed(stream) is None
        assert (got, taken, finished) == ([b"r"], [b"w"], [None])
        assert readable.destroyed
        assert writable.writable_finished

    run(main)


def test_a_pair_of_other_things(run):
    async def main():
        taken = []

        async def sink(source):
            async for item in source:
                taken.append(item)

        stream = Duplex.from_({"readable": [1, 2], "writable": sink})
        got = collected(stream)
        stream.write(3)
        stream.end()
        assert await closed(stream) is None
        assert (got, taken) == ([1, 2], [3])

    run(main)


def test_pair_with_one_side(run):
    async def main():
        assert await Duplex.from_((Readable(read=chunks_of(b"a")), None)).to_list() == [b"a"]
        stream = Duplex.from_({"writable": Writable(write=lambda chunk: None)})
        assert stream.writable
        assert not stream.readable
        stream.end()
        assert await closed(stream) is None

    run(main)


@pytest.mark.parametrize("which", ["readable", "writable"])
def test_a_failing_part_fails_the_whole(run, which):
    async def main():
        parts = {"readable": Readable(read=lambda size: None), "writable": Writable(write=lambda chunk: None)}
        with reported() as contexts:
            stream = Duplex.from_(parts)
            await quiet()
            error = RuntimeError("boom")
            parts[which].destroy(error)
            assert await closed(stream) is error
            await quiet()
        assert contexts == []
        assert all(part.destroyed for part in parts.values())

    run(main)


@pytest.mark.parametrize("error", [None, RuntimeError("boom")])
def test_destroying_the_whole_destroys_the_parts(run, error):
    async def main():
        parts = (Readable(read=lambda size: None), Writable(write=lambda chunk: None))
        with reported() as contexts:
            stream = Duplex.from_(parts)
            stream.destroy(error)
            got = await closed(stream)
            await quiet()
        assert got is error if error else isinstance(got, AbortError)
        assert contexts == []
        assert all(part.destroyed for part in parts)

    run(main)


def test_backpressure_of_the_parts_is_that_of_the_whole(run):
    async def main():
        held = []
        stream = Duplex.from_(Writable(object_mode=True, high_water_mark=2, write=lambda chunk: held[0]))
        gate = asyncio.get_running_loop().create_future()
        held.append(gate)
        written = 1
        while stream.write(written):
            written += 1
            assert written < 100
        assert written <= 2 + 16
        await quiet()
        assert stream.writable_need_drain
        drained = asyncio.ensure_future(stream.drain())
        gate.set_result(None)
        await drained
        stream.end()
        assert await closed(stream) is None

    run(main)


def test_iterables(run):
    async def main():
        async def items():
            yield 1
            yield 2

        for body in ([1, 2], iter([1, 2]), items()):
            stream = Duplex.from_(body)
            assert not stream.writable
            assert await stream.to_list() == [1, 2]
        assert await Duplex.from_("text").to_list() == ["text"]
        assert await Duplex.from_(b"bytes").to_list() == [b"bytes"]

    run(main)


def test_an_iterable_is_closed_with_the_stream(run):
    async def main():
        seen = []

        def items():
            try:
                yield from range(100)
            finally:
                seen.append("closed")

        assert await Duplex.from_(items()).take(2).to_list() == [0, 1]
        await quiet()
        assert seen == ["closed"]

    run(main)


def test_an_error_of_an_iterable(run):
    async def main():
        def items():
            yield 1
            raise RuntimeError("boom")

        with pytest.raises(RuntimeError, match="boom"):
            await Duplex.from_(items()).to_list()

    run(main)


def test_an_awaitable(run):
    async def main():
        async def value(result):
            await asyncio.sleep(0)
            return result

        assert await Duplex.from_(value(5)).to_list() == [5]
        assert await Duplex.from_(value(None)).to_list() == []

    run(main)


def test_an_async_generator_function_is_a_transform(run):
    async def main():
        async def twice(source):
            async for item in source:
                yield item
                yield item

        stream = Duplex.from_(twice)
        got = collected(stream)
        for item in (1, 2, 3):
            await stream.send(item)
        stream.end()
        assert await closed(stream) is None
        assert got == [1, 1, 2, 2, 3, 3]

    run(main)


def test_a_transform_that_stops_early(run):
    async def main():
        async def first(source):
            async for item in source:
                yield item
                return

        with reported() as contexts:
            stream = Duplex.from_(first)
            got = collected(stream)
            stream.write(1)
            await quiet()
            assert got == [1]
            assert stream.readable_ended
            stream.destroy()
            await closed(stream)
            await quiet()
        assert contexts == []

    run(main)


@pytest.mark.parametrize("error", [None, RuntimeError("boom")])
def test_a_transform_that_is_destroyed_while_it_waits(run, error):
    async def main():
        closings = []

        async def through(source):
            try:
                async for item in source:
                    yield item
            finally:
                closings.append("closed")

        with reported() as contexts:
            stream = Duplex.from_(through)
            stream.on("data", lambda item: None)
            stream.write(1)
            await quiet()
            stream.destroy(error)
            assert await closed(stream) is error
            await quiet()
        assert contexts == []
        assert closings == ["closed"]

    run(main)


def test_a_transform_that_fails(run):
    async def main():
        async def fail(source):
            async for _ in source:
                raise RuntimeError("boom")
                yield

        with reported() as contexts:
            stream = Duplex.from_(fail)
            stream.resume()
            stream.write(1)
            assert str(await closed(stream)) == "boom"
            await quiet()
        assert contexts == []

    run(main)


def test_an_async_function_is_a_sink(run):
    async def main():
        taken = []

        async def sink(source):
            async for item in source:
                taken.append(item)
            await asyncio.sleep(0)
            taken.append("end")

        stream = Duplex.from_(sink)
        assert not stream.readable
        stream.write(1)
        stream.write(2)
        stream.on("finish", lambda: taken.append("finish"))
        stream.end()
        assert await closed(stream) is None
        assert taken == [1, 2, "end", "finish"]

    run(main)


def test_a_sink_must_return_none(run):
    async def main():
        async def sink(source):
            async for _ in source:
                pass
            return 5

        stream = Duplex.from_(sink)
        stream.end(1)
        assert isinstance(await closed(stream), InvalidReturnValueError)

    run(main)


def test_a_sink_that_fails_or_is_destroyed(run):
    async def main():
        async def fail(source):
            async for _ in source:
                raise RuntimeError("boom")

        with reported() as contexts:
            stream = Duplex.from_(fail)
            stream.write(1)
            assert str(await closed(stream)) == "boom"

            async def wait(source):
                async for _ in source:
                    await asyncio.get_running_loop().create_future()

            stream = Duplex.from_(wait)
            stream.write(1)
            await quiet()
            stream.destroy()
            assert await closed(stream) is None
            await quiet()
        assert contexts == []

    run(main)


def test_wrong_bodies_raise(run):
    async def main():
        for body in (5, None, object()):
            with pytest.raises(InvalidArgTypeError):
                Duplex.from_(body)
        with pytest.raises(InvalidReturnValueError):
            Duplex.from_(lambda source: 5)
        with pytest.raises(InvalidArgTypeError):
            Duplex.from_([1], object_mode=True)

    run(main)


# ---- a function that stops reading before the end


async def _after_one(items):
    async for _ in items:
        return


async def _at_once(items):
    return


async def _gives_one(items):
    async for item in items:
        yield item
        return


async def _counts(items):
    return len([item async for item in items])


@looped
@pytest.mark.parametrize(
    ("stages", "outcome"),
    [
        ((_after_one,), None),
        ((_at_once,), None),
        ((_gives_one, _counts), 1),
    ],
)
async def test_a_function_that_stops_reading_ends_a_pipeline(stages, outcome):
    closed = []

    async def source():
        try:
            while True:
                yield b"x"
        finally:
            closed.append("source")

    first, *others = stages
    assert await pipeline(source(), Duplex.from_(first), *others) == outcome
    assert closed == ["source"]


@looped
async def test_function_that_stops_reading_fails_pending_writes():
    stream = Duplex.from_(_after_one)
    told = []
    stream.write(b"1")
    stream.write(b"2", callback=told.append)
    await quiet()
    assert [error.code for error in told] == ["ABORT_ERR"]
    assert stream.destroyed


@looped
async def test_function_that_stopped_before_the_end_is_no_failure():
    stream = Duplex.from_(_at_once)
    events = Events(stream, "finish", "error", "close")
    stream.end()
    await quiet()
    assert events == ["finish", "close"]
