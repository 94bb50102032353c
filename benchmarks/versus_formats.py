"""CSV, JSON lines and lines as stages beside the libraries that they use: ``python -m benchmarks.versus_formats``.

Both sides run in this process by turns, on the same rows: forebay's side with a source and a sink around the stage, the library's
side in a loop over blocks of 64 KiB, or of 1,000 rows. What counts is the CPU time of a row.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import gc
import io
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.comparison import Comparison, Measured, positive
from benchmarks.pairing import Sample, turns
from benchmarks.peers import CSV, MSGSPEC
from benchmarks.report import figure, progress
from benchmarks.results import Row, rows_of
from forebay import Readable, Transform, Writable, pipeline
from forebay.formats import csv as csv_stages
from forebay.formats import json as json_stages
from forebay.formats import lines as line_stages

BLOCK_BYTES = 64 * 1024
BLOCK_ROWS = 1000
NAMES = ("id", "a", "b", "f", "t", "ts")


def make_rows(count: int) -> list[tuple[Any, ...]]:
    """Rows of six columns: three ints, a float, a text of 40 characters, and a timestamp as text."""
    return [
        (
            n,
            n % 1000,
            n * 7 % 100_003,
            n / 8,
            f"{n:010} some text of forty charac",
            f"2026-11-29 12:{n % 60:02}:00",
        )
        for n in range(count)
    ]


def row_blocks(rows: Sequence[Any]) -> list[Sequence[Any]]:
    return [rows[at : at + BLOCK_ROWS] for at in range(0, len(rows), BLOCK_ROWS)]


def line_blocks(data: bytes) -> Iterator[bytes]:
    """Blocks of whole lines, as the library's side gets them."""
    at = 0
    while at < len(data):
        end = data.rfind(b"\n", at, at + BLOCK_BYTES) + 1
        yield data[at:end]
        at = end


def byte_chunks(data: bytes) -> list[bytes]:
    return [data[at : at + BLOCK_BYTES] for at in range(0, len(data), BLOCK_BYTES)]


# ---- forebay's side


def nothing(*_: Any) -> None:
    """Take what comes."""


class Blocks(Readable[Any]):
    """A source that gets its rows a block at a time, as a query does."""

    def __init__(self, blocks: Sequence[Sequence[Any]]) -> None:
        super().__init__(object_mode=True, high_water_mark=BLOCK_ROWS)
        self._left = iter(blocks)

    async def _read(self, size: int) -> None:
        await asyncio.sleep(0)
        block = next(self._left, None)
        if block is None:
            self.push(None)
        else:
            self.push_many(block)


async def encode(blocks: Sequence[Sequence[Any]], stage: Transform[Any, bytes]) -> None:
    await pipeline(Blocks(blocks), stage, Writable(write=nothing))


async def decode(chunks: Sequence[bytes], stage: Transform[bytes, Any]) -> None:
    await pipeline(
        Readable.from_(chunks, object_mode=False), stage, Writable(object_mode=True, write=nothing)
    )


async def decode_batches(chunks: Sequence[bytes], stage: Transform[bytes, Any]) -> None:
    source = Readable.from_(chunks, object_mode=False)
    flow = source.pipe(stage)
    async for batch in flow.batches():
        nothing(batch)


# ---- the libraries' side


def write_csv(blocks: Sequence[Sequence[Any]]) -> None:
    for block in blocks:
        text = io.StringIO(newline="")
        csv.writer(text).writerows(block)
        nothing(text.getvalue().encode())


def read_csv(blocks: Sequence[bytes]) -> None:
    for block in blocks:
        nothing(list(csv.reader(block.decode().splitlines(True))))


def write_lines(blocks: Sequence[Sequence[Any]]) -> None:
    import msgspec

    encoder = msgspec.json.Encoder()
    for block in blocks:
        nothing(encoder.encode_lines(block))


def read_lines(blocks: Sequence[bytes]) -> None:
    import msgspec

    decoder = msgspec.json.Decoder()
    for block in blocks:
        nothing(decoder.decode_lines(block))


def split_lines(blocks: Sequence[bytes]) -> None:
    for block in blocks:
        nothing(block.split(b"\n"))


# ---- the comparison


@dataclass(frozen=True)
class Case:
    """A stage, the library beside it, and what each does with prepared data."""

    name: str
    library: str
    ours: Callable[[Data], Awaitable[None]]
    theirs: Callable[[Data], None]


