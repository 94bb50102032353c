"""next_tick: one queue for streams and programs, emptied before the loop does anything else."""

import asyncio

import pytest

from forebay import InvalidArgTypeError, NoRunningLoopError, Readable, Writable, next_tick
from support.streams import looped, quiet, reported


@looped
async def test_ticks_run_in_order_after_the_running_callback():
    calls = []
    next_tick(calls.append, 1)
    next_tick(lambda *args: calls.append(args), 2, 3)
    next_tick(lambda: calls.append(4))
    assert calls == []
    await asyncio.sleep(0)
    assert calls == [1, (2, 3), 4]


@looped
async def test_ticks_added_by_a_tick_run_before_the_loop_goes_on():
    calls = []

    def again(n):
        calls.append(n)
        if n:
            next_tick(again, n - 1)

    next_tick(again, 5)
    asyncio.get_running_loop().call_soon(calls.append, "loop")
    await quiet()
    assert calls == [5, 4, 3, 2, 1, 0, "loop"]


@looped
async def test_a_long_queue_keeps_its_order():
    calls = []
    for n in range(5000):
        next_tick(calls.append, n)
    await asyncio.sleep(0)
    for n in range(5000, 5010):
        next_tick(calls.append, n)
    await asyncio.sleep(0)
    assert calls == list(range(5010))


@looped
async def test_streams_queue_into_the_same_order():
    calls = []
    sink = Writable(write=lambda chunk: None)
    next_tick(calls.append, "before")
    sink.write(b"x", callback=lambda error: calls.append("written"))
    next_tick(calls.append, "after")
    await asyncio.sleep(0)
    assert calls == ["before", "written", "after"]


@looped
async def test_the_exception_of_a_tick_is_reported_and_the_others_run():
    calls = []
    error = ValueError("tick")

    def fails():
        raise error

    with reported() as contexts:
        next_tick(calls.append, 1)
        next_tick(fails)
        next_tick(calls.append, 2)
        await asyncio.sleep(0)
    assert calls == [1, 2]
    assert [context["exception"] for context in contexts] == [error]


class Urgent(BaseException):
    """Not an Exception: it is the loop that deals with it."""


@looped
@pytest.mark.parametrize("last", [False, True])
async def test_base_exception_of_a_tick_delays_the_later_ticks(last):
    calls = []

    def fails():
        raise Urgent

    with reported() as contexts:
        next_tick(fails)
        if not last:
            next_tick(calls.append, 1)
        await quiet()
        next_tick(calls.append, 2)
        await quiet()
    assert calls == ([2] if last else [1, 2])
    assert [type(context["exception"]) for context in contexts] == [Urgent]


def test_each_loop_has_its_own_queue(run):
    calls = []

    async def main():
        next_tick(calls.append, 1)
        await asyncio.sleep(0)

    run(main)
    run(main)
    assert calls == [1, 1]


def test_next_tick_outside_a_loop_raises():
    with pytest.raises(NoRunningLoopError, match=r"running event loop.*forebay\.run\("):
        next_tick(print)


@looped
async def test_wrong_argument_raises():
    with pytest.raises(InvalidArgTypeError, match=r"next_tick\(\) needs a callable, got 3"):
        next_tick(3)


@looped
async def test_a_listeners_exception_in_a_tick_is_reported_with_the_stream():
    stream = Readable(read=lambda size: None)

    def fails():
        raise ValueError("listener")

    stream.on("close", fails)
    with reported() as contexts:
        stream.destroy()
        await quiet()
    assert len(contexts) == 1
    assert contexts[0]["stream"] is stream
    assert str(contexts[0]["exception"]) == "listener"
