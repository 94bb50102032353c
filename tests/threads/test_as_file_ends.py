"""as_file(): errors, early ends, cancellation, and the end of the loop. No thread waits for a stream of a loop that has ended."""

import asyncio
import gc
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from forebay import (
    AbortError,
    DeadlockError,
    PassThrough,
    PrematureCloseError,
    Readable,
    Writable,
    create_write_stream,
    finished,
)
from forebay.threads import as_file
from support.loops import LOOPS, eventually
from support.streams import looped, reported


class Silent(Readable):
    """Never gives anything."""

    def _read(self, size):
        pass


def slow_sink():
    """A Writable whose first write is never done."""
    return Writable(write=lambda chunk: asyncio.get_running_loop().create_future(), high_water_mark=10)


def raised_by(call, *args):
    try:
        call(*args)
    except Exception as error:
        return error
    return None


async def until(check):
    while not check():
        await asyncio.sleep(0.001)


# ---- errors


@looped
async def test_an_error_of_the_stream_is_raised_in_the_thread_behind_the_data():
    error = KeyError("deliberate")

    def blocks():
        yield b"before"
        raise error

    file = as_file(Readable.from_(blocks()), buffering=0)

    def read():
        return file.read(100), raised_by(file.read), raised_by(file.read)

    assert await asyncio.to_thread(read) == (b"before", error, error)


@looped
async def test_truncated_data_never_looks_whole():
    source = Silent()
    file = as_file(source)
    reading = asyncio.ensure_future(asyncio.to_thread(raised_by, file.read))
    await asyncio.sleep(0)
    source.push(b"a part")
    source.destroy()
    assert isinstance(await reading, PrematureCloseError)


@looped
async def test_chunks_that_are_not_bytes_are_an_error_in_the_thread():
    file = as_file(Readable.from_([b"a", 5]))
    assert "5" in str(await asyncio.to_thread(raised_by, file.read))


@pytest.mark.parametrize("at", ["write", "final", "destroyed"])
@looped
async def test_an_error_of_the_writable_is_raised_in_the_thread(at):
    error = OSError("deliberate")

    def fail(*_):
        raise error

    sink = {
        "write": lambda: Writable(write=fail),
        "final": lambda: Writable(write=lambda chunk: None, final=fail),
        "destroyed": slow_sink,
    }[at]()
    file = as_file(sink, high_water_mark=1000, buffering=0)

    def fill():
        try:
            if at != "final":
                while True:
                    file.write(bytes(100))
        finally:
            file.close()

    filling = asyncio.ensure_future(asyncio.to_thread(raised_by, fill))
    if at == "destroyed":
        await until(lambda: sink.writable_length > 0)
        sink.destroy(error)
    assert await filling is error
    assert file.closed


@looped
async def test_a_stream_that_is_closed_already_fails_in_the_thread():
    sink = Writable(write=lambda chunk: None)
    sink.destroy()
    await until(lambda: sink.closed)
    file = as_file(sink)

    def fill():
        with file:
            file.write(b"a")

    assert await asyncio.to_thread(raised_by, fill) is not None


@looped
async def test_an_exception_in_the_block_destroys_the_stream(tmp_path):
    target = tmp_path / "target"
    sink = create_write_stream(target, atomic=True)
    file = as_file(sink)

    def fill():
        with file:
            file.write(bytes(500_000))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await asyncio.to_thread(fill)
    await until(lambda: sink.closed)
    assert file.closed
    assert not target.exists()
    assert isinstance(sink.errored, ZeroDivisionError)


@pytest.mark.parametrize("mode", ["rb", "r"])
@looped
async def test_closing_early_destroys_the_stream_without_an_error(mode):
    ends = []

    def blocks():
        try:
            while True:
                yield b"abcdefgh\n" * 1000
        finally:
            ends.append("closed")

    source = Readable.from_(blocks())
    file = as_file(source, mode)

    def read():
        with file:
            return file.read(3)

    assert await asyncio.to_thread(read) in (b"abc", "abc")
    await until(lambda: source.closed)
    assert ends == ["closed"]
    assert isinstance(raised_by(file.read), ValueError)


