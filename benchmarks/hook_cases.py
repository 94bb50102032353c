"""The cases of ``hooks``: Python functions called by forebay, and the same functions called by the barest loop there is.

A case is made of a function that makes the Python functions afresh, one that moves n items with forebay, and one that moves
them without: a C-level chain of ``map()`` that a deque consumes, or a loop where no chain can do it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from itertools import repeat
from typing import Any

from forebay import Completion, PassThrough, Readable, Transform, Writable, finished, next_tick, pipeline

Hook = Callable[..., Any]
Moves = Callable[[int], Awaitable[None]]

SIZE = 1024
# What a read hook is asked for.
ASKED = 65536


@dataclass(frozen=True)
class Case:
    """What one item costs with forebay and without."""

    name: str
    # Items of one run: some tens of milliseconds.
    n: int
    ours: Moves
    bare: Moves


CASES: dict[str, Case] = {}


def case(name: str, n: int, ours: Moves, bare: Moves) -> None:
    CASES[name] = Case(name, n, ours, bare)


def consume(items: Iterable[Any]) -> None:
    """Take every item and keep none, in C."""
    deque(items, maxlen=0)


def nothing(chunk: Any) -> None:
    pass


def same(chunk: Any) -> Any:
    return chunk


async def nothing_later(chunk: Any) -> None:
    pass


async def same_later(chunk: Any) -> Any:
    return chunk


def returning(n: int) -> Hook:
    """A read hook that returns n chunks, then the end."""
    left, chunk = n, bytes(SIZE)

    def read(size: int) -> bytes:
        nonlocal left
        left -= 1
        return chunk if left >= 0 else b""

    return read


def pushing(n: int, push: Hook) -> Hook:
    """A read hook that pushes n chunks, then the end."""
    left, chunk = n, bytes(SIZE)

    def read(size: int) -> None:
        nonlocal left
        left -= 1
        push(chunk if left >= 0 else None)

    return read


def reads(read: Hook, n: int) -> Iterable[Any]:
    """Call a read hook until its end."""
    return map(read, repeat(ASKED, n + 1))


# ---- bytes through a pipe


async def pipe(n: int) -> None:
    await pipeline(Readable(read=returning(n)), Writable(write=nothing))


async def bare_pipe(n: int) -> None:
    consume(map(nothing, reads(returning(n), n)))


async def pushed_pipe(n: int) -> None:
    source = Readable(read=pushing(n, lambda chunk: source.push(chunk)))
    await pipeline(source, Writable(write=nothing))


async def bare_pushed_pipe(n: int) -> None:
    waiting: list[Any] = []
    read = pushing(n, lambda chunk: waiting.append(chunk))
    for _ in repeat(None, n):
        read(ASKED)
        nothing(waiting.pop())


case("byte pipe", 100_000, pipe, bare_pipe)
case("byte pipe, the hook pushes", 50_000, pushed_pipe, bare_pushed_pipe)


# ---- stages that pass on what they get


async def pass_through(n: int) -> None:
    await pipeline(
        Readable(read=returning(n)), PassThrough(), PassThrough(), PassThrough(), Writable(write=nothing)
    )


async def identities(n: int) -> None:
    stages = [Transform(transform=same) for _ in range(3)]
    await pipeline(Readable(read=returning(n)), *stages, Writable(write=nothing))


async def bare_identities(n: int) -> None:
    consume(map(nothing, map(same, map(same, map(same, reads(returning(n), n))))))


# PassThrough has no hook of the user's; it is measured beside functions that do the same.
case("3 PassThrough stages", 50_000, pass_through, bare_identities)
case("3 stages that pass on", 50_000, identities, bare_identities)


# ---- rows through one transform


class Record:
    """A row as an object."""

    __slots__ = ("name", "number")

    def __init__(self, number: int, name: str) -> None:
        self.number = number
        self.name = name


# How to make a row of its number, and another row of it.
ROWS: dict[str, tuple[Hook, Hook]] = {
    "dict": (
        lambda i: {"number": i, "name": "a name"},
        lambda row: {"number": row["number"] + 1, "name": row["name"]},
    ),
    "tuple": (lambda i: (i, "a name"), lambda row: (row[0] + 1, row[1])),
    "object": (lambda i: Record(i, "a name"), lambda row: Record(row.number + 1, row.name)),
    "str": (lambda i: "a name", lambda row: row + "."),
}


def of_rows(make: Hook, change: Hook) -> tuple[Moves, Moves]:
    async def ours(n: int) -> None:
        await pipeline(
            Readable.from_(map(make, range(n))),
            Transform(transform=change, object_mode=True),
            Writable(write=nothing, object_mode=True),
        )

    async def bare(n: int) -> None:
        consume(map(nothing, map(change, map(make, range(n)))))

    return ours, bare


for _kind, _functions in ROWS.items():
    case(f"rows of {_kind}", 50_000, *of_rows(*_functions))


# ---- async hooks that do not wait


async def async_hooks(n: int) -> None:
    sync = returning(n)

    async def read(size: int) -> bytes:
        return sync(size)  # type: ignore[no-any-return]

    await pipeline(Readable(read=read), Transform(transform=same_later), Writable(write=nothing_later))


async def bare_async_hooks(n: int) -> None:
    sync = returning(n)

    async def read(size: int) -> bytes:
        return sync(size)  # type: ignore[no-any-return]

    while chunk := await read(ASKED):
        await nothing_later(await same_later(chunk))


case("async hooks that do not wait", 30_000, async_hooks, bare_async_hooks)


# ---- hooks that are done later


def settled_later(later: Hook) -> Hook:
    """A write hook that is done when ``later`` calls what it gets."""

    def write(chunk: Any) -> Completion:
        done = Completion()
        later(done.resolve)
        return done

    return write


async def completions(n: int) -> None:
    await pipeline(Readable(read=returning(n)), Writable(write=settled_later(next_tick)))


async def bare_completions(n: int) -> None:
    read, queue = returning(n), deque[Hook]()
    write = settled_later(queue.append)
    while chunk := read(ASKED):
        write(chunk)
        queue.popleft()()


async def by_hand(n: int) -> None:
    chunk = bytes(SIZE)
    stream = Writable(write=settled_later(next_tick), high_water_mark=SIZE)
    left = iter(range(n))

    def go() -> None:
        for _ in left:
            if not stream.write(chunk):
                stream.once("drain", go)
                return
        stream.end()

    go()
    await finished(stream)


async def bare_by_hand(n: int) -> None:
    chunk, queue, drained = bytes(SIZE), deque[Hook](), deque[Hook]()
    write = settled_later(queue.append)
    left = iter(range(n))

    def go() -> None:
        for _ in left:
            write(chunk)
            drained.append(go)
            return

    go()
    while queue:
        queue.popleft()()
        drained.popleft()()


async def awaited_drain(n: int) -> None:
    chunk = bytes(SIZE)
    stream = Writable(write=settled_later(next_tick), high_water_mark=SIZE)
    for _ in range(n):
        if not stream.write(chunk):
            await stream.drain()
    stream.end()
    await finished(stream)


async def bare_awaited_drain(n: int) -> None:
    chunk, queue = bytes(SIZE), deque[Hook]()
    write = settled_later(queue.append)

    async def drain() -> None:
        queue.popleft()()

    for _ in range(n):
        write(chunk)
        await drain()


case("Completion settled later", 30_000, completions, bare_completions)
case("write by hand, once('drain')", 20_000, by_hand, bare_by_hand)
case("write by hand, await drain()", 20_000, awaited_drain, bare_awaited_drain)


# ---- what consumes


async def for_each(n: int) -> None:
    await Readable.from_(range(n)).for_each(nothing)


async def bare_for_each(n: int) -> None:
    consume(map(nothing, range(n)))


async def mapped(n: int) -> None:
    await Readable.from_(range(n)).map(same).for_each(nothing)


async def bare_mapped(n: int) -> None:
    consume(map(nothing, map(same, range(n))))


async def async_for(n: int) -> None:
    async for item in Readable.from_(range(n)):
        nothing(item)


async def bare_async_for(n: int) -> None:
    async def items() -> AsyncIterator[int]:
        for item in range(n):
            yield item

    async for item in items():
        nothing(item)


async def data_listener(n: int) -> None:
    stream = Readable.from_(range(n))
    stream.on("data", nothing)
    await finished(stream)


case("for_each", 100_000, for_each, bare_for_each)
case("map, for_each", 100_000, mapped, bare_mapped)
case("async for", 100_000, async_for, bare_async_for)
case("'data' listener", 100_000, data_listener, bare_for_each)


# ---- a stream's life


class OwnTransform(Transform):
    """A user's class."""

    def _transform(self, chunk: Any) -> Any:
        return chunk


