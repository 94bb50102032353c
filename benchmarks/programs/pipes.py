"""From a read hook through ``pipe()`` to a write hook, with nothing, or PassThrough stages, between."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.programs._bench import Bench, program
from forebay import Completion, PassThrough, Readable, Writable, next_tick


def source(n: int, chunk: Any, **options: Any) -> Readable:
    sent = 0

    def read(size: int) -> None:
        nonlocal sent
        src.push(None if sent == n else chunk)
        sent += 1

    src = Readable(read=read, **options)
    return src


def nothing(chunk: Any) -> None:
    pass


def flow(bench: Bench, n: int, src: Readable, dst: Writable, stages: int = 0) -> None:
    tail: Any = src
    bench.start()
    for _ in range(stages):
        tail = tail.pipe(PassThrough())
    tail.pipe(dst)
    dst.on("finish", lambda: bench.end(n))


@program("pipe")
async def pipe(bench: Bench, n: int) -> None:
    flow(bench, n, source(n, bytes(1024)), Writable(write=nothing))


@program("pipe-object-mode")
async def pipe_object_mode(bench: Bench, n: int) -> None:
    flow(bench, n, source(n, {}, object_mode=True), Writable(write=nothing, object_mode=True))


@program("pipe-backpressure")
async def pipe_backpressure(bench: Bench, n: int) -> None:
    def write(chunk: bytes) -> Completion:
        done = Completion()
        next_tick(done.resolve)
        return done

    flow(bench, n, source(n, bytes(1024)), Writable(write=write))


@program("pipe-passthrough")
async def pipe_passthrough(bench: Bench, n: int, stages: int) -> None:
    flow(bench, n, source(n, bytes(1024)), Writable(write=nothing), stages)


@program("pipe-returned")
async def pipe_returned(bench: Bench, n: int) -> None:
    """As ``pipe``, with a hook that returns its bytes, which is how a Python function reads."""

    def returning(chunk: bytes) -> Callable[[int], bytes]:
        sent = 0

        def read(size: int) -> bytes:
            nonlocal sent
            sent += 1
            return b"" if sent > n else chunk

        return read

    flow(bench, n, Readable(read=returning(bytes(1024))), Writable(write=nothing))
