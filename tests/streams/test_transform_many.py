"""The hook `_transform_many` of a Transform: all chunks that have queued up, in one call."""

import asyncio

import pytest
from hook_forms import Boom, Log, done_ways, failing_ways, forms, make
from hypothesis import given
from hypothesis import strategies as st
from model_checks import chosen

from forebay import (
    Completion,
    NotImplementedHookError,
    Readable,
    Transform,
    Writable,
    finished,
    pipeline,
)
from forebay.testing import check_transform
from support.loops import LOOPS
from support.streams import closed, looped, quiet


@looped
@done_ways
@forms
async def test_every_way_to_be_done(way, form):
    calls = []

    def transform_many(chunks):
        calls.append(chunks)
        return way(b"".join(chunks).upper())

    stream = make(Transform, form, {"transform_many": transform_many})
    log = Log(stream)
    stream.cork()
    for chunk in (b"one", b"two", b"three"):
        stream.write(chunk)
    stream.uncork()
    stream.end(b"four")
    await log.until_closed()
    assert b"".join(log.data) == b"ONETWOTHREEFOUR"
    assert log.errors == []
    assert calls == [[b"one", b"two", b"three"], [b"four"]]


@looped
@failing_ways
@forms
async def test_all_chunks_of_a_call_that_fails_fail_once(way, form):
    stream = make(Transform, form, {"transform_many": lambda chunks: way(None)})
    log = Log(stream)
    told = []
    with stream.corked():
        for name in "abc":
            stream.write(b"x", callback=lambda error, name=name: told.append((name, type(error))))
    await log.until_closed()
    assert log.failed_with(Boom)
    assert told == [("a", Boom), ("b", Boom), ("c", Boom)]


@looped
@forms
async def test_one_chunk_goes_to_transform_and_several_to_transform_many(form):
    calls = []
    hooks = {
        "transform": lambda chunk: calls.append(chunk),
        "transform_many": lambda chunks: calls.append(chunks),
    }
    stream = make(Transform, form, hooks, object_mode=True)
    stream.write(1)
    with stream.corked():
        stream.write(2)
    with stream.corked():
        stream.write(3)
        stream.write(4)
    stream.end(5)
    stream.resume()
    await closed(stream)
    assert calls == [1, 2, [3, 4], 5]


@looped
async def test_what_is_written_while_a_call_is_under_way_comes_in_the_next_one():
    calls, pending = [], []

    def transform_many(rows):
        calls.append(rows)
        pending.append(Completion())
        return pending[-1]

    stream = Transform(object_mode=True, transform_many=transform_many, high_water_mark=4)
    got = []
    stream.on("data", got.append)
    assert [stream.write(n) for n in range(6)] == [True, True, True, False, False, False]
    assert calls == [[0]]
    drains = []
    stream.on("drain", lambda: drains.append(stream.writable_length))
    pending.pop().resolve("first")
    assert calls == [[0], [1, 2, 3, 4, 5]]
    assert stream.writable_length == 5
    assert drains == []
    pending.pop().resolve("second")
    assert (stream.writable_length, drains) == (0, [0])
    assert got == ["first", "second"]
    stream.destroy()


def outputs(rows):
    for row in rows:
        yield from (row, row)


async def outputs_later(rows):
    for row in rows:
        await asyncio.sleep(0)
        yield row
        yield row


@looped
@pytest.mark.parametrize("generate", [outputs, outputs_later])
@forms
async def test_a_generator_of_outputs_waits_for_room(generate, form):
    stream = make(
        Transform,
        form,
        {"transform_many": generate},
        object_mode=True,
        readable_high_water_mark=2,
        writable_high_water_mark=100,
    )
    with stream.corked():
        for n in range(10):
            stream.write(n)
    await quiet()
    assert stream.readable_length == 2
    assert stream.writable_length == 10
    stream.end()
    assert await stream.to_list() == [n for n in range(10) for _ in range(2)]


@looped
async def test_the_writes_of_a_call_are_held_until_there_is_room():
    told = []

    def transform_many(rows):
        stream.push_many([row, row] for row in rows)

    stream = Transform(object_mode=True, high_water_mark=3, transform_many=transform_many)
    with stream.corked():
        for n in range(5):
            stream.write(n, callback=lambda error, n=n: told.append(n))
    assert stream.writable_need_drain
    await quiet()
    assert (stream.readable_length, stream.writable_length, told) == (5, 5, [])
    assert stream.read() == [0, 0]
    await quiet()
    assert (stream.readable_length, stream.writable_length, told) == (4, 5, [])
    stream.read()
    stream.read()
    await quiet()
    assert (stream.writable_length, told) == (0, [0, 1, 2, 3, 4])
    stream.destroy()


@looped
async def test_push_of_the_end_within_a_call():
    """T6: the output ends, and the writes are complete."""
    calls = []

    def transform_many(rows):
        calls.append(rows)
        stream.push("last")
        stream.push(None)

    stream = Transform(object_mode=True, transform_many=transform_many)
    got, told = [], []
    stream.on("data", got.append)
    with stream.corked():
        stream.write(1, callback=told.append)
        stream.write(2, callback=told.append)
    await quiet()
    assert (got, told, calls) == (["last"], [None, None], [[1, 2]])
    stream.destroy()


