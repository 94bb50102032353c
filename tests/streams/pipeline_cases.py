"""Sources, stages and sinks that the tests of pipelines share."""

import asyncio
import contextlib
import itertools

from forebay import (
    Duplex,
    Readable,
    Writable,
)


class Boom(Exception):
    """What the stages of these tests fail with."""


COUNT = 40
NUMBERS = list(range(COUNT))


def sink(taken=None, **options):
    taken = [] if taken is None else taken
    return Writable(object_mode=True, **{"write": taken.append, **options})


def endless(**options):
    """A readable without an end; the last number that it gave is in ``stream.last``."""

    def read(size):
        stream.last += 1
        stream.push(stream.last)

    stream = Endless(object_mode=True, high_water_mark=2, read=read, **options)
    return stream


class Endless(Readable):
    last = -1


# ---- every form of a source


async def one_by_one(items):
    for item in items:
        await asyncio.sleep(0)
        yield item


async def value_later(value):
    await asyncio.sleep(0)
    return value


def readable(items):
    left = [*items, None]
    stream = Readable(object_mode=True, high_water_mark=3, read=lambda size: stream.push(left.pop(0)))
    return stream


def async_readable(items):
    left = [*items, None]

    async def read(size):
        await asyncio.sleep(0)
        stream.push(left.pop(0))

    stream = Readable(object_mode=True, read=read)
    return stream


SOURCES = {
    "list": list,
    "iterator": iter,
    "generator": lambda items: (item for item in items),
    "async-generator": one_by_one,
    "readable": readable,
    "async-readable": async_readable,
    "readable-from": Readable.from_,
    "duplex-from": lambda items: Duplex.from_(list(items)),
    "generator-function": lambda items: lambda: (item for item in items),
    "async-generator-function": lambda items: lambda: one_by_one(items),
    "list-function": lambda items: lambda: list(items),
    "awaitable-items": lambda items: [value_later(item) for item in items],
}


# ---- every form of a stage in the middle: each adds one


async def add_one(source):
    async for item in source:
        yield item + 1


# ---- every form of a sink: the name, and a function of a list that makes the sink that fills it


def slow_sink(taken):
    async def write(item):
        await asyncio.sleep(0)
        taken.append(item)

    return Writable(object_mode=True, high_water_mark=1, write=write)


def function_sink(taken):
    async def consume(source):
        async for item in source:
            taken.append(item)

    return consume


async def one(source):
    yield 2


# ---- errors, in every place


class Watched:
    """Generators, and whether they were closed."""

    def __init__(self):
        self.open = []
        self.begun = set()

    async def stage(self, source):
        with self.noted("stage"):
            async for item in source:
                yield item

    async def source(self):
        with self.noted("source"):
            for number in itertools.count():
                await asyncio.sleep(0)
                yield number

    @contextlib.contextmanager
    def noted(self, name):
        self.begun.add(name)
        self.open.append(name)
        try:
            yield
        finally:
            self.open.remove(name)


async def fail_slowly(item):
    await asyncio.sleep(0)
    raise Boom


def raising(_):
    raise Boom


async def bad_function(source):
    async for item in source:
        if item == 3:
            raise Boom


async def bad_function_at_once(source):
    raise Boom


async def bad_last_generator(source):
    async for item in source:
        if item == 3:
            raise Boom
        yield item


BAD_SINKS = {
    "write": lambda: sink(write=raising),
    "async-write": lambda: sink(write=fail_slowly),
    "writev": lambda: Writable(object_mode=True, writev=raising),
    "final": lambda: sink(final=lambda: raising(None)),
    "construct": lambda: sink(construct=lambda: raising(None)),
    "function": lambda: bad_function,
    "function-at-once": lambda: bad_function_at_once,
    "generator": lambda: bad_last_generator,
}
