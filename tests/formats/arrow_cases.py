"""What the tests of Arrow share: rows, record batches, and a sink that fails."""

import asyncio

import pytest

from forebay import Writable

pa = pytest.importorskip("pyarrow")


def rows(count, start=0):
    return [(n, f"text {n}") for n in range(start, start + count)]


def dicts(count, start=0):
    return [{"id": a, "t": b} for a, b in rows(count, start)]


def batch(count, start=0):
    made = rows(count, start)
    return pa.record_batch(
        {"id": pa.array([a for a, _ in made], pa.int64()), "t": pa.array([b for _, b in made], pa.string())}
    )


def content(batches):
    return [tuple(row.values()) for each in batches for row in each.to_pylist()]


async def closed(stream):
    while not stream.closed:
        await asyncio.sleep(0.001)


class Failing(Writable):
    """A sink that fails with its second chunk."""

    def __init__(self):
        super().__init__(object_mode=True, high_water_mark=1)
        self.taken = 0

    def _write(self, chunk):
        self.taken += 1
        if self.taken == 2:
            raise OSError("the sink is full")
