"""The hooks final, construct and destroy in every form of a hook."""

import pytest
from hook_forms import (
    Boom,
    Log,
    completion,
    completion_later,
    coroutine,
    done_ways,
    double_ways,
    failing_ways,
    forms,
    future,
    make,
    once_only,
    plain,
    slow_coroutine,
    writers,
)

from forebay import Duplex, MultipleCompletionError, Readable, Transform, Writable
from support.streams import closed, looped

# ---- final


@looped
@done_ways
@forms
@writers
async def test_final(way, form, base):
    taken = []
    calls = []
    hooks = {"write": taken.append, "final": lambda: calls.append(list(taken)) or way("ignored")}
    stream = make(base, form, hooks)
    log = Log(stream)
    stream.end(b"last")
    if base is Duplex:
        stream.push(None)
    await log.until_closed()
    assert calls == [[b"last"]]
    assert log.errors == []
    assert "finish" in log.events


@looped
@failing_ways
@forms
@writers
async def test_final_fails(way, form, base):
    calls = []
    stream = make(base, form, {"write": lambda chunk: None, "final": once_only(way, None, calls)})
    told = []
    log = Log(stream)
    stream.end(b"last", callback=told.append)
    await log.until_closed()
    assert log.failed_with(Boom)
    assert len(calls) == 1
    assert [type(error) for error in told] == [Boom]
    assert "finish" not in log.events


@looped
@double_ways
@forms
async def test_final_completes_twice(way, form):
    stream = make(Writable, form, {"write": lambda chunk: None, "final": once_only(way, None, [])})
    log = Log(stream)
    stream.end(b"last")
    await log.until_closed()
    assert [type(error) for error in log.errors] == [MultipleCompletionError]
    assert log.events[-1] == "close"
    assert "finish" not in log.events


# ---- construct


@looped
@done_ways
@forms
async def test_construct_of_a_readable(way, form):
    order = []

    def construct():
        order.append("construct")
        return way("ignored")

    def read(size):
        order.append("read")
        return b""

    log = await Log(make(Readable, form, {"construct": construct, "read": read})).until_closed()
    assert order == ["construct", "read"]
    assert log.events == ["end", "close"]


@looped
@done_ways
@forms
async def test_construct_of_a_writable(way, form):
    order = []

    def construct():
        order.append("construct")
        return way("ignored")

    stream = make(Writable, form, {"construct": construct, "write": order.append})
    stream.write(b"one")
    stream.end(b"two")
    assert order == []
    log = await Log(stream).until_closed()
    assert order == ["construct", b"one", b"two"]
    assert log.events == ["finish", "close"]


@looped
@failing_ways
@forms
@pytest.mark.parametrize("base", [Readable, Writable, Duplex, Transform], ids=lambda base: base.__name__)
async def test_construct_fails(way, form, base):
    calls = []
    log = await Log(make(base, form, {"construct": once_only(way, None, calls)})).until_closed()
    assert log.failed_with(Boom)
    assert log.events == ["error", "close"]
    assert len(calls) == 1


@looped
@double_ways
@forms
async def test_construct_completes_twice(way, form):
    stream = make(Writable, form, {"construct": once_only(way, None, []), "write": lambda chunk: None})
    log = await Log(stream).until_closed()
    assert log.failed_with(MultipleCompletionError)


@looped
@done_ways
async def test_destroy_waits_for_construct(way):
    order = []

    def construct():
        order.append("construct")
        return way(None)

    stream = Readable(construct=construct, destroy=lambda error: order.append("destroy"))
    stream.destroy()
    assert order == []
    assert stream.destroyed
    await closed(stream)
    assert order == ["construct", "destroy"]


# ---- destroy


@looped
@done_ways
@forms
@pytest.mark.parametrize("base", [Readable, Writable, Duplex, Transform], ids=lambda base: base.__name__)
async def test_destroy(way, form, base):
    calls = []
    stream = make(base, form, {"destroy": once_only(way, None, calls)})
    log = Log(stream)
    stream.destroy()
    stream.destroy()
    await log.until_closed()
    assert calls == [(None,)]
    assert log.events == ["close"]


@looped
@pytest.mark.parametrize("way", [plain, coroutine, slow_coroutine, future], ids=lambda way: way.__name__)
@forms
async def test_destroy_keeps_the_error(way, form):
    calls = []
    stream = make(Readable, form, {"destroy": once_only(way, None, calls)})
    log = Log(stream)
    error = ValueError("kept")
    stream.destroy(error)
    await log.until_closed()
    assert calls == [(error,)]
    assert log.errors == [error]
    assert log.events == ["error", "close"]


@looped
@pytest.mark.parametrize("way", [completion, completion_later], ids=lambda way: way.__name__)
async def test_a_completion_of_destroy_drops_the_error(way):
    stream = Readable(destroy=lambda error: way(None))
    log = Log(stream)
    error = ValueError("dropped")
    stream.destroy(error)
    await log.until_closed()
    assert log.events == ["close"]
    assert stream.errored is error


@looped
@failing_ways
@forms
@pytest.mark.parametrize("error", [None, ValueError("first")], ids=["plain", "with-error"])
async def test_destroy_fails(way, form, error):
    stream = make(Readable, form, {"destroy": once_only(way, None, [])})
    log = Log(stream)
    stream.destroy(error)
    await log.until_closed()
    assert log.failed_with(Boom)


@looped
@double_ways
@forms
async def test_only_the_first_completion_of_destroy_counts(way, form):
    stream = make(Readable, form, {"destroy": once_only(way, None, [])})
    log = Log(stream)
    stream.destroy()
    await log.until_closed()
    assert log.events == ["close"]
