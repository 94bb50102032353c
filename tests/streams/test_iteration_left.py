"""Loops that are left early, cancelled or shared, and what they leave."""

import asyncio
import gc
import weakref
from contextlib import aclosing

import pytest
from iteration_cases import listeners, numbers, silent

from forebay import AbortError, PassThrough, Readable
from support.streams import Events, closed, looped, quiet, reported


class Boom(Exception):
    """What the streams and the loops of these tests fail with."""


async def listed(stream):
    return [chunk async for chunk in stream]


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
