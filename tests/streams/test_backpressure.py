"""High-water marks bound the memory of writers that wait; data of other writers is not lost."""

import asyncio

import pytest

from forebay import (
    Completion,
    PassThrough,
    PrematureCloseError,
    Readable,
    StreamDestroyedError,
    Transform,
    Writable,
    WriteAfterEndError,
    next_tick,
    once,
)
from support.streams import looped, quiet, reported


class Slow(Writable):
    """A sink that takes a chunk when the test says so."""

    def __init__(self, **options):
        super().__init__(**options)
        self.taken = []
        self.pending = []

    def _write(self, chunk):
        self.taken.append(chunk)
        self.pending.append(Completion())
        return self.pending[-1]

    def step(self):
        self.pending.pop(0).resolve()

    async def take_all(self):
        """Go on taking, a chunk in a turn of the loop, until the stream is closed."""
        while not self.closed:
            if self.pending:
                self.step()
            await asyncio.sleep(0)


@looped
@pytest.mark.parametrize("chunk", [1, 7, 100])
@pytest.mark.parametrize("mark", [1, 10, 64])
async def test_a_producer_that_waits_holds_at_most_the_mark_and_one_chunk(mark, chunk):
    stream = Slow(high_water_mark=mark)
    taking = asyncio.create_task(stream.take_all())
    highest = 0
    for _ in range(200):
        ok = stream.write(bytes(chunk))
        highest = max(highest, stream.writable_length)
        if not ok:
            await once(stream, "drain")
            assert stream.writable_length == 0
    stream.end()
    await taking
    assert highest < mark + chunk
    assert sum(map(len, stream.taken)) == 200 * chunk


@looped
async def test_a_producer_that_does_not_wait_loses_nothing():
    stream = Slow(high_water_mark=10)
    answers = [stream.write(b"%05d" % n) for n in range(3000)]
    assert answers[:3] == [True, False, False]
    assert not any(answers[1:])
    assert stream.writable_length == 15_000
    stream.end()
    await stream.take_all()
    assert stream.taken == [b"%05d" % n for n in range(3000)]
    assert stream.writable_finished


@looped
async def test_write_returns_false_exactly_at_the_mark():
    stream = Slow(high_water_mark=3)
    assert stream.write(b"12") is True
    assert stream.writable_need_drain is False
    assert stream.write(b"3") is False
    assert stream.writable_need_drain is True


@looped
async def test_drain_is_emitted_when_the_queue_is_empty():
    stream = Slow(high_water_mark=2)
    drained = []
    stream.on("drain", lambda: drained.append(stream.writable_length))
    for _ in range(4):
        stream.write(b"x")
    for _ in range(3):
        stream.step()
        await quiet()
        assert drained == []
    stream.step()
    assert drained == [0]
    assert not stream.writable_need_drain


@looped
async def test_no_drain_if_write_never_returned_false():
    stream = Slow(high_water_mark=10)
    drained = []
    stream.on("drain", lambda: drained.append(1))
    stream.write(b"x")
    stream.step()
    await quiet()
    assert drained == []


@looped
async def test_no_drain_after_end():
    stream = Slow(high_water_mark=1)
    drained = []
    stream.on("drain", lambda: drained.append(1))
    stream.write(b"x")
    stream.end()
    assert not stream.writable_need_drain
    stream.step()
    await quiet()
    assert drained == []
    assert stream.writable_finished


@looped
async def test_a_synchronous_sink_at_its_mark_drains_on_a_tick():
    stream = Writable(write=lambda chunk: None, high_water_mark=1)
    drained = []
    stream.on("drain", lambda: drained.append(1))
    assert stream.write(b"xxx") is True
    stream.cork()
    assert stream.write(b"x") is False
    stream.uncork()
    assert drained == []
    await quiet()
    assert drained == [1]


@looped
async def test_objects_are_counted_one_by_one():
    stream = Slow(object_mode=True, high_water_mark=2)
    assert stream.write("a long text") is True
    assert stream.write(0) is False
    assert stream.writable_length == 2


