"""The list of the comparison with Python libraries: tasks, and the libraries that support them.

A task is added here, and as a program in the module of each library under `benchmarks.tasks`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Side:
    """A library on a loop."""

    library: str
    loop: str = "asyncio"

    @property
    def name(self) -> str:
        return self.library if self.loop == "asyncio" else f"{self.library} on {self.loop}"

    @property
    def needs(self) -> list[str]:
        """The packages to import; asyncio is always there, and forebay has to be."""
        return [name for name in (self.library, self.loop) if name not in ("asyncio", "forebay")]


@dataclass(frozen=True)
class Task:
    """A task, its amount of work, and its libraries; the others are compared with the first one."""

    name: str
    about: str
    unit: str
    parameters: Mapping[str, Any]
    sides: tuple[Side, ...]
    # What the task needs: 'source', a file to read; 'dest', a path to write to, compared with the source afterwards;
    # 'text', a file of lines.
    files: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        return " ".join([self.name, *(f"{key}={value}" for key, value in self.parameters.items())])


def sides(*libraries: str) -> tuple[Side, ...]:
    """forebay and asyncio on both loops, then the others."""
    own = [Side("forebay"), Side("forebay", "uvloop")]
    if "asyncio" in libraries:
        own += [Side("asyncio"), Side("asyncio", "uvloop")]
    return (*own, *(Side(library) for library in libraries if library != "asyncio"))


FILE_SIDES = sides("asyncio", "aiofiles", "anyio")

TASKS = [
    *(
        Task("file-copy", "a file to a file", "MB/s", {"block": block}, FILE_SIDES, files=("source", "dest"))
        for block in (65536, 1048576)
    ),
    *(
        Task("file-read", "a file read to its end", "MB/s", {"block": block}, FILE_SIDES, files=("source",))
        for block in (65536, 1048576)
    ),
    Task("file-lines", "a file line by line", "lines/s", {}, sides("aiofiles", "anyio"), files=("text",)),
    Task(
        "lines",
        "chunks of 655 lines of 100 bytes in memory, line by line",
        "lines/s",
        {"n": 500, "lines_of_chunk": 655},
        sides("asyncio", "aiohttp", "anyio"),
    ),
    Task(
        "object-queue",
        "objects from one task to another, at most 64 on their way",
        "objects/s",
        {"n": 200_000, "bound": 64},
        sides("asyncio", "anyio"),
    ),
    Task(
        "byte-queue",
        "chunks of 1 KiB from one task to another, at most 64 on their way",
        "chunks/s",
        {"n": 200_000, "size": 1024, "bound": 64},
        sides("asyncio", "anyio"),
    ),
    Task(
        "two-stages",
        "integers through two mapping stages",
        "items/s",
        {"n": 300_000},
        sides("asyncio"),
    ),
]