@looped
@pytest.mark.parametrize("form", ["plain", "async"])
async def test_destroy_during_a_call(form):
    told, ended = [], []

    def plain(rows):
        stream.destroy(Boom())
        return "too late"

    async def slow(rows):
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            ended.append(rows)

    stream = Transform(object_mode=True, transform_many=plain if form == "plain" else slow)
    log = Log(stream)
    with stream.corked():
        stream.write(1, callback=lambda error: told.append(type(error)))
        stream.write(2, callback=lambda error: told.append(type(error)))
    if form == "async":
        await quiet(2)
        stream.write(3, callback=lambda error: told.append(type(error)))
        stream.destroy(Boom())
    await log.until_closed()
    assert log.failed_with(Boom)
    assert log.data == []
    assert ended == ([] if form == "plain" else [[1, 2]])
    if form == "plain":
        assert told == [type(None)] * 2


@looped
async def test_a_method_may_be_given_by_getattr():
    class Forwarding(Transform):
        def __getattr__(self, name):
            if name == "_transform_many":
                return lambda rows: len(rows)
            raise AttributeError(name)

    forwarding = Forwarding(object_mode=True)
    with forwarding.corked():
        forwarding.write("a")
        forwarding.write("b")
    forwarding.end()
    assert await forwarding.to_list() == [2]


@looped
async def test_without_any_hook():
    stream = Transform()
    log = Log(stream)
    stream.end(b"x")
    await log.until_closed()
    assert log.failed_with(NotImplementedHookError)
    assert "transform_many=" in str(log.errors[0])


@looped
async def test_node_s_callback_form_is_explained():
    stream = Transform(transform_many=lambda chunks, callback: callback())
    log = Log(stream)
    stream.end(b"x")
    await log.until_closed()
    assert "takes the chunks alone: return the output" in str(log.errors[0])


@looped
async def test_a_closed_stream_holds_its_hook_no_more():
    import gc
    import weakref

    class Mine(Transform):
        def _transform_many(self, rows):
            return len(rows)

    stream = Mine(object_mode=True)
    stream.resume()
    stream.end(1)
    await closed(stream)
    await quiet()
    gc.collect()
    gc.disable()
    try:
        gone = weakref.ref(stream)
        del stream
        assert gone() is None
    finally:
        gc.enable()


@looped
async def test_in_a_pipeline_a_slow_stage_gets_lists():
    sizes, got = [], []

    async def transform_many(rows):
        sizes.append(len(rows))
        await asyncio.sleep(0)
        return rows

    await pipeline(
        Readable.from_(range(1000), high_water_mark=64),
        Transform(object_mode=True, high_water_mark=64, transform_many=transform_many),
        Writable(object_mode=True, write=got.extend),
    )
    assert got == list(range(1000))
    assert max(sizes) > 16
    assert len(sizes) < 200


@looped
async def test_the_rules_of_a_transform():
    class Doubling(Transform):
        def __init__(self):
            super().__init__(high_water_mark=4)

        def _transform_many(self, chunks):
            data = b"".join(chunks)
            if b"!" in data:
                raise Boom
            return data * 2 if len(data) == 1 else (bytes([byte]) * 2 for byte in data)

    await check_transform(
        Doubling, [(b"abcdef" * 4, b"aabbccddeeff" * 4), (b"", b"")], wrong=[b"ab!"], fails=Boom
    )


CHUNKS = st.lists(st.lists(st.integers(0, 99), min_size=1, max_size=5), max_size=12)
WAYS = st.sampled_from(["plain", "async", "generator", "async generator", "completion"])


def hook_of(way, calls):
    """Its output is its input; in one way or another."""

    def take(rows):
        calls.append(list(rows))

    def plain(rows):
        take(rows)
        return rows

    async def slow(rows):
        take(rows)
        await asyncio.sleep(0)
        return rows

    def generator(rows):
        take(rows)
        for row in rows:
            yield [row]

    async def async_generator(rows):
        take(rows)
        for row in rows:
            await asyncio.sleep(0)
            yield [row]

    def completion(rows):
        take(rows)
        done = Completion()
        asyncio.get_running_loop().call_soon(done.resolve, rows)
        return done

    return {
        "plain": plain,
        "async": slow,
        "generator": generator,
        "async generator": async_generator,
        "completion": completion,
    }[way]


@pytest.mark.parametrize("loop_factory", LOOPS.values(), ids=list(LOOPS))
@chosen(examples=60)
@given(CHUNKS, WAYS, st.integers(0, 5), st.integers(1, 5), st.booleans())
def test_order_and_marks(loop_factory, bursts, way, mark, readable_mark, corked):
    async def main():
        calls, got, told = [], [], []
        stream = Transform(
            object_mode=True,
            readable_high_water_mark=readable_mark,
            writable_high_water_mark=mark,
            transform_many=hook_of(way, calls),
        )
        stream.on("data", got.extend)
        written = 0
        for burst in bursts:
            if corked:
                stream.cork()
            for row in burst:
                written += 1
                more = stream.write(row, callback=told.append)
                assert more == (stream.writable_length < max(mark, 1) or stream.writable_length == 0)
                assert stream.writable_length <= written
            if corked:
                stream.uncork()
            await stream.drain()
        stream.end()
        await finished(stream)
        assert got == [row for burst in bursts for row in burst]
        assert [row for call in calls for row in call] == got
        assert told == [None] * len(got)

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())
