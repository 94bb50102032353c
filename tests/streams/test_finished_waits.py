"""What finished() leaves behind, its handle, and wrong use."""

import asyncio
import gc

import pytest
from finished_cases import NONE, Boom, both, listeners, sink, source

from forebay import (
    Completion,
    InvalidArgTypeError,
    PassThrough,
    PrematureCloseError,
    Readable,
    StreamDestroyedError,
    Transform,
    Writable,
    finished,
    pipeline,
)
from support.streams import closed, looped, quiet, reported


@looped
async def test_listeners_stay_and_catch_late_errors():
    stream = sink(auto_destroy=False)
    watch = finished(stream)
    stream.end()
    await watch
    assert stream.listener_count("error") == 1
    # Nobody else listens, and nothing is reported.
    stream.destroy(Boom())
    await quiet()
    assert watch.exception() is None


@looped
async def test_cancel_removes_the_listeners():
    stream = PassThrough()
    told = []
    watch = finished(stream)
    watch.add_done_callback(told.append)
    assert stream.listener_count("error") == 1
    watch.cancel()
    assert listeners(stream) == NONE
    assert not watch.done()
    stream.resume().end()
    await closed(stream)
    await quiet()
    assert told == []
    watch.cancel()


@looped
async def test_cancel_cancels_an_awaiting_task():
    stream = PassThrough()
    watch = finished(stream)

    async def wait():
        await watch

    task = asyncio.create_task(wait())
    await quiet(3)
    watch.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@looped
async def test_cleanup_removes_the_listeners():
    for outcome in (None, Boom()):
        stream = sink(auto_destroy=False)
        stream.on("error", lambda error: None)
        watch = finished(stream, cleanup=True)
        if outcome is None:
            stream.end()
            await watch
        else:
            stream.destroy(outcome)
            with pytest.raises(Boom):
                await watch
        assert listeners(stream) == {**NONE, "error": 1}


@looped
async def test_closed_stream_has_no_listeners():
    stream = PassThrough()
    watch = finished(stream)
    stream.resume().end()
    await watch
    assert listeners(stream) == NONE


@looped
async def test_a_cancelled_wait_stops_watching_and_leaves_the_stream_alone():
    stream = PassThrough()

    async def wait():
        await finished(stream)

    task = asyncio.create_task(wait())
    await quiet(3)
    assert stream.listener_count("close") == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert listeners(stream) == NONE
    assert not stream.destroyed


@looped
async def test_cancelled_wait_does_not_cancel_other_waits():
    stream = PassThrough()
    watch = finished(stream)
    told = []

    async def wait():
        return await watch

    first, second = asyncio.create_task(wait()), asyncio.create_task(wait())
    await quiet(3)
    first.cancel()
    await quiet(3)
    assert first.cancelled()
    assert not second.done()
    watch.add_done_callback(told.append)
    second.cancel()
    await quiet(3)
    assert second.cancelled()
    # There is a callback yet to be called.
    stream.resume().end()
    await closed(stream)
    assert told == [watch]


@looped
async def test_handle_can_be_awaited_repeatedly():
    stream = PassThrough()
    watch = finished(stream)
    waits = [asyncio.create_task(watch.wait()) for _ in range(3)]
    await quiet(3)
    stream.destroy(Boom())
    await asyncio.gather(*waits)
    for _ in range(2):
        with pytest.raises(Boom):
            await watch
    with pytest.raises(Boom):
        watch.result()
    assert isinstance(watch.exception(), Boom)
    assert watch.done()


@looped
async def test_result_and_exception_raise_before_the_end():
    watch = finished(PassThrough())
    assert not watch.done()
    for ask in (watch.result, watch.exception):
        with pytest.raises(asyncio.InvalidStateError, match="not done"):
            ask()
    watch.cancel()


@looped
async def test_callbacks_run_in_order_and_at_once():
    stream = sink()
    order = []
    stream.on("close", lambda: order.append("before"))
    watch = finished(stream)
    stream.on("close", lambda: order.append("after"))
    watch.add_done_callback(lambda done: order.append(1))
    watch.add_done_callback(lambda done: order.append(2))
    stream.end()
    await closed(stream)
    assert order == ["before", 1, 2, "after"]


@looped
async def test_a_callback_that_is_added_late_runs_on_a_tick():
    stream = sink()
    watch = finished(stream)
    stream.end()
    await watch
    told = []
    watch.add_done_callback(told.append)
    assert told == []
    await quiet(3)
    assert told == [watch]


@looped
@pytest.mark.parametrize("make", [sink, source, both])
async def test_unretrieved_error_is_reported_once(make):
    stream = make()
    error = Boom()
    finished(stream)
    with reported() as contexts:
        stream.destroy(error)
        await quiet()
        del stream
        gc.collect()
        await quiet()
    assert [context["exception"] for context in contexts] == [error]
    assert "never retrieved" in contexts[0]["message"]


@looped
async def test_streams_of_all_kinds_can_be_awaited_together():
    streams = [source(), sink(), both(), Transform(transform=lambda chunk: chunk), PassThrough()]
    waits = asyncio.gather(*(finished(stream).wait() for stream in streams))
    await quiet(3)
    for stream in streams:
        if isinstance(stream, Writable):
            stream.end()
        if isinstance(stream, Readable):
            stream.resume()
    await waits
    assert all(stream.closed for stream in streams)


@looped
async def test_dropped_write_is_not_the_outcome():
    """The outcome is that of the stream, not that of its dropped writes."""
    under_way = Completion()
    stream = Writable(write=lambda chunk: under_way)
    told = []
    stream.write(b"in flight")
    stream.write(b"queued", callback=told.append)
    watch = finished(stream)
    stream.destroy()
    with pytest.raises(PrematureCloseError):
        await watch
    under_way.resolve()
    assert [type(error) for error in told] == [StreamDestroyedError]


@looped
@pytest.mark.parametrize("wrong", [None, 5, "stream", [], asyncio.Event])
async def test_argument_other_than_a_stream_raises(wrong):
    with pytest.raises(InvalidArgTypeError, match=r"finished\(\) needs a stream"):
        finished(wrong)


@looped
async def test_signal_of_a_wrong_type_raises():
    stream = sink()
    with pytest.raises(InvalidArgTypeError, match=r"signal must be an AbortSignal.*5"):
        finished(stream, signal=5)
    assert listeners(stream) == NONE


@looped
@pytest.mark.parametrize("watched", ["finished", "pipeline"])
async def test_stream_destroyed_during_final_is_not_done(watched):
    """All chunks are written, but `_final` has not completed: an atomic file is not replaced yet."""

    async def never():
        await asyncio.Event().wait()

    sink = Writable(write=lambda chunk: None, final=never)
    if watched == "finished":
        sink.end(b"x")
        done = finished(sink)
    else:
        done = pipeline(Readable.from_([b"x"], object_mode=False), sink)
    while not sink.writable_ended or sink.writable_length:
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    sink.destroy()
    with pytest.raises(PrematureCloseError):
        await done
    await quiet()
    with pytest.raises(PrematureCloseError):
        await finished(sink)


@looped
async def test_stream_without_final_is_done_after_the_last_write():
    sink = Writable(write=lambda chunk: None)
    sink.end(b"x")
    sink.destroy()
    await finished(sink)
