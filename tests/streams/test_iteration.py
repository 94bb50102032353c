"""``async for chunk in readable``: the chunks, the end, and leaving the loop early."""

import asyncio
import gc
import weakref
from contextlib import aclosing

import pytest

from forebay import AbortError, Duplex, PassThrough, PrematureCloseError, Readable, Transform
from support.streams import Events, chunks_of, closed, looped, quiet, reported


class Boom(Exception):
    """What the streams and the loops of these tests fail with."""


def numbers(count, mark=2, **options):
    """0, 1, 2, ... as objects; without an end where ``count`` is None."""
    state = {"next": 0}

    def read(size):
        number = state["next"]
        state["next"] += 1
        stream.push(number if count is None or number < count else None)

    stream = Readable(object_mode=True, high_water_mark=mark, read=read, **options)
    return stream


def silent(*chunks):
    """Gives what is pushed, and nothing by itself."""
    stream = Readable(object_mode=True, read=lambda size: None)
    for chunk in chunks:
        stream.push(chunk)
    return stream


async def listed(stream):
    return [chunk async for chunk in stream]


def listeners(stream):
    """How often the stream is listened to; a closed one emits no 'readable' and keeps the listener."""
    names = ("end", "close", "finish") if stream.closed else ("readable", "end", "close", "finish")
    return sum(stream.listener_count(name) for name in names)


# ---- what it gives


@looped
@pytest.mark.parametrize("mark", [0, 1, 2, 16])
@pytest.mark.parametrize("count", [0, 1, 2, 3, 50])
async def test_all_chunks_in_order(mark, count):
    stream = numbers(count, mark)
    assert await listed(stream) == list(range(count))
    assert stream.destroyed
    assert stream.readable_ended
    assert await closed(stream) is None
    assert listeners(stream) == 0


@looped
async def test_chunks_keep_their_boundaries():
    chunks = [b"a", b"bc", b"", b"def"]
    given = Readable(read=lambda size: None)
    for chunk in chunks:
        given.push(chunk)
    given.push(None)
    assert await listed(given) == [b"a", b"bc", b"def"]


@looped
async def test_text():
    data = "é€𝄞".encode()
    stream = Readable(encoding="utf-8", read=chunks_of(*(data[i : i + 1] for i in range(len(data)))))
    assert "".join(await listed(stream)) == "é€𝄞"


@looped
@pytest.mark.parametrize("turns", [1, 5])
async def test_a_slow_source(turns):
    async def read(size):
        await quiet(turns)
        stream.push(next(items, None))

    items = iter(range(10))
    stream = Readable(object_mode=True, high_water_mark=1, read=read)
    assert await listed(stream) == list(range(10))


@looped
async def test_a_slow_loop_makes_the_source_wait():
    given = []

    def read(size):
        given.append(len(given))
        stream.push(given[-1] if len(given) < 30 else None)

    stream = Readable(object_mode=True, high_water_mark=4, read=read)
    taken = 0
    async for _ in stream:
        taken += 1
        await quiet(5)
        assert len(given) <= taken + 4 + 1
    assert taken == 29


@looped
async def test_a_stream_that_flowed_or_was_paused_before():
    stream = numbers(5)
    stream.pause()
    assert await listed(stream) == [0, 1, 2, 3, 4]
    stream = numbers(5, mark=1)
    seen = []
    stream.on("data", seen.append)
    assert await listed(stream) == [0, 1, 2, 3, 4]
    assert seen == [0, 1, 2, 3, 4], "a listener sees what is read"


@looped
async def test_iteration_continues_after_read_and_unshift():
    stream = silent(1, 2, 3, None)
    assert stream.read() == 1
    stream.unshift(0)
    assert await listed(stream) == [0, 2, 3]


@looped
async def test_a_loop_over_a_source_that_is_always_ready_lets_others_run():
    turned = []

    async def others():
        while len(turned) < 3:
            turned.append(1)
            await asyncio.sleep(0)

    task = asyncio.create_task(others())
    seen = 0
    async for _ in numbers(20_000, mark=16):
        seen += 1
        if len(turned) == 3:
            break
        if seen % 100 == 0:
            await asyncio.sleep(0)
    assert len(turned) == 3
    await task


# ---- the end


