"""Readable: the two reading modes, the buffer and its mark, the end, and text."""

import asyncio
import gc
import itertools
import random

import pytest

from forebay import (
    InvalidArgTypeError,
    OutOfRangeError,
    Readable,
    get_default_high_water_mark,
    set_default_high_water_mark,
)
from support.streams import Events, chunks_of, closed, collected, looped, quiet, reported


def idle(**options):
    """A Readable that is fed by push() alone."""
    return Readable(read=lambda size: None, **options)


# ---- flowing


@looped
async def test_data_flows_in_order_to_the_end():
    stream = Readable(read=chunks_of(b"one", b"two", b"three"))
    assert stream.readable_flowing is None
    events = Events(stream, "data", "end", "close")
    assert stream.readable_flowing is True
    await closed(stream)
    assert events == [("data", b"one"), ("data", b"two"), ("data", b"three"), "end", "close"]


@looped
async def test_source_is_not_read_before_it_is_consumed():
    calls = []
    stream = Readable(read=calls.append)
    await quiet()
    assert calls == []
    stream.resume()
    await quiet()
    assert calls == [stream.readable_high_water_mark]


@looped
async def test_no_end_without_a_reader():
    stream = idle()
    events = Events(stream, "end", "close")
    stream.push(None)
    await quiet()
    assert events == []
    stream.resume()
    await quiet()
    assert events == ["end", "close"]


@looped
async def test_pause_buffers_and_resume_delivers():
    stream = idle()
    got = collected(stream)
    events = Events(stream, "pause", "resume")
    stream.push(b"1")
    await quiet()
    stream.pause()
    stream.pause()
    assert stream.is_paused()
    assert stream.readable_flowing is False
    stream.push(b"2")
    stream.push(b"3")
    await quiet()
    assert got == [b"1"]
    assert stream.readable_length == 2
    stream.resume()
    assert not stream.is_paused()
    await quiet()
    assert got == [b"1", b"2", b"3"]
    assert events == ["resume", "pause", "resume"]


@looped
async def test_pause_inside_a_listener_stops_the_flow():
    stream = Readable(read=chunks_of(b"1", b"2", b"3"))
    got = []

    def listener(chunk):
        got.append(chunk)
        stream.pause()

    stream.on("data", listener)
    for count in (1, 2, 3):
        await quiet()
        assert len(got) == count
        stream.resume()
    await closed(stream)


@looped
async def test_a_data_listener_does_not_undo_pause():
    stream = idle()
    stream.pause()
    got = collected(stream)
    stream.push(b"1")
    await quiet()
    assert got == []


@looped
async def test_resume_without_a_listener_drops_the_data():
    stream = Readable(read=chunks_of(b"1", b"2"))
    stream.resume()
    assert await closed(stream) is None
    assert stream.readable_ended


@looped
async def test_pushed_data_goes_to_the_listener_inside_push():
    stream = idle()
    got = collected(stream)
    await quiet()
    stream.push(b"1")
    assert got == [b"1"]


@looped
async def test_chunks_pass_by_reference():
    stream = idle()
    got = collected(stream)
    chunks = [b"bytes", bytearray(b"array"), memoryview(b"view")]
    for chunk in chunks:
        stream.push(chunk)
    await quiet()
    assert all(out is chunk for out, chunk in zip(got, chunks, strict=True))


@looped
async def test_all_listeners_get_every_chunk():
    stream = Readable(read=chunks_of(b"1", b"2"))
    first, second = collected(stream), collected(stream)
    await closed(stream)
    assert first == second == [b"1", b"2"]


# ---- 'readable' and read()


@looped
async def test_readable_event_and_read():
    stream = Readable(read=chunks_of(b"one", b"two"))
    got = []

    @stream.on("readable")
    def take():
        while (chunk := stream.read()) is not None:
            got.append(chunk)

    assert await closed(stream) is None
    assert got == [b"one", b"two"]


@looped
async def test_readable_listeners_win_over_data_listeners():
    stream = idle()
    got = collected(stream)
    stream.on("readable", lambda: None)
    stream.push(b"1")
    await quiet()
    assert got == []
    assert stream.read() == b"1"
    assert got == [b"1"]


@looped
async def test_data_flows_after_the_last_readable_listener_is_removed():
    stream = idle()
    got = collected(stream)

    def listener():
        return None

    stream.on("readable", listener)
    stream.push(b"1")
    await quiet()
    stream.off("readable", listener)
    await quiet()
    assert got == [b"1"]


@looped
async def test_several_pushes_are_announced_once():
    stream = idle()
    counts = []
    stream.on("readable", lambda: counts.append(stream.readable_length))
    await quiet()
    for _ in range(5):
        stream.push(b"x")
    await quiet()
    assert counts == [5]


@looped
async def test_read_takes_one_chunk():
    stream = idle()
    stream.push(b"one")
    stream.push(b"two")
    assert stream.read() == b"one"
    assert stream.read() == b"two"
    assert stream.read() is None


