"""``compose()``: making a duplex of a hundred stages, and writing through it."""

from __future__ import annotations

from typing import Any

from benchmarks.programs._bench import Bench, program
from forebay import PassThrough, Readable, Writable, compose


def pass_throughs(count: int) -> list[PassThrough]:
    return [PassThrough() for _ in range(count)]


def nothing(chunk: Any) -> None:
    pass


@program("compose-creation")
async def compose_creation(bench: Bench, n: int, streams: int) -> None:
    sets = [
        [
            Readable.from_(["hello", "world"]),
            *pass_throughs(streams),
            Writable(object_mode=True, write=nothing),
        ]
        for _ in range(n)
    ]
    bench.start()
    for stages in sets:
        compose(*stages).end()
    bench.end(n)


@program("compose-throughput")
async def compose_throughput(bench: Bench, n: int, streams: int, chunks: int) -> None:
    chunk = bytes(1024)
    finished_rounds = 0

    def run() -> None:
        c = compose(*pass_throughs(streams))
        left = iter(range(chunks))

        def write() -> None:
            for _ in left:
                if not c.write(chunk):
                    c.once("drain", write)
                    return
            c.end()

        c.on("data", nothing)
        c.on("end", end)
        write()

    def end() -> None:
        nonlocal finished_rounds
        finished_rounds += 1
        if finished_rounds == n:
            bench.end(n * chunks)
        else:
            run()

    bench.start()
    run()