@looped
async def test_a_mark_of_zero():
    stream = Slow(high_water_mark=0)
    assert stream.write(b"") is True
    stream.step()
    assert stream.write(b"x") is False
    stream.step()
    await quiet()
    assert not stream.writable_need_drain


# ---- await drain(), await send()


@looped
async def test_drain_returns_at_once_if_there_is_room():
    stream = Slow(high_water_mark=10)
    turns = []
    asyncio.get_running_loop().call_soon(turns.append, 1)
    assert await stream.drain() is None
    stream.write(b"x")
    await stream.drain()
    assert turns == []


@looped
async def test_drain_waits_for_room():
    stream = Slow(high_water_mark=1)
    stream.write(b"x")
    task = asyncio.create_task(_await(stream.drain()))
    await quiet()
    assert not task.done()
    stream.step()
    assert await task is None
    assert stream.event_names() == []


@looped
async def test_drain_of_a_closed_stream_raises_or_yields_to_the_loop():
    """A loop of write() and drain() on a closed stream never blocks the event loop."""
    given_up = Writable(write=lambda chunk: None)
    given_up.destroy()
    given_up.write(b"x")
    with pytest.raises(PrematureCloseError):
        await given_up.drain()
    whole = Writable(write=lambda chunk: None)
    whole.end()
    while not whole.destroyed:
        await asyncio.sleep(0)
    turns = []
    asyncio.get_running_loop().call_soon(turns.append, 1)
    whole.write(b"x")
    await whole.drain()
    assert turns == [1]


@looped
async def test_several_wait_for_the_same_drain():
    stream = Slow(high_water_mark=1)
    stream.write(b"x")
    waits = [asyncio.create_task(_await(stream.drain())) for _ in range(3)]
    await quiet()
    assert not any(wait.done() for wait in waits)
    stream.step()
    await asyncio.gather(*waits)


@looped
async def test_drain_raises_the_error_of_the_stream():
    stream = Slow(high_water_mark=1)
    stream.write(b"x")
    error = OSError("gone")
    wait = asyncio.create_task(_await(stream.drain()))
    await quiet()
    stream.destroy(error)
    with pytest.raises(OSError, match="gone"):
        await wait
    with pytest.raises(OSError, match="gone"):
        await stream.drain()
    assert stream.event_names() == []


@looped
async def test_drain_of_a_stream_that_closes():
    stream = Slow(high_water_mark=1)
    stream.write(b"x")
    wait = stream.drain()
    stream.destroy()
    with pytest.raises(PrematureCloseError, match="closed before it drained"):
        await wait


@looped
async def test_a_cancelled_wait_leaves_no_listener():
    stream = Slow(high_water_mark=1)
    stream.write(b"x")
    task = asyncio.create_task(_await(stream.drain()))
    await quiet()
    assert stream.event_names() != []
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert stream.event_names() == []
    assert not stream.destroyed


@looped
async def test_an_unawaited_drain_leaves_no_listener_and_no_warning():
    stream = Slow(high_water_mark=1)
    stream.write(b"x")
    for _ in range(10):
        stream.drain()
        stream.send(b"y")
    assert stream.event_names() == []
    while stream.pending:
        stream.step()
    await quiet()
    assert stream.event_names() == []
    stream.write(b"x")
    kept = stream.drain()
    stream.on("error", lambda error: None)
    stream.destroy(OSError("gone"))
    await quiet()
    with pytest.raises(OSError, match="gone"):
        await kept


@looped
async def test_send_writes_at_once_and_waits_for_room():
    stream = Slow(high_water_mark=2)
    stream.send(b"1")
    assert stream.taken == [b"1"]
    task = asyncio.create_task(_await(stream.send(b"2")))
    await quiet()
    assert not task.done()
    stream.step()
    stream.step()
    assert await task is None


