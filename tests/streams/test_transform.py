"""Transform and PassThrough: output for input, and backpressure without a reader."""

import asyncio
import zlib

import pytest

from forebay import Completion, PassThrough, PushAfterEofError, Readable, Transform, Writable
from support.streams import Events, closed, collected, looped, quiet


@looped
async def test_a_compressor_by_keyword():
    packer = zlib.compressobj()
    unpacker = zlib.decompressobj()
    pack = Transform(transform=packer.compress, flush=packer.flush)
    unpack = Transform(transform=unpacker.decompress, flush=unpacker.flush)
    data = b"the same line again and again\n" * 10_000
    got = collected(unpack)
    pack.pipe(unpack)
    pack.end(data)
    assert await closed(unpack) is None
    assert b"".join(got) == data


@looped
async def test_passthrough_passes_chunks_by_reference():
    stream = PassThrough()
    got = collected(stream)
    chunk = bytearray(b"x")
    stream.write(chunk)
    stream.end(b"y")
    await closed(stream)
    assert got[0] is chunk
    assert got[1] == b"y"


class Loud(PassThrough):
    def _transform(self, chunk):
        return chunk.upper()


class LoudMany(PassThrough):
    def _transform_many(self, chunks):
        return b"".join(chunks).upper()


@looped
@pytest.mark.parametrize(
    "make",
    [
        Loud,
        LoudMany,
        lambda: PassThrough(transform=bytes.upper),
        lambda: PassThrough(transform_many=lambda chunks: b"".join(chunks).upper()),
    ],
)
async def test_a_hook_of_a_passthrough_is_called(make):
    stream = make()
    stream.write(b"a")
    stream.end(b"b")
    assert b"".join(await stream.to_list()) == b"AB"


@looped
@pytest.mark.parametrize("outputs", [0, 1, 3])
async def test_pushing_any_number_of_outputs(outputs):
    def transform(chunk):
        for _ in range(outputs):
            stream.push(chunk)

    stream = Transform(transform=transform)
    got = collected(stream)
    stream.write(b"a")
    stream.end(b"b")
    assert await closed(stream) is None
    assert b"".join(got) == b"a" * outputs + b"b" * outputs


@looped
async def test_writes_are_held_without_a_reader():
    calls = []

    def transform(chunk):
        calls.append(chunk)
        return chunk

    stream = Transform(transform=transform, readable_high_water_mark=2, writable_high_water_mark=4)
    accepted = [stream.write(b"%d" % n) for n in range(7)]
    await quiet()
    # Two fill the readable side, of which the second is held; the others wait.
    assert calls == [b"0", b"1"]
    assert accepted[-1] is False
    assert stream.readable_length == 2
    assert stream.writable_length == 6
    got = collected(stream)
    stream.end()
    assert await closed(stream) is None
    assert b"".join(got) == b"0123456"


@looped
async def test_the_write_waits_for_an_async_transform():
    gate = asyncio.get_running_loop().create_future()

    async def transform(chunk):
        await gate
        return chunk * 2

    stream = Transform(transform=transform)
    got = collected(stream)
    told = []
    stream.write(b"x", callback=told.append)
    await quiet()
    assert told == []
    gate.set_result(None)
    await quiet()
    assert got == [b"xx"]
    assert told == [None]
    stream.destroy()


@looped
async def test_object_modes_of_the_sides():
    def transform(line):
        return {"text": line.decode()}

    stream = Transform(transform=transform, readable_object_mode=True)
    got = collected(stream)
    stream.write(b"a")
    stream.end(b"b")
    await closed(stream)
    assert got == [{"text": "a"}, {"text": "b"}]


@looped
async def test_falsy_objects_are_output():
    stream = Transform(transform=lambda chunk: chunk, object_mode=True)
    got = collected(stream)
    for item in (0, "", False, True, ()):
        stream.write(item)
    stream.end()
    await closed(stream)
    assert got == [0, "", False, True, ()]


@looped
async def test_the_end_inside_transform():
    def transform(chunk):
        stream.push(chunk)
        stream.push(None)

    stream = Transform(transform=transform)
    got = collected(stream)
    stream.write(b"1")
    stream.write(b"2")
    assert isinstance(await closed(stream), PushAfterEofError)
    assert got == [b"1"]