@looped
async def test_iterating_again_after_the_end_gives_nothing():
    stream = numbers(3)
    assert await listed(stream) == [0, 1, 2]
    assert await listed(stream) == []
    await closed(stream)
    assert await listed(stream) == []


@looped
async def test_step_after_the_end():
    chunks = aiter(numbers(1))
    assert await anext(chunks) == 0
    for _ in range(2):
        with pytest.raises(StopAsyncIteration):
            await anext(chunks)


@looped
async def test_without_auto_destroy_the_stream_stays_after_its_end():
    stream = numbers(2, auto_destroy=False)
    assert await listed(stream) == [0, 1]
    assert not stream.destroyed
    assert listeners(stream) == 0


@looped
async def test_the_writable_side_of_a_duplex_stays_open():
    written = []
    stream = Duplex(read=chunks_of(b"a"), write=written.append)
    assert await listed(stream) == [b"a"]
    assert not stream.destroyed
    assert listeners(stream) == 0
    stream.end(b"later")
    assert await closed(stream) is None
    assert written == [b"later"]


@looped
async def test_a_transform_that_is_written_meanwhile():
    stream = Transform(transform=lambda chunk: bytes(chunk).upper())

    async def write():
        for chunk in (b"a", b"b", b"c"):
            await stream.send(chunk)
            await quiet(3)
        stream.end()

    task = asyncio.create_task(write())
    assert await listed(stream) == [b"A", b"B", b"C"]
    await task
    assert await closed(stream) is None


# ---- errors


@looped
@pytest.mark.parametrize("good", [0, 1, 3])
async def test_an_error_of_the_stream_is_raised_once(good):
    error = Boom()

    def read(size):
        if left:
            stream.push(left.pop())
        else:
            raise error

    left = list(range(good))
    stream = Readable(object_mode=True, high_water_mark=1, read=read)
    chunks = aiter(stream)
    seen = []
    with pytest.raises(Boom) as caught:
        while True:
            seen.append(await anext(chunks))
    assert caught.value is error
    # What was still buffered is lost (Node's rule).
    assert len(seen) <= good
    with pytest.raises(StopAsyncIteration):
        await anext(chunks)
    await quiet()
    assert listeners(stream) == 0


@looped
async def test_drain_on_error_gives_what_was_buffered_first():
    for keep, expected in ((False, [1]), (True, [1, 2, 3])):
        stream = silent(1, 2, 3)
        seen = []
        with pytest.raises(Boom):
            async for chunk in stream.iterator(drain_on_error=keep):
                seen.append(chunk)
                stream.destroy(Boom())
        assert seen == expected


@looped
async def test_drain_on_error_with_text_and_half_read_chunks():
    stream = Readable(encoding="utf-8", read=lambda size: None)
    stream.push(b"one")
    stream.push(b"two")
    await quiet()
    seen = [stream.read(1)]
    with pytest.raises(Boom):
        async for chunk in stream.iterator(drain_on_error=True):
            seen.append(chunk)
            stream.destroy(Boom())
    assert "".join(seen) == "onetwo"


@looped
@pytest.mark.parametrize("error", [None, Boom()], ids=["plain", "error"])
async def test_destroyed_inside_the_loop(error):
    stream = numbers(10)
    seen = []
    with pytest.raises(PrematureCloseError if error is None else Boom):
        async for chunk in stream:
            seen.append(chunk)
            if chunk == 3:
                stream.destroy(error)
    assert seen == [0, 1, 2, 3]


@looped
@pytest.mark.parametrize("error", [None, Boom()], ids=["plain", "error"])
async def test_destroyed_while_the_loop_waits(error):
    stream = silent(1)
    asyncio.get_running_loop().call_later(0, stream.destroy, error)
    seen = []
    with pytest.raises(PrematureCloseError if error is None else Boom):
        async for chunk in stream:
            seen.append(chunk)
    assert seen == [1]


@looped
@pytest.mark.parametrize("error", [None, Boom()], ids=["plain", "error"])
@pytest.mark.parametrize("wait", [False, True], ids=["at-once", "closed"])
async def test_destroyed_before_the_loop(error, wait):
    stream = silent(1, 2)
    stream.on("error", lambda error: None)
    stream.destroy(error)
    if wait:
        await closed(stream)
    with pytest.raises(PrematureCloseError if error is None else Boom):
        await listed(stream)


