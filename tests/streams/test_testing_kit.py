"""forebay.testing: correct streams of all kinds pass."""

import asyncio
import gzip as gzip_format

import pytest
from kit_streams import DATA, PIECES, READABLES, Boom, Lines, Taken, both, later, read_hook, upper

from forebay import (
    Completion,
    Duplex,
    PassThrough,
    Readable,
    Transform,
    Writable,
    codecs,
    compose,
    create_read_stream,
    create_write_stream,
    duplex_pair,
)
from forebay.testing import RuleViolation, check_duplex, check_readable, check_transform, check_writable
from support.streams import closed


@pytest.mark.parametrize("name", READABLES)
def test_good_readables(run, name):
    factory, expected = READABLES[name]
    run(check_readable(factory, expected=expected))


def test_file_readables(run, tmp_path):
    path = tmp_path / "data"
    path.write_bytes(DATA)
    run(check_readable(lambda: create_read_stream(path, high_water_mark=1000), expected=DATA))
    run(check_readable(lambda: create_read_stream(path, start=5, end=99), expected=DATA[5:100]))
    run(check_readable(lambda: create_read_stream(path, encoding="latin-1"), expected=DATA.decode("latin-1")))


def test_announced_burst_is_allowed(run):
    class Bursts(Readable):
        def __init__(self):
            super().__init__(high_water_mark=100)
            self.left = [*PIECES]

        def _read(self, size):
            for _ in range(4):
                self.push(self.left.pop(0) if self.left else None)
                if not self.left:
                    self.push(None)
                    return

    run(check_readable(Bursts, expected=DATA, burst=4))
    with pytest.raises(RuleViolation, match=r"R1: .*wait for the next _read"):
        run(check_readable(Bursts, expected=DATA))


def fails_after(count):
    def read(size):
        if not left:
            raise Boom
        return left.pop(0)

    left = PIECES[:count]
    return Readable(read=read, high_water_mark=300)


def test_readables_with_an_expected_error(run, tmp_path):
    run(check_readable(lambda: fails_after(5), expected=b"".join(PIECES[:5]), fails=Boom))
    run(check_readable(lambda: fails_after(0), fails=(OSError, Boom)))
    run(check_readable(lambda: create_read_stream(tmp_path / "missing"), fails=FileNotFoundError))


class TakenLater(Taken):
    async def _write(self, chunk):
        await asyncio.sleep(0)
        self.taken.append(bytes(chunk))


class TakenByCompletion(Taken):
    def _write(self, chunk):
        done = Completion()
        self.taken.append(bytes(chunk))
        later(done.resolve)
        return done


class TakenTogether(Taken):
    def _writev(self, chunks):
        self.taken.extend(bytes(chunk) for chunk in chunks)


class TakenTogetherLater(Taken):
    async def _writev(self, chunks):
        await asyncio.sleep(0)
        self.taken.extend(bytes(chunk) for chunk in chunks)


class Flushed(Taken):
    async def _final(self):
        await asyncio.sleep(0)


async def consume(source):
    async for _ in source:
        pass


def read_far_end():
    stream, other = duplex_pair()
    other.resume()
    return stream


WRITABLES = {
    "hook": (lambda: Writable(write=lambda chunk: None), None, None),
    "subclass": (Taken, "taken", None),
    "mark-0": (lambda: Taken(high_water_mark=0), "taken", None),
    "mark-1": (lambda: Taken(high_water_mark=1), "taken", None),
    "async-hook": (lambda: TakenLater(high_water_mark=1000), "taken", None),
    "completion": (TakenByCompletion, "taken", None),
    "writev": (TakenTogether, "taken", None),
    "async-writev": (TakenTogetherLater, "taken", None),
    "writev-alone": (lambda: Writable(writev=lambda chunks: None), None, None),
    "final": (Flushed, "taken", None),
    "objects": (lambda: Taken(object_mode=True), "taken", [1, "two", [3]]),
    "no-auto-destroy": (lambda: Taken(auto_destroy=False), "taken", None),
    "no-close-event": (lambda: Taken(emit_close=False), "taken", None),
    "duplex-pair": (read_far_end, None, None),
    "function": (lambda: Duplex.from_(consume), None, [b"a", b"b"]),
    "composed": (lambda: compose(PassThrough(), Taken()), None, None),
    "passthrough": (lambda: PassThrough().resume(), None, None),
}


