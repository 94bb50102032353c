"""The hooks of reading and writing in every form of a hook, by keyword and by a subclass."""

import pytest
from hook_forms import (
    Boom,
    Log,
    completion_later,
    done_ways,
    double_ways,
    failing_ways,
    forms,
    make,
    once_only,
    writers,
)

from forebay import Duplex, MultipleCompletionError, Readable, Writable
from support.streams import looped

readers = pytest.mark.parametrize("base", [Readable, Duplex], ids=["Readable", "Duplex"])


# ---- read


def reading(way, values):
    """A read hook that gives one value after the other, and b"" at the end, all in the same way."""
    left = list(values)
    return lambda size: way(left.pop(0) if left else b"")


@looped
@done_ways
@forms
@readers
async def test_read(way, form, base):
    stream = make(base, form, {"read": reading(way, [b"one", b"two"])})
    if base is Duplex:
        stream.end()
    log = await Log(stream).until_closed()
    assert log.data == [b"one", b"two"]
    assert log.errors == []
    assert log.events[-1] == "close"
    assert "end" in log.events


@looped
@done_ways
@forms
async def test_read_by_push(way, form):
    left = [b"one", b"two", None]

    def read(size):
        stream.push(left.pop(0))
        return way(None)

    stream = make(Readable, form, {"read": read})
    log = await Log(stream).until_closed()
    assert log.data == [b"one", b"two"]
    assert log.events == ["end", "close"]


@looped
@done_ways
async def test_read_in_object_mode(way):
    left = [0, "", (), {"a": 1}]

    def read(size):
        if not left:
            stream.push(None)
            return way(None)
        return way(left.pop(0))

    stream = Readable(read=read, object_mode=True)
    log = await Log(stream).until_closed()
    assert log.data == [0, "", (), {"a": 1}]


@looped
@failing_ways
@forms
@readers
async def test_read_fails(way, form, base):
    calls = []
    log = await Log(make(base, form, {"read": once_only(way, None, calls)})).until_closed()
    assert log.failed_with(Boom)
    assert log.data == []
    assert len(calls) == 1


@looped
@double_ways
@forms
async def test_read_completes_twice(way, form):
    calls = []
    log = await Log(make(Readable, form, {"read": once_only(way, b"x", calls)})).until_closed()
    assert log.failed_with(MultipleCompletionError)


# ---- write and writev


@looped
@done_ways
@forms
@writers
async def test_write(way, form, base):
    taken = []

    def write(chunk):
        taken.append(chunk)
        return way(len(chunk))

    stream = make(base, form, {"write": write})
    told = []
    for chunk in (b"one", b"two", b"three"):
        stream.write(chunk, callback=told.append)
    stream.end()
    if base is Duplex:
        stream.push(None)
    log = await Log(stream).until_closed()
    assert taken == [b"one", b"two", b"three"]
    assert told == [None, None, None]
    assert log.errors == []
    assert "finish" in log.events


@looped
@failing_ways
@forms
@writers
async def test_write_fails(way, form, base):
    calls = []
    stream = make(base, form, {"write": once_only(way, None, calls)})
    told = []
    log = Log(stream)
    stream.write(b"one", callback=told.append)
    stream.write(b"two", callback=told.append)
    stream.end(callback=told.append)
    await log.until_closed()
    assert log.failed_with(Boom)
    assert calls == [(b"one",)]
    assert [type(error) for error in told] == [Boom] * 3
    assert "finish" not in log.events


@looped
@double_ways
@forms
async def test_write_completes_twice(way, form):
    calls = []
    stream = make(Writable, form, {"write": once_only(way, None, calls, completion_later)})
    log = Log(stream)
    stream.write(b"one")
    stream.write(b"two")
    await log.until_closed()
    assert log.failed_with(MultipleCompletionError)


@looped
@done_ways
@forms
async def test_writev(way, form):
    taken = []

    def writev(chunks):
        taken.append(chunks)
        return way(None)

    stream = make(Writable, form, {"writev": writev})
    told = []
    with stream.corked():
        for chunk in (b"one", b"two", b"three"):
            stream.write(chunk, callback=told.append)
    stream.end(b"last")
    log = await Log(stream).until_closed()
    assert [chunk for chunks in taken for chunk in chunks] == [b"one", b"two", b"three", b"last"]
    assert taken[0] == [b"one", b"two", b"three"]
    assert told == [None, None, None]
    assert log.events == ["finish", "close"]


@looped
@failing_ways
@forms
async def test_writev_fails(way, form):
    calls = []
    stream = make(Writable, form, {"writev": once_only(way, None, calls)})
    told = []
    log = Log(stream)
    with stream.corked():
        stream.write(b"one", callback=told.append)
        stream.write(b"two", callback=told.append)
    await log.until_closed()
    assert log.failed_with(Boom)
    assert calls == [([b"one", b"two"],)]
    assert [type(error) for error in told] == [Boom] * 2


@looped
@double_ways
@forms
async def test_writev_completes_twice(way, form):
    stream = make(Writable, form, {"writev": once_only(way, None, [])})
    log = Log(stream)
    with stream.corked():
        stream.write(b"one")
        stream.write(b"two")
    await log.until_closed()
    assert log.failed_with(MultipleCompletionError)
