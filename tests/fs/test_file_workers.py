"""The workers: ordered results, a bounded number of threads, and no thread left."""

import asyncio
import threading
import time

import pytest

from forebay._system import worker_pool
from forebay._system.worker_pool import SerialExecutor
from support.loops import eventually


def names():
    return [thread for thread in threading.enumerate() if thread.name == "forebay-file"]


async def finish(*executors):
    loop = asyncio.get_running_loop()
    for executor in executors:
        done = loop.create_future()
        executor.finish(lambda: None, lambda value, error, done=done: done.set_result(None))
        await done


def nothing():
    return None


def test_jobs_run_in_order_and_report_in_order(run):
    async def main():
        executor = SerialExecutor(asyncio.get_running_loop(), nothing)
        ran = []
        told = []
        for n in range(200):
            executor.submit(lambda n=n: ran.append(n) or n, lambda value, error: told.append(value))
            if n % 50 == 0:
                await asyncio.sleep(0)
        await finish(executor)
        assert ran == told == list(range(200))

    run(main)


def test_jobs_of_one_strand_never_overlap(run):
    async def main():
        executor = SerialExecutor(asyncio.get_running_loop(), nothing)
        lock = threading.Lock()

        def job():
            assert lock.acquire(blocking=False)
            time.sleep(0.0002)
            lock.release()

        errors = []
        for _ in range(100):
            executor.submit(job, lambda value, error: errors.append(error))
            await asyncio.sleep(0.0001)
        await finish(executor)
        assert errors == [None] * 100

    run(main)


def test_errors_are_reported(run):
    async def main():
        executor = SerialExecutor(asyncio.get_running_loop(), nothing)
        seen = []

        def fail():
            raise KeyError("job")

        executor.submit(fail, lambda value, error: seen.append((value, error)))
        await finish(executor)
        [(value, error)] = seen
        assert value is None
        assert isinstance(error, KeyError)

    run(main)


def test_no_more_threads_than_allowed(run, monkeypatch):
    monkeypatch.setattr(worker_pool, "MOST_WORKERS", 4)

    async def main():
        loop = asyncio.get_running_loop()
        executors = [SerialExecutor(loop, nothing) for _ in range(30)]
        done = []
        most = []

        def job():
            most.append(len(names()))
            time.sleep(0.001)

        for _ in range(3):
            for executor in executors:
                executor.submit(job, lambda value, error: done.append(error))
        await finish(*executors)
        assert done == [None] * 90
        assert max(most) <= 4

    run(main)


def test_waiting_workers_do_not_count(run, monkeypatch):
    monkeypatch.setattr(worker_pool, "MOST_WORKERS", 2)

    async def main():
        loop = asyncio.get_running_loop()
        executors = [SerialExecutor(loop, nothing) for _ in range(6)]
        go_on = threading.Event()
        reached = threading.Semaphore(0)

        def wait():
            with worker_pool.waiting():
                reached.release()
                go_on.wait(10)

        for executor in executors[:5]:
            executor.submit(wait, lambda value, error: None)
        for _ in range(5):
            assert await asyncio.to_thread(reached.acquire, timeout=10)
        ran = loop.create_future()
        executors[5].submit(lambda: "ran", lambda value, error: ran.set_result(value))
        assert await ran == "ran"
        go_on.set()
        await finish(*executors)

    run(main)


def test_idle_threads_end(run, monkeypatch):
    monkeypatch.setattr(worker_pool, "IDLE_SECONDS", 0.01)

    async def main():
        executor = SerialExecutor(asyncio.get_running_loop(), nothing)
        for _ in range(3):
            done = asyncio.get_running_loop().create_future()
            executor.submit(lambda: 1, lambda value, error, done=done: done.set_result(value))
            assert await done == 1
            assert await asyncio.to_thread(eventually, lambda: not names())
        await finish(executor)

    run(main)


def test_owner_is_notified_of_a_closed_loop():
    go_on = threading.Event()
    abandoned = threading.Event()
    ran = []

    async def main():
        executor = SerialExecutor(asyncio.get_running_loop(), abandoned.set)
        executor.submit(lambda: go_on.wait(10), nothing)
        executor.submit(lambda: ran.append(1), nothing)
        return executor

    executor = asyncio.run(main())
    go_on.set()
    assert abandoned.wait(10)
    assert eventually(lambda: not names())
    assert ran == []
    del executor


@pytest.mark.parametrize("loops", [4])
def test_loops_in_several_threads(loops, tmp_path, content):
    from forebay.fs import create_read_stream

    path = tmp_path / "f"
    path.write_bytes(content)
    results = []

    async def main():
        for _ in range(5):
            got = b"".join([chunk async for chunk in create_read_stream(path)])
            results.append(got == content)

    threads = [threading.Thread(target=asyncio.run, args=(main(),)) for _ in range(loops)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 5 * loops
    assert eventually(lambda: not names())
