"""Operators with an executor: results in order or not, what is under way, failures, and an early end."""

import asyncio
import concurrent.futures
import multiprocessing
import threading
import time
import traceback
from collections import Counter
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor, ThreadPoolExecutor

import pytest

from forebay import (
    AbortController,
    AbortError,
    InvalidArgTypeError,
    InvalidArgValueError,
    NullChunkError,
    OutOfRangeError,
    Readable,
    Writable,
    pipeline,
)
from support.streams import closed, looped, quiet, reported
from support.worker_functions import (
    die_at_five,
    inverse_of_distance,
    is_odd,
    nothing,
    raise_unpicklable,
    slower_at_first,
    square,
    up_to,
)


def processes():
    # A fork of a process with threads is not safe.
    return ProcessPoolExecutor(2, multiprocessing.get_context("spawn"))


@pytest.fixture(scope="module")
def pool_of_processes():
    with processes() as pool:
        # All workers are there before a test counts descriptors.
        list(pool.map(time.sleep, [0.2] * 4))
        yield pool


@pytest.fixture(params=["threads", "processes"])
def pool(request):
    if request.param == "processes":
        yield request.getfixturevalue("pool_of_processes")
    else:
        with ThreadPoolExecutor(2) as threads:
            list(threads.map(time.sleep, [0.01] * 4))
            yield threads


class ByHand:
    """An executor whose calls run when the test says so. It is no concurrent.futures.Executor."""

    def __init__(self):
        self.calls = []
        self.most = 0

    def submit(self, fn, *args):
        future = Future()
        self.calls.append((future, fn, args))
        self.most = max(self.most, len(self.waiting()))
        return future

    def waiting(self):
        return [call for call in self.calls if not call[0].done()]

    def finish(self, index=0):
        future, fn, args = self.waiting()[index]
        future.set_running_or_notify_cancel()
        try:
            future.set_result(fn(*args))
        except Exception as error:
            future.set_exception(error)


async def as_list(stream):
    return await stream.to_list()


async def as_stream(stream):
    return [item async for item in stream]


async def piped(stream):
    out = []
    await pipeline(stream, Writable(object_mode=True, high_water_mark=1, write=out.append))
    return out


@pytest.fixture(params=[as_list, as_stream, piped])
def gathered(request):
    return request.param


