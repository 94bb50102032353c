"""The n-th listener of every event raises: the other listeners run, and the loop's handler gets the exception once."""

import asyncio

import pytest

from forebay import (
    AbortController,
    Duplex,
    PassThrough,
    Readable,
    Transform,
    Writable,
    finished,
    next_tick,
    on,
    once,
    pipeline,
)
from support.streams import closed, looped, quiet, reported

FAILURE = ValueError("of a listener")
CHUNKS = [b"one", b"two", b"three"]


def raising(calls):
    def listener(*args):
        calls.append(args)
        raise FAILURE

    return listener


class Sink(Writable):
    def __init__(self, **options):
        super().__init__(**options)
        self.got = []

    async def _write(self, chunk):
        await asyncio.sleep(0)
        self.got.append(bytes(chunk))

    async def _final(self):
        await asyncio.sleep(0)


def source():
    left = [*CHUNKS, None]
    return Readable(read=lambda size: left.pop(0) or b"", high_water_mark=4)


def placed(stream, event, listener, place):
    """Two ordinary listeners, one of which is called once, and ours in front of, between or behind them."""
    heard = []
    ordinary = [
        lambda: stream.on(event, lambda *_: heard.append("on")),
        lambda: stream.once(event, lambda *_: heard.append("once")),
    ]
    ours = {"once": stream.once}.get(place, stream.on)
    ordinary.insert({"first": 0, "between": 1, "once": 1, "last": 2}[place], lambda: ours(event, listener))
    for add in ordinary:
        add()
    return heard


def told_once_each(contexts, calls):
    assert calls
    assert [context["exception"] for context in contexts] == [FAILURE] * len(calls)


PLACES = ["first", "between", "once", "last"]
OF_READABLE = ["data", "end", "close", "pause", "resume"]
OF_WRITABLE = ["pipe", "unpipe", "drain", "prefinish", "finish", "close"]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("when", ["before", "behind"])
@pytest.mark.parametrize("event", OF_READABLE + OF_WRITABLE)
@looped
async def test_listeners_of_a_pipe(event, when, place):
    readable, sink, other = source(), Sink(high_water_mark=1), Sink(high_water_mark=1)
    side = readable if event in OF_READABLE and not (event == "close" and when == "behind") else sink
    calls = []
    with reported() as contexts:
        if when == "before":
            heard = placed(side, event, raising(calls), place)
        ends = [finished(stream) for stream in (readable, sink, other)]
        readable.pipe(sink)
        readable.pipe(other)
        if when == "behind":
            heard = placed(side, event, raising(calls), place)
            if event == "pipe":
                readable.unpipe(sink)
                readable.pipe(sink)
        async with asyncio.timeout(5):
            for end in ends:
                await end
        await quiet()
        if event in ("pause", "resume") and not calls:
            # A pipe is held up without 'pause', which is what the program asks for.
            return
        told_once_each(contexts, calls)
    assert sink.got == other.got == CHUNKS
    assert heard.count("once") == 1
    assert heard.count("on") == (len(calls) if place != "once" else heard.count("on")) >= 1


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("event", ["data", "end", "close", "pause", "resume"])
@looped
async def test_listeners_of_a_flow_that_is_paused(event, place):
    readable = source()
    calls, got = [], []
    with reported() as contexts:
        heard = placed(readable, event, raising(calls), place)

        def take(chunk):
            got.append(chunk)
            readable.pause()
            asyncio.get_running_loop().call_soon(readable.resume)

        readable.on("data", take)
        async with asyncio.timeout(5):
            await finished(readable)
        await quiet()
        told_once_each(contexts, calls)
    assert got == CHUNKS
    assert heard.count("once") == 1


