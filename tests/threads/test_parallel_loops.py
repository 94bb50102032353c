"""Threads that run at the same time, each with streams of its own, or with what may be shared between threads.

With the GIL these tests see threads change at any bytecode; on a free-threaded interpreter they run in parallel.
FOREBAY_THREAD_ROUNDS makes them longer.
"""

import asyncio
import contextlib
import gc
import os
import random
import subprocess
import sys
import threading

import pytest

from forebay import (
    ChunkQueue,
    Readable,
    Transform,
    Writable,
    WrongLoopError,
    backend,
    codecs,
    create_read_stream,
    create_write_stream,
    duplex_pair,
    pipeline,
)
from forebay.threads import as_file, from_thread, thread_writer, through_thread, to_thread
from support.interpreter import FREE_THREADED
from support.threads import run_together

ROUNDS = int(os.environ.get("FOREBAY_THREAD_ROUNDS", "3"))
THREADS = 4
free_threaded = pytest.mark.skipif(not FREE_THREADED, reason="the interpreter has a GIL")


def in_loops(main):
    """Run ``main(number)`` in several threads, each with an event loop of its own."""
    run_together(
        *(lambda number=number: asyncio.run(main(number)) for number in range(THREADS)), deadline=240
    )


# ---- the interpreter's lock


IMPORT_ALL = """
import importlib, pathlib, sys
import forebay

package = pathlib.Path(forebay.__file__).parent
for path in sorted(package.rglob("*.so")):
    name = path.relative_to(package.parent).with_name(path.name.partition(".")[0])
    importlib.import_module(".".join(name.parts))
    assert not sys._is_gil_enabled(), name
for name in ("fs", "net", "http", "asyncio", "process", "codecs", "formats", "threads", "testing"):
    importlib.import_module(f"forebay.{name}")
assert not sys._is_gil_enabled()
"""


