"""``forebay copy SRC DST``: a source, a sink, and the requested stages between them, as one pipeline."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
from time import monotonic
from typing import TYPE_CHECKING, Any

from forebay.cli.endpoints.files import is_database, refuse_same_file, source_of, target_of
from forebay.cli.endpoints.formats import FORMATS
from forebay.cli.output.failure import Failure
from forebay.cli.output.units import parse_rate, parse_size
from forebay.cli.signals import Stopping
from forebay.errors import AbortError
from forebay.streams.joining.pipeline import pipeline

if TYPE_CHECKING:
    from forebay.cli.commands.byte_route import ByteRoute
    from forebay.cli.output.summary import Summary

__all__ = ["add_arguments", "run"]

_NOBODY_READS = 141
_DESCRIPTION = """\
Copy SRC to DST, at the pace of the slower one and with bounded memory. Either may be a path to a file, a FIFO
or a device, an http:// or https:// URL (read by GET, written by PUT), a connection (tcp://HOST:PORT,
tcp-listen://[HOST]:PORT, which waits for one, or unix://PATH), a table of a database (postgresql://USER@HOST/NAME?table=T,
mysql://USER@HOST/NAME?table=T, sqlite:FILE?table=T or duckdb:FILE?table=T), or - for standard input or output. A file
appears under the name DST when it is whole, and not before. A table gets all rows, or none."""
_CODINGS = {
    "gzip": "compress on the way",
    "gunzip": "decompress on the way",
    "zstd": "compress to zstd on the way",
    "unzstd": "decompress zstd on the way",
}
# The options that only a copy from or to a database has.
_FOR_ROWS = ("query", "format", "header", "null", "batch")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give ``parser`` the arguments of this subcommand."""
    parser.description = _DESCRIPTION
    add = parser.add_argument
    add("source", metavar="SRC", help="where to read; - is standard input")
    add("target", metavar="DST", help="where to write; - is standard output")
    coding = parser.add_mutually_exclusive_group()
    for name, what in _CODINGS.items():
        coding.add_argument(f"--{name}", dest="coding", action="store_const", const=name, help=what)
    add(
        "--throttle",
        metavar="RATE",
        type=parse_rate,
        help="write at most RATE bytes a second, such as 10MB/s",
    )
    add("--hash", metavar="NAME", type=_hash_name, help="print a hash of the written data, such as sha256")
    add(
        "--high-water-mark",
        metavar="SIZE",
        type=parse_size,
        help="what each stage may hold before the one before it has to wait (default: 64KiB to read, else 1MiB)",
    )
    add(
        "--progress",
        action=argparse.BooleanOptionalAction,
        help="show the progress on standard error (default: if that is a terminal)",
    )
    add("--json", action="store_true", help="give the summary as a JSON object")
    add("--quiet", action="store_true", help="give no summary")
    add(
        "--atomic",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="write beside a file and put it in its place in the end (default), or write the file itself",
    )
    rows = parser.add_argument_group("rows, from or to a database").add_argument
    rows("-q", "--query", metavar="SQL", help="copy what this statement returns; @FILE reads it from a file")
    rows(
        "--format",
        choices=FORMATS,
        help="the format of the file (default: by its name, also before .gz and .zst)",
    )
    rows(
        "--header",
        action=argparse.BooleanOptionalAction,
        help="whether the first line of CSV has the names of the columns (default), or there are none",
    )
    rows("--null", metavar="TEXT", help="how CSV has NULL (default: as nothing, without quotes)")
    rows(
        "--batch",
        metavar="ROWS",
        type=_count,
        help="the rows of one trip to the database, at most (default: 1000)",
    )


def _hash_name(text: str) -> str:
    import hashlib

    try:
        hashlib.new(text, usedforsecurity=False)
    except ValueError:
        raise argparse.ArgumentTypeError(f"there is no hash {text!r}; sha256 is one") from None
    return text