@pytest.mark.parametrize("place", PLACES)
@looped
async def test_listeners_of_readable(place):
    readable = source()
    calls, got = [], []
    with reported() as contexts:
        heard = placed(readable, "readable", raising(calls), place)

        def take():
            while (chunk := readable.read()) is not None:
                got.append(chunk)

        readable.on("readable", take)
        async with asyncio.timeout(5):
            await finished(readable)
        told_once_each(contexts, calls)
    assert b"".join(got) == b"".join(CHUNKS)
    assert heard.count("once") == 1


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("event", ["error", "close"])
@pytest.mark.parametrize("kind", [Readable, Writable, Duplex, PassThrough])
@pytest.mark.parametrize("auto_destroy", [True, False])
@looped
async def test_listeners_of_an_error(kind, event, place, auto_destroy):
    stream = kind(auto_destroy=auto_destroy)
    error = LookupError("of the stream")
    calls = []
    with reported() as contexts:
        heard = placed(stream, event, raising(calls), place)
        if event == "close":
            stream.on("error", lambda _: None)
        waiting = asyncio.ensure_future(once(stream, "never"))
        steps = asyncio.ensure_future(anext(on(stream, "never")))
        end = finished(stream)
        await asyncio.sleep(0)
        stream.destroy(error)
        async with asyncio.timeout(5):
            for wait in (waiting, steps, end):
                with pytest.raises(LookupError) as caught:
                    await wait
                assert caught.value is error
        await quiet()
        told_once_each(contexts, calls)
    assert sorted(heard) == ["on", "once"]
    assert stream.closed


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("stage", [0, 1, 2])
@pytest.mark.parametrize("event", ["data", "end", "finish", "drain", "pipe", "unpipe", "close", "prefinish"])
@looped
async def test_listeners_of_a_pipeline(event, stage, place):
    stages = [source(), Transform(transform=lambda chunk: chunk, high_water_mark=1), Sink(high_water_mark=1)]
    calls = []
    with reported() as contexts:
        heard = placed(stages[stage], event, raising(calls), place)
        async with asyncio.timeout(5):
            await pipeline(*stages)
        await quiet()
        assert [context["exception"] for context in contexts] == [FAILURE] * len(calls)
    assert stages[-1].got == CHUNKS
    assert heard.count("once") == bool(calls)


@pytest.mark.parametrize("name", ["once", "on"])
@pytest.mark.parametrize("place", PLACES)
@looped
async def test_waits_for_an_event(name, place):
    readable = source()
    calls = []
    with reported() as contexts:
        placed(readable, "data", raising(calls), place)
        wait = once(readable, "data") if name == "once" else anext(on(readable, "data"))
        async with asyncio.timeout(5):
            assert await wait == [CHUNKS[0]]
        readable.destroy()
        await closed(readable)
        told_once_each(contexts, calls)


# ---- callbacks


@pytest.mark.parametrize("broken", [0, 1, 2])
@pytest.mark.parametrize("corked", [False, True])
@pytest.mark.parametrize("kind", ["sync", "async", "writev"])
@looped
async def test_callbacks_of_write_and_end(kind, corked, broken):
    got, told, calls = [], [], []

    async def later(chunk):
        await asyncio.sleep(0)
        got.append(bytes(chunk))

    hooks = {
        "sync": {"write": lambda chunk: got.append(bytes(chunk))},
        "async": {"write": later},
        "writev": {"writev": lambda chunks: got.extend(bytes(chunk) for chunk in chunks)},
    }[kind]
    sink = Writable(**hooks)
    with reported() as contexts:
        if corked:
            sink.cork()
        for n, chunk in enumerate(CHUNKS[:2]):
            sink.write(chunk, callback=raising(calls) if n == broken else lambda _, n=n: told.append(n))
        sink.end(CHUNKS[2], callback=raising(calls) if broken == 2 else lambda _: told.append(2))
        async with asyncio.timeout(5):
            await finished(sink)
        await quiet()
        told_once_each(contexts, calls)
    assert got == CHUNKS
    assert told == [n for n in range(3) if n != broken]


@pytest.mark.parametrize("broken", [0, 1, 2])
@pytest.mark.parametrize("way", ["tick", "finished", "pipeline", "done finished"])
@looped
async def test_ticks_and_done_callbacks(way, broken):
    told, calls = [], []
    functions = [lambda *_, n=n: told.append(n) for n in range(3)]
    functions[broken] = raising(calls)
    with reported() as contexts:
        if way == "tick":
            for each in functions:
                next_tick(each)
        else:
            readable, sink = source(), Sink()
            handle = pipeline(readable, sink) if way == "pipeline" else finished(sink)
            if way != "pipeline":
                readable.pipe(sink)
            if way == "done finished":
                await handle
            for each in functions:
                handle.add_done_callback(each)
            async with asyncio.timeout(5):
                await handle
        await quiet()
        told_once_each(contexts, calls)
    assert told == [n for n in range(3) if n != broken]


@pytest.mark.parametrize("broken", [0, 1, 2])
@looped
async def test_listeners_of_a_signal(broken):
    controller = AbortController()
    told = []
    functions = [lambda n=n: told.append(n) for n in range(3)]
    functions[broken] = raising([])
    stream = Readable(signal=controller.signal)
    stream.on("error", lambda _: told.append("error"))
    for each in functions:
        controller.signal.add_listener(each)
    # Who aborts is told; nobody else is.
    with pytest.raises(ValueError, match="of a listener") as caught:
        controller.abort()
    assert caught.value is FAILURE
    await quiet()
    assert told == [*(n for n in range(3) if n != broken), "error"]
