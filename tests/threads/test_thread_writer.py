"""thread_writer(): any number of threads write to one stream."""

import asyncio
import gc
import threading

import pytest

from forebay import (
    AbortError,
    DeadlockError,
    InvalidArgTypeError,
    NullChunkError,
    OutOfRangeError,
    PrematureCloseError,
    Readable,
    Writable,
    WriteAfterEndError,
    create_write_stream,
)
from forebay.threads import thread_writer
from support.streams import looped, reported


async def until(check):
    while not check():
        await asyncio.sleep(0.001)


def collect(into, **options):
    return Writable(write=into.append, object_mode=True, **options)


def raised_by(call, *args):
    try:
        call(*args)
    except Exception as error:
        return error
    return None


class Stuck(Writable):
    """Takes one chunk, and is done with it when it is told."""

    def __init__(self, **options):
        super().__init__(**options)
        self.go_on = asyncio.get_running_loop().create_future()
        self.taken = []

    async def _write(self, chunk):
        self.taken.append(chunk)
        await asyncio.shield(self.go_on)


@pytest.mark.parametrize("mark", [1, 7, None])
@looped
async def test_all_chunks_of_all_threads_arrive_in_the_order_of_each(mark):
    got = []

    def produce(name):
        for number in range(500):
            writer.write((name, number))

    async with thread_writer(sink := collect(got), high_water_mark=mark) as writer:
        await asyncio.gather(*(asyncio.to_thread(produce, name) for name in "abcd"))
    assert sink.writable_finished
    assert sorted(got) == [(name, number) for name in "abcd" for number in range(500)]
    for name in "abcd":
        assert [number for each, number in got if each == name] == list(range(500))


@looped
async def test_bytes_that_can_change_are_copied():
    got = []
    async with thread_writer(Writable(write=lambda chunk: got.append(bytes(chunk)))) as writer:
        data = bytearray(b"abc")

        def produce():
            writer.write(data)
            writer.write(memoryview(data)[1:])
            data[:] = b"xyz"

        await asyncio.to_thread(produce)
    assert b"".join(got) == b"abcbc"


@looped
async def test_write_waits_for_room_and_can_have_a_limit():
    sink = Stuck(high_water_mark=10)
    writer = thread_writer(sink, high_water_mark=100)

    def produce():
        written = 0
        while True:
            try:
                writer.write(bytes(10), timeout=0.05)
            except TimeoutError as error:
                return written, error
            written += 1

    written, error = await asyncio.to_thread(produce)
    assert 10 <= written <= 23
    assert "not written" in str(error)
    assert not await asyncio.to_thread(writer.try_write, b"a")
    assert not writer.try_write(b"a")
    sink.go_on.set_result(None)
    await until(lambda: writer.try_write(b"last"))
    await writer.aclose()
    assert sum(map(len, sink.taken)) == 10 * written + 4


@looped
async def test_a_waiting_thread_is_woken_by_room():
    sink = Stuck(high_water_mark=1)
    writer = thread_writer(sink, high_water_mark=1)

    def produce():
        for _ in range(10):
            writer.write(b"a")

    writing = asyncio.create_task(asyncio.to_thread(produce))
    await until(lambda: sink.taken)
    assert not writing.done()
    sink.go_on.set_result(None)
    await writing
    await writer.aclose()
    assert len(b"".join(map(bytes, sink.taken))) == 10


@looped
async def test_an_error_of_the_stream_reaches_each_thread():
    error = OSError("deliberate")

    def fail(chunk):
        raise error

    writer = thread_writer(Writable(write=fail))

    def produce():
        while True:
            writer.write(b"a")

    outcomes = await asyncio.gather(*(asyncio.to_thread(raised_by, produce) for _ in range(3)))
    assert outcomes == [error] * 3
    assert raised_by(writer.try_write, b"a") is error
    assert await asyncio.to_thread(raised_by, writer.close) is error


@looped
async def test_close_waits_for_finish_and_tells_the_error():
    order = []

    async def final():
        await asyncio.sleep(0.01)
        order.append("final")

    writer = thread_writer(Writable(write=lambda chunk: None, final=final))
    await asyncio.to_thread(writer.write, b"a")
    await asyncio.to_thread(writer.close)
    order.append("closed")
    assert order == ["final", "closed"]
    assert isinstance(await asyncio.to_thread(raised_by, writer.write, b"a"), WriteAfterEndError)
    await asyncio.to_thread(writer.close)

    def failing():
        raise KeyError("deliberate")

    writer = thread_writer(Writable(write=lambda chunk: None, final=failing))
    with pytest.raises(KeyError, match="deliberate"):
        await writer.aclose()