@looped
async def test_closing_releases_another_thread_that_reads():
    source = Silent()
    file = as_file(source)
    started = threading.Event()

    def read():
        started.set()
        return raised_by(file.read)

    reading = asyncio.ensure_future(asyncio.to_thread(read))
    await until(started.is_set)
    file.close()
    assert isinstance(await reading, (AbortError, ValueError))
    assert source.destroyed


# ---- the loop's own thread


@looped
async def test_the_loops_own_thread_never_waits():
    reader = as_file(Readable.from_([b"abc"]))
    for call in (reader.read, reader.readline, lambda: reader.readinto(bytearray(5)), lambda: list(reader)):
        with pytest.raises(DeadlockError, match="to_thread"):
            call()
    assert await asyncio.to_thread(reader.read) == b"abc"
    parts = []
    writer = as_file(Writable(write=lambda chunk: None))
    with pytest.raises(DeadlockError):
        writer.write(bytes(1_000_000))
    await writer.aclose()
    writer = as_file(Writable(write=parts.append))
    writer.write(b"in the buffer")
    for call in (writer.flush, writer.close):
        with pytest.raises(DeadlockError):
            call()
    assert not writer.closed
    await writer.aclose()
    assert b"".join(map(bytes, parts)) == b"in the buffer"


# ---- dropped files


@looped
async def test_a_dropped_reader_destroys_its_stream():
    source = Silent()
    file = as_file(source, "r")
    del file
    gc.collect()
    await until(lambda: source.closed)
    assert source.errored is None or isinstance(source.errored, AbortError)


@pytest.mark.parametrize(("mode", "buffering"), [("wb", -1), ("wb", 0), ("w", -1)])
@looped
async def test_a_dropped_writer_does_not_look_whole(mode, buffering, tmp_path):
    target = tmp_path / "target"
    sink = create_write_stream(target, atomic=True)
    file = as_file(sink, mode, buffering=buffering)
    data = "abc" if mode == "w" else b"abc"
    await asyncio.to_thread(file.write, data)
    with reported() as contexts:
        del file
        gc.collect()
        await until(lambda: sink.closed and contexts)
    assert not target.exists()
    (context,) = contexts
    assert isinstance(context["exception"], PrematureCloseError)
    assert "without close()" in context["message"]


# ---- cancellation


@pytest.mark.parametrize("mode", ["rb", "wb"])
@looped
async def test_leaving_the_block_releases_the_thread(mode):
    stream = Silent() if mode == "rb" else slow_sink()
    file = as_file(stream, mode, high_water_mark=1000)
    outcome = []
    started = threading.Event()

    def work():
        started.set()
        outcome.append(raised_by(file.read) if mode == "rb" else raised_by(file.write, bytes(1_000_000)))

    async def use():
        async with file:
            await asyncio.to_thread(work)

    using = asyncio.ensure_future(use())
    await until(started.is_set)
    using.cancel()
    with pytest.raises(asyncio.CancelledError):
        await using
    await until(lambda: outcome)
    # The file may be closed before the thread comes to its call.
    assert isinstance(outcome[0], (AbortError, ValueError))
    assert file.closed
    assert stream.destroyed


@pytest.mark.parametrize("mode", ["rb", "wb"])
@pytest.mark.parametrize("how", ["cancelled", "failed"])
@looped
async def test_the_end_of_the_task_that_made_the_file_releases_the_thread(mode, how):
    stream = Silent() if mode == "rb" else slow_sink()
    outcome = []
    started = threading.Event()

    def work(file):
        started.set()
        outcome.append(raised_by(file.read) if mode == "rb" else raised_by(file.write, bytes(3_000_000)))

    async def use():
        file = as_file(stream, mode)
        working = asyncio.to_thread(work, file)
        if how == "cancelled":
            await working
        task = asyncio.ensure_future(working)
        await until(started.is_set)
        tasks.append(task)
        raise ZeroDivisionError

    tasks = []
    using = asyncio.ensure_future(use())
    await until(started.is_set)
    if how == "cancelled":
        using.cancel()
    with pytest.raises((asyncio.CancelledError, ZeroDivisionError)):
        await using
    await asyncio.gather(*tasks)
    await until(lambda: outcome)
    assert isinstance(outcome[0], AbortError)
    assert stream.destroyed


