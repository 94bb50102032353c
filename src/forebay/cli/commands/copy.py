"""``forebay copy SRC DST``: a source, a sink, and the requested stages between them, as one pipeline."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
from time import monotonic
from typing import TYPE_CHECKING, Any

from forebay.cli.endpoints.files import refuse_same_file, source_of, target_of
from forebay.cli.output.failure import Failure, in_one_line
from forebay.cli.output.units import parse_rate, parse_size
from forebay.cli.signals import Stopping
from forebay.errors import AbortError
from forebay.streams.joining.pipeline import pipeline

if TYPE_CHECKING:
    from forebay.cli.output.summary import Summary
    from forebay.codecs import Hashing
    from forebay.fs import ReadStream, WriteStream
    from forebay.net import Socket

__all__ = ["add_arguments", "run"]

# The default high-water marks: small chunks, and a buffer for as many as one call in a worker writes.
_READ_MARK = 64 * 1024
_MARK = 1024 * 1024
_NOBODY_READS = 141
_DESCRIPTION = """\
Copy SRC to DST, at the pace of the slower one and with bounded memory. Either may be a path to a file, a FIFO
or a device, an http:// or https:// URL (read by GET, written by PUT), a connection (tcp://HOST:PORT,
tcp-listen://[HOST]:PORT, which waits for one, or unix://PATH), or - for standard input or output. A file
appears under the name DST when it is whole, and not before."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give ``parser`` the arguments of this subcommand."""
    parser.description = _DESCRIPTION
    add = parser.add_argument
    add("source", metavar="SRC", help="where to read; - is standard input")
    add("target", metavar="DST", help="where to write; - is standard output")
    coding = parser.add_mutually_exclusive_group()
    coding.add_argument("--gzip", action="store_true", help="compress on the way")
    coding.add_argument("--gunzip", action="store_true", help="decompress on the way")
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
    add("-q", "--quiet", action="store_true", help="give no summary")
    add(
        "--atomic",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="write beside a file and put it in its place in the end (default), or write the file itself",
    )


def _hash_name(text: str) -> str:
    import hashlib

    try:
        hashlib.new(text, usedforsecurity=False)
    except ValueError:
        raise argparse.ArgumentTypeError(f"there is no hash {text!r}; sha256 is one") from None
    return text


def run(args: argparse.Namespace) -> int:
    """Copy; return the exit status. Raises Failure."""
    source = source_of(args.source)
    target = target_of(args.target, args.atomic)
    refuse_same_file(source, target)
    job = _Copy(args, source, target)
    # Ignore signals until the process ends: a late signal must not look as if it had stopped the copy.
    with Stopping(is_last=args.is_process) as stopping, asyncio.Runner() as runner:
        return runner.run(job.run(stopping))


class _Copy:
    """One copy: its stages and its result."""

    def __init__(self, args: argparse.Namespace, source: Any, target: Any) -> None:
        self._args = args
        self._source = source
        self._target = target
        self._stages: list[tuple[str, Any]] = []
        # A target that appears as a whole or not at all.
        self._atomic: WriteStream | None = None
        self._hashing: Hashing | None = None
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
        if isinstance(error, AbortError) and self._atomic is not None and self._atomic.published:
            error = None
        if error is None:
            self._seconds = monotonic() - began
            self._report()
            return 0
        if stopping.number is not None:
            return 128 + stopping.number
        if isinstance(error, BrokenPipeError) and self._target.is_stdout:
            return _NOBODY_READS
        raise self._failure(error) from None

    async def _build(self, stopping: Stopping) -> Exception | None:
        """Make the stages. Raise an error if the copy is stopped while an end waits for its connection."""
        args = self._args
        mark = _MARK if args.high_water_mark is None else args.high_water_mark
        add = self._stages.append
        try:
            read_mark = _READ_MARK if args.high_water_mark is None else mark
            add(("read", await self._source.open(read_mark, stopping.signal)))
            if args.gzip or args.gunzip or args.hash:
                from forebay import codecs

                if args.gzip:
                    add(("gzip", codecs.gzip(high_water_mark=mark)))
                elif args.gunzip:
                    add(("gunzip", codecs.gunzip(high_water_mark=mark)))
                if args.hash:
                    self._hashing = codecs.hashing(args.hash, high_water_mark=mark)
                    add((args.hash, self._hashing))
            if args.throttle:
                from forebay.throttle import throttle

                add(("throttle", throttle(args.throttle, high_water_mark=mark)))
            writer = await self._target.open(mark, self._source.permissions, stopping.signal)
            add(("write", writer))
            if self._target.atomic:
                self._atomic = writer
        except OSError as error:
            raise self._failure(error) from None
        except AbortError as error:
            return error
        return None

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
        from forebay.cli.output.progress import Progress

        # With a codec between, only the bytes that were read can be compared with the size of the source.
        coded = args.gzip or args.gunzip
        return Progress(
            sys.stderr,
            self._source.total,
            (lambda: self._reader.bytes_read) if coded else (lambda: self._writer.bytes_written),
            lambda: [(name, stream.stats()) for name, stream in self._stages],
        )

    @property
    def _reader(self) -> ReadStream | Socket:
        reader: ReadStream | Socket = self._stages[0][1]
        return reader

    @property
    def _writer(self) -> WriteStream | Socket:
        writer: WriteStream | Socket = self._stages[-1][1]
        return writer

    def _failure(self, error: Exception) -> Failure:
        """Return ``error`` for the user: an error of a file names the file, any other names the source."""
        if isinstance(error, OSError):
            return Failure(
                in_one_line(error, f"{self._source.name}, {self._target.name}") + self._target.hint(error)
            )
        return Failure(in_one_line(error, self._source.name))

    def _report(self) -> None:
        if not self._args.quiet:
            summary = self._summary()
            text = summary.json() if self._args.json else summary.text()
            print(text, file=sys.stderr if self._target.takes_our_output else sys.stdout, flush=True)

    def _summary(self) -> Summary:
        from forebay.cli.output.summary import Summary, peak_memory

        return Summary(
            source=self._source.name,
            target=self._target.name,
            bytes_read=self._reader.bytes_read,
            bytes_written=self._writer.bytes_written,
            seconds=self._seconds,
            atomic=self._atomic is not None and self._atomic.published,
            peak_memory=peak_memory(),
            hash=None if self._hashing is None else (self._args.hash, self._hashing.hexdigest()),
            stages=[(name, stream.stats()) for name, stream in self._stages],
        )
