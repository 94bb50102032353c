"""The two operations that end an unobserved stream without events; HTTP's messages use them."""

import weakref

import pytest

from forebay import Completion, Duplex, Readable, Writable
from support.streams import looped, quiet


def state_of(stream):
    return stream.destroyed, stream.closed, stream.errored


# ---- the writable side


def ended(**options):
    """A Writable that was ended; its `_final` has not been called yet, for it is still being constructed."""
    sink = Writable(construct=Completion, write=lambda chunk: None, **options)
    sink.end()
    return sink


@looped
async def test_finish_unobserved_finishes_and_closes():
    sink = ended()
    assert sink._w_finish_unobserved() is True
    assert sink.writable_finished
    assert state_of(sink) == (True, True, None)


@looped
async def test_finish_unobserved_runs_no_hook_and_emits_nothing():
    called = []
    sink = ended(final=lambda: called.append("final"), destroy=lambda error: called.append("destroy"))
    assert sink._w_finish_unobserved() is True
    for event in ("prefinish", "finish", "close", "error"):
        sink.on(event, lambda *args, event=event: called.append(event))
    await quiet()
    assert called == []


@looped
async def test_finish_unobserved_happens_once():
    sink = ended()
    assert sink._w_finish_unobserved() is True
    assert sink._w_finish_unobserved() is False


@looped
async def test_a_stream_that_finished_unobserved_refuses_writes():
    sink = ended()
    sink._w_finish_unobserved()
    errors = []
    assert sink.write(b"late", callback=errors.append) is False
    assert sink.writable_length == 0


def with_listener():
    sink = ended()
    sink.on("close", lambda: None)
    return sink


def with_callback():
    sink = Writable(construct=Completion, write=lambda chunk: None)
    sink.end(callback=lambda error: None)
    return sink


def with_data():
    sink = Writable(construct=Completion, write=lambda chunk: None)
    sink.end(b"still to be written")
    return sink


def not_ended():
    return Writable(construct=Completion, write=lambda chunk: None)


def with_a_readable_side():
    stream = Duplex(construct=Completion, read=lambda size: None, write=lambda chunk: None)
    stream.end()
    return stream


@looped
@pytest.mark.parametrize("make", [with_listener, with_callback, with_data, not_ended, with_a_readable_side])
async def test_finish_unobserved_does_nothing_on_an_observed_stream(make):
    stream = make()
    assert stream._w_finish_unobserved() is False
    assert not stream.writable_finished
    assert state_of(stream) == (False, False, None)


@looped
async def test_finish_unobserved_does_nothing_to_a_destroyed_stream():
    sink = ended()
    sink.destroy()
    assert sink._w_finish_unobserved() is False
    assert not sink.writable_finished


# ---- the readable side


@looped
async def test_close_unobserved_drops_the_data_and_closes():
    called = []
    source = Readable(read=lambda size: None, destroy=lambda error: called.append("destroy"))
    source.push(b"dropped")
    assert source._r_close_unobserved(None) is True
    assert state_of(source) == (True, True, None)
    assert source.readable_length == 0
    for event in ("end", "close", "error"):
        source.on(event, lambda *args, event=event: called.append(event))
    await quiet()
    assert called == []


@looped
async def test_reading_raises_the_error_of_a_stream_that_closed_unobserved():
    source = Readable(read=lambda size: None)
    error = ConnectionResetError("gone")
    assert source._r_close_unobserved(error) is True
    assert source.errored is error
    with pytest.raises(ConnectionResetError):
        async for _ in source:
            pass


@looped
async def test_nothing_is_pushed_after_close_unobserved():
    source = Readable(read=lambda size: None)
    source._r_close_unobserved(None)
    source.push(b"late")
    assert source.readable_length == 0


@looped
async def test_the_data_of_a_stream_that_closed_unobserved_is_released():
    source = Readable(read=lambda size: None, object_mode=True)
    chunk = {1}
    gone = weakref.ref(chunk)
    source.push(chunk)
    del chunk
    source._r_close_unobserved(None)
    assert gone() is None


def observed_readable():
    source = Readable(read=lambda size: None)
    source.on("close", lambda: None)
    return source


def read_readable():
    source = Readable(read=lambda size: None)
    source.push(b"some")
    source.read()
    return source


def duplex():
    return Duplex(read=lambda size: None, write=lambda chunk: None)


@looped
@pytest.mark.parametrize("make", [observed_readable, read_readable, duplex])
async def test_close_unobserved_does_nothing_on_an_observed_stream(make):
    stream = make()
    assert stream._r_close_unobserved(ValueError()) is False
    assert state_of(stream) == (False, False, None)


@looped
async def test_close_unobserved_does_nothing_to_a_destroyed_stream():
    source = Readable(read=lambda size: None)
    source.destroy()
    assert source._r_close_unobserved(ValueError()) is False
    assert source.errored is None
