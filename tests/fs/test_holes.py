"""Sparse files: the copy has the same bytes and takes no more disk space than its source."""

import asyncio
import os
import random

import pytest

from forebay import PassThrough, pipeline
from forebay.fs import create_read_stream, create_write_stream
from support.files import closed, gone, until

MIB = 1024 * 1024
#: What a copy may take beyond its source: pieces at the ends of holes.
SLACK = 128 * 1024


def room(path):
    return os.stat(path).st_blocks * 512


@pytest.fixture
def sparse(tmp_path):
    """``sparse(size, *parts)`` makes a file of that size with data at the given offsets."""
    if not hasattr(os, "SEEK_DATA"):
        pytest.skip("the system does not tell where holes are")

    def make(size, *parts):
        path = tmp_path / "source"
        with open(path, "wb") as file:
            file.truncate(size)
            for offset, data in parts:
                file.seek(offset)
                file.write(data)
        return path

    path = make(4 * MIB)
    if room(path) > MIB:
        pytest.skip("the file system has no holes")
    return make


LAYOUTS = {
    "all": (20 * MIB + 5,),
    "begin": (20 * MIB, (19 * MIB, b"x" * MIB)),
    "end": (20 * MIB, (0, b"x" * MIB)),
    "middle": (20 * MIB, (0, b"x" * 5000), (20 * MIB - 5000, b"y" * 5000)),
    "many": (20 * MIB, *((n * 300_000, bytes([n]) * 9_000) for n in range(1, 60))),
}


