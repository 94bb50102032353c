"""The hooks of a Transform, and rules for all kinds of hooks."""

import asyncio

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
)

from forebay import Duplex, MultipleCompletionError, Readable, Transform, Writable
from support.streams import closed, looped, quiet

# ---- transform and flush


@looped
@done_ways
@forms
async def test_transform(way, form):
    stream = make(Transform, form, {"transform": lambda chunk: way(chunk.upper())})
    log = Log(stream)
    stream.write(b"one")
    stream.write(b"two")
    stream.end()
    await log.until_closed()
    assert b"".join(log.data) == b"ONETWO"
    assert log.errors == []
    assert log.events[-1] == "close"


@looped
@done_ways
@forms
async def test_transform_without_output(way, form):
    stream = make(Transform, form, {"transform": lambda chunk: way(None)})
    log = Log(stream)
    stream.end(b"gone")
    await log.until_closed()
    assert log.data == []
    assert log.errors == []


@looped
@failing_ways
@forms
async def test_transform_fails(way, form):
    calls = []
    stream = make(Transform, form, {"transform": once_only(way, None, calls)})
    log = Log(stream)
    told = []
    stream.write(b"one", callback=told.append)
    stream.write(b"two", callback=told.append)
    await log.until_closed()
    assert log.failed_with(Boom)
    assert calls == [(b"one",)]
    assert [type(error) for error in told] == [Boom] * 2


@looped
@double_ways
@forms
async def test_transform_completes_twice(way, form):
    stream = make(Transform, form, {"transform": once_only(way, b"x", [], completion_later)})
    log = Log(stream)
    stream.write(b"one")
    stream.write(b"two")
    await log.until_closed()
    assert log.failed_with(MultipleCompletionError)


@looped
@done_ways
@forms
async def test_flush(way, form):
    hooks = {"transform": lambda chunk: chunk, "flush": lambda: way(b"!")}
    stream = make(Transform, form, hooks)
    log = Log(stream)
    stream.end(b"one")
    await log.until_closed()
    assert b"".join(log.data) == b"one!"
    assert log.errors == []
    assert sorted(log.events[:-1]) == ["end", "finish"]


@looped
@failing_ways
@forms
async def test_flush_fails(way, form):
    hooks = {"transform": lambda chunk: chunk, "flush": once_only(way, None, [])}
    stream = make(Transform, form, hooks)
    log = Log(stream)
    stream.end(b"one")
    await log.until_closed()
    assert log.failed_with(Boom)
    assert "end" not in log.events
    assert "finish" not in log.events


@looped
@double_ways
@forms
async def test_flush_completes_twice(way, form):
    hooks = {"transform": lambda chunk: chunk, "flush": once_only(way, b"!", [])}
    stream = make(Transform, form, hooks)
    log = Log(stream)
    stream.end(b"one")
    await log.until_closed()
    assert [type(error) for error in log.errors] == [MultipleCompletionError]
    assert log.events[-1] == "close"


def generator(*values):
    yield from values


async def async_generator(*values):
    for value in values:
        await asyncio.sleep(0)
        yield value


def failing_generator(*values):
    yield values[0]
    raise Boom


async def failing_async_generator(*values):
    yield values[0]
    raise Boom


@looped
@pytest.mark.parametrize("make_outputs", [generator, async_generator], ids=lambda make: make.__name__)
@forms
async def test_transform_and_flush_as_generators(make_outputs, form):
    hooks = {
        "transform": lambda chunk: make_outputs(chunk, chunk),
        "flush": lambda: make_outputs(b"the", b"end"),
    }
    stream = make(Transform, form, hooks, high_water_mark=1)
    log = Log(stream)
    stream.write(b"1")
    stream.end(b"2")
    await log.until_closed()
    assert log.data == [b"1", b"1", b"2", b"2", b"the", b"end"]
    assert log.errors == []


@looped
@pytest.mark.parametrize(
    "make_outputs", [failing_generator, failing_async_generator], ids=lambda make: make.__name__
)
@pytest.mark.parametrize("kind", ["transform", "flush"])
async def test_a_generator_that_fails(make_outputs, kind):
    hooks = {"transform": lambda chunk: chunk, kind: lambda *args: make_outputs(b"x")}
    stream = Transform(**hooks)
    log = Log(stream)
    stream.end(b"1")
    await log.until_closed()
    assert log.failed_with(Boom)


# ---- all kinds


