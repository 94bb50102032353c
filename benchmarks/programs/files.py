"""File streams. The files are made in ``dir`` and removed at the end of a program."""

from __future__ import annotations

import asyncio
import os
from typing import Any

from benchmarks.programs._bench import Bench, program
from forebay import create_read_stream, create_write_stream, pipeline

MIB = 1024 * 1024
ENCODINGS = {"buf": None, "asc": "ascii", "utf": "utf-8"}


def fill(path: str, block: bytes, count: int) -> None:
    with open(path, "wb", buffering=0) as file:
        for _ in range(count):
            file.write(block)


@program("fs-read-stream-throughput")
async def fs_read_stream_throughput(bench: Bench, n: int, type: str, size: int, hwm: int, dir: str) -> None:
    path = os.path.join(dir, f"forebay-read-{os.getpid()}")
    pattern = "\u00fc".encode() * (size // 2) if type == "utf" else b"a" * size
    fill(path, pattern, n)
    try:
        s = create_read_stream(path, high_water_mark=hwm, encoding=ENCODINGS[type])
        length = 0

        def data(chunk: Any) -> None:
            nonlocal length
            length += len(chunk)

        s.on("open", lambda fd: bench.start())
        s.on("data", data)
        s.on("end", lambda: bench.end(length / MIB))
        await bench.result
    finally:
        os.unlink(path)


@program("fs-write-stream-throughput")
async def fs_write_stream_throughput(
    bench: Bench, seconds: float, type: str, size: int, hwm: int, dir: str
) -> None:
    path = os.path.join(dir, f"forebay-write-{os.getpid()}")
    chunk: Any = {"buf": b"b" * size, "asc": "a" * size, "utf": "\u00fc" * ((size + 1) // 2)}[type]
    encoding = ENCODINGS[type]
    s = create_write_stream(path, high_water_mark=hwm)
    ending = False

    def write() -> None:
        if ending:
            return
        while s.write(chunk, encoding):
            pass

    def stop() -> None:
        nonlocal ending
        ending = True
        s.end()

    def begin(fd: int) -> None:
        asyncio.get_running_loop().call_later(seconds, stop)
        bench.start()
        write()

    s.on("open", begin)
    s.on("drain", write)
    s.on("finish", lambda: bench.end(s.bytes_written / MIB))
    try:
        await bench.result
    finally:
        os.unlink(path)


@program("fs-bench-stream-via-pipeline")
async def fs_bench_stream_via_pipeline(bench: Bench, n: int, size: int, dir: str) -> None:
    base = os.path.join(dir, f"forebay-pipeline-{os.getpid()}")
    content = b"a" * size
    pairs = []
    for i in range(n):
        fill(f"{base}-source-{i}", content, 1)
        pairs.append((create_read_stream(f"{base}-source-{i}"), create_write_stream(f"{base}-dest-{i}")))
    try:
        bench.start()
        await asyncio.gather(*(pipeline(source, dest) for source, dest in pairs))
        bench.end(n)
    finally:
        for i in range(n):
            os.unlink(f"{base}-source-{i}")
            os.unlink(f"{base}-dest-{i}")


@program("file-copy")
async def file_copy(bench: Bench, source: str, dest: str, hwm: int = 0, look: str = "no") -> None:
    """A file piped to a file, from the making of the streams to the close of the second, in MB/s.

    ``hwm``: the mark of both, their defaults where 0. ``look``: with 'yes' a listener sees the bytes.
    """
    options: dict[str, Any] = {"high_water_mark": hwm} if hwm else {}
    bench.start()
    reader = create_read_stream(source, **options)
    if look == "yes":
        reader.on("data", lambda chunk: None)
    writer = reader.pipe(create_write_stream(dest, **options))
    writer.on("close", lambda: bench.end(writer.bytes_written / 1e6))
