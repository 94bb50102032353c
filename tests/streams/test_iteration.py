"""``async for chunk in readable``: the chunks, the end, and leaving the loop early."""

import asyncio

import pytest
from iteration_cases import listeners, numbers, silent

from forebay import Duplex, PrematureCloseError, Readable, Transform
from support.streams import chunks_of, closed, looped, quiet


class Boom(Exception):
    """What the streams and the loops of these tests fail with."""


async def listed(stream):
    return [chunk async for chunk in stream]


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
