"""Writable: ordered writes, callbacks, cork, the end, and errors."""

import asyncio

import pytest

from forebay import (
    AlreadyFinishedError,
    Completion,
    InvalidArgTypeError,
    NullChunkError,
    StreamDestroyedError,
    StreamError,
    UnknownEncodingError,
    Writable,
    WriteAfterEndError,
)
from support.streams import Events, closed, looped, quiet, reported


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


def sink(**options):
    """A sink that takes everything at once, and the list that it takes it into."""
    taken = []
    return Writable(write=taken.append, **options), taken


@looped
async def test_one_write_is_under_way_at_a_time():
    stream = Slow()
    for chunk in (b"1", b"2", b"3"):
        stream.write(chunk)
    assert stream.taken == [b"1"]
    stream.step()
    assert stream.taken == [b"1", b"2"]
    stream.step()
    stream.step()
    assert stream.taken == [b"1", b"2", b"3"]
    assert stream.writable_length == 0


@looped
async def test_chunks_pass_by_reference():
    stream, taken = sink()
    chunks = [b"bytes", bytearray(b"array"), memoryview(b"view")]
    for chunk in chunks:
        stream.write(chunk)
    assert all(out is chunk for out, chunk in zip(taken, chunks, strict=True))


@looped
async def test_callbacks_come_in_order_and_not_inside_write():
    stream, _ = sink()
    told = []
    for n in range(3):
        stream.write(b"x", callback=lambda error, n=n: told.append((n, error)))
    assert told == []
    await quiet()
    assert told == [(0, None), (1, None), (2, None)]


@looped
async def test_the_same_callback_for_many_writes():
    stream, _ = sink()
    told = []
    for _ in range(10):
        stream.write(b"x", callback=told.append)
    await quiet()
    assert told == [None] * 10


@looped
async def test_end_with_a_last_chunk_and_a_callback():
    stream, taken = sink()
    events = Events(stream, "finish", "close", "error")
    stream.write(b"1")
    assert stream.end(b"2", callback=lambda error: events.append(error)) is stream
    assert stream.writable_ended
    assert not stream.writable
    assert not stream.writable_finished
    await closed(stream)
    assert taken == [b"1", b"2"]
    assert events == [None, "finish", "close"]
    assert stream.writable_finished
    assert not stream.writable_aborted


@looped
async def test_finish_waits_for_what_is_queued():
    stream = Slow()
    events = Events(stream, "finish")
    stream.write(b"1")
    stream.end(b"2")
    await quiet()
    assert events == []
    stream.step()
    stream.step()
    await quiet()
    assert events == ["finish"]


@looped
async def test_end_of_an_empty_stream():
    stream, taken = sink()
    events = Events(stream, "finish", "close")
    stream.end()
    assert events == []
    await closed(stream)
    assert taken == []
    assert events == ["finish", "close"]


# ---- cork


@looped
async def test_cork_queues_writes_until_uncork():
    batches = []
    stream = Writable(writev=batches.append)
    stream.cork()
    stream.cork()
    for chunk in (b"1", b"2"):
        stream.write(chunk)
    assert stream.writable_corked == 2
    stream.uncork()
    await quiet()
    assert batches == []
    stream.uncork()
    assert batches == [[b"1", b"2"]]
    assert stream.writable_corked == 0
    stream.uncork()
    assert stream.writable_corked == 0


@looped
async def test_corked_blocks_nest_and_survive_an_exception():
    batches = []
    stream = Writable(writev=batches.append)

    def block():
        with stream.corked() as same:
            assert same is stream
            stream.write(b"1")
            with stream.corked():
                stream.write(b"2")
            assert batches == []
            raise KeyError

    with pytest.raises(KeyError):
        block()
    assert batches == [[b"1", b"2"]]


@looped
async def test_end_uncorks():
    batches = []
    stream = Writable(writev=batches.append)
    stream.cork()
    stream.cork()
    stream.write(b"1")
    stream.end(b"2")
    assert await closed(stream) is None
    assert batches == [[b"1", b"2"]]


@looped
async def test_cork_without_writev():
    stream, taken = sink()
    with stream.corked():
        stream.write(b"1")
        stream.write(b"2")
        assert taken == []
    assert taken == [b"1", b"2"]