@looped
async def test_generators_wait_for_room():
    asked = []

    def transform(chunk):
        for n in range(10):
            asked.append(n)
            yield chunk

    stream = Transform(transform=transform, high_water_mark=3)
    stream.end(b"x")
    await quiet()
    assert asked == [0, 1, 2]
    got = collected(stream)
    assert await closed(stream) is None
    assert got == [b"x"] * 10


@looped
async def test_async_generators_wait_for_room():
    asked = []

    async def transform(chunk):
        for n in range(10):
            asked.append(n)
            yield chunk

    stream = Transform(transform=transform, high_water_mark=3)
    stream.end(b"x")
    await quiet()
    assert asked == [0, 1, 2]
    got = collected(stream)
    assert await closed(stream) is None
    assert got == [b"x"] * 10


@looped
async def test_an_async_generator_that_does_not_wait_takes_no_turn():
    async def transform(chunk):
        yield chunk
        yield chunk

    stream = Transform(transform=transform)
    got = collected(stream)
    stream.write(b"x")
    await asyncio.sleep(0)
    assert got == [b"x", b"x"]
    stream.destroy()


@looped
@pytest.mark.parametrize("kind", ["plain", "async"])
async def test_destroy_closes_the_generator(kind):
    closings = []

    def plain(chunk):
        try:
            while True:
                yield chunk
        finally:
            closings.append(kind)

    async def agen(chunk):
        try:
            while True:
                yield chunk
        finally:
            closings.append(kind)

    stream = Transform(transform=plain if kind == "plain" else agen, high_water_mark=2)
    stream.write(b"x")
    await quiet()
    assert closings == []
    stream.destroy()
    await closed(stream)
    await quiet()
    assert closings == [kind]


@looped
async def test_finish_and_end_of_a_transform():
    stream = PassThrough()
    events = Events(stream, "finish", "end", "close")
    stream.resume()
    stream.end(b"x")
    await closed(stream)
    assert sorted(events[:2]) == ["end", "finish"]
    assert events[2] == "close"


@looped
async def test_readable_mark_of_0_sets_the_writable_mark():
    stream = PassThrough(readable_high_water_mark=0)
    assert stream.writable_high_water_mark == 0
    stream = PassThrough(readable_high_water_mark=0, writable_high_water_mark=3)
    assert stream.writable_high_water_mark == 3


@looped
async def test_a_completion_for_each_chunk():
    pending = []

    def transform(chunk):
        pending.append((Completion(), chunk))
        return pending[-1][0]

    stream = Transform(transform=transform)
    got = collected(stream)
    await quiet()
    stream.write(b"a")
    stream.write(b"b")
    assert len(pending) == 1
    pending[0][0].resolve(b"A")
    assert got == [b"A"]
    assert len(pending) == 2
    pending[1][0].resolve()
    stream.end()
    assert await closed(stream) is None
    assert got == [b"A"]


@looped
async def test_a_subclass_in_the_middle():
    class Upper(Transform):
        def _transform(self, chunk):
            return bytes(chunk).upper()

        def _flush(self):
            return b"."

    taken = []
    stage = Upper()
    sink = Writable(write=taken.append)
    Readable.from_([b"a", b"b"], object_mode=False).pipe(stage).pipe(sink)
    assert await closed(sink) is None
    assert b"".join(taken) == b"AB."


@looped
@pytest.mark.parametrize("mark", [1, 4, 8])
async def test_last_output_of_a_generator_waits_for_room(mark):
    def halves(chunk):
        yield chunk[:4]
        yield chunk[4:]

    got = []

    async def write(chunk):
        await asyncio.sleep(0)
        got.append(chunk)

    source = Readable.from_([b"aaaabbbb", b"ccccdddd"], object_mode=False)
    sink = Writable(write=write, high_water_mark=1)
    source.pipe(Transform(transform=halves, high_water_mark=mark)).pipe(sink)
    await closed(sink)
    assert got == [b"aaaa", b"bbbb", b"cccc", b"dddd"]
    assert sink.writable_finished
