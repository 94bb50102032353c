"""finished(): success and failure, the time of the callback, and the listeners that stay."""

import asyncio

import pytest
from finished_cases import Boom, both, sink, source

from forebay import (
    AbortController,
    AbortError,
    PassThrough,
    PrematureCloseError,
    Readable,
    Writable,
    finished,
    next_tick,
)
from support.streams import Events, closed, looped, quiet, reported


def outcomes(stream, events=None, **options):
    """The outcomes that a watch reports, and, where ``events`` is given, when it does among them."""
    told = [] if events is None else events
    watch = finished(stream, **options)
    watch.add_done_callback(lambda done: told.append(("told", done.exception())))
    return told


# ---- what is done, and when it is told


@looped
@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (source, ["end", "close", ("told", None)]),
        (sink, ["finish", "close", ("told", None)]),
        (both, ["finish", "end", "close", ("told", None)]),
        (lambda: both(writable=False), ["end", "close", ("told", None)]),
        (lambda: both(readable=False), ["finish", "close", ("told", None)]),
        (PassThrough, ["finish", "end", "close", ("told", None)]),
    ],
    ids=["readable", "writable", "duplex", "duplex-readable", "duplex-writable", "passthrough"],
)
async def test_waits_for_an_automatic_close(make, expected):
    stream = make()
    events = Events(stream, "end", "finish", "error", "close")
    outcomes(stream, events)
    if isinstance(stream, Writable):
        stream.end()
        await quiet()
    if isinstance(stream, Readable):
        stream.resume()
    await quiet()
    assert events == expected


@looped
@pytest.mark.parametrize("option", ["auto_destroy", "emit_close"])
async def test_does_not_wait_for_a_close_that_never_comes(option):
    for make, drive, event in (
        (source, lambda stream: stream.resume(), "end"),
        (sink, lambda stream: stream.end(), "finish"),
    ):
        stream = make(**{option: False})
        events = Events(stream, event, "close")
        outcomes(stream, events)
        drive(stream)
        await quiet()
        assert events == [event, ("told", None)]


@looped
async def test_a_side_that_is_left_out_is_not_waited_for():
    stream = both()
    events = Events(stream, "end", "finish", "close")
    outcomes(stream, events, readable=False)
    stream.end()
    await quiet()
    assert events == ["finish", ("told", None)]
    stream = both()
    events = Events(stream, "end", "finish", "close")
    outcomes(stream, events, writable=False)
    stream.resume()
    await quiet()
    assert events == ["end", ("told", None)]


@looped
@pytest.mark.parametrize(
    "option", [{"readable": False}, {"writable": False}, {"readable": True, "writable": True}]
)
async def test_options_for_a_missing_side_change_nothing(option):
    for make, drive, last in (
        (source, lambda stream: stream.resume(), "writable"),
        (lambda: both(readable=False), lambda stream: stream.end(), "readable"),
    ):
        if option.get(last) is None:
            continue
        stream = make()
        events = Events(stream, "close")
        outcomes(stream, events, **option)
        drive(stream)
        await quiet()
        assert events == ["close", ("told", None)]


@looped
@pytest.mark.parametrize("make", [source, sink, both], ids=["readable", "writable", "duplex"])
async def test_destroy_inside_the_last_event_is_a_success(make):
    stream = make()
    events = Events(stream, "close")
    last = "finish" if isinstance(stream, Writable) else "end"

    def give_up():
        events.append(last)
        stream.destroy()

    if isinstance(stream, Readable) and isinstance(stream, Writable):
        stream.resume()
        await quiet()
    stream.on(last, give_up)
    outcomes(stream, events)
    if last == "finish":
        stream.end()
    else:
        stream.resume()
    await quiet()
    assert events == [last, ("told", None), "close"]


@looped
async def test_a_half_open_duplex_is_not_done():
    stream = both()
    told = outcomes(stream)
    stream.resume()
    await quiet()
    assert stream.readable_ended
    assert told == []
    stream.end()
    await closed(stream)
    assert told == [("told", None)]


@looped
async def test_callback_runs_once():
    stream = both(auto_destroy=False)
    told = outcomes(stream)
    stream.resume().end()
    await quiet()
    stream.destroy(Boom())
    await quiet()
    assert told == [("told", None)]


# ---- failures


@looped
@pytest.mark.parametrize("make", [source, sink, both, PassThrough])
async def test_the_error_of_the_stream(make):
    stream = make()
    error = Boom()
    events = Events(stream, "error", "close")
    outcomes(stream, events)
    stream.destroy(error)
    await quiet()
    assert events == [("error", error), ("told", error), "close"]


@looped
@pytest.mark.parametrize("make", [source, sink, both, PassThrough])
async def test_premature_close_raises(make):
    for options in ({}, {"emit_close": False}, {"auto_destroy": False}):
        stream = make(**options)
        told = outcomes(stream)
        stream.destroy()
        await quiet()
        assert len(told) == 1
        assert isinstance(told[0][1], PrematureCloseError)
        assert type(stream).__name__ in str(told[0][1])


