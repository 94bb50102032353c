"""Transforms: many chunks through one, and many of them made."""

from __future__ import annotations

from typing import Any

from benchmarks.programs._bench import Bench, program
from benchmarks.programs.writes import a_tick_later, at_once, written
from forebay import Transform


def nothing(chunk: Any) -> None:
    pass


@program("transform-manytransforms")
async def transform_manytransforms(bench: Bench, n: int, sync: str, callback: str) -> None:
    chunk = bytes(1024)
    s = Transform(transform=at_once if sync == "yes" else a_tick_later)
    done = written if callback == "yes" else None
    left = iter(range(n))

    def run() -> None:
        for _ in left:
            if not s.write(chunk, callback=done):
                return
        bench.end(n)

    bench.start()
    s.on("drain", run)
    s.on("data", nothing)
    run()


class Mine(Transform):
    def _transform(self, chunk: Any) -> None:
        pass


@program("transform-creation")
async def transform_creation(bench: Bench, n: int) -> None:
    bench.start()
    for _ in range(n):
        Mine()
    bench.end(n)
