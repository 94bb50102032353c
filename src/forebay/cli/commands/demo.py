"""``forebay demo``: a fast source and a slow sink, without backpressure and with it, and their memory use."""

from __future__ import annotations

import argparse
import asyncio
import mmap
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from forebay._core.state.completion import Completion
from forebay._core.waiting.finished import finished
from forebay.cli.output.failure import Failure
from forebay.cli.output.units import parse_rate, parse_size, rate_text, seconds_text, size_text
from forebay.streams.joining.pipeline import pipeline
from forebay.streams.readable import Readable
from forebay.streams.writable import Writable

__all__ = ["add_arguments", "run"]

_CHUNK = 256 * 1024
# Without backpressure all of it is in memory at one time, so it must be small.
_MOST = 200 * 1000 * 1000
_SIZE = 128 * 1024 * 1024
_RATE = 16 * 1024 * 1024
# The rate of the source divided by that of the sink.
_HEAD_START = 5
_LOOK_SECONDS = 0.1
_ROWS = 12
_BAR = 24
_ERASE_LINE = "\r\x1b[K"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give ``parser`` the arguments of this subcommand."""
    parser.description = (
        "Write from a fast source to a slow sink, without and with backpressure; measure the memory."
    )
    parser.add_argument(
        "--size", type=parse_size, default=_SIZE, help="bytes to move, at most 200MB (default: 128MiB)"
    )
    parser.add_argument(
        "--rate",
        type=parse_rate,
        default=float(_RATE),
        help="what the sink takes a second (default: 16MiB/s)",
    )


def run(args: argparse.Namespace) -> int:
    """Run both parts and draw them side by side; return the exit status. Raises Failure."""
    if not _CHUNK <= args.size <= _MOST:
        raise Failure(f"--size must be from {size_text(_CHUNK)} to 200 MB, got {size_text(args.size)}", 2)
    size = args.size - args.size % _CHUNK
    print(
        f"A source that makes {rate_text(args.rate * _HEAD_START)} writes {size_text(size)} "
        f"to a sink that takes {rate_text(args.rate)}.\n"
    )
    parts = (
        _Part("without backpressure", "the source ignores what write() says", _without),
        _Part("with backpressure", "pipeline(source, sink)", _with),
    )
    for number, part in enumerate(parts, 1):
        print(f"{number}. {part.name}: {part.means}", flush=True)
        with asyncio.Runner() as runner:
            runner.run(part.run(size, args.rate))
        print(f"   {part.outcome()}\n", flush=True)
    print(_chart(*parts))
    return 0


# ---- the two ends


class _SlowSink(Writable):
    """A sink that takes ``rate`` bytes per second."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self._rate = rate
        self._loop = asyncio.get_running_loop()
        self._free_at = self._loop.time()
        self.taken = 0
        self.refusals = 0

    def _write(self, chunk: memoryview) -> Completion:
        done = Completion()
        self._free_at += len(chunk) / self._rate
        self._loop.call_at(self._free_at, self._took, len(chunk), done)
        return done

    def _took(self, size: int, done: Completion) -> None:
        self.taken += size
        done.resolve()

    def write(self, chunk: Any, encoding: str | None = None, callback: Any = None) -> bool:
        more = super().write(chunk, encoding, callback)
        self.refusals += not more
        return more


class _FastSource:
    """A source of ``size`` bytes at ``rate`` bytes per second."""

    def __init__(self, size: int, rate: float) -> None:
        self._left = size
        self._rate = rate
        self._ready_at = asyncio.get_running_loop().time()

    async def read(self, _: int = 0) -> mmap.mmap | None:
        """Return the next chunk, None at the end."""
        if not self._left:
            return None
        self._left -= _CHUNK
        now = asyncio.get_running_loop().time()
        self._ready_at = max(self._ready_at, now - _LOOK_SECONDS) + _CHUNK / self._rate
        if self._ready_at > now:
            await asyncio.sleep(self._ready_at - now)
        # Each chunk has its own memory, which the system gets back at once when the chunk is released. So the memory use
        # shows the chunks.
        chunk = mmap.mmap(-1, _CHUNK)
        chunk.write(b"~" * _CHUNK)
        return chunk