class Plain:
    """A class of the same shape, without forebay."""

    def __init__(self) -> None:
        self.buffer = None

    def _transform(self, chunk: Any) -> Any:
        return chunk


async def creation(n: int) -> None:
    for _ in repeat(None, n):
        OwnTransform()


async def bare_creation(n: int) -> None:
    for _ in repeat(None, n):
        Plain()


def closing(error: BaseException | None) -> None:
    pass


async def destroy(n: int) -> None:
    for _ in repeat(None, n):
        Readable(read=same, destroy=closing).destroy()
    await asyncio.sleep(0)


async def bare_destroy(n: int) -> None:
    for _ in repeat(None, n):
        Plain()
        closing(None)
    await asyncio.sleep(0)


async def whole_life(n: int) -> None:
    for _ in repeat(None, n):
        stream = Writable(write=nothing)
        stream.end(b"x")
        await finished(stream)


async def bare_whole_life(n: int) -> None:
    for _ in repeat(None, n):
        Plain()
        nothing(b"x")
        done = asyncio.get_running_loop().create_future()
        done.set_result(None)
        await done


case("creation", 20_000, creation, bare_creation)
case("creation and destroy()", 10_000, destroy, bare_destroy)
case("creation, end() and finished()", 5_000, whole_life, bare_whole_life)