@looped
async def test_one_chunk_goes_to_write_and_several_to_writev():
    calls = []
    stream = Writable(write=lambda chunk: calls.append(chunk), writev=lambda chunks: calls.append(chunks))
    stream.write(b"1")
    with stream.corked():
        stream.write(b"2")
        stream.write(b"3")
    with stream.corked():
        stream.write(b"4")
    assert calls == [b"1", [b"2", b"3"], b"4"]


@looped
async def test_writes_made_inside_writev_are_not_lost():
    batches = []

    def writev(chunks):
        batches.append(chunks)
        if len(batches) == 1:
            stream.write(b"3")

    stream = Writable(writev=writev)
    with stream.corked():
        stream.write(b"1")
        stream.write(b"2")
    stream.end()
    assert await closed(stream) is None
    assert batches == [[b"1", b"2"], [b"3"]]


@looped
async def test_writes_made_inside_write_come_after():
    taken = []

    def write(chunk):
        taken.append(chunk)
        if chunk == b"1":
            stream.write(b"2")

    stream = Writable(write=write)
    stream.write(b"1")
    stream.end(b"3")
    assert await closed(stream) is None
    assert taken == [b"1", b"2", b"3"]


# ---- what is refused


@looped
async def test_wrong_chunks_raise_and_leave_the_stream_unharmed():
    stream, taken = sink()
    with pytest.raises(NullChunkError, match=r"write\(None\).*call end\(\)"):
        stream.write(None)
    with pytest.raises(InvalidArgTypeError, match="bytes-like, got str 'text'; encode it first"):
        stream.write("text")
    with pytest.raises(InvalidArgTypeError, match=r"got int 3; for other objects.*object_mode=True"):
        stream.write(3)
    with pytest.raises(TypeError):
        stream.end({})
    assert stream.writable
    stream.end(b"fine")
    assert await closed(stream) is None
    assert taken == [b"fine"]


@looped
async def test_write_after_end_is_an_error():
    stream, taken = sink()
    told = []
    stream.end(b"1")
    assert stream.write(b"2", callback=told.append) is False
    assert told == []
    error = await closed(stream)
    assert isinstance(error, WriteAfterEndError)
    assert told == [error]
    assert taken == [b"1"]


@looped
async def test_write_after_destroy_fails_its_callback():
    stream, taken = sink()
    told = []
    stream.destroy()
    assert stream.write(b"2", callback=told.append) is False
    assert await closed(stream) is None
    assert [type(error) for error in told] == [StreamDestroyedError]
    assert taken == []


@looped
async def test_destroy_fails_the_callbacks_of_queued_writes():
    stream = Slow()
    told = []
    for n in range(3):
        stream.write(b"x", callback=lambda error, n=n: told.append((n, type(error))))
    stream.end(callback=lambda error: told.append(("end", type(error))))
    stream.destroy()
    stream.step()
    await quiet()
    assert sorted(told, key=str) == sorted(
        [
            (0, type(None)),
            (1, StreamDestroyedError),
            (2, StreamDestroyedError),
            ("end", StreamDestroyedError),
        ],
        key=str,
    )


@looped
async def test_end_callback_after_destroy():
    stream, _ = sink()
    told = []
    stream.destroy()
    stream.end(callback=told.append)
    await quiet()
    assert [type(error) for error in told] == [StreamDestroyedError]


@looped
async def test_end_twice():
    stream, _ = sink()
    told = []
    stream.end(callback=told.append)
    stream.end(callback=told.append)
    await closed(stream)
    assert told == [None, None]
    stream.end(callback=told.append)
    await quiet()
    assert isinstance(told[2], (AlreadyFinishedError, StreamError))


@looped
async def test_a_failing_write_is_the_last_one():
    taken = []

    def write(chunk):
        taken.append(chunk)
        raise OSError("full")

    stream = Writable(write=write)
    told = []
    with stream.corked():
        stream.write(b"1", callback=told.append)
        stream.write(b"2", callback=told.append)
    error = await closed(stream)
    assert isinstance(error, OSError)
    assert taken == [b"1"]
    assert told == [error, error]
    assert stream.errored is error
    assert stream.writable_aborted


@looped
async def test_callbacks_get_the_error_before_error_is_emitted():
    order = []

    def write(chunk):
        raise OSError

    stream = Writable(write=write)
    stream.on("error", lambda error: order.append("error"))
    stream.write(b"1", callback=lambda error: order.append("callback"))
    await closed(stream)
    assert order == ["callback", "error"]


