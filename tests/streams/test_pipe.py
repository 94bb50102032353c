"""pipe() and unpipe(): data, backpressure, and the end of either stream."""

import pytest

from forebay import CannotPipeError, Completion, Duplex, InvalidArgTypeError, PassThrough, Readable, Writable
from support.streams import Events, chunks_of, closed, looped, quiet, reported


def sink(**options):
    taken = []
    return Writable(write=taken.append, **options), taken


def slow_sink(**options):
    """A sink that takes a chunk when ``step()`` is called; its ``taken`` list and that function."""
    taken = []
    pending = []

    def write(chunk):
        taken.append(chunk)
        pending.append(Completion())
        return pending[-1]

    return Writable(write=write, **options), taken, lambda: pending.pop(0).resolve()


def idle(**options):
    return Readable(read=lambda size: None, **options)


@looped
async def test_everything_arrives_and_the_end_too():
    chunks = [b"%d" % n for n in range(100)]
    source = Readable(read=chunks_of(*chunks))
    stream, taken = sink()
    assert source.pipe(stream) is stream
    assert await closed(stream) is None
    assert taken == chunks
    assert source.closed


@looped
async def test_chains():
    source = Readable(read=chunks_of(b"1", b"2"))
    stream, taken = sink()
    assert source.pipe(PassThrough()).pipe(PassThrough()).pipe(stream) is stream
    assert await closed(stream) is None
    assert taken == [b"1", b"2"]


@looped
async def test_end_false_leaves_the_destination_open():
    stream, taken = sink()
    for chunk in (b"1", b"2"):
        source = Readable(read=chunks_of(chunk))
        source.pipe(stream, end=False)
        await closed(source)
    assert stream.writable
    assert taken == [b"1", b"2"]
    assert stream.listener_count("drain") == stream.listener_count("unpipe") == 0


@looped
async def test_events_of_both_ends():
    source = idle()
    stream, _ = sink()
    seen = []
    stream.on("pipe", lambda by: seen.append(("pipe", by)))
    stream.on("unpipe", lambda by: seen.append(("unpipe", by)))
    source.pipe(stream)
    assert seen == [("pipe", source)]
    assert source.unpipe(stream) is source
    assert seen == [("pipe", source), ("unpipe", source)]


@looped
async def test_unpipe_removes_every_listener():
    source = idle()
    stream, _ = sink()
    for _ in range(10):
        source.pipe(stream)
        source.unpipe(stream)
    assert source.event_names() == []
    assert stream.event_names() == []


@looped
async def test_end_removes_every_listener():
    source = Readable(read=chunks_of(b"x"))
    stream, _, step = slow_sink(high_water_mark=1)
    source.pipe(stream)
    await quiet()
    step()
    await quiet()
    assert stream.closed
    assert source.event_names() == []
    assert stream.event_names() == []


@looped
async def test_unpipe_pauses_the_source_and_keeps_the_rest():
    source = idle()
    stream, taken = sink()
    source.pipe(stream)
    await quiet()
    source.push(b"1")
    source.unpipe()
    source.push(b"2")
    await quiet()
    assert taken == [b"1"]
    assert source.is_paused()
    assert source.readable_length == 1
    source.pipe(stream)
    await quiet()
    assert taken == [b"1", b"2"]


@looped
async def test_unpipe_one_of_two():
    source = idle()
    first, to_first = sink()
    second, to_second = sink()
    source.pipe(first)
    source.pipe(second)
    await quiet()
    source.push(b"1")
    source.unpipe(first)
    source.unpipe(first)
    source.push(b"2")
    await quiet()
    assert to_first == [b"1"]
    assert to_second == [b"1", b"2"]


@looped
async def test_the_same_destination_twice_gets_everything_twice():
    source = Readable(read=chunks_of(b"1", b"2"))
    stream, taken = sink()
    source.pipe(stream)
    source.pipe(stream, end=False)
    await closed(stream)
    assert taken == [b"1", b"1", b"2", b"2"]


@looped
async def test_full_destination_pauses_the_source_until_drain():
    source = idle()
    stream, taken, step = slow_sink(high_water_mark=2)
    source.pipe(stream)
    await quiet()
    assert source.push(b"1") is True
    assert source.readable_flowing is True
    source.push(b"2")
    assert source.readable_flowing is False
    source.push(b"3")
    step()
    assert source.readable_flowing is False
    step()
    assert source.readable_flowing is True
    await quiet()
    assert taken == [b"1", b"2", b"3"]


@looped
async def test_a_destination_that_is_full_already():
    source = Readable(read=chunks_of(b"2"))
    stream, taken, step = slow_sink(high_water_mark=1)
    stream.write(b"1")
    assert stream.writable_need_drain
    source.pipe(stream)
    await quiet()
    assert taken == [b"1"]
    step()
    await quiet()
    assert taken == [b"1", b"2"]