@free_threaded
def test_no_module_switches_the_gil_on():
    """The interpreter does so, with a RuntimeWarning, for a module that does not declare that it runs without."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHON_GIL"}
    subprocess.run([sys.executable, "-W", "error", "-c", IMPORT_ALL], check=True, env=env)


# ---- each thread has a loop


def test_pipelines_side_by_side():
    async def main(number):
        rng = random.Random(number)
        for _ in range(5 * ROUNDS):
            data = rng.randbytes(200_000)
            pieces = [data[at : at + 1000] for at in range(0, len(data), 1000)]
            got = []
            await pipeline(
                Readable.from_(pieces, object_mode=False),
                Transform(transform=lambda chunk: bytes(chunk)),
                codecs.gzip(level=1),
                codecs.gunzip(),
                Writable(write=lambda chunk, got=got: got.append(bytes(chunk))),
            )
            assert b"".join(got) == data

    in_loops(main)


def test_files_side_by_side(tmp_path):
    async def main(number):
        data = random.Random(number).randbytes(500_000)
        source, target = tmp_path / f"source{number}", tmp_path / f"target{number}"
        source.write_bytes(data)
        for _ in range(5 * ROUNDS):
            await pipeline(
                create_read_stream(source),
                Transform(transform=lambda chunk: chunk),
                create_write_stream(target),
            )
            assert target.read_bytes() == data

    in_loops(main)


def test_asynchronous_hooks_side_by_side():
    async def main(number):
        async def double(item):
            if item % 7 == 0:
                await asyncio.sleep(0)
            return item * 2

        for _ in range(5 * ROUNDS):
            got = await Readable.from_(range(500)).map(double, concurrency=4).to_list()
            assert got == [2 * item for item in range(500)]
            left, right = duplex_pair()
            left.end(b"question")
            assert await right.to_list() == [b"question"]
            right.end()

    in_loops(main)


def test_bridges_side_by_side():
    async def main(number):
        for _ in range(2 * ROUNDS):
            items = list(range(number, 3000))
            got = []
            await pipeline(from_thread(items), through_thread(lambda item: item + 1), to_thread(got.append))
            assert got == [item + 1 for item in items]
            data = random.Random(number).randbytes(3_000_000)
            file = as_file(
                Readable.from_(
                    [data[at : at + 50_000] for at in range(0, len(data), 50_000)], object_mode=False
                )
            )
            assert await asyncio.to_thread(file.read) == data
            counts = [0, 0, 0]

            def count(item, counts=counts):
                counts[item] += 1

            def produce(writer, name):
                for _ in range(300):
                    writer.write(name)

            async with thread_writer(Writable(write=count, object_mode=True)) as writer:
                await asyncio.gather(*(asyncio.to_thread(produce, writer, name) for name in range(3)))
            assert counts == [300, 300, 300]

    in_loops(main)


# ---- a queue between threads


def test_a_queue_takes_chunks_while_another_thread_writes_it(tmp_path):
    data = random.Random(1).randbytes(300_000)
    for round_ in range(3 * ROUNDS):
        queue = ChunkQueue()
        done = threading.Event()
        with open(tmp_path / f"file{round_}", "w+b", buffering=0) as file:

            def fill(queue=queue, done=done):
                for at in range(0, len(data), 100):
                    queue.append(data[at : at + 100])
                done.set()

            def write(queue=queue, done=done, file=file):
                while not done.is_set() or queue:
                    queue.writev_to(file)

            run_together(fill, write)
            file.seek(0)
            assert file.read() == data


@pytest.mark.skipif(
    backend == "python", reason="the pure-Python queue may lose count of its bytes then; its memory is safe"
)
def test_a_queue_survives_threads_that_break_its_rule():
    """A queue is for one thread at a time. Whatever others do meanwhile, it stays in order."""
    queue = ChunkQueue()

    def use(seed):
        rng = random.Random(seed)
        for _ in range(2000 * ROUNDS):
            with contextlib.suppress(BufferError, IndexError, ValueError):
                rng.choice(CALLS)(queue, rng)

    run_together(*(lambda seed=seed: use(seed) for seed in range(THREADS)))
    size = queue.nbytes
    assert sum(len(view) for view in queue.views(size)) == size == len(queue.read(size))
    assert (len(queue), queue.nbytes) == (0, 0)


CALLS = [
    lambda queue, rng: queue.append(rng.randbytes(rng.randrange(2000))),
    lambda queue, rng: queue.append(bytearray(rng.randrange(2000))),
    lambda queue, rng: queue.append_copy(bytes(rng.randrange(1, 700))),
    lambda queue, rng: queue.appendleft(b"left" * rng.randrange(9)),
    lambda queue, rng: queue.extend([b"one", bytearray(b"two")]),
    lambda queue, rng: queue.popleft(),
    lambda queue, rng: queue.read(rng.randrange(3000)),
    lambda queue, rng: queue.read_view(rng.randrange(3000)),
    lambda queue, rng: queue.peek(rng.randrange(3000)),
    lambda queue, rng: queue.views(rng.randrange(3000)),
    lambda queue, rng: queue.find(b"two"),
    lambda queue, rng: queue.read_until(b"two", 5000),
    lambda queue, rng: queue.readinto(bytearray(rng.randrange(3000))),
    lambda queue, rng: queue.consume(rng.randrange(300)),
    lambda queue, rng: repr(queue),
]


# ---- a stream in the wrong thread

WRONG_CALLS = {
    "write": lambda stream: stream.write(b"x"),
    "end": lambda stream: stream.end(),
    "send": lambda stream: stream.send(b"x"),
    "drain": lambda stream: stream.drain(),
    "cork": lambda stream: stream.cork(),
    "push": lambda stream: stream.push(b"x"),
    "unshift": lambda stream: stream.unshift(b"x"),
    "read": lambda stream: stream.read(),
    "pause": lambda stream: stream.pause(),
    "resume": lambda stream: stream.resume(),
    "unpipe": lambda stream: stream.unpipe(),
    "on": lambda stream: stream.on("data", print),
    "off": lambda stream: stream.off("data", print),
    "destroy": lambda stream: stream.destroy(),
}


@free_threaded
def test_a_stream_refuses_other_threads_while_its_loop_runs():
    """Without the GIL the check is always on; with it, in debug mode."""

    async def main():
        for _ in range(ROUNDS):
            left, right = duplex_pair()
            begun, ended = threading.Event(), threading.Event()

            def interfere(left=left, begun=begun, ended=ended):
                while not ended.is_set():
                    for name, call in WRONG_CALLS.items():
                        with pytest.raises(WrongLoopError, match=f"^{name}"):
                            call(left)
                    begun.set()

            # Both belong to this loop from their first use on.
            left.write(b"first")
            got = [await anext(aiter(right.iterator(destroy_on_return=False)))]
            interfering = asyncio.create_task(asyncio.to_thread(interfere))
            assert await asyncio.to_thread(begun.wait, 60)
            for number in range(3000):
                await left.send(b"%d," % number)
                if number % 10 == 0:
                    await asyncio.sleep(0)
                    while (chunk := right.read()) is not None:
                        got.append(chunk)
            left.end()
            got += await right.to_list()
            ended.set()
            await interfering
            assert b"".join(got) == b"first" + b"".join(b"%d," % number for number in range(3000))

    asyncio.run(main())


def test_garbage_of_other_threads_is_collected():
    """The collector finalizes streams in whichever thread it runs in, while their loops go on."""
    left = threading.Barrier(THREADS + 1)
    over = threading.Event()

    async def main():
        for _ in range(100 * ROUNDS):
            source, target = Readable(read=lambda size: None), Writable(write=lambda chunk: None)
            source.push(b"data")
            chunks = source.iterator()
            await anext(chunks)
            source.pipe(target)
            # A cycle, which only the collector finds.
            source.loop = (chunks, target)
            chunks = source = target = None
            await asyncio.sleep(0)

    def run():
        asyncio.run(main())
        left.wait(120)

    def collect():
        while not over.wait(0.01):
            gc.collect(1)

    def finish():
        left.wait(120)
        over.set()

    run_together(collect, finish, *[run] * THREADS)
