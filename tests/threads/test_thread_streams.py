"""from_thread(), to_thread(), through_thread(): stages of synchronous code."""

import asyncio
import contextlib
import contextvars
import gc
import io
import os
import threading

import pytest

from forebay import (
    InvalidArgTypeError,
    InvalidArgValueError,
    InvalidReturnValueError,
    NullChunkError,
    OutOfRangeError,
    Readable,
    Writable,
    pipeline,
)
from forebay.testing import check_readable, check_transform, check_writable
from forebay.threads import from_thread, through_thread, to_thread
from support.streams import closed, looped


async def until(check):
    while not check():
        await asyncio.sleep(0.001)


def collect(into, **options):
    return Writable(write=into.append, object_mode=True, **options)


# ---- from_thread


@looped
async def test_the_items_of_an_iterable_come_in_order():
    assert [item async for item in from_thread(range(5000))] == list(range(5000))
    assert [item async for item in from_thread(lambda: iter("abc"))] == ["a", "b", "c"]
    assert [item async for item in from_thread([])] == []


@looped
async def test_an_iterable_is_used_in_one_other_thread():
    threads = set()
    variable = contextvars.ContextVar("variable", default=0)
    variable.set(7)

    def items():
        try:
            for _ in range(1000):
                threads.add(threading.get_ident())
                yield variable.get()
        finally:
            threads.add(threading.get_ident())

    assert {item async for item in from_thread(items)} == {7}
    assert len(threads) == 1
    assert threading.get_ident() not in threads


@pytest.mark.parametrize("mark", [1, 10, None])
@looped
async def test_the_thread_waits_for_the_reader(mark):
    given = 0

    def items():
        nonlocal given
        while True:
            given += 1
            yield given

    stream = from_thread(items, high_water_mark=mark)
    assert await anext(aiter(stream)) == 1
    before = -1
    while before != given:
        before = given
        await asyncio.sleep(0.02)
    # The mark in the mailbox and the batch in the stream, and the item that waits.
    assert given <= 2 * (mark or 1000) + 2
    await stream.aclose()


@looped
async def test_an_item_is_not_kept_back_for_a_batch():
    go_on = threading.Event()

    def items():
        for number in range(3):
            yield number
            assert go_on.wait(10)
            go_on.clear()

    got = []
    async for item in from_thread(items):
        got.append(item)
        go_on.set()
    assert got == [0, 1, 2]


@looped
async def test_leaving_closes_the_generator_in_the_thread():
    closed = []

    def items():
        try:
            while True:
                yield 1
        except BaseException as error:
            closed.append((type(error), threading.get_ident()))
            raise

    stream = from_thread(items)
    async for _ in stream:
        break
    await until(lambda: stream.closed)
    assert closed[0][0] is not ZeroDivisionError
    assert closed[0][1] != threading.get_ident()
    stream = from_thread(items)
    await anext(aiter(stream))
    stream.on("error", lambda error: None)
    stream.destroy(ZeroDivisionError())
    await until(lambda: stream.closed)
    assert closed[1][0] is ZeroDivisionError


@looped
async def test_errors_of_the_iterable_are_those_of_the_stream():
    def items():
        yield 1
        raise KeyError("deliberate")

    got = []
    with pytest.raises(KeyError, match="deliberate"):
        await pipeline(from_thread(items), collect(got))
    assert got == [1]
    for wrong, error in (
        (lambda: [1, None], NullChunkError),
        (lambda: 5, InvalidReturnValueError),
        (lambda: iter(5), TypeError),
    ):
        with pytest.raises(error):
            await pipeline(from_thread(wrong), collect([]))


@looped
async def test_an_error_of_the_cleanup_is_reported():
    def items():
        try:
            while True:
                yield 1
        finally:
            raise KeyError("in the cleanup")

    stream = from_thread(items)
    await anext(aiter(stream))
    stream.destroy()
    assert isinstance(await closed(stream), KeyError)


@looped
async def test_a_stop_iteration_in_the_thread_is_an_error_and_no_hang():
    def stop():
        raise StopIteration

    with pytest.raises((RuntimeError, StopIteration)):
        await pipeline(from_thread(stop), collect([]))


@looped
async def test_a_dropped_stream_ends_its_thread():
    ended = threading.Event()

    def items():
        try:
            while True:
                yield 1
        finally:
            ended.set()

    stream = from_thread(items)
    stream.once("readable", lambda: None)
    await until(lambda: stream.readable_length)  # noqa: F821 - it is called at once
    del stream
    await asyncio.sleep(0)
    gc.collect()
    await until(ended.is_set)


@looped
async def test_a_call_that_does_not_return_does_not_hold_up_the_end(monkeypatch):
    monkeypatch.setattr("forebay.streams.blocking.job.CLEANUP_SECONDS", 0.01)
    go_on = threading.Event()

    def items():
        yield 1
        go_on.wait(20)

    stream = from_thread(items)
    assert await anext(aiter(stream)) == 1
    stream.destroy()
    await until(lambda: stream.closed)
    assert not go_on.is_set()
    go_on.set()


