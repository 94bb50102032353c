"""AbortSignal.timeout and AbortSignal.any: reasons, order, and that no signal keeps another one alive without need."""

import asyncio
import gc
import weakref

import pytest

from forebay import (
    AbortController,
    AbortError,
    AbortSignal,
    InvalidArgTypeError,
    NoRunningLoopError,
    OutOfRangeError,
    Readable,
    StreamTimeoutError,
    add_abort_signal,
)
from support.streams import closed, looped


async def aborted(signal):
    event = asyncio.Event()
    signal.add_listener(event.set)
    if not signal.aborted:
        await event.wait()


@looped
async def test_a_timeout_aborts():
    signal = AbortSignal.timeout(0.01)
    assert isinstance(signal, AbortSignal)
    assert (signal.aborted, signal.reason) == (False, None)
    await aborted(signal)
    assert isinstance(signal.reason, StreamTimeoutError)
    assert isinstance(signal.reason, TimeoutError)
    assert str(signal.reason) == "The operation took longer than 0.01 s"


@looped
async def test_a_timeout_without_a_listener_aborts_as_well():
    signal = AbortSignal.timeout(0)
    while not signal.aborted:
        await asyncio.sleep(0.001)


@looped
async def test_the_reason_is_the_cause_of_a_stream_s_error():
    stream = Readable(read=lambda size: None)
    add_abort_signal(AbortSignal.timeout(0.01), stream)
    error = await closed(stream)
    assert isinstance(error, AbortError)
    assert isinstance(error.__cause__, StreamTimeoutError)


@looped
async def test_a_timeout_that_only_its_listeners_know():
    done = asyncio.Event()
    AbortSignal.timeout(0.01).add_listener(done.set)
    gc.collect()
    await done.wait()


@looped
async def test_a_timeout_that_the_program_dropped_is_gone():
    signal = AbortSignal.timeout(1000)
    timer = signal._timer
    listener = lambda: None  # noqa: E731 - only its identity matters
    signal.add_listener(listener)
    signal.remove_listener(listener)
    gone = weakref.ref(signal)
    del signal
    gc.collect()
    assert gone() is None
    assert timer.cancelled()


def test_a_timeout_needs_a_loop_and_a_time():
    with pytest.raises(NoRunningLoopError):
        AbortSignal.timeout(1)
    for wrong in (-1, float("inf"), float("nan")):
        with pytest.raises(OutOfRangeError):
            AbortSignal.timeout(wrong)
    with pytest.raises(InvalidArgTypeError):
        AbortSignal.timeout("1")


# ---- any


def test_any_has_the_reason_of_the_first():
    controllers = [AbortController() for _ in range(3)]
    signal = AbortSignal.any([each.signal for each in controllers])
    calls = []
    signal.add_listener(lambda: calls.append(signal.reason))
    assert not signal.aborted
    reason = ValueError("second")
    controllers[1].abort(reason)
    controllers[0].abort(ValueError("later"))
    assert signal.aborted
    assert signal.reason is reason
    assert calls == [reason]


def test_any_of_signals_that_are_aborted_already():
    one, two = AbortController(), AbortController()
    two.abort(ValueError("two"))
    one.abort(ValueError("one"))
    signal = AbortSignal.any(each.signal for each in (AbortController(), one, two))
    assert signal.aborted
    assert str(signal.reason) == "one"
    assert not AbortSignal.any([]).aborted


def test_any_of_any():
    one, two = AbortController(), AbortController()
    inner = AbortSignal.any([one.signal, two.signal])
    outer = AbortSignal.any([inner, one.signal])
    calls = []
    inner.add_listener(lambda: calls.append(("inner", outer.aborted)))
    outer.add_listener(lambda: calls.append(("outer", inner.aborted)))
    two.signal.add_listener(lambda: calls.append(("two", inner.aborted and outer.aborted)))
    two.abort()
    # All are aborted before the first listener is called, and the signal's own listeners come first.
    assert calls == [("two", True), ("inner", True), ("outer", True)]


def test_every_listener_of_any_is_called_and_errors_are_raised():
    controller = AbortController()
    signal = AbortSignal.any([controller.signal])
    calls = []

    def broken():
        raise ValueError("broken")

    controller.signal.add_listener(broken)
    signal.add_listener(lambda: calls.append(1))
    with pytest.raises(ValueError, match="broken"):
        controller.abort()
    assert calls == [1]


@looped
async def test_any_with_a_timeout_stops_an_operation():
    controller = AbortController()
    signal = AbortSignal.any([controller.signal, AbortSignal.timeout(0.01)])
    with pytest.raises(AbortError) as caught:
        await Readable(object_mode=True, read=lambda size: None).to_list(signal=signal)
    assert isinstance(caught.value.__cause__, StreamTimeoutError)
    assert not controller.signal.aborted


def test_a_long_lived_signal_does_not_keep_those_of_any():
    controller = AbortController()
    short = [AbortSignal.any([controller.signal]) for _ in range(100)]
    listener = lambda: None  # noqa: E731 - only its identity matters
    for each in short:
        each.add_listener(listener)
        each.remove_listener(listener)
    gone = [weakref.ref(each) for each in short]
    del short, each
    gc.collect()
    assert [each for each in gone if each() is not None] == []
    assert not controller.signal._dependents


def test_any_with_a_listener_is_kept():
    controller = AbortController()
    calls = []
    AbortSignal.any([AbortSignal.any([controller.signal])]).add_listener(lambda: calls.append(1))
    gc.collect()
    controller.abort()
    assert calls == [1]
    assert not controller.signal._heard


@pytest.mark.parametrize("wrong", [5, None, [5], [None], "text", AbortSignal()])
def test_any_of_what_are_no_signals(wrong):
    with pytest.raises(InvalidArgTypeError):
        AbortSignal.any(wrong)
