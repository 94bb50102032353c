"""The operations by which a stream of another kind changes its state without events: HTTP's messages use them."""

import pytest

from forebay import Readable, Writable
from support.streams import looped, quiet


def recorded(stream, *events):
    """The names of the events in their order."""
    seen = []
    for event in events:
        stream.on(event, lambda *args, event=event: seen.append(event))
    return seen


@looped
async def test_an_unannounced_end_is_found_by_the_first_read():
    source = Readable(read=lambda size: None)
    source._r_end_unannounced()
    await quiet()
    seen = recorded(source, "end", "close")
    await quiet()
    assert seen == []
    assert source.read() is None
    await quiet()
    assert seen == ["end", "close"]


@looped
async def test_a_read_that_got_nothing_is_asked_again():
    asked = []
    source = Readable(read=asked.append)
    source.read()
    source.read()
    assert len(asked) == 1
    source._r_got_nothing()
    source.read()
    assert len(asked) == 2


@looped
async def test_an_undecided_stream_flows_with_its_first_listener():
    source = Readable(read=lambda size: None)
    source.push(b"data")
    source.pause()
    source._r_undecide()
    assert source.readable_flowing is None
    assert not source.is_paused()
    chunks = []
    source.on("data", chunks.append)
    await quiet()
    assert chunks == [b"data"]


@looped
async def test_a_stream_that_ended_unannounced_refuses_chunks_and_finishes_later():
    sink = Writable(write=lambda chunk: None)
    seen = recorded(sink, "finish", "error")
    sink._w_end_unannounced()
    await quiet()
    assert sink.writable_ended
    assert seen == []
    errors = []
    assert sink.write(b"late", callback=errors.append) is False
    await quiet()
    assert len(errors) == 1


@looped
async def test_a_stream_that_is_destroyed_unannounced_emits_no_error():
    source = Readable(read=lambda size: None)
    seen = recorded(source, "error", "close")
    error = ValueError("gone")
    source._s_destroy_unannounced(error)
    await quiet()
    assert seen == ["close"]
    assert source.errored is error
    with pytest.raises(ValueError, match="gone"):
        async for _ in source:
            raise AssertionError("a destroyed stream has no chunks")


@looped
async def test_a_reported_error_is_not_emitted():
    sink = Writable(write=lambda chunk: None)
    seen = recorded(sink, "error", "close")
    sink._s_error_is_told()
    sink.destroy(ValueError("told"))
    await quiet()
    assert seen == ["close"]