@looped
async def test_only_the_requested_sides_count():
    stream = both()
    told = outcomes(stream, readable=False)
    stream.end()
    await quiet()
    stream.destroy()
    await quiet()
    assert told == [("told", None)]
    stream = both()
    stream.end()
    await quiet()
    told = outcomes(stream, writable=False)
    stream.destroy()
    await quiet()
    assert [type(error) for _, error in told] == [PrematureCloseError]
    stream = both()
    told = outcomes(stream, readable=False, writable=False)
    stream.destroy()
    await quiet()
    assert told == [("told", None)]


@looped
@pytest.mark.parametrize("chunk", [None, b"left"])
async def test_closed_after_the_end_was_received(chunk):
    """A stream with unread data was not done; a stream without unread data was done."""
    stream = Readable(read=lambda size: None)
    told = outcomes(stream)
    if chunk is not None:
        stream.push(chunk)
    stream.push(None)
    stream.destroy()
    await quiet()
    assert [type(error) for _, error in told] == [type(None) if chunk is None else PrematureCloseError]


@looped
async def test_error_false_adds_no_error_listener():
    stream = sink()
    error = Boom()
    told = outcomes(stream, error=False)
    with reported() as contexts:
        stream.destroy(error)
        await quiet()
    assert [context["exception"] for context in contexts] == [error]
    # It is still told, when the stream is closed.
    assert told == [("told", error)]


@looped
async def test_error_of_a_stream_without_auto_destroy():
    stream = sink(auto_destroy=False)
    told = outcomes(stream)
    failing = Writable(write=lambda chunk: 1 / 0, auto_destroy=False)
    failing_told = outcomes(failing)
    failing.write(b"x")
    stream.write(b"x")
    await quiet()
    assert told == []
    assert [type(error) for _, error in failing_told] == [ZeroDivisionError]
    assert not failing.destroyed


# ---- streams that are done, closed or broken before


@looped
@pytest.mark.parametrize("make", [source, sink, both, PassThrough])
@pytest.mark.parametrize("how", ["done", "failed", "destroyed"])
async def test_a_stream_that_is_closed_already(make, how):
    stream = make()
    error = Boom() if how == "failed" else None
    if how == "done":
        if isinstance(stream, Writable):
            stream.end()
        if isinstance(stream, Readable):
            stream.resume()
    else:
        stream.destroy(error)
    await closed(stream)
    told = outcomes(stream)
    assert told == [], "on a tick, not inside the call"
    order = []
    next_tick(order.append, "tick")
    await quiet()
    assert len(told) == 1
    if how == "destroyed":
        assert isinstance(told[0][1], PrematureCloseError)
    else:
        assert told == [("told", error)]


@looped
async def test_a_stream_that_is_done_and_stays_open():
    for make, drive in ((source, Readable.resume), (sink, Writable.end)):
        stream = make(auto_destroy=False)
        drive(stream)
        await quiet()
        told = outcomes(stream)
        assert told == []
        await quiet(3)
        assert told == [("told", None)]


@looped
async def test_one_side_that_is_done_already():
    stream = both()
    stream.resume()
    await quiet()
    assert outcomes(stream) == []
    told = outcomes(stream, writable=False)
    whole = outcomes(stream)
    await quiet()
    assert told == [("told", None)]
    assert whole == []
    stream.end()
    await quiet()
    assert whole == [("told", None)]


@looped
async def test_failed_stream_without_auto_destroy():
    stream = Writable(write=lambda chunk: 1 / 0, auto_destroy=False)
    stream.on("error", lambda error: None)
    stream.write(b"x")
    await quiet()
    told = outcomes(stream)
    assert told == []
    await quiet()
    assert [type(error) for _, error in told] == [ZeroDivisionError]


@looped
async def test_watched_while_it_is_being_destroyed():
    """The callback runs only after the destruction is complete."""
    released = asyncio.Event()

    async def destroy(error):
        await released.wait()

    stream = Writable(write=lambda chunk: None, destroy=destroy)
    stream.destroy()
    told = outcomes(stream)
    await quiet()
    assert told == []
    released.set()
    await quiet()
    assert [type(error) for _, error in told] == [PrematureCloseError]


# ---- signal


@looped
async def test_a_signal_ends_the_watch_at_once_and_leaves_the_stream_alone():
    stream = PassThrough()
    controller = AbortController()
    told = outcomes(stream, signal=controller.signal)
    reason = Boom()
    controller.abort(reason)
    assert [type(error) for _, error in told] == [AbortError]
    assert told[0][1].__cause__ is reason
    assert not stream.destroyed
    stream.resume().end(b"still alive")
    assert await closed(stream) is None
    assert len(told) == 1


@looped
async def test_signal_aborted_before():
    stream = PassThrough()
    controller = AbortController()
    controller.abort()
    told = outcomes(stream, signal=controller.signal)
    assert told == []
    await quiet()
    assert [type(error) for _, error in told] == [AbortError]
    assert not stream.destroyed


@looped
async def test_a_signal_after_the_end_changes_nothing():
    stream = sink()
    controller = AbortController()
    watch = finished(stream, signal=controller.signal)
    stream.end()
    await watch
    controller.abort()
    await quiet()
    assert watch.exception() is None


@looped
async def test_a_signal_of_a_closed_stream():
    stream = sink()
    stream.end()
    await closed(stream)
    controller = AbortController()
    watch = finished(stream, signal=controller.signal)
    controller.abort()
    assert await watch is None
