"""Bytes for each of many objects, as counted by tracemalloc: all that Python allocates for them, headers included.

The chunk and the listener are one object used n times, so what is counted is what the stream adds to them.
"""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from typing import Any

from benchmarks.programs._bench import Bench, program
from forebay import Completion, Duplex, PassThrough, Readable, Transform, Writable

KINDS: dict[str, type[Any]] = {
    "Readable": Readable,
    "Writable": Writable,
    "Duplex": Duplex,
    "Transform": Transform,
    "PassThrough": PassThrough,
}


def nothing(*args: Any) -> None:
    pass


def never(chunk: Any) -> Completion:
    return Completion()


def idle_streams(kind: str, n: int) -> Callable[[], Any]:
    cls = KINDS[kind]
    place: list[Any] = [None] * n

    def make() -> Any:
        for i in range(n):
            place[i] = cls()
        return place

    return make


def readable_chunks(kind: str, n: int) -> Callable[[], Any]:
    s = Readable(read=nothing)
    chunk = bytes(1024)
    s.push(chunk)

    def make() -> Any:
        for _ in range(n):
            s.push(chunk)
        return s

    return make


def writable_chunks(kind: str, n: int) -> Callable[[], Any]:
    s = Writable(write=never)
    chunk = bytes(1024)
    s.write(chunk)

    def make() -> Any:
        for _ in range(n):
            s.write(chunk)
        return s

    return make


def first_listeners(kind: str, n: int) -> Callable[[], Any]:
    streams = [Readable() for _ in range(n)]

    def make() -> Any:
        for s in streams:
            s.on("close", nothing)
        return streams

    return make


def further_listeners(kind: str, n: int) -> Callable[[], Any]:
    s = Readable()
    s.on("close", nothing)
    s.on("close", nothing)

    def make() -> Any:
        for _ in range(n):
            s.on("close", nothing)
        return s

    return make


SUBJECTS = {
    "stream": idle_streams,
    "readable-chunk": readable_chunks,
    "writable-chunk": writable_chunks,
    "first-listener": first_listeners,
    "further-listener": further_listeners,
}


@program("memory")
async def memory(bench: Bench, n: int, subject: str, kind: str) -> None:
    SUBJECTS[subject](kind, 10)()
    make = SUBJECTS[subject](kind, n)
    gc.collect()
    tracemalloc.start()
    kept = make()
    gc.collect()
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    bench.report({"rate": size / n, "kept": kept is not None})