@pytest.mark.parametrize("mode", ["rb", "wb"])
@looped
async def test_a_cancellation_at_any_turn_leaves_nothing(mode):
    for turns in range(40):
        stream = PassThrough()
        threads = ThreadPoolExecutor(1)

        def work(file):
            if mode == "rb":
                file.read()
            else:
                with file:
                    file.write(bytes(300_000))

        async def use(stream=stream, threads=threads, work=work):
            if mode == "rb":
                stream.write(bytes(50_000))
            async with as_file(stream, mode, high_water_mark=10_000) as file:
                await asyncio.get_running_loop().run_in_executor(threads, work, file)

        using = asyncio.ensure_future(use())
        for _ in range(turns):
            await asyncio.sleep(0)
        using.cancel()
        (outcome,) = await asyncio.gather(using, return_exceptions=True)
        assert isinstance(outcome, asyncio.CancelledError)
        # It waits for the thread.
        await asyncio.to_thread(threads.shutdown)
        if turns:
            await until(lambda: stream.closed)  # noqa: B023 - it is called at once
        stream.on("error", lambda error: None)
        stream.destroy()


# ---- the end of the loop


@pytest.mark.parametrize("loop_name", LOOPS)
def test_the_end_of_the_loop_releases_the_thread(loop_name):
    outcome = []

    async def main():
        file = as_file(Silent())
        started = threading.Event()

        def read():
            started.set()
            outcome.append(raised_by(file.read))

        asyncio.get_running_loop().run_in_executor(None, read)
        await until(started.is_set)

    with asyncio.Runner(loop_factory=LOOPS[loop_name]) as runner:
        runner.run(main())
    assert isinstance(outcome[0], AbortError)


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("loop_name", LOOPS)
def test_a_loop_that_is_closed_releases_the_thread(loop_name):
    outcome = []
    loop = LOOPS[loop_name]()

    async def main():
        file = as_file(Silent())
        started = threading.Event()

        def read():
            started.set()
            outcome.append(raised_by(file.read))

        threading.Thread(target=read, daemon=True).start()
        await until(started.is_set)
        return file

    file = loop.run_until_complete(main())
    loop.close()
    assert eventually(lambda: outcome)
    assert isinstance(outcome[0], PrematureCloseError)
    assert "loop was closed" in str(outcome[0])
    del file


@looped
async def test_finish_comes_before_close_returns():
    order = []

    async def final():
        await asyncio.sleep(0.01)
        order.append("final")

    sink = Writable(write=lambda chunk: None, final=final)
    sink.on("finish", lambda: order.append("finish"))
    file = as_file(sink)

    def fill():
        file.write(b"a")
        file.close()
        order.append("closed")

    await asyncio.to_thread(fill)
    assert order == ["final", "finish", "closed"]
    await finished(sink)


@looped
async def test_a_file_of_a_slow_thread_does_not_stop_the_loop():
    file = as_file(Readable.from_(bytes(1000) for _ in range(2000)), high_water_mark=1000)

    def read():
        total = 0
        while block := file.read1(1000):
            total += len(block)
            if total % 100_000 == 0:
                time.sleep(0.001)
        return total

    reading = asyncio.ensure_future(asyncio.to_thread(read))
    turns = 0
    while not reading.done():
        turns += 1
        await asyncio.sleep(0)
    assert await reading == 2_000_000
    assert turns > 20