@looped
@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 11])
@pytest.mark.parametrize("cut", [1, 2, 3, 5, 11])
async def test_sized_reads_split_and_join(size, cut):
    data = b"hello world"
    stream = idle()
    for at in range(0, len(data), cut):
        stream.push(data[at : at + cut])
    out = []
    while stream.readable_length >= size:
        out.append(stream.read(size))
    assert all(len(part) == size for part in out)
    assert b"".join(out) == data[: len(data) // size * size]
    assert stream.readable_length == len(data) % size


@looped
async def test_sized_reads_of_any_cut_give_the_bytes_in_order():
    stream = idle(high_water_mark=1 << 20)
    generator = random.Random(7)
    pushed = bytearray()
    got = bytearray()
    # Far more chunks than the queue keeps slots for, so that it grows, wraps and shrinks; some are not bytes.
    for _ in range(60):
        for _ in range(generator.choice((1, 5, 60, 3000))):
            part = generator.randbytes(generator.randint(1, 9))
            pushed += part
            stream.push(generator.choice((bytes, bytes, bytes, bytearray))(part))
        while len(got) < len(pushed):
            size = min(len(pushed) - len(got), generator.choice((1, 2, 7, 40, 900)))
            taken = stream.read(size)
            assert type(taken) in (bytes, bytearray)
            assert len(taken) == size
            got += taken
            assert stream.readable_length == len(pushed) - len(got)
    assert got == pushed


@looped
async def test_sized_read_updates_the_length_before_it_frees_memory():
    stream = idle(high_water_mark=1 << 20)
    for _ in range(1200):
        stream.push(b"ab")
    seen = []

    class Looks:
        def __del__(self):
            seen.append((stream.readable_length, stream.read()))

    gc.collect()
    looks = Looks()
    looks.itself = looks
    del looks
    threshold = gc.get_threshold()
    gc.set_threshold(1)
    try:
        taken = stream.read(2400)
    finally:
        gc.set_threshold(*threshold)
    gc.collect()
    assert len(seen) == 1
    length, found = seen[0]
    # Either it looked before anything was taken, and took a chunk that the read then does not find, or after all was.
    if length == 0:
        assert (found, taken) == (None, b"ab" * 1200)
    else:
        assert (length, found) == (2400, b"ab")
    assert stream.readable_length in (0, 2398)


@looped
async def test_read_of_more_than_there_is():
    stream = idle()
    stream.push(b"abc")
    assert stream.read(4) is None
    assert stream.readable_length == 3
    stream.push(None)
    assert stream.read(4) == b"abc"


@looped
async def test_read_zero_takes_nothing_but_fetches():
    calls = []
    stream = Readable(read=lambda size: calls.append(size))
    assert stream.read(0) is None
    assert len(calls) == 1
    stream.push(b"x")
    assert stream.read(0) is None
    assert stream.read(-5) is None
    assert stream.readable_length == 1


@looped
async def test_a_large_read_raises_the_mark():
    stream = idle(high_water_mark=10)
    assert stream.read(1000) is None
    assert stream.readable_high_water_mark == 1024


@looped
async def test_wrong_sizes_raise():
    stream = idle()
    with pytest.raises(OutOfRangeError, match=r"at most 1073741824 bytes.*got 1073741825"):
        stream.read((1 << 30) + 1)
    for wrong in (1.5, "1", True):
        with pytest.raises(InvalidArgTypeError, match="size must be an int or None, got"):
            stream.read(wrong)


@looped
async def test_read_emits_data():
    stream = idle()
    stream.pause()
    got = collected(stream)
    stream.push(b"1")
    assert stream.read() == b"1"
    assert got == [b"1"]


@looped
async def test_a_read_hook_is_not_called_again_before_it_has_pushed():
    calls = []
    stream = Readable(read=lambda size: calls.append(size))
    for _ in range(5):
        stream.read()
        stream.resume()
        await quiet()
    assert len(calls) == 1
    stream.push(b"x")
    await quiet()
    assert len(calls) == 2


@looped
async def test_empty_push_is_neither_data_nor_the_end():
    answers = [b"", b"", b"x", None]
    stream = Readable()
    stream._read = lambda size: stream.push(answers.pop(0)) and None
    got = collected(stream)
    await closed(stream)
    assert got == [b"x"]
    assert answers == []


# ---- the mark


@looped
@pytest.mark.parametrize("mark", [1, 3, 10, 64])
async def test_reading_ahead_stops_at_the_mark(mark):
    calls = []

    def read(size):
        calls.append(size)
        stream.push(b"xxx")

    stream = Readable(read=read, high_water_mark=mark)
    stream.read(0)
    await quiet()
    assert stream.readable_length == -(-mark // 3) * 3
    assert set(calls) == {mark}


@looped
async def test_push_returns_whether_there_is_room():
    stream = idle(high_water_mark=3)
    assert stream.push(b"12") is True
    assert stream.push(b"3") is False
    assert stream.push(b"4") is False
    assert stream.push(None) is False


@looped
async def test_mark_zero_reads_on_demand_only():
    calls = []
    stream = Readable(read=lambda size: calls.append(size), high_water_mark=0)
    stream.push(b"x")
    await quiet()
    assert calls == []
    assert stream.read() == b"x"
    assert stream.readable_length == 0


@looped
async def test_objects_count_as_one():
    stream = idle(object_mode=True, high_water_mark=2)
    assert stream.push("a long text") is True
    assert stream.push(()) is False
    assert stream.readable_length == 2
    assert stream.readable_object_mode
    assert stream.read(17) == "a long text"
    assert stream.read() == ()


@looped
async def test_defaults():
    before = get_default_high_water_mark(False), get_default_high_water_mark(True)
    assert before == (64 * 1024, 16)
    try:
        set_default_high_water_mark(False, 5)
        set_default_high_water_mark(True, 6)
        assert idle().readable_high_water_mark == 5
        assert idle(object_mode=True).readable_high_water_mark == 6
    finally:
        set_default_high_water_mark(False, before[0])
        set_default_high_water_mark(True, before[1])


@looped
async def test_many_synchronous_reads_do_not_grow_the_stack():
    left = itertools.count()
    stream = Readable(read=lambda size: b"x" if next(left) < 20_000 else b"")
    total = 0

    @stream.on("data")
    def count(chunk):
        nonlocal total
        total += len(chunk)

    await closed(stream)
    assert total == 20_000


# ---- what can be seen


@looped
async def test_properties_over_the_life_of_a_stream():
    stream = idle()
    assert stream.readable
    assert not stream.readable_did_read
    assert not stream.readable_aborted
    stream.push(b"x")
    assert stream.read() == b"x"
    assert stream.readable_did_read
    stream.push(None)
    stream.resume()
    await closed(stream)
    assert not stream.readable
    assert stream.readable_ended
    assert not stream.readable_aborted
    assert stream.destroyed
    assert stream.closed
    assert stream.errored is None


@looped
async def test_destroy():
    stream = idle()
    stream.push(b"x")
    error = ValueError("why")
    assert stream.destroy(error) is stream
    assert stream.destroyed
    assert stream.errored is error
    assert not stream.readable
    assert stream.readable_aborted
    assert stream.push(b"y") is False
    assert await closed(stream) is error


@looped
async def test_nothing_follows_close():
    stream = idle()
    events = Events(stream, "data", "end", "error", "close")
    stream.destroy()
    stream.push(b"x")
    stream.push(None)
    stream.resume()
    stream.unshift(b"y")
    stream.destroy(ValueError())
    await quiet()
    assert events == ["close"]


@looped
async def test_a_subclass_that_reads():
    class Counter(Readable):
        def __init__(self, stop):
            super().__init__(object_mode=True)
            self.left = iter(range(stop))

        def _read(self, size):
            self.push(next(self.left, None))

    stream = Counter(40)
    got = collected(stream)
    await closed(stream)
    assert got == list(range(40))


@looped
async def test_listeners_may_destroy_push_and_unpipe():
    stream = idle()
    got = []

    def listener(chunk):
        got.append(chunk)
        if chunk == b"1":
            stream.push(b"2")
        elif chunk == b"2":
            stream.destroy()

    stream.on("data", listener)
    await quiet()
    stream.push(b"1")
    stream.push(b"3")
    await quiet()
    assert got == [b"1", b"2"]
    assert stream.closed


@looped
async def test_a_listener_that_raises_inside_push_is_reported():
    stream = idle()

    def fails(chunk):
        raise ValueError("listener")

    stream.on("data", fails)
    await quiet()
    with reported() as contexts:
        assert stream.push(b"x") is True
    assert [str(context["exception"]) for context in contexts] == ["listener"]
    assert not stream.destroyed


@looped
async def test_a_listener_that_raises_in_the_flow_is_reported():
    stream = idle()

    def fails(chunk):
        raise ValueError("listener")

    stream.on("data", fails)
    stream.push(b"x")
    with reported() as contexts:
        await quiet()
    assert [str(context["exception"]) for context in contexts] == ["listener"]


@looped
async def test_stats_count_chunks_and_bytes():
    stream = idle()
    stream.push(b"12345")
    stream.push(b"678")
    side = stream.stats().readable
    assert (side.chunks, side.bytes, side.length, side.peak) == (2, 8, 8, 8)
    stream.read()
    side = stream.stats().readable
    assert (side.chunks, side.bytes, side.length, side.peak) == (2, 8, 3, 8)
    assert stream.stats().writable is None


@looped
async def test_reading_in_several_tasks_loses_nothing():
    stream = Readable(read=chunks_of(*[b"%d" % n for n in range(20)]))
    got = []

    async def reader():
        while not stream.readable_ended and not stream.destroyed:
            chunk = stream.read()
            if chunk is not None:
                got.append(int(chunk))
            await asyncio.sleep(0)

    await asyncio.gather(reader(), reader(), reader())
    assert sorted(got) == list(range(20))


@looped
@pytest.mark.parametrize("mark", [0, 1])
async def test_a_stream_that_opens_slowly_is_read_whatever_its_mark(mark):
    async def opens():
        await asyncio.sleep(0)

    stream = Readable(construct=opens, read=chunks_of(b"a", b"b"), high_water_mark=mark)
    assert await asyncio.wait_for(stream.to_list(), 5) == [b"a", b"b"]
