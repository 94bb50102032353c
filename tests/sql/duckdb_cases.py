"""What the tests of DuckDB share: rows, record batches, and a sink that fails."""

import asyncio

import pytest

from forebay import Writable

pa = pytest.importorskip("pyarrow")


def value(connection, statement):
    return connection.execute(statement).fetchall()[0][0]


def rows(count, start=0):
    return [(n, f"text {n}") for n in range(start, start + count)]


def batch(count, start=0):
    made = rows(count, start)
    return pa.record_batch({"id": pa.array([a for a, _ in made], pa.int32()), "t": [b for _, b in made]})


async def closed(stream):
    while not stream.closed:
        await asyncio.sleep(0.001)
    return stream.connection_state


class Failing(Writable):
    """A sink that fails with its third chunk."""

    def __init__(self):
        super().__init__(object_mode=True, high_water_mark=1)
        self.taken = 0

    def _write(self, chunk):
        self.taken += 1
        if self.taken == 3:
            raise OSError("the sink is full")