@looped
async def test_without_auto_destroy_a_failed_stream_is_not_closed():
    def write(chunk):
        raise OSError

    stream = Writable(write=write, auto_destroy=False)
    errors = []
    stream.on("error", errors.append)
    stream.write(b"1")
    await quiet()
    assert len(errors) == 1
    assert not stream.destroyed
    assert stream.write(b"2") is False


# ---- text and objects


@pytest.mark.parametrize("chunk", [b"bytes", "text", None])
@pytest.mark.parametrize("object_mode", [False, True])
@pytest.mark.parametrize("encoding", [print, 3])
@looped
async def test_an_encoding_that_is_no_name_is_refused_before_the_chunk_is_taken(chunk, object_mode, encoding):
    stream, taken = sink(object_mode=object_mode)
    wanted = "pass a callback by name: callback=" if encoding is print else "unknown encoding 3"
    for call in (stream.end,) if chunk is None else (stream.write, stream.end):
        with pytest.raises(UnknownEncodingError, match=wanted):
            call(chunk, encoding)
    assert stream.writable_length == 0
    assert taken == []


@looped
async def test_text_with_an_encoding():
    stream, taken = sink(default_encoding="latin1")
    stream.write("é")
    stream.write("é", "utf8")
    stream.write("00ff", "hex")
    stream.write("AP8=", "base64")
    stream.end("x")
    await closed(stream)
    assert taken == [b"\xe9", b"\xc3\xa9", b"\x00\xff", b"\x00\xff", b"x"]


@looped
async def test_decode_strings_false_keeps_str_chunks():
    stream, taken = sink(decode_strings=False)
    stream.write("é")
    assert taken == ["é"]


@looped
async def test_objects():
    stream, taken = sink(object_mode=True)
    for item in (0, "", (), False, {"a": 1}):
        stream.write(item)
    with pytest.raises(NullChunkError):
        stream.write(None)
    assert taken == [0, "", (), False, {"a": 1}]


@looped
async def test_an_empty_chunk_is_written():
    stream, taken = sink()
    stream.end(b"")
    await closed(stream)
    assert taken == [b""]


@looped
async def test_a_buffer_of_larger_items_counts_bytes():
    import array

    stream = Slow()
    stream.write(array.array("I", [1, 2, 3]))
    assert stream.writable_length == 12
    assert bytes(stream.taken[0]) == array.array("I", [1, 2, 3]).tobytes()
    stream.step()
    assert stream.writable_length == 0


# ---- the end, seen from the block


@looped
async def test_async_with_ends_and_waits():
    taken = []

    async def write(chunk):
        await asyncio.sleep(0)
        taken.append(chunk)

    async with Writable(write=write) as stream:
        stream.write(b"1")
        stream.write(b"2")
    assert taken == [b"1", b"2"]
    assert stream.writable_finished


@looped
async def test_an_exception_in_the_block_destroys_and_passes():
    stream, _ = sink()
    error = KeyError("block")
    with pytest.raises(KeyError) as caught:
        async with stream:
            raise error
    assert caught.value is error
    assert stream.destroyed
    assert stream.errored is error


@looped
async def test_a_failure_of_the_stream_is_raised_by_the_block():
    def write(chunk):
        raise OSError("full")

    with pytest.raises(OSError, match="full"):
        async with Writable(write=write) as stream:
            stream.write(b"1")


@looped
async def test_aclose_destroys_the_stream():
    stream = Slow()
    stream.write(b"1")
    await stream.aclose()
    assert stream.closed
    await stream.aclose()


@looped
async def test_stats():
    stream = Slow(high_water_mark=4)
    stream.write(b"123")
    stream.write(b"45")
    side = stream.stats().writable
    assert (side.chunks, side.bytes, side.length, side.peak, side.stalls) == (2, 5, 5, 5, 1)
    stream.step()
    stream.step()
    side = stream.stats().writable
    assert (side.chunks, side.bytes, side.length, side.peak, side.stalls) == (2, 5, 0, 5, 1)


@looped
async def test_a_drain_listener_that_raises_is_reported():
    stream = Slow(high_water_mark=1)

    def fails():
        raise ValueError("listener")

    stream.on("drain", fails)
    stream.write(b"1")
    with reported() as contexts:
        stream.step()
    assert [str(context["exception"]) for context in contexts] == ["listener"]
