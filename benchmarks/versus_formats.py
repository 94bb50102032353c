"""CSV and JSON lines as stages beside the libraries that they use: ``python -m benchmarks.versus_formats``.

Both sides run in this process by turns, on the same rows: forebay's side with a source and a sink around the stage, the library's
side in a loop over blocks of 64 KiB, or of 1,000 rows. What counts is the CPU time of a row, and the ratio of each round.
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

from benchmarks.pairing import Sample
from benchmarks.report import figure, machine, progress, spread, table, write_json
from forebay import Readable, Transform, Writable, pipeline
from forebay.formats import csv as csv_stages
from forebay.formats import json as json_stages

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


# ---- the comparison


@dataclass(frozen=True)
class Case:
    name: str
    ours: Callable[[], Awaitable[None]]
    theirs: Callable[[], None]
    # The ratio that is not to be exceeded.
    limit: float


def cases(count: int) -> list[Case]:
    rows = make_rows(count)
    dicts = [dict(zip(NAMES, row, strict=True)) for row in rows]
    blocks, dict_blocks = row_blocks(rows), row_blocks(dicts)
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    csv_data = text.getvalue().encode()
    json_data = b"".join(asyncio.run(_collected(dict_blocks)))
    csv_blocks, csv_chunks = list(line_blocks(csv_data)), byte_chunks(csv_data)
    json_blocks, json_chunks = list(line_blocks(json_data)), byte_chunks(json_data)
    stringify, parse = csv_stages.stringify, csv_stages.parse
    return [
        Case("CSV out", lambda: encode(blocks, stringify(columns=NAMES)), lambda: write_csv(blocks), 1.1),
        Case(
            "CSV in",
            lambda: decode_batches(csv_chunks, parse(columns=None)),
            lambda: read_csv(csv_blocks),
            1.15,
        ),
        Case(
            "CSV in, row by row",
            lambda: decode(csv_chunks, parse(columns=None)),
            lambda: read_csv(csv_blocks),
            1.15,
        ),
        Case(
            "JSON lines out",
            lambda: encode(dict_blocks, json_stages.stringify_lines()),
            lambda: write_lines(dict_blocks),
            1.2,
        ),
        Case(
            "JSON lines in",
            lambda: decode_batches(json_chunks, json_stages.parse_lines()),
            lambda: read_lines(json_blocks),
            1.2,
        ),
        Case(
            "JSON lines in, row by row",
            lambda: decode(json_chunks, json_stages.parse_lines()),
            lambda: read_lines(json_blocks),
            1.2,
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


def measure(case: Case, rounds: int, count: int) -> tuple[Sample, Sample]:
    """Microseconds of a row on both sides, in rounds of changing order."""
    ours, theirs = [], []
    for turn in range(rounds):
        sides = [(ours, lambda: asyncio.run(_awaited(case.ours))), (theirs, case.theirs)]
        for times, work in sides if turn % 2 else reversed(sides):
            times.append(cpu_seconds(work) * 1e6 / count)
    progress(f"{case.name}: {figure(Sample(tuple(ours)).median)} us")
    return Sample(tuple(ours)), Sample(tuple(theirs))


async def _awaited(make: Callable[[], Awaitable[None]]) -> None:
    await make()


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.versus_formats", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="rounds of each case (default 7)")
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of six columns (default 1,000,000)")
    parser.add_argument("--json", metavar="FILE", help="store all results")
    parser.add_argument(
        "names", nargs="*", metavar="CASE", help="the beginning of a case's name (default: all)"
    )
    options = parser.parse_args(arguments)
    if options.rounds < 1 or options.rows < 1:
        parser.error("--rounds and --rows must be 1 or more")
    lines, results = [], []
    every = cases(options.rows)
    gc.freeze()
    for case in every:
        if options.names and not any(case.name.startswith(name) for name in options.names):
            continue
        ours, theirs = measure(case, options.rounds, options.rows)
        ratio = ours.over(theirs)
        lines.append(
            [
                case.name,
                figure(theirs.median),
                figure(ours.median),
                f"{ratio.median:.2f}",
                spread(ratio),
                f"{case.limit:g}",
            ]
        )
        results.append(
            {"name": case.name, "ours": ours.as_json(), "theirs": theirs.as_json(), "ratio": ratio.as_json()}
        )
    about = machine()
    print(
        f"forebay {about['forebay']} ({about['backend']} backend), Python {about['python']}; {options.rows:,} rows, medians "
        f"of {options.rounds} rounds\n"
    )
    print(table(["stage", "library, us/row", "forebay", "ratio", "min-max", "at most"], lines))
    if options.json:
        write_json(options.json, {"machine": about, "rows": options.rows, "cases": results})


if __name__ == "__main__":
    main()