@looped
async def test_unpipe_of_a_full_destination_resumes_the_others():
    source = idle()
    fast, taken = sink()
    stuck, _, _ = slow_sink(high_water_mark=1)
    source.pipe(fast)
    source.pipe(stuck)
    await quiet()
    source.push(b"1")
    source.push(b"2")
    await quiet()
    assert taken == [b"1"]
    source.unpipe(stuck)
    await quiet()
    assert taken == [b"1", b"2"]


@looped
async def test_a_destination_that_closes_is_unpiped():
    source = idle()
    stream, taken = sink()
    source.pipe(stream)
    await quiet()
    stream.destroy()
    await quiet()
    source.push(b"1")
    await quiet()
    assert taken == []
    assert source.event_names() == []
    assert not source.destroyed


@looped
async def test_an_error_of_the_destination_unpipes_and_leaves_the_source():
    def write(chunk):
        raise OSError("full")

    source = idle()
    stream = Writable(write=write)
    source.pipe(stream)
    source.push(b"1")
    error = await closed(stream)
    assert isinstance(error, OSError)
    assert not source.destroyed
    assert source.is_paused()


@looped
async def test_an_unlistened_error_of_the_destination_is_reported_once():
    error = OSError("full")

    def write(chunk):
        raise error

    source = idle()
    stream = Writable(write=write)
    source.pipe(stream)
    source.push(b"1")
    with reported() as contexts:
        await quiet()
    assert [context["exception"] for context in contexts] == [error]
    assert stream.closed


@looped
async def test_an_error_of_the_source_leaves_the_destination():
    source = idle()
    stream, _ = sink()
    source.pipe(stream)
    source.destroy(ValueError())
    await closed(source)
    assert stream.writable


@looped
async def test_a_chunk_that_the_destination_cannot_take():
    source = Readable.from_([b"fine", 3])
    stream, taken = sink()
    source.pipe(stream)
    assert isinstance(await closed(stream), TypeError)
    assert taken == [b"fine"]
    source.destroy()


@looped
async def test_a_source_that_has_ended_before():
    source = Readable(read=chunks_of(), auto_destroy=False)
    source.resume()
    await quiet()
    assert source.readable_ended
    stream, _ = sink()
    source.pipe(stream)
    assert await closed(stream) is None
    assert stream.writable_finished


@looped
async def test_a_destination_with_a_write_of_its_own():
    calls = []

    class Counting(Writable):
        def write(self, chunk, encoding=None, callback=None):
            calls.append(chunk)
            return super().write(chunk, encoding, callback)

    taken = []
    stream = Counting(write=taken.append)
    Readable(read=chunks_of(b"1", b"2")).pipe(stream)
    await closed(stream)
    assert calls == taken == [b"1", b"2"]


@looped
async def test_a_listener_beside_the_pipe_sees_everything():
    source = Readable(read=chunks_of(b"1", b"2"))
    seen = []
    source.on("data", seen.append)
    stream, taken = sink()
    source.pipe(stream)
    await closed(stream)
    assert seen == taken == [b"1", b"2"]


@looped
async def test_pipes_in_a_circle():
    stream = Duplex(read=lambda size: None, write=lambda chunk: stream.push(chunk) and None)
    through = PassThrough()
    seen = []

    @through.on("data")
    def count(chunk):
        seen.append(chunk)
        if len(seen) == 50:
            stream.destroy()
            through.destroy()

    stream.pipe(through).pipe(stream)
    stream.push(b"x")
    await quiet(400)
    assert seen == [b"x"] * 50


@looped
async def test_pipe_adds_its_listeners_before_the_flow_starts():
    source = idle()
    source.push(b"1")
    stream, taken = sink()
    events = Events(stream, "pipe")
    source.pipe(stream)
    assert events == ["pipe"]
    assert taken == []
    await quiet()
    assert taken == [b"1"]


@looped
async def test_text_needs_an_encoding_on_the_way():
    source = Readable(read=chunks_of("é".encode()), encoding="utf8")
    stream, taken = sink(default_encoding="utf8")
    source.pipe(stream)
    assert await closed(stream) is None
    assert taken == ["é".encode()]


@looped
async def test_wrong_uses_raise():
    stream, _ = sink()
    with pytest.raises(InvalidArgTypeError, match=r"pipe\(\) needs a Writable as dest, got"):
        idle().pipe(idle())
    with pytest.raises(InvalidArgTypeError, match="got 3"):
        idle().pipe(3)
    with pytest.raises(CannotPipeError, match=r"pipe\(\) on a Writable"):
        stream.pipe(stream)
    idle().unpipe(stream)
