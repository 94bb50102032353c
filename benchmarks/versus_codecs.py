"""Compressors as stages beside the libraries that do their work: ``python -m benchmarks.versus_codecs``.

All sides run in this process by turns, on the same data and at the same level: a loop over chunks of 64 KiB with the library
alone, and a pipeline with one thread and with two. What counts is the wall time. The data is the source code of
Python's standard library.
"""

from __future__ import annotations

import argparse
import asyncio
import bz2
import gc
import importlib
import lzma
import sys
import sysconfig
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.comparison import Comparison, Measured, positive
from benchmarks.pairing import Sample, turns
from benchmarks.peers import package
from benchmarks.report import figure, progress
from benchmarks.results import Row, rows_of
from forebay import Readable, Writable, codecs, pipeline

CHUNK = 64 * 1024
ZSTD = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
GET = "pip install 'forebay[codecs]'"


def source_code(size: int) -> list[bytes]:
    """Chunks of source code, ``size`` bytes at most."""
    parts: list[bytes] = []
    left = size
    for path in sorted(Path(sysconfig.get_path("stdlib")).rglob("*.py")):
        if left <= 0:
            break
        parts.append(path.read_bytes()[:left])
        left -= len(parts[-1])
    data = b"".join(parts)
    return [data[at : at + CHUNK] for at in range(0, len(data), CHUNK)]


# ---- the libraries alone


def drive(compressor: Any, chunks: Sequence[bytes]) -> int:
    return sum(len(compressor.compress(chunk)) for chunk in chunks) + len(compressor.flush())


def undrive(decompressor: Any, packed: Sequence[bytes]) -> int:
    return sum(len(decompressor.decompress(chunk)) for chunk in packed)


def gzip_alone(level: int) -> Any:
    """A compressor of the library that `forebay.codecs` chooses for this level."""
    for name in ("isal.isal_zlib", "zlib_ng.zlib_ng"):
        if level <= 3 or "isal" not in name:
            try:
                return importlib.import_module(name).compressobj(level, zlib.DEFLATED, 31)
            except ImportError:
                continue
    return zlib.compressobj(level, zlib.DEFLATED, 31)


def gunzip_alone() -> Any:
    for name in ("isal.isal_zlib", "zlib_ng.zlib_ng"):
        try:
            return importlib.import_module(name).decompressobj(31)
        except ImportError:
            continue
    return zlib.decompressobj(31)


def zstd_alone(level: int) -> Any:
    library = importlib.import_module(ZSTD)
    names = library.CompressionParameter
    return library.ZstdCompressor(options={names.compression_level: level, names.checksum_flag: True})


@dataclass(frozen=True)
class Case:
    """A format and a level; ``unpacks`` is for the way back, which has one thread."""

    name: str
    alone: Callable[[], Any]
    stage: Callable[[int], Any]
    unpacks: bool = False


CASES = [
    Case("gzip 1", lambda: gzip_alone(1), lambda threads: codecs.gzip(level=1, threads=threads)),
    Case("gzip 6", lambda: gzip_alone(6), lambda threads: codecs.gzip(level=6, threads=threads)),
    Case("gunzip", gunzip_alone, lambda _: codecs.gunzip(), unpacks=True),
    Case("zstd 3", lambda: zstd_alone(3), lambda threads: codecs.zstd(level=3, threads=threads)),
    Case("zstd 9", lambda: zstd_alone(9), lambda threads: codecs.zstd(level=9, threads=threads)),
    Case("bz2 9", lambda: bz2.BZ2Compressor(9), lambda threads: codecs.bz2(threads=threads)),
    Case("xz 2", lambda: lzma.LZMACompressor(preset=2), lambda threads: codecs.xz(threads=threads)),
]


# ---- the comparison


async def flow(chunks: Sequence[bytes], make: Callable[[], Any]) -> float:
    source = Readable.from_(chunks, object_mode=False)
    began = time.perf_counter()
    await pipeline(source, make(), Writable(write=lambda chunk: None))
    return time.perf_counter() - began


def alone(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def measure_case(case: Case, chunks: Sequence[bytes], rounds: int) -> list[Row]:
    size = sum(map(len, chunks))
    given = chunks
    if case.unpacks:
        compressor = gzip_alone(6)
        packed = b"".join([*map(compressor.compress, chunks), compressor.flush()])
        given = [packed[at : at + CHUNK] for at in range(0, len(packed), CHUNK)]
    work = undrive if case.unpacks else drive
    sides: dict[str, Callable[[], float]] = {
        "library": lambda: alone(lambda: work(case.alone(), given)),
        "forebay": lambda: asyncio.run(flow(given, lambda: case.stage(1))),
    }
    if not case.unpacks:
        sides["forebay, 2 threads"] = lambda: asyncio.run(flow(given, lambda: case.stage(2)))
    rates: dict[str, list[float]] = {side: [] for side in sides}
    for side in turns(sides, rounds):
        gc.collect()
        rates[side].append(size / 1e6 / sides[side]())
    samples = {side: Sample(tuple(values)) for side, values in rates.items()}
    progress(f"{case.name}: {figure(samples['forebay'].median)} MB/s")
    beside = {"library": "forebay", "forebay, 2 threads": "forebay"}
    return rows_of(case.name, "MB/s", samples, lower_is_better=False, beside=beside)


def measure(options: argparse.Namespace, chosen: Sequence[str]) -> Measured:
    chunks = source_code(options.megabytes * 1_000_000)
    found = [measure_case(case, chunks, options.rounds) for case in CASES if case.name in chosen]
    return Measured([row for rows in found for row in rows])


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--megabytes", type=positive, default=24, help="megabytes of source code (default 24)"
    )


COMPARISON = Comparison(
    name="versus_codecs",
    about="gzip, zstd, bzip2 and xz in one and two threads, beside the libraries alone",
    takes="5 minutes",
    peers=(package("isal", GET), package("zlib_ng", GET)),
    cases=lambda: [case.name for case in CASES],
    measure=measure,
    add_options=add_options,
    quick={"megabytes": 1},
    rounds=5,
)

if __name__ == "__main__":
    COMPARISON.main()