@pytest.mark.parametrize("way", ["directly", "seen", "through a stage", "by iteration"])
@pytest.mark.parametrize("atomic", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_holes_stay(run, tmp_path, sparse, layout, atomic, way):
    path = sparse(*LAYOUTS[layout])
    out = tmp_path / "out"

    async def main():
        source = create_read_stream(path)
        dest = create_write_stream(out, atomic=atomic)
        if way == "seen":
            source.on("data", lambda chunk: None)
        if way == "by iteration":
            async for chunk in source:
                if not dest.write(chunk):
                    await until(dest, "drain")
            dest.end()
        elif way == "through a stage":
            await pipeline(source, PassThrough(), dest)
        else:
            await pipeline(source, dest)
        await gone(source, dest)
        assert source.bytes_read == dest.bytes_written == LAYOUTS[layout][0]

    run(main)
    assert out.read_bytes() == path.read_bytes()
    pieces = len(LAYOUTS[layout])
    assert room(out) <= room(path) + SLACK * (1 if way == "directly" else pieces)


@pytest.mark.parametrize("flags", ["w", "r+", "a", "given", "given for appending"])
@pytest.mark.parametrize("seen", [False, True])
def test_zeros_are_written_over_existing_data(run, tmp_path, sparse, flags, seen):
    """A hole is left only behind the end of the target; existing data is overwritten with zeros."""
    path = sparse(3 * MIB, (MIB, b"data"))
    out = tmp_path / "out"
    old = b"o" * (2 * MIB)
    out.write_bytes(old)

    async def main():
        options = {"flags": flags}
        if flags.startswith("given"):
            mode = os.O_WRONLY | (os.O_APPEND if "append" in flags else 0)
            options = {"fd": os.open(out, mode)}
            os.lseek(options["fd"], 1000, os.SEEK_SET)
        source = create_read_stream(path)
        if seen:
            source.on("data", lambda chunk: None)
        dest = create_write_stream(out, **options)
        await pipeline(source, dest)
        await gone(source, dest)

    run(main)
    data = path.read_bytes()
    expected = {"w": data, "r+": data, "given": old[:1000] + data}
    assert out.read_bytes() == expected.get(flags, old + data)


@pytest.mark.parametrize("given", ["with a start", "from its position"])
def test_position_of_a_given_descriptor(run, tmp_path, sparse, given):
    path = sparse(5 * MIB, (0, b"a" * 10), (4 * MIB, b"b" * 10))
    fd = os.open(path, os.O_RDONLY)
    os.lseek(fd, 3, os.SEEK_SET)
    places = []

    async def main():
        start = 7 if given == "with a start" else None
        source = create_read_stream(fd=fd, start=start, auto_close=False)
        source.on("end", lambda: places.append(os.lseek(fd, 0, os.SEEK_CUR)))
        dest = create_write_stream(tmp_path / "out")
        await pipeline(source, dest)
        source.destroy()
        await gone(source, dest)

    try:
        run(main)
    finally:
        os.close(fd)
    assert places == [3 if given == "with a start" else 5 * MIB]
    assert (tmp_path / "out").read_bytes() == path.read_bytes()[7 if given == "with a start" else 3 :]


def test_zeros_that_the_program_writes_are_kept(run, tmp_path, sparse):
    """The program may write zeros to allocate disk space."""
    path = sparse(MIB)

    async def main():
        async for chunk in create_read_stream(path):
            assert not any(chunk)
        dest = create_write_stream(tmp_path / "out")
        dest.end(bytes(bytearray(4 * MIB)))
        await until(dest, "close")

    run(main)
    assert room(tmp_path / "out") >= 4 * MIB


def test_file_is_cut_short_or_grows_meanwhile(run, tmp_path, sparse):
    for change in (2 * MIB, 30 * MIB):
        path = sparse(20 * MIB, (0, b"x" * 300_000), (10 * MIB, b"y" * 300_000))
        out = tmp_path / "out"

        async def main(path=path, out=out, change=change):
            source = create_read_stream(path)
            source.once("data", lambda chunk: os.truncate(path, change))
            dest = create_write_stream(out)
            await pipeline(source, dest)
            await gone(source, dest)

        run(main)
        data = path.read_bytes()
        copied = out.read_bytes()
        assert len(copied) >= 300_000
        # Read ahead it may have been before the change.
        assert copied[: 2 * MIB] == data[: len(copied[: 2 * MIB])]


def test_random_copies(run, tmp_path, sparse):
    """Random files, ranges, marks, methods and interruptions: the target holds a prefix of the requested bytes."""
    seed = random.randrange(2**32)
    rng = random.Random(seed)

    async def copy():
        size = rng.choice([0, 1, 4096, 65536, 200_000, 5_000_000])
        parts = [
            (rng.randrange(size), rng.randbytes(rng.randrange(1, 9000)))
            for _ in range(rng.randrange(6) if size else 0)
        ]
        path = sparse(size, *[(offset, data[: size - offset]) for offset, data in parts])
        start = rng.choice([None, 0, rng.randrange(size + 1)])
        end = rng.choice([None, (start or 0) + rng.randrange(size + 1)])
        source = create_read_stream(
            path, start=start, end=end, high_water_mark=rng.choice([1000, 65536, 100_000, MIB])
        )
        dest = create_write_stream(
            tmp_path / "out", high_water_mark=rng.choice([1, 65536, MIB]), flags=rng.choice(["w", "w+"])
        )
        if rng.random() < 0.5:
            source.on("data", lambda chunk: None)
        source.pipe(dest)
        stops = rng.random() < 0.3
        if stops:
            for _ in range(rng.randrange(5)):
                await asyncio.sleep(0.0005)
            rng.choice([source.destroy, dest.destroy])()
            dest.destroy()
        for stream in (source, dest):
            if not stream.closed:
                if stream is source and stops:
                    source.destroy()
                await closed(stream)
        wanted = path.read_bytes()[start or 0 : None if end is None else end + 1]
        got = (tmp_path / "out").read_bytes() if (tmp_path / "out").exists() else b""
        assert wanted.startswith(got), seed
        assert len(got) == dest.bytes_written
        assert stops or len(got) == len(wanted), seed
        (tmp_path / "out").unlink(missing_ok=True)

    async def main():
        for _ in range(60):
            await copy()

    run(main)