class Data:
    """The same rows as tuples, as dicts, and as text in both formats."""

    def __init__(self, count: int) -> None:
        rows = make_rows(count)
        dicts = [dict(zip(NAMES, row, strict=True)) for row in rows]
        self.blocks, self.dict_blocks = row_blocks(rows), row_blocks(dicts)
        text = io.StringIO(newline="")
        csv.writer(text).writerows(rows)
        csv_data = text.getvalue().encode()
        self.csv_blocks, self.csv_chunks = list(line_blocks(csv_data)), byte_chunks(csv_data)
        json_data = b"".join(asyncio.run(_collected(self.dict_blocks)))
        self.json_blocks, self.json_chunks = list(line_blocks(json_data)), byte_chunks(json_data)


CASES = [
    Case(
        "CSV out",
        "csv",
        lambda data: encode(data.blocks, csv_stages.stringify(columns=NAMES)),
        lambda data: write_csv(data.blocks),
    ),
    Case(
        "CSV in",
        "csv",
        lambda data: decode_batches(data.csv_chunks, csv_stages.parse(columns=None)),
        lambda data: read_csv(data.csv_blocks),
    ),
    Case(
        "CSV in, row by row",
        "csv",
        lambda data: decode(data.csv_chunks, csv_stages.parse(columns=None)),
        lambda data: read_csv(data.csv_blocks),
    ),
    Case(
        "JSON lines out",
        "msgspec",
        lambda data: encode(data.dict_blocks, json_stages.stringify_lines()),
        lambda data: write_lines(data.dict_blocks),
    ),
    Case(
        "JSON lines in",
        "msgspec",
        lambda data: decode_batches(data.json_chunks, json_stages.parse_lines()),
        lambda data: read_lines(data.json_blocks),
    ),
    Case(
        "JSON lines in, row by row",
        "msgspec",
        lambda data: decode(data.json_chunks, json_stages.parse_lines()),
        lambda data: read_lines(data.json_blocks),
    ),
    Case(
        "lines in",
        "bytes.split",
        lambda data: decode_batches(data.json_chunks, line_stages.split()),
        lambda data: split_lines(data.json_blocks),
    ),
]


async def _collected(blocks: Sequence[Sequence[Any]]) -> list[bytes]:
    chunks: list[bytes] = []
    await pipeline(Blocks(blocks), json_stages.stringify_lines(), Writable(write=chunks.append))
    return chunks


def cpu_seconds(work: Callable[[], Any]) -> float:
    gc.collect()
    began = time.process_time()
    work()
    return time.process_time() - began


def measure_case(case: Case, data: Data, rounds: int, count: int) -> list[Row]:
    """Microseconds of a row on both sides, in rounds of changing order."""
    sides: dict[str, Callable[[], Any]] = {"forebay": lambda: asyncio.run(_awaited(case, data))}
    if case.library != "msgspec" or MSGSPEC.is_there:
        sides[case.library] = lambda: case.theirs(data)
    times: dict[str, list[float]] = {side: [] for side in sides}
    for side in turns(sides, rounds):
        times[side].append(cpu_seconds(sides[side]) * 1e6 / count)
    samples = {side: Sample(tuple(values)) for side, values in times.items()}
    progress(f"{case.name}: {figure(samples['forebay'].median)} us")
    return rows_of(case.name, "us/row", samples, lower_is_better=True, beside={case.library: "forebay"})


async def _awaited(case: Case, data: Data) -> None:
    await case.ours(data)


def measure(options: argparse.Namespace, chosen: Sequence[str]) -> Measured:
    data = Data(options.rows)
    gc.freeze()
    try:
        found = [
            measure_case(case, data, options.rounds, options.rows) for case in CASES if case.name in chosen
        ]
    finally:
        gc.unfreeze()
    return Measured([row for rows in found for row in rows])


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--rows", type=positive, default=1_000_000, help="rows of six columns (default 1,000,000)"
    )


COMPARISON = Comparison(
    name="versus_formats",
    about="CSV, JSON lines and lines in and out, beside the libraries that do the work",
    takes="5 minutes",
    peers=(CSV, MSGSPEC),
    cases=lambda: [case.name for case in CASES],
    measure=measure,
    add_options=add_options,
    quick={"rows": 2000},
    rounds=7,
)

if __name__ == "__main__":
    COMPARISON.main()