@looped
async def test_send_holds_at_most_the_mark_and_one_chunk():
    stream = Slow(high_water_mark=10)
    taking = asyncio.create_task(stream.take_all())
    highest = 0
    for _ in range(100):
        await stream.send(b"1234")
        highest = max(highest, stream.writable_length)
    stream.end()
    await taking
    assert highest <= 10
    assert len(stream.taken) == 100


@looped
async def test_send_on_an_ended_or_destroyed_stream_raises():
    stream = Slow()
    stream.end()
    with pytest.raises(WriteAfterEndError, match=r"send\(\) after end\(\)"):
        await stream.send(b"x")
    stream = Slow()
    stream.destroy()
    with pytest.raises(StreamDestroyedError, match=r"send\(\) on a stream that was destroyed"):
        await stream.send(b"x")
    with pytest.raises(TypeError):
        Slow().send(3)


@looped
async def test_send_with_an_encoding():
    stream = Slow()
    await stream.send("é", "utf8")
    assert stream.taken == ["é".encode()]


# ---- several stages


@looped
@pytest.mark.parametrize("slowest", [0, 1, 2])
async def test_slowest_destination_sets_the_pace(slowest):
    produced = []

    def read(size):
        if len(produced) == 100:
            return b""
        produced.append(b"%03d" % len(produced))
        return produced[-1]

    source = Readable(read=read, high_water_mark=3)
    sinks = [Slow(high_water_mark=6) for _ in range(3)]
    for stream in sinks:
        source.pipe(stream)
    most = 0
    for _ in range(40):
        for index, stream in enumerate(sinks):
            while stream.pending and (index != slowest):
                stream.step()
        await quiet(3)
        most = max(most, *(len(stream.taken) for stream in sinks))
    # The mark of the slowest, and no more than a chunk beyond it.
    assert len(sinks[slowest].taken) == 1
    assert most <= 3
    assert len(produced) <= 4
    await asyncio.gather(*(stream.take_all() for stream in sinks))
    for stream in sinks:
        assert stream.taken == produced


@looped
async def test_chain_buffers_at_most_its_marks():
    produced = 0

    def read(size):
        nonlocal produced
        produced += 1
        return bytes(10)

    source = Readable(read=read, high_water_mark=20)
    first = PassThrough(high_water_mark=20)
    second = Transform(transform=lambda chunk: chunk, high_water_mark=20)
    stuck = Slow(high_water_mark=20)
    source.pipe(first).pipe(second).pipe(stuck)
    await quiet(100)
    held = produced
    await quiet(100)
    assert produced == held
    # Six buffers of 20 bytes, and a chunk of 10 under way in each.
    assert held * 10 <= 6 * 30
    for stream in (source, first, second, stuck):
        stream.destroy()


@looped
async def test_stalls_are_counted():
    stream = Slow(high_water_mark=1)
    for _ in range(3):
        stream.write(b"x")
        stream.step()
    stats = stream.stats()
    assert stats.stalls == 3
    assert stats.stalled >= 0
    assert stats.peak == 1


async def _await(awaitable):
    return await awaitable


@looped
async def test_a_drain_that_only_needs_the_ticks_takes_no_turn_of_the_loop():
    def later(chunk):
        done = Completion()
        next_tick(done.resolve)
        return done

    turns = []
    stream = Writable(write=later, high_water_mark=1)
    asyncio.get_running_loop().call_soon(turns.append, "turn")
    for _ in range(3):
        assert stream.write(b"x") is False
        await stream.drain()
        assert stream.writable_length == 0
    assert turns == []
    stream.destroy()


@looped
async def test_a_drain_whose_ticks_fail_the_stream_raises_its_error():
    def failing(chunk):
        done = Completion()
        next_tick(done.reject, ZeroDivisionError("mine"))
        return done

    stream = Writable(write=failing, high_water_mark=1)
    stream.write(b"x")
    with reported() as reports:
        with pytest.raises(ZeroDivisionError, match="mine"):
            await stream.drain()
        await quiet()
    assert reports == []
    assert stream.listeners("error") == []
