"""push_many() and write_many(): what one push() or write() after the other does, for the price of one call."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from model_checks import chosen

from forebay import (
    Completion,
    Duplex,
    InvalidArgTypeError,
    NullChunkError,
    PushAfterEofError,
    Readable,
    Transform,
    Writable,
    WriteAfterEndError,
    finished,
)
from support.loops import LOOPS
from support.streams import NAMES, closed, looped, quiet


class OneByOne:
    def push(self, stream, chunks):
        more = None
        for chunk in chunks:
            more = stream.push(chunk)
        return more

    def write(self, stream, chunks):
        more = None
        for chunk in chunks:
            more = stream.write(chunk)
        return more


class AtOnce:
    def push(self, stream, chunks):
        more = stream.push_many(chunks)
        return more if chunks else None

    def write(self, stream, chunks):
        more = stream.write_many(chunks)
        return more if chunks else None


class Trace(list):
    """What happens to the streams of a program, in order, and what they say of themselves after each step."""

    def watch(self, name, stream):
        for event in NAMES:
            stream.on(event, lambda *args, event=event: self.append((name, event, *map(seen, args))))

    def note(self, *streams):
        for stream in streams:
            self.append((stream.destroyed, lengths(stream), counters(stream)))


def seen(value):
    return type(value).__name__ if isinstance(value, (Exception, Readable, Writable)) else value


def lengths(stream):
    return [
        getattr(stream, name)
        for name in (
            "readable_length",
            "readable_flowing",
            "readable_did_read",
            "writable_length",
            "writable_need_drain",
        )
        if hasattr(stream, name)
    ]


def counters(stream):
    """The counters of its sides, without the times."""
    stats = stream.stats()
    sides = [side._asdict() for side in (stats.readable, stats.writable) if side is not None]
    return [{name: value for name, value in side.items() if name != "stalled"} for side in sides]


OBJECTS = st.one_of(st.integers(0, 9), st.text(max_size=2))
BYTES = st.one_of(st.binary(max_size=3), st.binary(max_size=3), st.builds(bytearray, st.binary(max_size=3)))
BATCH_STEPS = st.sampled_from(["push", "push", "push and end", "push around the end", "write", "write"])
TURNS = st.sampled_from(
    ["turn", "turn", "done", "read", "pause", "resume", "pipe", "unpipe", "cork", "uncork"]
)
LISTENS = st.sampled_from(["listen", "readable"])
ENDS = st.sampled_from(["destroy", "destroy the sink", "end the sink"])


@st.composite
def programs(draw):
    """Steps, what the hook of the source pushes, and whether the source and the sink are in object mode."""
    chunks = draw(st.sampled_from([OBJECTS, BYTES]))
    batches = st.lists(chunks, max_size=12)
    modes = (True, True) if chunks is OBJECTS else (draw(st.booleans()), draw(st.booleans()))
    with_batch = st.tuples(BATCH_STEPS, batches)
    steps = st.one_of(
        with_batch, with_batch, *(st.tuples(each, st.none()) for each in (TURNS, TURNS, LISTENS, ENDS))
    )
    return draw(st.lists(steps, max_size=14)), draw(st.lists(batches, max_size=3)), modes


HOOKS = st.sampled_from(["plain", "later", "many later", "pauses", "destroys", "constructs"])


def sink_of(kind, objects, mark, source, trace, pending):
    def later(chunks):
        trace.append(("sink", chunks))
        pending.append(Completion())
        return pending[-1]

    def plain(chunk):
        trace.append(("sink", chunk))
        if kind == "pauses":
            source.pause()
        elif kind == "destroys" and chunk == 7:
            source.destroy()

    if kind == "many later":
        return Writable(object_mode=objects, high_water_mark=mark, writev=later)
    if kind == "constructs":
        return Writable(
            object_mode=objects, high_water_mark=mark, write=plain, construct=lambda: later("construct")
        )
    return Writable(object_mode=objects, high_water_mark=mark, write=later if kind == "later" else plain)


async def traced(way, program, kind, source_mark, sink_mark):
    """Carry the program out, and return all that could be seen of it."""
    steps, hook_pushes, (source_objects, sink_objects) = program
    push = way.push
    trace, pending = Trace(), []
    batches = list(hook_pushes)

    def read(size):
        trace.append(("read", size))
        if batches:
            trace.append(push(source, batches.pop(0)))

    source = Readable(object_mode=source_objects, high_water_mark=source_mark, read=read)
    sink = sink_of(kind, sink_objects, sink_mark, source, trace, pending)
    trace.watch("source", source)
    trace.watch("sink", sink)
    for step, batch in steps:
        trace.append(step)
        if step == "push":
            trace.append(push(source, batch))
        elif step == "push and end":
            trace.append(push(source, [*batch, None]))
        elif step == "push around the end":
            trace.append(push(source, [*batch, None, *batch]))
        elif step == "write":
            trace.append(way.write(sink, batch))
        elif step == "turn":
            await asyncio.sleep(0)
        elif step == "read":
            trace.append(source.read())
        elif step == "pause":
            source.pause()
        elif step == "resume":
            source.resume()
        elif step == "pipe":
            source.pipe(sink)
        elif step == "unpipe":
            source.unpipe(sink)
        elif step == "cork":
            sink.cork()
        elif step == "uncork":
            sink.uncork()
        elif step == "done":
            if pending:
                pending.pop(0).resolve()
        elif step == "listen":
            source.on("data", lambda chunk: trace.append(("data", chunk)))
        elif step == "readable":
            source.once("readable", lambda: trace.append(("readable", source.readable_length)))
        elif step == "destroy":
            source.destroy()
        elif step == "destroy the sink":
            sink.destroy()
        elif step == "end the sink":
            sink.end()
        trace.note(source, sink)
    await quiet(3)
    trace.note(source, sink)
    source.destroy()
    sink.destroy()
    await quiet(3)
    return trace


@pytest.mark.parametrize("loop_factory", LOOPS.values(), ids=list(LOOPS))
@chosen(examples=300)
@given(programs(), HOOKS, st.integers(0, 6), st.integers(0, 6))
def test_what_single_calls_do(loop_factory, program, kind, source_mark, sink_mark):
    traces = []
    for way in (OneByOne(), AtOnce()):
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            traces.append(runner.run(traced(way, program, kind, source_mark, sink_mark)))
    assert traces[1] == traces[0]


@looped
async def test_push_many_counts_for_the_mark_and_goes_on_after_false():
    source = Readable(object_mode=True, high_water_mark=4, read=lambda size: None)
    assert source.push_many([1, 2]) is True
    assert source.push_many(iter([3, 4, 5])) is False
    assert source.push_many(()) is False
    assert source.readable_length == 5
    assert source.push_many([None]) is False
    assert await source.to_list() == [1, 2, 3, 4, 5]


@looped
async def test_push_many_of_bytes_and_text():
    source = Readable(high_water_mark=4, read=lambda size: None, encoding="utf8")
    assert source.push_many([b"gr\xc3", bytearray(b"\xbc"), memoryview(b"\xc3"), "", b"\x9fe", None]) is False
    assert "".join(await source.to_list()) == "grüße"


@looped
async def test_push_many_refuses_other_values_than_chunks():
    source = Readable(object_mode=True, read=lambda size: None)
    for wrong in (b"abc", "abc", bytearray(b"x"), 5, None):
        with pytest.raises(InvalidArgTypeError, match="push_many\\(\\) needs an iterable of chunks"):
            source.push_many(wrong)
    assert source.readable_length == 0

    def failing():
        yield 1
        raise TypeError("mine")

    with pytest.raises(TypeError, match="mine"):
        source.push_many(failing())
    assert source.readable_length == 0


@looped
async def test_write_many_counts_for_the_mark_and_goes_on_after_false():
    got = []
    sink = Writable(high_water_mark=4, writev=got.append, construct=lambda: asyncio.sleep(0))
    assert sink.write_many([b"a", bytearray(b"b")]) is True
    assert sink.write_many(iter([b"cd", b"ef"])) is False
    assert sink.write_many([]) is False
    assert sink.writable_length == 6
    await sink.drain()
    assert got == [[b"a", b"b", b"cd", b"ef"]]
    assert sink.write_many([]) is True
    sink.destroy()


@looped
async def test_write_many_refuses_other_values_than_chunks():
    got = []
    sink = Writable(write=lambda chunk: got.append(bytes(chunk)))
    for wrong in (b"abc", "abc", memoryview(b"x"), 5, None):
        with pytest.raises(InvalidArgTypeError, match="write_many\\(\\) needs an iterable of chunks"):
            sink.write_many(wrong)
    with pytest.raises(InvalidArgTypeError):
        sink.write_many([b"a", 5, b"b"])
    with pytest.raises(NullChunkError):
        sink.write_many([b"c", None])
    assert got == [b"a", b"c"]
    errors = []
    sink.on("error", errors.append)
    sink.end()
    assert sink.write_many([b"d"]) is False
    await closed(sink)
    assert [type(error) for error in errors] == [WriteAfterEndError]


@looped
async def test_push_many_beyond_the_end():
    source = Readable(object_mode=True, read=lambda size: None)
    errors = []
    source.on("error", errors.append)
    assert source.push_many([1, None, 2, 3]) is False
    await closed(source)
    assert [type(error) for error in errors] == [PushAfterEofError]


@looped
async def test_a_list_that_the_listener_changes():
    source = Readable(object_mode=True, read=lambda size: None)
    chunks, got = [1, 2, 3], []

    def take(chunk):
        got.append(chunk)
        chunks.clear()

    source.on("data", take)
    await quiet(2)
    source.push_many(chunks)
    assert got == [1, 2, 3]
    source.destroy()


@looped
async def test_push_many_through_a_pipe_stops_at_the_mark_of_the_destination():
    pending, got = [], []

    def writev(chunks):
        got.append(chunks)
        pending.append(Completion())
        return pending[-1]

    source = Readable(object_mode=True, high_water_mark=100, read=lambda size: None)
    sink = Writable(object_mode=True, high_water_mark=4, writev=writev)
    source.pipe(sink)
    await quiet(2)
    source.push_many(range(10))
    assert got == [[0]]
    assert (sink.writable_length, sink.writable_need_drain) == (4, True)
    assert (source.readable_length, source.is_paused()) == (6, True)
    source.push(None)
    watch = finished(sink)
    while not watch.done():
        if pending:
            pending.pop(0).resolve()
        await asyncio.sleep(0)
    assert [each for chunks in got for each in chunks] == list(range(10))
    assert max(map(len, got)) <= 4


@pytest.mark.parametrize("kind", [Duplex, Transform])
@looped
async def test_streams_with_two_sides_push_many_too(kind):
    if kind is Duplex:
        stream = Duplex(
            object_mode=True, read=lambda size: None, write=lambda row: stream.push_many([row, row]) and None
        )
    else:
        stream = Transform(object_mode=True, transform=lambda row: stream.push_many([row, row]) and None)
    got = []
    stream.on("data", got.append)
    await quiet(2)
    stream.write("a")
    stream.write("b")
    assert got == ["a", "a", "b", "b"]
    stream.destroy()
