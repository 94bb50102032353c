"""Streams that the tests of the testing kit share."""

import asyncio

from forebay import (
    Duplex,
    PassThrough,
    Readable,
    Transform,
    Writable,
    compose,
    duplex_pair,
)

DATA = bytes(range(256)) * 20
PIECES = [DATA[start : start + 100] for start in range(0, len(DATA), 100)]
NUMBERS = list(range(50))


class Boom(Exception):
    """What the broken streams fail with."""


def later(fn, *args):
    asyncio.get_running_loop().call_soon(fn, *args)


# ---- good readables


def read_hook(mark=300, **options):
    left = [*PIECES, b""]
    return Readable(read=lambda size: left.pop(0), high_water_mark=mark, **options)


def async_read_hook():
    left = [*PIECES, b""]

    async def read(size):
        await asyncio.sleep(0)
        return left.pop(0)

    return Readable(read=read, high_water_mark=300)


class Pieces(Readable):
    def __init__(self, **options):
        super().__init__(**{"high_water_mark": 300, **options})
        self.left = [*PIECES, None]

    def _read(self, size):
        while self.push(self.left.pop(0)):
            pass


class Timed(Readable):
    """Pushes from the loop, whether a read is outstanding or not, and stops when it is told to."""

    def __init__(self):
        super().__init__(object_mode=True, high_water_mark=4)
        self.next = 0
        self.timer = None

    def _read(self, size):
        if self.timer is None:
            self.timer = asyncio.get_running_loop().call_soon(self.tick)

    def tick(self):
        self.timer = None
        number, self.next = self.next, self.next + 1
        if self.push(number if number < 50 else None):
            self._read(0)

    def _destroy(self, error):
        if self.timer is not None:
            self.timer.cancel()


async def async_numbers():
    for number in NUMBERS:
        await asyncio.sleep(0)
        yield number


def text():
    parts = iter([b"\xc3", b"\xa9abc\xe2\x82", b"\xac", b""])
    return Readable(encoding="utf-8", read=lambda size: next(parts))


def filled():
    stream = PassThrough(high_water_mark=len(DATA))
    stream.end(DATA)
    return stream


def far_end():
    stream, other = duplex_pair(high_water_mark=300)
    other.end(DATA)
    return stream


def opened():
    async def construct():
        await asyncio.sleep(0)

    return read_hook(construct=construct)


async def made_by_a_coroutine():
    await asyncio.sleep(0)
    return read_hook()


READABLES = {
    "hook": (read_hook, DATA),
    "hook-mark-0": (lambda: read_hook(0), DATA),
    "async-hook": (async_read_hook, DATA),
    "subclass": (Pieces, DATA),
    "timer": (Timed, NUMBERS),
    "from-list": (lambda: Readable.from_(NUMBERS), NUMBERS),
    "from-generator": (lambda: Readable.from_(number for number in NUMBERS), NUMBERS),
    "from-async-generator": (lambda: Readable.from_(async_numbers()), NUMBERS),
    "from-bytes": (lambda: Readable.from_(DATA, object_mode=False), DATA),
    "empty": (lambda: Readable(read=lambda size: b""), b""),
    "empty-objects": (lambda: Readable.from_([]), []),
    "text": (text, "éabc€"),
    "operators": (
        lambda: Readable.from_(NUMBERS).map(lambda number: number + 1).take(7),
        list(range(1, 8)),
    ),
    "operator-with-tasks": (
        lambda: Readable.from_(NUMBERS).map(lambda number: asyncio.sleep(0, number), concurrency=3),
        NUMBERS,
    ),
    "composed": (lambda: compose(read_hook(), PassThrough()), DATA),
    "duplex-from": (lambda: Duplex.from_(NUMBERS), NUMBERS),
    "passthrough": (filled, DATA),
    "duplex-pair": (far_end, DATA),
    "constructed": (opened, DATA),
    "made-by-a-coroutine": (made_by_a_coroutine, DATA),
    "no-auto-destroy": (lambda: read_hook(auto_destroy=False), DATA),
    "no-auto-destroy-empty": (lambda: Readable(read=lambda size: b"", auto_destroy=False), b""),
    "no-close-event": (lambda: read_hook(emit_close=False), DATA),
    "half-open": (lambda: Duplex(read=lambda size: b"", write=lambda chunk: None), b""),
    "unknown": (read_hook, None),
}


# ---- good writables


class Taken(Writable):
    def __init__(self, **options):
        super().__init__(**options)
        self.taken = []

    def _write(self, chunk):
        self.taken.append(chunk if self.writable_object_mode else bytes(chunk))


# ---- good transforms


def upper():
    return Transform(transform=lambda chunk: bytes(chunk).upper())


class Lines(Transform):
    """Bytes in, lines as objects out."""

    def __init__(self):
        super().__init__(readable_object_mode=True)
        self.rest = b""

    def _transform(self, chunk):
        *lines, self.rest = (self.rest + bytes(chunk)).split(b"\n")
        for line in lines:
            self.push(line)

    def _flush(self):
        return self.rest or None


# ---- good duplexes


def both(**options):
    parts = iter([b"abc", b"def", b""])
    return Duplex(**{"read": lambda size: next(parts), "write": lambda chunk: None, **options})