# ---- files


@looped
async def test_files_are_read_and_written(big, tmp_path):
    path, content = big
    target = tmp_path / "copy"
    with open(path, "rb") as source, open(target, "wb") as sink:
        await pipeline(from_thread(source), to_thread(sink))
        assert not source.closed
        assert not sink.closed
        assert target.read_bytes() == content
    with open(path, "rb", buffering=0) as source, open(target, "wb", buffering=0) as sink:
        await pipeline(from_thread(source, block=1000), to_thread(sink))
    assert target.read_bytes() == content


@looped
async def test_files_are_closed_where_that_was_asked_for(small):
    source, sink = open(small, "rb"), io.BytesIO()  # noqa: SIM115 - the stream closes it
    await pipeline(from_thread(source, close=True), to_thread(sink, close=True))
    assert source.closed
    assert sink.closed
    opened = []

    def make():
        opened.append(open(small, "rb"))  # noqa: SIM115 - the stream closes it
        return opened[0]

    assert [block async for block in from_thread(make)] == [b"0123456789"]
    assert opened[0].closed
    sink = io.BytesIO()
    with pytest.raises(ZeroDivisionError):
        await pipeline(
            from_thread(lambda: (1 // 0 for _ in "a")), to_thread(sink, close=True, object_mode=True)
        )
    await until(lambda: sink.closed)


@looped
async def test_text_files_give_and_take_str(tmp_path):
    path = tmp_path / "text"
    path.write_text("grün\n" * 50_000, encoding="utf-8")
    copy = tmp_path / "copy"
    with open(path, encoding="utf-8") as source, open(copy, "w", encoding="utf-8") as sink:
        await pipeline(from_thread(source, block=999), to_thread(sink))
    assert copy.read_bytes() == path.read_bytes()


@looped
async def test_a_pipe_gives_what_there_is():
    reading, writing = os.pipe()
    with open(reading, "rb") as source, open(writing, "wb", buffering=0) as sink:
        stream = from_thread(source)
        sink.write(b"a part")
        blocks = aiter(stream)
        assert await anext(blocks) == b"a part"
        sink.close()
        with pytest.raises(StopAsyncIteration):
            await anext(blocks)


@looped
async def test_a_file_that_does_not_block_is_an_error():
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    with (
        open(reading, "rb", buffering=0) as source,
        open(writing, "wb"),
        pytest.raises(BlockingIOError, match="blocking file"),
    ):
        await pipeline(from_thread(source), collect([]))


@looped
async def test_an_error_of_a_file_is_that_of_the_stream():
    class Full(io.RawIOBase):
        def writable(self):
            return True

        def write(self, data):
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        await pipeline([b"a"], to_thread(Full()))


# ---- to_thread


@looped
async def test_a_function_gets_each_chunk_or_an_iterator_of_all():
    got = []
    await pipeline(range(3000), to_thread(got.append))
    assert got == list(range(3000))
    got.clear()
    await pipeline(range(3000), to_thread(got.extend, each=False))
    assert got == list(range(3000))
    await pipeline([], to_thread(got.extend, each=False))


@looped
async def test_finish_waits_for_the_function():
    order = []

    def take(chunks):
        order.append(sum(chunks))
        order.append("returned")

    sink = to_thread(take, each=False)
    sink.on("finish", lambda: order.append("finish"))
    await pipeline([1, 2], sink)
    assert order == [3, "returned", "finish"]


@looped
async def test_the_writer_waits_for_the_thread():
    go_on = threading.Event()
    sink = to_thread(lambda chunk: go_on.wait(10), high_water_mark=10)
    written = 0
    while sink.write(written):
        written += 1
    assert written == 9
    go_on.set()
    await sink.drain()
    sink.end()
    await until(lambda: sink.closed)


@pytest.mark.parametrize("at", ["first", "later", "end"])
@looped
async def test_an_error_of_the_function_is_that_of_the_stream(at):
    def take(chunks):
        for chunk in chunks:
            if at == "first" or (at == "later" and chunk == 500):
                raise KeyError(chunk)
        raise KeyError("end")

    with pytest.raises(KeyError):
        await pipeline(range(1000), to_thread(take, each=False))


@looped
async def test_a_function_may_stop_early():
    got = []
    source = Readable.from_(range(100_000))
    await pipeline(source, to_thread(lambda chunks: got.append(next(chunks)), each=False))
    assert got == [0]
    assert source.destroyed


@looped
async def test_the_function_learns_why_the_stream_was_destroyed():
    got = []

    def take(chunks):
        try:
            for _ in chunks:
                pass
        except Exception as error:
            got.append(error)
            raise

    sink = to_thread(take, each=False)
    sink.write(1)
    error = ZeroDivisionError()
    sink.on("error", lambda error: None)
    sink.destroy(error)
    await until(lambda: sink.closed)
    assert got == [error]


@looped
async def test_a_dropped_sink_ends_its_thread():
    ended = threading.Event()

    def take(chunks):
        with contextlib.suppress(Exception):
            list(chunks)
        ended.set()

    sink = to_thread(take, each=False)
    sink.write(1)
    await until(lambda: not sink.writable_length)  # noqa: F821 - it is called at once
    del sink
    gc.collect()
    await until(ended.is_set)


# ---- through_thread


@looped
async def test_a_function_or_a_generator_transforms():
    got = []
    await pipeline(range(3000), through_thread(lambda chunk: chunk * 2 if chunk % 3 else None), collect(got))
    assert got == [number * 2 for number in range(3000) if number % 3]

    def pairs(numbers):
        for number in numbers:
            yield number, next(numbers, None)
        yield "end"

    got.clear()
    await pipeline(range(5), through_thread(pairs), collect(got))
    assert got == [(0, 1), (2, 3), (4, None), "end"]
    got.clear()
    await pipeline([b"ab", b"cd"], through_thread(bytes.upper, object_mode=False), collect(got))
    assert b"".join(got) == b"ABCD"


@looped
async def test_a_transform_that_stops_early_ends_the_flow():
    source = Readable.from_(range(1_000_000))
    got = []

    def first(numbers):
        for _ in range(5):
            yield next(numbers)

    await pipeline(source, through_thread(first), collect(got))
    assert got == [0, 1, 2, 3, 4]
    assert source.destroyed


@looped
async def test_an_error_of_a_transform_comes_behind_its_output():
    def fails(numbers):
        for number in numbers:
            if number == 300:
                raise KeyError(number)
            yield number

    got = []
    with pytest.raises(KeyError) as caught:
        await pipeline(range(1000), through_thread(fails), collect(got))
    assert got == list(range(300))
    assert "stage 2 of 3" in caught.value.__notes__[0]


@looped
async def test_a_transform_waits_for_its_reader():
    taken = 0

    def count(numbers):
        nonlocal taken
        for number in numbers:
            taken += 1
            yield number

    stage = through_thread(count, high_water_mark=10)
    flow = asyncio.ensure_future(
        pipeline(range(100_000), stage, never := Writable(write=hang, object_mode=True))
    )
    before = -1
    while before != taken or not taken:
        before = taken
        await asyncio.sleep(0.02)
    assert taken <= 60
    flow.cancel()
    await asyncio.gather(flow, return_exceptions=True)
    await until(lambda: stage.closed and never.closed)


async def hang(chunk):
    await asyncio.get_running_loop().create_future()


@looped
async def test_a_cancellation_at_any_turn_leaves_nothing():
    for turns in range(40):
        stages = [from_thread(range(100_000)), through_thread(abs), to_thread(list, each=False)]
        moving = pipeline(*stages)
        moving.mark_handled()
        flow = asyncio.ensure_future(as_task(moving))
        for _ in range(turns):
            await asyncio.sleep(0)
        flow.cancel()
        await asyncio.gather(flow, return_exceptions=True)
        for stage in stages:
            stage.destroy()
        await until(lambda: all(stage.closed for stage in stages))  # noqa: B023 - it is called at once


async def as_task(flow):
    await flow


# ---- the rules of streams


def test_the_rules_of_streams_hold(run, tmp_path):
    run.seconds = 100

    async def main():
        numbers = list(range(1, 2000))
        await check_readable(lambda: from_thread(numbers), expected=numbers, burst=1000)
        await check_readable(lambda: from_thread(io.BytesIO(b"abc" * 100_000)), expected=b"abc" * 100_000)
        got = {}

        def sink():
            parts = []
            stream = to_thread(parts.append)
            got[id(stream)] = parts
            return stream

        await check_writable(sink, collected=lambda stream: got[id(stream)], chunks=[1, 2, 3])

        def file_sink():
            path = tmp_path / str(len(got))
            stream = to_thread(path.open("wb"), close=True)
            got[id(stream)] = path
            return stream

        await check_writable(file_sink, collected=lambda stream: got[id(stream)].read_bytes())
        await check_transform(
            lambda: through_thread(lambda chunk: chunk + 1), [(numbers, [n + 1 for n in numbers])]
        )

    run(main)


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: from_thread(5), InvalidArgTypeError),
        (lambda: from_thread("text"), InvalidArgTypeError),
        (lambda: from_thread([], block=0), OutOfRangeError),
        (lambda: from_thread([], high_water_mark=0), OutOfRangeError),
        (lambda: from_thread([], high_water_mark="a"), InvalidArgTypeError),
        (lambda: to_thread([]), InvalidArgTypeError),
        (lambda: to_thread(print, high_water_mark=0), OutOfRangeError),
        (lambda: through_thread(Readable), InvalidArgTypeError),
        (lambda: through_thread(hang), InvalidArgTypeError),
        (lambda: from_thread(open(os.devnull, "wb")), InvalidArgValueError),  # noqa: SIM115
        (lambda: to_thread(open(os.devnull, "rb")), InvalidArgValueError),  # noqa: SIM115
    ],
)
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@looped
async def test_wrong_arguments_are_refused(make, error):
    with pytest.raises(error):
        make()
