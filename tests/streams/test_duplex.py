"""Duplex: two independent sides, and their common end."""

import pytest

from forebay import Duplex, PushAfterEofError, Readable, Writable, WriteAfterEndError
from support.streams import Events, chunks_of, closed, collected, looped, quiet


def both(**options):
    taken = []
    return Duplex(read=lambda size: None, write=taken.append, **options), taken


@looped
async def test_it_is_a_readable_and_a_writable():
    stream, _ = both()
    assert isinstance(stream, Readable)
    assert isinstance(stream, Writable)
    assert stream.readable
    assert stream.writable


@looped
async def test_the_sides_are_independent():
    stream, taken = both()
    got = collected(stream)
    stream.write(b"in")
    stream.push(b"out")
    await quiet()
    assert taken == [b"in"]
    assert got == [b"out"]
    stream.push(None)
    await quiet()
    assert stream.readable_ended
    assert stream.writable
    assert not stream.destroyed
    stream.write(b"more")
    stream.end()
    assert await closed(stream) is None
    assert taken == [b"in", b"more"]


@looped
@pytest.mark.parametrize("first", ["read", "write"])
async def test_it_is_destroyed_when_both_sides_are_done(first):
    stream, _ = both()
    stream.resume()
    steps = [lambda: stream.push(None), stream.end]
    if first == "write":
        steps.reverse()
    steps[0]()
    await quiet()
    assert not stream.destroyed
    steps[1]()
    assert await closed(stream) is None


@pytest.mark.parametrize("ends", ["nothing", "the readable side", "the writable side"])
@looped
async def test_aclose_drops_the_data_of_both_sides(ends):
    stream, _ = both()
    collected(stream)
    if ends == "the readable side":
        stream.push(None)
    elif ends == "the writable side":
        stream.end()
    await quiet()
    await stream.aclose()
    assert stream.closed


@looped
async def test_allow_half_open_false_ends_the_writable_side():
    stream, _ = both(allow_half_open=False)
    events = Events(stream, "end", "finish", "close")
    stream.resume()
    stream.push(None)
    await closed(stream)
    assert events == ["end", "finish", "close"]


@looped
async def test_marks_and_modes_of_the_sides():
    stream, _ = both(readable_high_water_mark=3, writable_high_water_mark=5, readable_object_mode=True)
    assert stream.readable_high_water_mark == 3
    assert stream.writable_high_water_mark == 5
    assert stream.readable_object_mode
    assert not stream.writable_object_mode
    stream, _ = both(high_water_mark=7, readable_high_water_mark=3, object_mode=True)
    assert stream.readable_high_water_mark == stream.writable_high_water_mark == 7
    assert stream.readable_object_mode
    assert stream.writable_object_mode


@looped
async def test_without_a_readable_side():
    stream, taken = both(readable=False)
    assert not stream.readable
    stream.end(b"x")
    assert await closed(stream) is None
    assert taken == [b"x"]
    stream, _ = both(readable=False)
    stream.push(b"x")
    assert isinstance(await closed(stream), PushAfterEofError)


@looped
async def test_without_a_writable_side():
    stream = Duplex(read=chunks_of(b"x"), writable=False)
    assert not stream.writable
    got = collected(stream)
    assert await closed(stream) is None
    assert got == [b"x"]
    stream, _ = both(writable=False)
    stream.write(b"x")
    assert isinstance(await closed(stream), WriteAfterEndError)


@looped
async def test_an_error_of_one_side_is_the_error_of_both():
    def write(chunk):
        raise OSError("broken")

    stream = Duplex(read=lambda size: None, write=write)
    stream.resume()
    stream.write(b"x")
    error = await closed(stream)
    assert isinstance(error, OSError)
    assert not stream.readable
    assert not stream.writable
    assert stream.readable_aborted
    assert stream.writable_aborted


@looped
async def test_async_with_ends_the_writable_side_and_drops_the_other():
    stream, taken = both()
    async with stream:
        stream.write(b"x")
    assert taken == [b"x"]
    assert stream.closed
    assert stream.writable_finished
    with pytest.raises(KeyError):
        async with both()[0] as stream:
            raise KeyError
    assert stream.destroyed


@looped
async def test_text_of_both_sides():
    stream, taken = both(encoding="utf8", default_encoding="utf8")
    got = collected(stream)
    stream.write("é")
    stream.push("ü".encode())
    await quiet()
    assert taken == ["é".encode()]
    assert got == ["ü"]


@looped
async def test_a_subclass():
    class Echo(Duplex):
        def _read(self, size):
            return None

        def _write(self, chunk):
            self.push(chunk)

        def _final(self):
            self.push(None)

    stream = Echo()
    got = collected(stream)
    stream.write(b"1")
    stream.end(b"2")
    assert await closed(stream) is None
    assert got == [b"1", b"2"]


@looped
async def test_stats_of_both_sides():
    stream, _ = both()
    stream.write(b"abc")
    stream.push(b"de")
    stats = stream.stats()
    assert (stats.writable.chunks, stats.writable.bytes) == (1, 3)
    assert (stats.readable.chunks, stats.readable.bytes) == (1, 2)
