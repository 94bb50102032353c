"""Copying a file: through a pipe, beside shutil, cp and a plain loop; and reading one.

The file has FOREBAY_BENCH_MIB MiB (256 where not set) and is in the page cache. Compare the figures of one run only.
"""

import asyncio
import os
import shutil
import subprocess

import pytest

from forebay import Writable, pipeline
from forebay.fs import create_read_stream, create_write_stream

MIB = 1024 * 1024
SIZE = int(os.environ.get("FOREBAY_BENCH_MIB", "256")) * MIB


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    path = tmp_path_factory.mktemp("bench") / "source"
    block = os.urandom(MIB)
    with path.open("wb") as file:
        for _ in range(SIZE // MIB):
            file.write(block)
        os.fsync(file.fileno())
    return path


@pytest.fixture
def dest(source):
    path = source.with_name("dest")
    yield path
    assert path.stat().st_size == SIZE
    path.unlink()


def copy(benchmark, dest, run):
    """Time ``run()``, each time with no file in its way."""

    def fresh():
        dest.unlink(missing_ok=True)

    benchmark.extra_info["MiB"] = SIZE // MIB
    benchmark.pedantic(run, setup=fresh, rounds=7)


async def through_pipe(source, dest, look=False, **options):
    reader = create_read_stream(source)
    if look:
        # A listener sees the bytes, so they pass through the process.
        reader.on("data", lambda chunk: None)
    await pipeline(reader, create_write_stream(dest, **options))


@pytest.mark.benchmark(group="copy")
def test_pipe(benchmark, source, dest):
    copy(benchmark, dest, lambda: asyncio.run(through_pipe(source, dest)))


@pytest.mark.benchmark(group="copy")
def test_pipe_with_a_listener(benchmark, source, dest):
    copy(benchmark, dest, lambda: asyncio.run(through_pipe(source, dest, look=True)))


@pytest.mark.benchmark(group="copy")
def test_pipe_with_a_listener_and_marks_of_64_kib(benchmark, source, dest):
    copy(benchmark, dest, lambda: asyncio.run(through_pipe(source, dest, look=True, high_water_mark=65536)))


@pytest.mark.benchmark(group="copy")
def test_cp(benchmark, source, dest):
    copy(benchmark, dest, lambda: subprocess.run(["cp", source, dest], check=True))


@pytest.mark.benchmark(group="copy")
def test_shutil_copyfile(benchmark, source, dest):
    copy(benchmark, dest, lambda: shutil.copyfile(source, dest))


def plain_loop(source, dest, size):
    with open(source, "rb", buffering=0) as reader, open(dest, "wb", buffering=0) as writer:
        buffer = memoryview(bytearray(size))
        while count := reader.readinto(buffer):
            writer.write(buffer[:count])


@pytest.mark.benchmark(group="copy")
@pytest.mark.parametrize("size", [64 * 1024, MIB], ids=["64 KiB", "1 MiB"])
def test_plain_loop(benchmark, source, dest, size):
    copy(benchmark, dest, lambda: plain_loop(source, dest, size))


async def to_nothing(source, mark):
    await pipeline(create_read_stream(source, high_water_mark=mark), Writable(write=lambda chunk: None))


@pytest.mark.benchmark(group="read")
@pytest.mark.parametrize("mark", [16 * 1024, 64 * 1024, MIB], ids=["16 KiB", "64 KiB", "1 MiB"])
def test_read_into_nothing(benchmark, source, mark):
    benchmark.pedantic(lambda: asyncio.run(to_nothing(source, mark)), rounds=7)


async def hop_for_each_chunk(source, size):
    loop = asyncio.get_running_loop()
    with open(source, "rb", buffering=0) as file:
        while await loop.run_in_executor(None, file.read, size):
            pass


@pytest.mark.benchmark(group="read")
def test_read_by_run_in_executor(benchmark, source):
    benchmark.pedantic(lambda: asyncio.run(hop_for_each_chunk(source, 64 * 1024)), rounds=3)


def plain_read(source, size):
    with open(source, "rb", buffering=0) as file:
        buffer = bytearray(size)
        while file.readinto(buffer):
            pass


@pytest.mark.benchmark(group="read")
def test_plain_read(benchmark, source):
    benchmark.pedantic(lambda: plain_read(source, MIB), rounds=7)