def _count(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of 1 or more")
    return int(text)


def run(args: argparse.Namespace) -> int:
    """Copy; return the exit status. Raises Failure."""
    has_rows = is_database(args.source) or is_database(args.target)
    if not has_rows or (args.query is not None and not is_database(args.source)):
        for name in _FOR_ROWS[: 1 if has_rows else None]:
            if getattr(args, name) is not None:
                raise Failure(
                    f"--{name} is for a copy from {'' if name == 'query' else 'or to '}a database", 2
                )
    source = source_of(args.source, args.query)
    target = target_of(args.target, args.atomic)
    refuse_same_file(source, target)
    job = _Copy(args, source, target, _route(has_rows)(args, source, target))
    # Ignore signals until the process ends: a late signal must not look as if it had stopped the copy.
    with Stopping(is_last=args.is_process) as stopping, asyncio.Runner() as runner:
        return runner.run(job.run(stopping))


def _route(has_rows: bool) -> type[ByteRoute]:
    if has_rows:
        from forebay.cli.commands.row_route import RowRoute

        return RowRoute
    from forebay.cli.commands.byte_route import ByteRoute

    return ByteRoute


class _Copy:
    """One copy: its stages and its result."""

    def __init__(self, args: argparse.Namespace, source: Any, target: Any, route: ByteRoute) -> None:
        self._args = args
        self._route = route
        self._source = source
        self._target = target
        self._stages: list[tuple[str, Any]] = []
        self._seconds = 0.0

    async def run(self, stopping: Stopping) -> int:
        began = monotonic()
        stopping.attend()
        try:
            error = await self._build(stopping) or await self._flow(stopping)
        finally:
            # On every path, the temporary file is removed before the loop is closed.
            for _, stream in self._stages:
                with contextlib.suppress(Exception):
                    await stream.aclose()
        if isinstance(error, AbortError) and self._stages and self._route.is_done(self._stages[-1][1]):
            # The signal came too late.
            error = None
        if error is None:
            self._seconds = monotonic() - began
            self._report()
            return 0
        if stopping.number is not None:
            return 128 + stopping.number
        if isinstance(error, BrokenPipeError) and self._target.is_stdout:
            return _NOBODY_READS
        raise self._route.failure(error) from None

    async def _build(self, stopping: Stopping) -> Exception | None:
        """Make the stages. Raise an error if the copy is stopped while an end waits for its connection."""
        try:
            await self._route.open(self._add, stopping.signal)
        except AbortError as error:
            return error
        except OSError as error:
            raise self._route.failure(error) from None
        return None

    def _add(self, name: str, stage: Any) -> None:
        self._stages.append((name, stage))

    async def _flow(self, stopping: Stopping) -> Exception | None:
        flow = pipeline(*(stream for _, stream in self._stages), signal=stopping.signal)
        try:
            with self._progress():
                await flow
        except Exception as error:
            return error
        return None

    def _progress(self) -> contextlib.AbstractContextManager[object]:
        args = self._args
        wanted = args.progress
        if wanted is None:
            # There is also no progress if a person types the data, or sees it on the same terminal.
            wanted = (
                sys.stderr is not None
                and sys.stderr.isatty()
                and not self._source.is_terminal
                and not self._target.is_terminal
            )
        if not wanted or sys.stderr is None:
            return contextlib.nullcontext()
        from forebay.cli.output.counts import Counts
        from forebay.cli.output.progress import Progress

        counts = Counts(self._stages)
        return Progress(
            sys.stderr,
            self._source.total,
            counts.bytes_read if self._route.counts_input else counts.bytes_written,
            lambda: [(name, stream.stats()) for name, stream in self._stages],
            counts.rows,
        )

    def _report(self) -> None:
        if not self._args.quiet:
            summary = self._summary()
            text = summary.json() if self._args.json else summary.text()
            print(text, file=sys.stderr if self._target.takes_our_output else sys.stdout, flush=True)

    def _summary(self) -> Summary:
        from forebay.cli.output.counts import Counts
        from forebay.cli.output.summary import Summary, peak_memory

        counts = Counts(self._stages)
        hashing = self._route.hashing
        return Summary(
            source=self._source.name,
            target=self._target.name,
            bytes_read=counts.bytes_read(),
            bytes_written=counts.bytes_written(),
            rows=counts.all_rows(),
            seconds=self._seconds,
            atomic=self._target.atomic and self._route.is_done(self._stages[-1][1]),
            peak_memory=peak_memory(),
            hash=None if hashing is None else (self._args.hash, hashing.hexdigest()),
            stages=[(name, stream.stats()) for name, stream in self._stages],
        )