@looped
async def test_failed_stream_without_auto_destroy():
    stream = Readable(object_mode=True, auto_destroy=False, read=lambda size: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        await listed(stream)
    await quiet()
    assert stream.destroyed


# ---- leaving early


@looped
@pytest.mark.parametrize("auto_destroy", [True, False])
async def test_break_destroys_the_stream_at_once(auto_destroy):
    stream = numbers(None, auto_destroy=auto_destroy)
    events = Events(stream, "end", "error", "close")
    async for chunk in stream:
        if chunk == 3:
            break
    assert stream.destroyed
    await quiet()
    (name, error), last = events
    assert (name, last) == ("error", "close")
    assert isinstance(error, AbortError)


@looped
async def test_leaving_the_loop_reports_no_error():
    # A report to the loop's exception handler would fail this test.
    async for _ in numbers(None):
        break
    await quiet()


@looped
async def test_return_out_of_the_loop():
    stream = numbers(None)

    async def first():
        async for chunk in stream:
            return chunk
        return None

    assert await first() == 0
    assert stream.destroyed


@looped
async def test_an_exception_in_the_loop():
    stream = numbers(None)
    with pytest.raises(Boom):
        async for _ in stream:
            raise Boom
    assert stream.destroyed
    # It is the loop's, not the stream's.
    assert isinstance(await closed(stream), AbortError)


@looped
async def test_leaving_at_the_last_chunk():
    stream = silent(1, None)
    async for _ in stream:
        break
    assert stream.destroyed
    await quiet()
    assert isinstance(stream.errored, AbortError), "the end was there, and nobody had read it"


@looped
async def test_leaving_after_the_end_is_no_abortion():
    stream = silent(1, None)
    chunks = aiter(stream)
    assert await anext(chunks) == 1
    await quiet()
    with pytest.raises(StopAsyncIteration):
        await anext(chunks)
    await chunks.aclose()
    assert await closed(stream) is None


@looped
async def test_an_iterator_that_is_held_is_left_by_aclose():
    stream = numbers(None)
    async with aclosing(stream.iterator()) as chunks:
        async for chunk in chunks:
            if chunk == 2:
                break
        assert not stream.destroyed
        assert await anext(chunks) == 3
    assert stream.destroyed
    await chunks.aclose()
    with pytest.raises(StopAsyncIteration):
        await anext(chunks)


@looped
async def test_async_with_destroys_the_stream():
    async with numbers(None) as stream:
        async for chunk in stream.iterator(destroy_on_return=False):
            if chunk == 2:
                break
        assert not stream.destroyed
    assert stream.closed


@looped
async def test_an_iterator_that_was_never_stepped():
    stream = numbers(3)
    unused = aiter(stream)
    assert listeners(stream) == 0
    del unused
    gc.collect()
    await quiet()
    assert not stream.destroyed
    assert await listed(stream) == [0, 1, 2]
    # Closing it is leaving it.
    for destroys in (False, True):
        stream = numbers(3)
        await stream.iterator(destroy_on_return=destroys).aclose()
        assert stream.destroyed == destroys
        await quiet()
        assert listeners(stream) == 0


@looped
async def test_without_destroy_on_return_another_loop_goes_on():
    stream = numbers(6)
    seen = []
    async for chunk in stream.iterator(destroy_on_return=False):
        seen.append(chunk)
        if chunk == 1:
            break
    assert not stream.destroyed
    assert listeners(stream) == 0
    async for chunk in stream.iterator(destroy_on_return=False):
        seen.append(chunk)
        if chunk == 3:
            break
    seen += await listed(stream)
    assert seen == [0, 1, 2, 3, 4, 5]
    assert await closed(stream) is None


@looped
async def test_without_destroy_on_return_an_exception_leaves_the_stream_too():
    stream = numbers(3)
    with pytest.raises(Boom):
        async for _ in stream.iterator(destroy_on_return=False):
            raise Boom
    assert not stream.destroyed
    assert await listed(stream) == [1, 2]


@looped
async def test_without_destroy_on_return_an_error_destroys_all_the_same():
    stream = Readable(object_mode=True, auto_destroy=False, read=lambda size: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        async for _ in stream.iterator(destroy_on_return=False):
            pass
    await quiet()
    assert stream.destroyed


# ---- tasks


@looped
@pytest.mark.parametrize("where", ["waiting", "in the body"])
async def test_cancelling_the_task_destroys_the_stream(where):
    stream = silent(1)

    async def consume():
        async for _ in stream:
            if where == "in the body":
                await asyncio.sleep(60)

    task = asyncio.create_task(consume())
    await quiet()
    assert not stream.destroyed
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    del task
    gc.collect()
    assert stream.destroyed
    assert isinstance(await closed(stream), AbortError)
    assert listeners(stream) == 0


@looped
async def test_cancelling_without_destroy_on_return_leaves_the_stream():
    stream = silent()

    async def consume():
        async for _ in stream.iterator(destroy_on_return=False):
            pass

    task = asyncio.create_task(consume())
    await quiet()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not stream.destroyed
    assert listeners(stream) == 0
    stream.push(1)
    stream.push(None)
    assert await listed(stream) == [1]


@looped
async def test_a_timeout():
    stream = silent(1)
    seen = []
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            async for chunk in stream:
                seen.append(chunk)
    assert seen == [1]
    assert stream.destroyed


@looped
async def test_two_iterators_share_the_chunks():
    stream = numbers(6)
    first, second = aiter(stream), aiter(stream)
    seen = []
    for _ in range(3):
        seen.append(await anext(first))
        seen.append(await anext(second))
    assert seen == [0, 1, 2, 3, 4, 5]
    for chunks in (first, second):
        with pytest.raises(StopAsyncIteration):
            await anext(chunks)


@looped
async def test_two_tasks_share_the_chunks():
    stream = PassThrough(object_mode=True)
    seen = []

    async def consume():
        async for chunk in stream.iterator(destroy_on_return=False):
            seen.append(chunk)

    tasks = [asyncio.create_task(consume()) for _ in range(2)]
    for number in range(20):
        await stream.send(number)
        await asyncio.sleep(0)
    stream.end()
    await asyncio.gather(*tasks)
    assert sorted(seen) == list(range(20))


@looped
async def test_concurrent_steps():
    stream = silent()
    chunks = aiter(stream)
    steps = [asyncio.create_task(chunks_next(chunks)) for _ in range(5)]
    await quiet()
    for chunk in (1, 2, 3):
        stream.push(chunk)
        await quiet()
    assert [step.done() for step in steps] == [True, True, True, False, False]
    stream.push(None)
    assert await asyncio.gather(*steps) == [1, 2, 3, "end", "end"]


@looped
async def test_concurrent_steps_and_an_error():
    stream = silent()
    chunks = aiter(stream)
    steps = [asyncio.create_task(chunks_next(chunks)) for _ in range(3)]
    await quiet()
    stream.destroy(Boom())
    outcomes = await asyncio.gather(*steps, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [Boom, str, str]


@looped
@pytest.mark.parametrize("destroys", [True, False])
async def test_aclose_while_a_task_waits_for_the_next_chunk(destroys):
    stream = silent()
    chunks = stream.iterator(destroy_on_return=destroys)
    step = asyncio.create_task(chunks_next(chunks))
    await quiet()
    await chunks.aclose()
    assert await step == "end"
    assert stream.destroyed == destroys


async def chunks_next(chunks):
    return await anext(chunks, "end")


# ---- what is left behind


@looped
async def test_left_iteration_holds_no_reference():
    class Item:
        pass

    async def use():
        item = Item()
        stream = silent(item, Item(), None)
        async for chunk in stream:
            assert chunk is item
            break
        return weakref.ref(stream), weakref.ref(item)

    gc.disable()
    try:
        dead = await use()
        await quiet()
        assert [reference() for reference in dead] == [None, None]
    finally:
        gc.enable()


@looped
async def test_abandoned_step_reports_nothing():
    stream = silent()
    with reported() as contexts:
        task = asyncio.create_task(chunks_next(aiter(stream)))
        await quiet()
        task.cancel()
        await asyncio.wait([task])
        del task
        gc.collect()
        await quiet()
    assert contexts == []
    assert stream.destroyed


@looped
async def test_leaving_a_loop_and_then_the_stream_is_no_error():
    stream = numbers(None)
    async with stream:
        async for chunk in stream:
            if chunk == 3:
                break
    assert stream.closed