@looped
async def test_one_task_serves_all_calls_of_an_async_hook():
    tasks = set()

    async def write(chunk):
        await asyncio.sleep(0)
        tasks.add(asyncio.current_task())

    stream = Writable(write=write)
    for n in range(50):
        stream.write(b"%d" % n)
    stream.end()
    assert await closed(stream) is None
    assert len(tasks) == 1


@looped
async def test_ordinary_callables_fit():
    source = [b"b", b"a"]
    taken = []
    stream = Readable(read=lambda size: source.pop() if source else b"")
    sink = Writable(write=taken.append, final=taken.sort)
    stream.pipe(sink)
    assert await closed(sink) is None
    assert taken == [b"a", b"b"]


@looped
@pytest.mark.parametrize("kind", ["read", "write", "final", "transform", "flush"])
async def test_destroy_cancels_a_running_async_hook(kind):
    cancelled = []
    entered = asyncio.get_running_loop().create_future()

    async def hook(*args):
        entered.set_result(None)
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            cancelled.append(kind)
            raise

    stream = stream_with(kind, hook)
    await entered
    stream.destroy()
    assert await closed(stream) is None
    await quiet()
    assert cancelled == [kind]


@looped
@pytest.mark.parametrize("kind", ["read", "write", "final", "transform", "flush"])
async def test_destroy_right_after_the_call_of_an_async_hook(kind):
    begun = []
    ended = []

    async def hook(*args):
        begun.append(kind)
        try:
            await asyncio.sleep(0)
        finally:
            ended.append(kind)

    stream = stream_with(kind, hook)
    stream.destroy()
    assert await closed(stream) is None
    await quiet()
    assert begun == ended
    assert len(begun) <= 1


@looped
async def test_destroy_waits_for_an_async_construct():
    gate = asyncio.get_running_loop().create_future()
    order = []

    async def construct():
        await gate
        order.append("construct")

    stream = Duplex(construct=construct, destroy=lambda error: order.append("destroy"))
    await quiet()
    stream.destroy()
    await quiet()
    assert not stream.closed
    gate.set_result(None)
    assert await closed(stream) is None
    assert order == ["construct", "destroy"]


def stream_with(kind, hook):
    """A stream that has just called its hook of the kind."""
    if kind == "read":
        stream = Readable(read=hook)
        stream.read()
        return stream
    others = {"final": {"write": lambda chunk: None}, "flush": {"transform": lambda chunk: None}}.get(
        kind, {}
    )
    base = Transform if kind in ("transform", "flush") else Writable
    stream = base(**others, **{kind: hook})
    stream.end(b"x")
    return stream


@pytest.mark.parametrize("attributes", [{}, {"color": "red"}], ids=["bare", "with-attributes"])
@looped
async def test_hooks_provided_by_getattr(attributes):
    calls = []

    class Forwarding(Duplex):
        def __init__(self):
            vars(self).update(attributes)
            super().__init__()

        def __getattr__(self, name):
            if name in ("_construct", "_destroy", "_read", "_writev", "_final"):
                return lambda *args: calls.append(name)
            raise AttributeError(name)

    stream = Forwarding()
    await asyncio.sleep(0)
    stream.read()
    stream.end(b"last")
    await asyncio.sleep(0)
    stream.destroy()
    await closed(stream)
    assert calls == ["_construct", "_read", "_writev", "_final", "_destroy"]


@pytest.mark.parametrize("kind", ["read", "write", "writev", "transform"])
@pytest.mark.parametrize("left_by", [KeyboardInterrupt, SystemExit])
def test_a_hook_that_ends_the_program(run, kind, left_by):
    """The stream fails with the exception and releases its resources; then the loop raises the exception."""
    events = []

    async def main():
        stream = failing(kind, left_by("enough"))
        stream.on("error", lambda error: events.append(("error", type(error))))
        stream.on("close", lambda: events.append("close"))
        await asyncio.Event().wait()

    with pytest.raises(left_by, match="enough"):
        run(main)
    assert events == [("error", left_by), "close"]


@pytest.mark.parametrize("kind", ["read", "write", "writev", "transform"])
@looped
async def test_a_hook_that_was_cancelled_outside_of_a_task(kind):
    error = asyncio.CancelledError("gone")
    stream = failing(kind, error)
    errors = []
    stream.on("error", errors.append)
    await closed(stream)
    assert errors == [error]


def failing(kind, error):
    """A stream at work, with a hook that raises ``error``."""

    def hook(*args):
        raise error

    if kind == "read":
        return Readable(read=hook).resume()
    base = Transform if kind == "transform" else Writable
    stream = base(**{kind: hook})
    stream.end(b"x")
    return stream
