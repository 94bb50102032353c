"""Scenarios of what needs only this machine: files, codecs, programs, threads, local stores, the standard input and output."""

import asyncio
import gzip
import os

import forebay
from faults.place import DATA, Later, Place
from forebay import codecs, consumers, fs, pipeline, process, storage, threads
from forebay._system.cleanup import close_descriptors


async def copy(place: Place) -> Later:
    await pipeline(fs.create_read_stream(place.source), fs.create_write_stream(place.target))
    return place.arrived


async def atomic_copy(place: Place) -> Later:
    await pipeline(fs.create_read_stream(place.source), fs.create_write_stream(place.target, atomic=True))
    return place.arrived


async def copy_through_python(place: Place) -> Later:
    source = fs.create_read_stream(place.source, high_water_mark=4096)
    await pipeline(source, forebay.PassThrough(), fs.create_write_stream(place.target, flush=True))
    return place.arrived


async def copy_tree(place: Place) -> Later:
    target = place.folder / "work" / "tree"
    await fs.copy_tree(place.folder / "tree", target, on_error=place.errors.append)
    if place.errors:
        raise place.errors[0]

    def arrived() -> bytes:
        copies = [(target / f"folder {number}" / "file").read_bytes() for number in range(5)]
        return DATA if copies == [DATA[: number * 40_000] for number in range(5)] else b""

    return arrived


async def read_all(place: Place) -> bytes:
    return b"".join([chunk async for chunk in fs.create_read_stream(place.source)])


async def gzip_file(place: Place) -> Later:
    await pipeline(
        fs.create_read_stream(place.source), codecs.gzip(level=1), fs.create_write_stream(place.target)
    )
    return lambda: gzip.decompress(place.arrived())


async def gunzip_file(place: Place) -> Later:
    source = fs.create_read_stream(place.folder / "source.gz")
    await pipeline(source, codecs.gunzip(), fs.create_write_stream(place.target))
    return place.arrived


async def zstd_and_back(place: Place) -> Later:
    await pipeline(
        fs.create_read_stream(place.source),
        codecs.zstd(level=1),
        codecs.unzstd(),
        fs.create_write_stream(place.target),
    )
    return place.arrived


async def hashed(place: Place) -> Later:
    digest = codecs.hashing("sha256")
    await pipeline(
        fs.create_read_stream(place.source), digest, fs.create_write_stream(place.target, atomic=True)
    )
    return place.arrived


async def followed(place: Place) -> bytes:
    """A file that grows, and is replaced by another one."""
    log = place.folder / "work" / "log"
    half = len(DATA) // 2
    log.write_bytes(DATA[: half // 2])
    stream = fs.follow(log, start="beginning", interval=0.001)
    got = bytearray()
    async for chunk in stream:
        got += chunk
        if len(got) == half // 2:
            with log.open("ab") as file:
                file.write(DATA[half // 2 : half])
        elif len(got) == half:
            log.rename(log.with_name("log.1"))
            log.write_bytes(DATA[half:])
        elif len(got) == len(DATA):
            stream.stop()
    return bytes(got)


async def stored(place: Place) -> Later:
    source = storage.read(place.source.as_uri())
    await pipeline(source, storage.write(place.target.as_uri()))
    return place.arrived


async def standard_streams(place: Place) -> Later:
    """The standard input and output, which are files here."""
    kept = [os.dup(number) for number in (0, 1)]
    try:
        for number, path, flags in (
            (0, place.source, os.O_RDONLY),
            (1, place.target, os.O_WRONLY | os.O_CREAT),
        ):
            fd = os.open(path, flags)
            os.dup2(fd, number)
            os.close(fd)
        await pipeline(fs.stdin(), forebay.PassThrough(), fs.stdout())
    finally:
        for number, fd in enumerate(kept):
            os.dup2(fd, number)
        close_descriptors(*kept)
    return place.arrived


async def through_a_program(place: Place) -> Later:
    await pipeline(
        fs.create_read_stream(place.source),
        process.through("cat"),
        fs.create_write_stream(place.target, atomic=True),
    )
    return place.arrived


async def spawned(place: Place) -> bytes:
    async with process.spawn("cat", stdin="pipe") as program:
        fed = asyncio.ensure_future(pipeline(forebay.Readable.from_([DATA]), program.stdin))
        try:
            got = await consumers.bytes(program.stdout)
            await program.wait()
            await fed
        finally:
            fed.cancel()
            await asyncio.wait([fed])
    return got


async def file_of_a_thread(place: Place) -> Later:
    """Files that a thread reads and writes as stages."""
    with place.source.open("rb") as source, place.target.open("wb") as target:
        await pipeline(threads.from_thread(source), threads.to_thread(target))
    return place.arrived


async def read_and_written_in_a_thread(place: Place) -> Later:
    """Streams that a thread uses as files."""

    def copied(source, target) -> None:
        while block := source.read(50_000):
            target.write(block)
        target.close()

    async with (
        threads.as_file(fs.create_read_stream(place.source)) as source,
        threads.as_file(fs.create_write_stream(place.target, atomic=True), "wb") as target,
    ):
        await asyncio.to_thread(copied, source, target)
    return place.arrived


async def written_by_threads(place: Place) -> Later:
    def written(writer) -> None:
        for start in range(0, len(DATA), 10_000):
            writer.write(DATA[start : start + 10_000])

    async with threads.thread_writer(fs.create_write_stream(place.target)) as writer:
        await asyncio.to_thread(written, writer)
    return place.arrived


SCENARIOS = (
    copy,
    atomic_copy,
    copy_through_python,
    copy_tree,
    read_all,
    gzip_file,
    gunzip_file,
    zstd_and_back,
    hashed,
    followed,
    stored,
    standard_streams,
    through_a_program,
    spawned,
    file_of_a_thread,
    read_and_written_in_a_thread,
    written_by_threads,
)
