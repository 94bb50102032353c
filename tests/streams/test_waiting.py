"""Awaiting events: once() and on()."""

import asyncio

import pytest

from forebay import AbortController, AbortError, EventEmitter, InvalidArgTypeError, PassThrough, on, once
from support.streams import looped, quiet


def soon(fn, *args):
    asyncio.get_running_loop().call_soon(fn, *args)


@looped
@pytest.mark.parametrize("args", [(), (1,), (1, 2)])
async def test_once_returns_the_arguments(args):
    emitter = EventEmitter()
    soon(emitter.emit, "x", *args)
    assert await once(emitter, "x") == list(args)
    assert emitter.event_names() == []


@looped
async def test_once_raises_an_error_that_comes_first():
    emitter = EventEmitter()
    error = ValueError("first")
    soon(emitter.emit, "error", error)
    with pytest.raises(ValueError, match="first"):
        await once(emitter, "x")
    assert emitter.event_names() == []


@looped
async def test_once_of_the_error_event_returns_it():
    emitter = EventEmitter()
    error = ValueError("awaited")
    soon(emitter.emit, "error", error)
    assert await once(emitter, "error") == [error]


@looped
async def test_once_takes_the_first_of_several():
    emitter = EventEmitter()

    def both():
        emitter.emit("x", 1)
        emitter.emit("x", 2)

    soon(both)
    assert await once(emitter, "x") == [1]


@looped
async def test_once_with_a_signal():
    emitter = EventEmitter()
    controller = AbortController()
    soon(controller.abort)
    with pytest.raises(AbortError):
        await once(emitter, "x", signal=controller.signal)
    assert emitter.event_names() == []
    with pytest.raises(AbortError):
        await once(emitter, "x", signal=controller.signal)
    other = AbortController()
    soon(emitter.emit, "x", 5)
    assert await once(emitter, "x", signal=other.signal) == [5]


@looped
async def test_a_cancelled_once_leaves_no_listener():
    emitter = EventEmitter()
    task = asyncio.create_task(once(emitter, "x"))
    await quiet()
    assert emitter.listener_count("x") == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert emitter.event_names() == []


@looped
async def test_once_drain():
    stream = PassThrough(high_water_mark=1)
    assert stream.write(b"x") is False
    soon(stream.resume)
    assert await once(stream, "drain") == []
    stream.destroy()


@looped
async def test_on_loses_no_event_between_steps():
    emitter = EventEmitter()
    events = on(emitter, "x")
    for n in range(3):
        emitter.emit("x", n, n)
    seen = []
    async for args in events:
        seen.append(args)
        if len(seen) == 2:
            await asyncio.sleep(0)
            emitter.emit("x")
        if len(seen) == 4:
            break
    assert seen == [[0, 0], [1, 1], [2, 2], []]
    await events.aclose()
    assert emitter.event_names() == []


@looped
async def test_on_waits_for_the_next_event():
    emitter = EventEmitter()
    events = on(emitter, "x")
    soon(emitter.emit, "x", 1)
    assert await anext(events) == [1]
    soon(emitter.emit, "x", 2)
    assert await anext(events) == [2]
    await events.aclose()
    with pytest.raises(StopAsyncIteration):
        await anext(events)


@looped
async def test_on_ends_at_the_closing_events():
    emitter = EventEmitter()
    events = on(emitter, "x", close=("end", "close"))
    emitter.emit("x", 1)
    emitter.emit("end")
    emitter.emit("x", 2)
    seen = [args async for args in events]
    assert seen[0] == [1]
    assert emitter.event_names() == []


@looped
async def test_on_raises_an_error_after_earlier_events():
    emitter = EventEmitter()
    events = on(emitter, "x")
    emitter.emit("x", 1)
    emitter.emit("error", ValueError("later"))
    assert await anext(events) == [1]
    with pytest.raises(ValueError, match="later"):
        await anext(events)
    assert emitter.event_names() == []
    with pytest.raises(StopAsyncIteration):
        await anext(events)


@looped
async def test_on_with_a_signal():
    emitter = EventEmitter()
    controller = AbortController()
    events = on(emitter, "x", signal=controller.signal)
    soon(controller.abort)
    with pytest.raises(AbortError):
        await anext(events)
    assert emitter.event_names() == []
    events = on(emitter, "x", signal=controller.signal)
    with pytest.raises(AbortError):
        await anext(events)
    assert emitter.event_names() == []


@looped
async def test_leaving_the_loop_removes_the_listeners():
    emitter = EventEmitter()
    soon(emitter.emit, "x", 1)
    async for args in on(emitter, "x"):
        assert args == [1]
        break
    assert emitter.event_names() == []


@looped
async def test_concurrent_steps():
    emitter = EventEmitter()
    events = on(emitter, "x", close=("done",))

    async def step():
        return await anext(events, None)

    steps = [asyncio.create_task(step()) for _ in range(4)]
    await quiet()
    emitter.emit("x", 1)
    emitter.emit("x", 2)
    await quiet()
    assert [task.done() for task in steps] == [True, True, False, False]
    emitter.emit("done")
    assert await asyncio.gather(*steps) == [[1], [2], None, None]


@looped
async def test_aclose_ends_a_waiting_step():
    events = on(EventEmitter(), "x")

    async def step():
        return await anext(events, None)

    task = asyncio.create_task(step())
    await quiet()
    await events.aclose()
    assert await task is None


@looped
async def test_the_reason_of_the_signal_is_the_cause():
    reason = ValueError("user went away")
    for wait in (
        lambda signal: once(EventEmitter(), "x", signal=signal),
        lambda signal: anext(on(EventEmitter(), "x", signal=signal)),
    ):
        for early in (True, False):
            controller = AbortController()
            if early:
                controller.abort(reason)
            else:
                soon(controller.abort, reason)
            with pytest.raises(AbortError) as caught:
                await wait(controller.signal)
            assert caught.value.__cause__ is reason


@looped
async def test_wrong_arguments():
    with pytest.raises(InvalidArgTypeError, match=r"once\(\) needs an EventEmitter, got 3"):
        await once(3, "x")
    with pytest.raises(InvalidArgTypeError, match=r"on\(\) needs an EventEmitter, got 3"):
        on(3, "x")
    for wrong in (
        lambda: once(EventEmitter(), "x", signal=5),
        lambda: anext(on(EventEmitter(), "x", signal=5)),
    ):
        with pytest.raises(InvalidArgTypeError, match="signal must be an AbortSignal"):
            await wrong()