async def _without(source: _FastSource, sink: _SlowSink) -> None:
    while (chunk := await source.read()) is not None:
        sink.write(chunk)
    sink.end()
    await finished(sink)


async def _with(source: _FastSource, sink: _SlowSink) -> None:
    async def read(size: int) -> None:
        readable.push(await source.read(size))

    readable = Readable(read=read)
    await pipeline(readable, sink)


# ---- the measurements


@dataclass
class _Part:
    """One run and its memory use, in bytes above that at its start."""

    name: str
    means: str
    work: Callable[[_FastSource, _SlowSink], Awaitable[None]]
    looks: list[tuple[float, int]] = field(default_factory=list)
    seconds: float = 0.0
    peak: int = 0
    refusals: int = 0

    async def run(self, size: int, rate: float) -> None:
        sink = _SlowSink(rate)
        watch = asyncio.create_task(self._watch(sink, size))
        # The first sample is the baseline of the others.
        await asyncio.sleep(0)
        try:
            await self.work(_FastSource(size, rate * _HEAD_START), sink)
        finally:
            watch.cancel()
            if sys.stdout.isatty():
                print(end=_ERASE_LINE, flush=True)
        self.refusals = sink.refusals

    async def _watch(self, sink: _SlowSink, size: int) -> None:
        memory = _measure(sink)
        base = memory()
        loop = asyncio.get_running_loop()
        began = loop.time()
        live = sys.stdout.isatty()
        while True:
            self.seconds = loop.time() - began
            now = max(0, memory() - base)
            self.peak = max(self.peak, now)
            self.looks.append((self.seconds, now))
            if live:
                bar = _bar(now, size, 2 * _BAR)
                print(
                    f"{_ERASE_LINE}   {sink.taken / size:4.0%} [{bar}] {size_text(now)}", end="", flush=True
                )
            await asyncio.sleep(_LOOK_SECONDS)

    def outcome(self) -> str:
        return (
            f"{self.seconds:.1f} s, at most {size_text(self.peak)} of memory; "
            f"write() returned False {self.refusals} times"
        )

    def at(self, second: float) -> int | None:
        """Return the most memory around a time; None after the end."""
        if second > self.seconds + _LOOK_SECONDS:
            return None
        return min(self.looks, key=lambda look: abs(look[0] - second))[1]


def _measure(sink: Writable) -> Callable[[], int]:
    """Return a function for the memory in use in bytes: that of the process, or of the sink's queue if that is unknown."""
    try:
        page = mmap.PAGESIZE
        _resident_pages()
    except (OSError, ValueError, IndexError):
        return lambda: sink.writable_length
    return lambda: _resident_pages() * page


def _resident_pages() -> int:
    with open("/proc/self/statm", "rb") as statm:
        return int(statm.read().split()[1])


def _bar(value: int, most: int, width: int) -> str:
    full = min(width, round(value / most * width)) if most else 0
    return "#" * full + " " * (width - full)


def _chart(left: _Part, right: _Part) -> str:
    """Return both parts' memory over time, on the same scale."""
    most = max(left.peak, right.peak, 1)
    longest = max(left.seconds, right.seconds)
    column = _BAR + 12
    lines = [f"  memory  | {left.name:<{column}} | {right.name}"]
    lines.append("-" * 10 + "+" + "-" * (column + 2) + "+" + "-" * (column + 1))
    for row in range(_ROWS + 1):
        second = longest * row / _ROWS
        cells = [_cell(part.at(second), most) for part in (left, right)]
        lines.append(f"{second:7.1f} s | {cells[0]:<{column}} | {cells[1]}".rstrip())
    lines.append("")
    less = left.peak / right.peak if right.peak else 0
    saved = f", with {less:.0f} times less memory" if less >= 2 else ""
    times = f"{seconds_text(left.seconds)} without backpressure and {seconds_text(right.seconds)} with it"
    lines.append(f"The same bytes: {times}{saved}.")
    return "\n".join(lines)


def _cell(memory: int | None, most: int) -> str:
    return "" if memory is None else f"{_bar(memory, most, _BAR)} {size_text(memory):>9}"