@looped
async def test_the_loops_own_thread_never_waits():
    got = []
    writer = thread_writer(collect(got))
    for call in (lambda: writer.write(1), writer.close):
        with pytest.raises(DeadlockError):
            call()
    assert writer.try_write(1)
    await writer.aclose()
    assert got == [1]


@pytest.mark.parametrize("block", ["thread", "loop"])
@looped
async def test_an_exception_in_the_block_destroys_the_stream(block, tmp_path):
    sink = create_write_stream(tmp_path / "target", atomic=True)
    writer = thread_writer(sink)

    def produce():
        with writer:
            writer.write(b"a")
            raise ZeroDivisionError

    async def use():
        async with writer:
            await asyncio.to_thread(writer.write, b"a")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await (asyncio.to_thread(produce) if block == "thread" else use())
    await until(lambda: sink.closed)
    assert isinstance(sink.errored, ZeroDivisionError)
    assert not (tmp_path / "target").exists()


@looped
async def test_cancelling_the_block_releases_the_threads():
    sink = Stuck(high_water_mark=1)
    outcome = []

    async def use():
        async with thread_writer(sink, high_water_mark=1) as writer:
            await asyncio.to_thread(lambda: outcome.append(raised_by(forever, writer)))

    using = asyncio.ensure_future(use())
    await until(lambda: sink.taken)
    using.cancel()
    with pytest.raises(asyncio.CancelledError):
        await using
    await until(lambda: outcome)
    assert isinstance(outcome[0], (AbortError, WriteAfterEndError))
    assert sink.destroyed


def forever(writer):
    while True:
        writer.write(b"a")


@looped
async def test_destroy_drops_what_is_on_its_way():
    sink = Stuck(high_water_mark=1)
    writer = thread_writer(sink)
    writer.try_write(b"a")
    writer.destroy()
    assert isinstance(raised_by(writer.try_write, b"b"), AbortError)
    await until(lambda: sink.closed)
    writer.destroy()


@looped
async def test_a_dropped_writer_does_not_look_whole(tmp_path):
    sink = create_write_stream(tmp_path / "target", atomic=True)
    writer = thread_writer(sink)
    writer.try_write(b"a")
    with reported() as contexts:
        del writer
        gc.collect()
        await until(lambda: sink.closed and contexts)
    assert not (tmp_path / "target").exists()
    assert isinstance(contexts[0]["exception"], PrematureCloseError)


@looped
async def test_a_write_inside_a_write_is_no_deadlock():
    got = []
    writer = thread_writer(collect(got))

    class Noisy:
        def __del__(self):
            writer.try_write("deleted")

    def produce():
        for number in range(200):
            noisy = Noisy()
            noisy.me = noisy
            writer.write(number)
            del noisy
            gc.collect(0)

    await asyncio.to_thread(produce)
    gc.collect()
    await writer.aclose()
    assert [each for each in got if each != "deleted"] == list(range(200))


@looped
async def test_what_is_written_is_checked_in_the_thread():
    writer = thread_writer(Writable(write=lambda chunk: None))
    for chunk, error in ((None, NullChunkError), ("text", InvalidArgTypeError), (5, InvalidArgTypeError)):
        assert isinstance(await asyncio.to_thread(raised_by, writer.write, chunk), error)
    await writer.aclose()
    with pytest.raises(InvalidArgTypeError):
        thread_writer(Readable.from_([]))
    with pytest.raises(OutOfRangeError):
        thread_writer(collect([]), high_water_mark=0)


def test_threads_that_write_are_released_by_the_end_of_the_loop():
    outcome = []
    started = threading.Event()

    async def main():
        writer = thread_writer(Stuck(high_water_mark=1), high_water_mark=1)

        def produce():
            started.set()
            outcome.append(raised_by(forever, writer))

        asyncio.get_running_loop().run_in_executor(None, produce)
        await until(started.is_set)

    asyncio.run(main())
    assert isinstance(outcome[0], (AbortError, PrematureCloseError))
