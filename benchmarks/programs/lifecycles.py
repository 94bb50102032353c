"""Streams made, destroyed and waited for."""

from __future__ import annotations

from typing import Any

from benchmarks.programs._bench import Bench, program
from forebay import Duplex, Readable, Transform, Writable, finished

KINDS: dict[str, type[Any]] = {
    "readable": Readable,
    "writable": Writable,
    "duplex": Duplex,
    "transform": Transform,
}


@program("creation")
async def creation(bench: Bench, n: int, kind: str) -> None:
    cls = KINDS[kind]
    cls()
    bench.start()
    for _ in range(n):
        cls()
    bench.end(n)


@program("destroy")
async def destroy(bench: Bench, n: int, kind: str) -> None:
    cls = KINDS[kind]
    cls()
    bench.start()
    for _ in range(n):
        cls().destroy()
    bench.end(n)


def nothing(chunk: Any) -> None:
    pass


def ended_at_once() -> Readable:
    def read(size: int) -> None:
        s.push(None)

    s = Readable(read=read)
    return s


@program("finished")
async def finished_awaited(bench: Bench, n: int, kind: str) -> None:
    s: Any
    bench.start()
    for _ in range(n):
        if kind == "readable":
            s = ended_at_once()
            s.resume()
        else:
            s = Writable(write=nothing)
            s.end()
        await finished(s)
    bench.end(n)


@program("finished-callback")
async def finished_callback(bench: Bench, n: int, kind: str) -> None:
    s: Any
    bench.start()
    for _ in range(n):
        if kind == "readable":
            s = ended_at_once()
        elif kind == "writable":
            s = Writable(write=nothing)
            s.end()
        else:
            s = ended_duplex()
            s.end()
        finished(s).add_done_callback(nothing)
    bench.end(n)


def ended_duplex() -> Duplex:
    def read(size: int) -> None:
        s.push(None)

    s = Duplex(read=read, write=nothing)
    return s