@pytest.mark.parametrize("name", WRITABLES)
def test_good_writables(run, name):
    factory, attribute, chunks = WRITABLES[name]
    collected = None if attribute is None else lambda stream: getattr(stream, attribute)
    return run(check_writable(factory, collected=collected, chunks=chunks))


def test_file_writables(run, tmp_path):
    paths = iter(tmp_path / str(number) for number in range(1000))

    async def written(stream):
        assert await closed(stream) is None
        with open(stream.path, "rb") as file:
            return file.read()

    run(check_writable(lambda: create_write_stream(next(paths)), collected=written))


def test_writables_with_an_expected_error(run, tmp_path):
    def raising(*args):
        raise Boom

    async def raising_later(*args):
        await asyncio.sleep(0)
        raise Boom

    for options in (
        {"write": raising},
        {"write": raising_later},
        {"writev": raising_later},
        {"write": lambda chunk: None, "final": raising},
        {"write": lambda chunk: None, "final": raising_later},
        {"write": lambda chunk: None, "construct": raising},
    ):
        run(check_writable(lambda options=options: Writable(**options), fails=Boom))
    run(check_writable(lambda: create_write_stream(tmp_path), fails=OSError))


async def upper_later(chunk):
    await asyncio.sleep(0)
    return bytes(chunk).upper()


async def add_one(source):
    async for number in source:
        yield number + 1


TRANSFORMS = {
    "hook": (upper, [(b"abc def" * 20, b"ABC DEF" * 20), (b"", b"")]),
    "async-hook": (
        lambda: Transform(transform=upper_later, high_water_mark=4),
        [(b"abc def" * 20, b"ABC DEF" * 20)],
    ),
    "passthrough": (lambda: PassThrough(high_water_mark=100), [(DATA, DATA)]),
    "subclass": (Lines, [(b"a\nbc\n\nlast" * 30, (b"a\nbc\n\nlast" * 30).split(b"\n")), (b"", [])]),
    "objects": (
        lambda: Transform(object_mode=True, transform=lambda number: [number, number]),
        [([1, 2], [[1, 1], [2, 2]])],
    ),
    "gunzip": (codecs.gunzip, [(gzip_format.compress(DATA), DATA)]),
    "hashing": (codecs.hashing, [(DATA, DATA)]),
    "composed": (lambda: compose(codecs.gzip(), codecs.gunzip()), [(DATA, DATA)]),
    "function": (lambda: Duplex.from_(add_one), [([1, 2, 3], [2, 3, 4])]),
}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_good_transforms(run, name):
    factory, cases = TRANSFORMS[name]
    run(check_transform(factory, cases))


def test_wrong_input_of_a_transform(run):
    whole = gzip_format.compress(DATA)
    run(
        check_transform(
            codecs.gunzip,
            [(whole, DATA)],
            wrong=[whole[:-1], whole[:10], b"no gzip at all", whole[:-8] + bytes(8)],
            fails=(codecs.DamagedDataError, codecs.TruncatedDataError),
        )
    )


def objects():
    left = [1, 2, None]
    stream = Duplex(object_mode=True, read=lambda size: stream.push(left.pop(0)), write=lambda item: None)
    return stream


DUPLEXES = {
    "hooks": both,
    "empty": lambda: both(read=lambda size: b""),
    "not-half-open": lambda: both(allow_half_open=False),
    "no-auto-destroy": lambda: both(auto_destroy=False),
    "pair": lambda: Duplex.from_((read_hook(), Taken())),
    "objects": objects,
}


@pytest.mark.parametrize("name", DUPLEXES)
def test_good_duplexes(run, name):
    run(check_duplex(DUPLEXES[name], chunks=[1, 2] if name == "objects" else None))
