"""Samples of a process while it works: memory, descriptors, tasks, threads, and how long the loop was held."""

from __future__ import annotations

import asyncio
import gc
import math
import os
import sys
import threading
from array import array
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.programs.fairness import Ticker

__all__ = ["Sampler", "growth"]

#: The first part of a soak fills caches and pools. Its samples are not counted.
WARM_UP = 0.4
COLUMNS = ("place", "bytes", "blocks", "descriptors", "tasks", "threads")
#: The limits of a normal distribution that hold 99.9 % of it.
SURE = 3.29


def resident_bytes() -> int:
    """The memory of this process that is not shared, as the kernel counts it."""
    with open("/proc/self/statm", encoding="ascii") as file:
        fields = file.read().split()
    return (int(fields[1]) - int(fields[2])) * os.sysconf("SC_PAGESIZE")


class Sampler:
    """Takes a sample at equal amounts of work.

    Args:
        work: How many operations the soak has in all.
        samples: How many samples are taken.
    """

    def __init__(self, work: int, samples: int = 60) -> None:
        self.work = work
        self.done = 0
        # Arrays, so that the samples are not what grows.
        self._columns = {name: array("d", bytes(8 * 2 * samples)) for name in COLUMNS}
        self._taken = 0
        self._step = max(1, work // samples)
        self._next = self._step
        self._ticker = Ticker()

    def count(self) -> None:
        """An operation has ended."""
        self.done += 1
        if self.done >= self._next:
            self._next += self._step
            self.take(self.done)

    def take(self, place: float) -> None:
        """Take a sample. ``place`` is how much work was done, in operations or seconds."""
        gc.collect()
        values = (
            place,
            resident_bytes(),
            sys.getallocatedblocks(),
            len(os.listdir("/proc/self/fd")),
            len(asyncio.all_tasks()),
            threading.active_count(),
        )
        if self._taken < len(self._columns["place"]):
            for column, value in zip(self._columns.values(), values, strict=True):
                column[self._taken] = value
            self._taken += 1
        # The collection is the sampler's own.
        self._ticker.forget()

    def end(self) -> dict[str, Any]:
        """Return the samples, their growth, and the holds of the loop."""
        columns = {name: column[: self._taken].tolist() for name, column in self._columns.items()}
        first = int(self._taken * WARM_UP)
        places = columns["place"][first:]
        return {
            "operations": self.done,
            "samples": columns,
            "growth": {name: growth(places, columns[name][first:]) for name in COLUMNS[1:]},
            "holds": self._ticker.end(),
        }


def growth(places: Sequence[float], values: Sequence[float]) -> dict[str, float]:
    """The slope of the values and the least slope that can be told from none: 3.29 standard errors."""
    count = len(places)
    mean_x, mean_y = sum(places) / count, sum(values) / count
    spread = sum((x - mean_x) ** 2 for x in places)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in zip(places, values, strict=True)) / spread
    rest = sum((y - mean_y - slope * (x - mean_x)) ** 2 for x, y in zip(places, values, strict=True))
    # Neighbouring samples are alike: half of them count.
    error = math.sqrt(rest / max(1, count / 2 - 2) / spread)
    return {"slope": slope, "sure": SURE * error, "last": values[-1]}


async def repeat(count: int, at_once: int, one: Callable[[int], Any]) -> None:
    """Await ``one(number)`` for each number below ``count``, some at once."""
    numbers = iter(range(count))

    async def worker() -> None:
        for number in numbers:
            await one(number)

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(worker())