OPTIONS = [
    {},
    {"concurrency": 1, "window": 1},
    {"chunk": 3},
    {"chunk": 100},
    {"ordered": False},
    {"ordered": False, "chunk": 4, "concurrency": 3, "window": 1},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("mark", [1, 7])
def test_results(run, pool, gathered, options, mark):
    arrange = list if options.get("ordered", True) else sorted

    def source(n):
        return Readable.from_(range(n), high_water_mark=mark)

    async def main():
        for n in (0, 1, 20):
            made = await gathered(source(n).map(square, executor=pool, **options))
            assert arrange(made) == [i * i for i in range(n)]
        made = await gathered(source(9).filter(is_odd, executor=pool, **options))
        assert arrange(made) == [1, 3, 5, 7]
        assert arrange(await gathered(source(9).tap(nothing, executor=pool, **options))) == list(range(9))
        made = await gathered(source(4).flat_map(up_to, executor=pool, **options))
        assert Counter(made) == {0: 3, 1: 2, 2: 1}
        assert await source(9).for_each(nothing, executor=pool, **options) is None

    run(main)


def test_a_chain(run, pool):
    async def main():
        chain = Readable.from_(range(50)).map(square, executor=pool).filter(lambda n: n % 2).take(3)
        assert await chain.to_list() == [1, 9, 25]

    run(main)


@pytest.mark.parametrize("chunk", [1, 4])
def test_an_exception_names_its_item_and_its_traceback(run, pool, gathered, chunk):
    async def main():
        source = Readable.from_(range(100))
        with reported() as contexts:
            with pytest.raises(ZeroDivisionError) as caught:
                await gathered(source.map(inverse_of_distance, executor=pool, chunk=chunk))
            await closed(source)
        assert contexts == []
        assert caught.value.__notes__[0] == "in map() with an executor, at item 7, counted from 0"
        # The line in the function, whether it ran in this process or in another one.
        assert "return 1 // (number - 7)" in "".join(traceback.format_exception(caught.value))

    run(main)


@pytest.mark.parametrize("chunk", [1, 4])
def test_the_results_before_an_exception_are_given(run, pool, chunk):
    async def main():
        seen = []
        with pytest.raises(ZeroDivisionError):
            await (
                Readable.from_(range(20))
                .map(inverse_of_distance, executor=pool, chunk=chunk)
                .for_each(seen.append)
            )
        assert seen == [1 // (n - 7) for n in range(7)][: len(seen)]

    run(main)


def test_other_failures(run, pool, gathered):
    async def main():
        with pytest.raises(NullChunkError, match="map"):
            await gathered(Readable.from_(range(3)).map(nothing, executor=pool))
        with pytest.raises(TypeError, match="iterable"):
            await gathered(Readable.from_(range(3)).flat_map(square, executor=pool))
        with pytest.raises(OSError, match="broken"):
            await gathered(failing().map(square, executor=pool))

    def failing():
        def items():
            yield 1
            raise OSError("broken")

        return Readable.from_(items())

    run(main)


def test_what_cannot_be_sent_to_a_process(run, pool_of_processes):
    async def main():
        with pytest.raises(Exception, match=r"[Pp]ickle|local object"):
            await Readable.from_(range(3)).map(lambda n: n, executor=pool_of_processes).to_list()
        with pytest.raises(Exception, match=r"[Pp]ickle|local object"):
            await (
                Readable.from_(range(3)).map(raise_unpicklable, executor=pool_of_processes, chunk=2).to_list()
            )
        # The pool is still good.
        assert await Readable.from_(range(3)).map(square, executor=pool_of_processes).to_list() == [0, 1, 4]

    run(main)


# ---- what is under way


@looped
async def test_no_more_calls_than_concurrency_and_no_more_results_than_the_window():
    pool = ByHand()
    stream = Readable.from_(range(100)).map(square, executor=pool, concurrency=3, window=2)
    assert pool.calls == []
    reader = asyncio.ensure_future(anext(aiter(stream)))
    await quiet()
    assert len(pool.waiting()) == 3
    # The head is slow: others are done and wait for their turn.
    for _ in range(10):
        if len(pool.waiting()) > 1:
            pool.finish(1)
        await quiet()
    assert not reader.done()
    assert len(pool.calls) <= 3 + 2
    while pool.waiting():
        pool.finish()
        await quiet()
    assert await reader == 0
    # Without a reader the window bounds what is made.
    await quiet()
    assert pool.most == 3
    assert len(pool.calls) <= 3 + 2 + 3
    stream.destroy()
    await closed(stream)


@looped
async def test_the_order_in_which_calls_are_done():
    pool = ByHand()
    stream = Readable.from_(range(4)).map(square, executor=pool, concurrency=4, ordered=False)
    reading = asyncio.ensure_future(stream.to_list())
    await quiet()
    for index in (2, 0, 1, 0):
        pool.finish(index)
        await quiet()
    assert await reading == [4, 0, 9, 1]


def test_a_slow_head_does_not_hold_up_the_rest(run, pool_of_processes):
    async def main():
        options = {"executor": pool_of_processes, "concurrency": 2}
        made = Readable.from_(range(20)).map(slower_at_first, ordered=False, **options)
        assert (await made.to_list())[0] != 0
        made = Readable.from_(range(20)).map(slower_at_first, window=30, **options)
        assert await made.to_list() == list(range(20))

    run(main)


@looped
async def test_items_that_are_there_do_not_wait_for_a_whole_chunk():
    pool = ByHand()
    source = Readable(object_mode=True, read=lambda size: None)
    stream = source.map(square, executor=pool, chunk=10)
    reader = asyncio.ensure_future(anext(aiter(stream)))
    await quiet()
    source.push(2)
    await quiet()
    assert [args[1] for _, _, args in pool.calls] == [[2]]
    # While a worker is busy they are gathered.
    for number in range(12):
        source.push(number)
        await quiet()
    assert [len(args[1]) for _, _, args in pool.calls] == [1, 10]
    pool.finish()
    assert await reader == 4
    stream.destroy()
    await closed(source)


@looped
async def test_async_functions_without_an_order():
    order = asyncio.Queue()

    async def in_turns(number):
        await asyncio.sleep(0)
        for _ in range(20 - 2 * number):
            await asyncio.sleep(0)
        return number

    made = Readable.from_(range(8)).map(in_turns, concurrency=8, ordered=False)
    assert await made.to_list() == list(reversed(range(8)))
    for concurrency in (1, 2, 5):
        made = Readable.from_(range(50)).map(
            lambda n: in_turns(n % 10) if n % 3 else n, concurrency=concurrency, ordered=False, window=3
        )
        assert Counter(await made.to_list()) == Counter(n % 10 if n % 3 else n for n in range(50))
    assert order.empty()


# ---- an early end


@looped
async def test_destroy_cancels_what_has_not_begun_and_does_not_wait():
    release = threading.Event()
    begun = []

    def wait(number):
        begun.append(number)
        release.wait(20)
        return number

    with ThreadPoolExecutor(1) as pool:
        source = Readable.from_(range(100))
        stream = source.map(wait, executor=pool, concurrency=5)
        stream.resume()
        while not begun:
            await asyncio.sleep(0.001)
        stream.destroy()
        await closed(stream)
        await closed(source)
        release.set()
    assert begun == [0]


@looped
async def test_cancelled_and_aborted():
    for turns in range(12):
        pool = ByHand()
        source = Readable.from_(range(50))
        task = asyncio.ensure_future(source.map(square, executor=pool, chunk=2).to_list())
        for _ in range(turns):
            await asyncio.sleep(0)
            if pool.waiting():
                pool.finish()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await quiet()
        assert source.destroyed or not pool.calls
        assert all(future.done() for future, _, _ in pool.calls)
        source.destroy()

    controller = AbortController()
    pool = ByHand()
    stream = Readable.from_(range(50)).map(square, executor=pool, signal=controller.signal)
    stream.resume()
    await quiet()
    controller.abort()
    assert isinstance(await closed(stream), AbortError)
    assert all(future.cancelled() for future, _, _ in pool.calls)


@looped
async def test_a_call_that_the_executor_cancels():
    pool = ByHand()
    reading = asyncio.ensure_future(Readable.from_(range(50)).map(square, executor=pool).to_list())
    await quiet()
    pool.calls[0][0].cancel()
    pool.calls[0][0].set_running_or_notify_cancel()
    with pytest.raises(AbortError, match="the executor cancelled a call") as caught:
        await reading
    assert isinstance(caught.value.__cause__, concurrent.futures.CancelledError)


@pytest.mark.parametrize("options", [{}, {"ordered": False, "chunk": 4}], ids=str)
@looped
async def test_a_pool_that_breaks_fails_the_flow(options):
    with processes() as pool, reported() as contexts:
        source = Readable.from_(range(1000))
        with pytest.raises(BrokenExecutor) as caught:
            await source.map(die_at_five, executor=pool, **options).to_list()
        await closed(source)
        assert len(caught.value.__notes__) == 1
        assert "in map() with an executor" in caught.value.__notes__[0]
        with pytest.raises(BrokenExecutor):
            await Readable.from_(range(9)).map(square, executor=pool).to_list()
    assert contexts == []


@looped
async def test_an_executor_that_was_shut_down():
    pool = ThreadPoolExecutor(1)
    pool.shutdown()
    source = Readable.from_(range(9))
    with pytest.raises(RuntimeError, match="shutdown"):
        await source.map(square, executor=pool).to_list()
    await closed(source)


def test_a_loop_that_ends_before_the_calls_do():
    release = threading.Event()
    with ThreadPoolExecutor(1) as pool:

        async def main():
            stream = Readable.from_(range(9)).map(lambda n: release.wait(20), executor=pool)
            stream.resume()
            await quiet()

        asyncio.run(main())
        release.set()


@pytest.mark.skipif(
    not hasattr(concurrent.futures, "InterpreterPoolExecutor"), reason="Python 3.14 has interpreters"
)
def test_interpreters(run):
    async def main():
        with concurrent.futures.InterpreterPoolExecutor(2) as pool:
            for chunk in (1, 3):
                made = Readable.from_(range(9)).map(str, executor=pool, chunk=chunk)
                assert await made.to_list() == list("012345678")

    run(main)


@looped
async def test_wrong_arguments():
    source = Readable.from_(range(3))
    with ThreadPoolExecutor(1) as pool:

        async def later(number):
            return number

        for make in (source.map, source.filter, source.tap, source.flat_map):
            with pytest.raises(InvalidArgTypeError, match="async"):
                make(later, executor=pool)
            with pytest.raises(InvalidArgTypeError, match="function"):
                make(5, executor=pool)
            for wrong in (5, "threads", ThreadPoolExecutor):
                with pytest.raises(InvalidArgTypeError, match="executor"):
                    make(square, executor=wrong)
            for name in ("concurrency", "window", "chunk"):
                with pytest.raises(OutOfRangeError, match=name):
                    make(square, executor=pool, **{name: 0})
                with pytest.raises(InvalidArgTypeError, match=name):
                    make(square, executor=pool, **{name: "2"})
            with pytest.raises(InvalidArgValueError, match="chunk"):
                make(square, chunk=2)
            with pytest.raises(InvalidArgValueError, match="window"):
                make(square, window=2, high_water_mark=2)
    source.destroy()


@looped
async def test_a_stream_destroyed_before_it_is_read_destroys_its_source():
    source = Readable(read=lambda size: None, object_mode=True)
    result = source.map(square, executor=ByHand())
    result.destroy()
    await closed(source)
    assert source.destroyed
