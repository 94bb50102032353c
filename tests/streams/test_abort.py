"""AbortController and AbortSignal: one object that stops many operations."""

import asyncio

import pytest

from forebay import (
    AbortController,
    AbortError,
    AbortSignal,
    Duplex,
    PassThrough,
    Readable,
    Transform,
    Writable,
    add_abort_signal,
)
from support.streams import closed, looped, quiet

CLASSES = [Readable, Writable, Duplex, Transform, PassThrough]


def test_the_signal_of_a_controller():
    controller = AbortController()
    signal = controller.signal
    assert isinstance(signal, AbortSignal)
    assert signal.aborted is False
    assert signal.reason is None
    controller.abort()
    assert signal.aborted is True
    assert isinstance(signal.reason, AbortError)


def test_only_the_first_abort_counts():
    controller = AbortController()
    calls = []
    reason = ValueError("first")
    controller.signal.add_listener(lambda: calls.append(1))
    controller.abort(reason)
    controller.abort(ValueError("second"))
    assert calls == [1]
    assert controller.signal.reason is reason


def test_listeners_of_a_signal():
    signal_of = AbortController()
    calls = []
    first = lambda: calls.append(1)  # noqa: E731 - only its identity matters
    signal_of.signal.add_listener(first)
    signal_of.signal.add_listener(lambda: calls.append(2))
    signal_of.signal.remove_listener(first)
    signal_of.signal.remove_listener(first)
    signal_of.abort()
    assert calls == [2]


@pytest.mark.parametrize("broken", [1, 2])
def test_exception_of_a_listener_does_not_stop_the_others(broken):
    controller = AbortController()
    calls = []

    def raising():
        raise ValueError("of a listener")

    for _ in range(broken):
        controller.signal.add_listener(raising)
        controller.signal.add_listener(lambda: calls.append(1))
    with pytest.raises(ValueError if broken == 1 else ExceptionGroup, match="listener"):
        controller.abort()
    assert calls == [1] * broken
    assert controller.signal.aborted


@looped
@pytest.mark.parametrize("base", CLASSES, ids=lambda base: base.__name__)
@pytest.mark.parametrize("way", ["option", "function"])
async def test_abort_destroys_the_stream_at_once(base, way):
    controller = AbortController()
    if way == "option":
        stream = base(signal=controller.signal)
    else:
        stream = base()
        assert add_abort_signal(controller.signal, stream) is stream
    assert not stream.destroyed
    controller.abort()
    assert stream.destroyed
    error = await closed(stream)
    assert isinstance(error, AbortError)
    assert error.code == "ABORT_ERR"


@looped
@pytest.mark.parametrize("way", ["option", "function"])
async def test_signal_aborted_before(way):
    controller = AbortController()
    controller.abort()
    stream = Readable(signal=controller.signal) if way == "option" else Readable()
    if way == "function":
        add_abort_signal(controller.signal, stream)
    assert stream.destroyed
    assert isinstance(await closed(stream), AbortError)


@looped
async def test_the_reason_is_the_cause():
    controller = AbortController()
    stream = Readable(signal=controller.signal)
    reason = ValueError("user went away")
    controller.abort(reason)
    error = await closed(stream)
    assert isinstance(error, AbortError)
    assert error.__cause__ is reason


@looped
async def test_many_streams_stop_together():
    controller = AbortController()
    streams = [base(signal=controller.signal) for base in CLASSES]
    ends = [asyncio.create_task(closed(stream)) for stream in streams]
    await quiet()
    controller.abort()
    assert [type(error) for error in await asyncio.gather(*ends)] == [AbortError] * len(CLASSES)


@looped
async def test_a_stream_that_is_closed_is_left_alone():
    controller = AbortController()
    stream = Readable(read=lambda size: b"", signal=controller.signal)
    stream.resume()
    assert await closed(stream) is None
    controller.abort()
    await quiet()
    assert stream.errored is None


@looped
async def test_an_aborted_signal_destroys_a_stream_that_has_failed_and_stays_up():
    stream = Readable(read=lambda size: None, auto_destroy=False)
    failed = []
    stream.on("error", failed.append)
    stream.push(None)
    stream.push(b"x")
    await quiet()
    assert len(failed) == 1
    assert not stream.destroyed
    controller = AbortController()
    controller.abort()
    add_abort_signal(controller.signal, stream)
    await quiet()
    assert stream.closed
    assert len(failed) == 1
