"""compose(), and the pipeline that ``|`` makes."""

import asyncio

import pytest

from forebay import (
    AbortError,
    Chain,
    Duplex,
    InvalidArgValueError,
    MissingArgsError,
    PassThrough,
    Pipeline,
    Readable,
    Transform,
    Writable,
    compose,
    pipeline,
)
from support.streams import chunks_of, closed, collected, quiet, reported


def upper(**options):
    return Transform(transform=lambda chunk: chunk.upper(), **options)


def doubled(**options):
    return Transform(transform=lambda chunk: chunk + chunk, **options)


async def plus_one(source):
    async for item in source:
        yield item + 1


def test_composed_stages_are_one_duplex(run):
    async def main():
        both = compose(upper(), doubled())
        assert isinstance(both, Duplex)
        got = collected(both)
        both.write(b"a")
        both.end(b"b")
        assert await closed(both) is None
        assert got == [b"AA", b"BB"]
        assert both.readable_ended
        assert both.writable_finished

    run(main)


def test_compose_with_a_readable_first(run):
    async def main():
        stream = compose(Readable(read=chunks_of(b"a", b"b")), upper())
        assert stream.readable
        assert not stream.writable
        assert await stream.to_list() == [b"A", b"B"]

    run(main)


def test_compose_with_a_writable_last(run):
    async def main():
        taken = []
        stream = compose(upper(), Writable(write=taken.append))
        assert not stream.readable
        stream.write(b"a")
        stream.end(b"b")
        assert await closed(stream) is None
        assert taken == [b"A", b"B"]
        assert stream.writable_finished

    run(main)


def test_compose_with_a_readable_first_and_a_writable_last(run):
    async def main():
        taken = []
        stream = compose(Readable(read=chunks_of(b"a")), upper(), Writable(write=taken.append))
        assert not stream.readable
        assert not stream.writable
        await closed(stream)
        assert taken == [b"A"]

    run(main)


def test_compose_of_functions(run):
    async def main():
        stage = PassThrough(object_mode=True)
        for stages in ((stage, plus_one), (plus_one, PassThrough(object_mode=True)), (plus_one, plus_one)):
            stream = compose(*stages)
            got = collected(stream)
            stream.write(1)
            stream.end(2)
            assert await closed(stream) is None
            assert got == ([3, 4] if stages == (plus_one, plus_one) else [2, 3])

    run(main)


def test_compose_with_an_iterable_first(run):
    async def main():
        assert await compose([1, 2], plus_one).to_list() == [2, 3]

    run(main)


def test_object_modes_follow_the_first_and_last_stage(run):
    async def main():
        stream = compose(upper(), PassThrough(object_mode=True))
        assert stream.readable_object_mode
        assert not stream.writable_object_mode
        stream.destroy()
        await quiet()

    with_reports(run, main)


def with_reports(run, main):
    async def inside():
        with reported() as contexts:
            await main()
            await quiet()
        for context in contexts:
            assert isinstance(context["exception"], AbortError)

    run(inside)


def test_backpressure_reaches_the_writer(run):
    async def main():
        stream = compose(*[PassThrough(high_water_mark=4) for _ in range(3)])
        written = 0
        while stream.write(b"abcd"):
            written += 1
            await quiet()
            assert written < 20000
        drained = asyncio.ensure_future(stream.drain())
        await quiet()
        assert not drained.done()
        stream.resume()
        await drained
        stream.end()
        assert await closed(stream) is None

    run(main)


def test_an_error_inside_destroys_all(run):
    async def main():
        error = RuntimeError("boom")

        def fail(chunk):
            raise error

        members = [PassThrough(), Transform(transform=fail), PassThrough()]
        with reported() as contexts:
            stream = compose(*members)
            stream.write(b"a")
            assert await closed(stream) is error
            await quiet()
        assert contexts == []
        assert all(member.destroyed for member in members)

    run(main)


@pytest.mark.parametrize("error", [None, RuntimeError("boom")])
def test_destroying_it_destroys_the_members(run, error):
    async def main():
        members = [PassThrough(), PassThrough(), PassThrough()]
        with reported() as contexts:
            stream = compose(*members)
            stream.destroy(error)
            got = await closed(stream)
            await quiet()
        assert contexts == []
        assert got is error if error else isinstance(got, AbortError)
        assert all(member.destroyed for member in members)

    run(main)


def test_wrong_stages_raise(run):
    async def main():
        with pytest.raises(MissingArgsError):
            compose()
        with pytest.raises(InvalidArgValueError):
            compose(PassThrough(), Readable(read=chunks_of()))
        with pytest.raises(InvalidArgValueError):
            compose(Writable(write=lambda chunk: None), PassThrough())

    run(main)


def test_compose_of_one_stage_equals_duplex_from(run):
    async def main():
        stage = PassThrough()
        assert compose(stage) is stage
        assert await compose([1, 2]).to_list() == [1, 2]

    run(main)


def test_in_a_pipeline_and_as_a_method(run):
    async def main():
        taken = []
        source = Readable(read=chunks_of(b"a", b"b"))
        await pipeline(source.compose(upper()), compose(doubled(), upper()), Writable(write=taken.append))
        assert taken == [b"AA", b"BB"]

    run(main)


# ---- source | stage | sink


def test_or_operator_pipes_to_a_sink(run):
    async def main():
        taken = []
        flow = Readable(read=chunks_of(b"a", b"b")) | upper() | doubled() | Writable(write=taken.append)
        assert isinstance(flow, Pipeline)
        await flow
        assert taken == [b"AA", b"BB"]

    run(main)


def test_chain_is_lazy_and_readable(run):
    async def main():
        reads = []
        source = Readable(object_mode=True, read=lambda size: reads.append(size) or source.push(None))
        chain = source | plus_one | plus_one
        assert isinstance(chain, Chain)
        assert len(chain.stages) == 3
        await quiet()
        assert reads == []
        chain = Readable.from_([1, 2]) | plus_one | PassThrough(object_mode=True)
        assert [item async for item in chain] == [3 - 1, 3]

    run(main)


def test_chain_continues_after_its_stream_was_accessed(run):
    async def main():
        chain = Readable.from_([1, 2]) | plus_one
        stream = chain.stream
        assert chain.stream is stream
        taken = []
        await (chain | Writable(object_mode=True, write=taken.append))
        assert taken == [2, 3]

    run(main)


def test_a_chain_to_a_function_is_awaited(run):
    async def main():
        async def total(source):
            return sum([item async for item in source])

        assert await (Readable.from_([1, 2]) | plus_one | total) == 5

    run(main)


def test_an_iterable_piped_to_a_stage(run):
    async def main():
        taken = []
        await ([b"a", b"b"] | upper() | Writable(write=taken.append))
        assert taken == [b"A", b"B"]

    run(main)


def test_errors_of_a_chain_are_those_of_a_pipeline(run):
    async def main():
        def fail(chunk):
            raise RuntimeError("boom")

        source = Readable(read=chunks_of(b"a"))
        sink = Writable(write=lambda chunk: None)
        with pytest.raises(RuntimeError, match="boom"):
            await (source | Transform(transform=fail) | sink)
        assert source.destroyed
        assert sink.destroyed

    run(main)


def test_or_operator_with_a_wrong_operand_raises(run):
    async def main():
        with pytest.raises(TypeError):
            Readable(read=chunks_of()) | 5
        with pytest.raises(TypeError):
            Readable(read=chunks_of()) | Readable(read=chunks_of())
        with pytest.raises(TypeError):
            5 | PassThrough()

    run(main)
