"""A copy from one source to one target: the two, and the requested stages between them, as one pipeline."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
from time import monotonic
from typing import TYPE_CHECKING, Any

from forebay.cli.commands.copy_options import FOR_ROWS, FOR_TREES
from forebay.cli.endpoints.by_scheme import is_database, source_of, target_of
from forebay.cli.endpoints.files import refuse_same_file
from forebay.cli.output.failure import Failure
from forebay.cli.stopping import Stopping
from forebay.errors import AbortError
from forebay.streams.joining.pipeline import pipeline

if TYPE_CHECKING:
    from forebay.cli.commands.byte_route import ByteRoute
    from forebay.cli.output.summary import Summary

__all__ = ["run"]

_NOBODY_READS = 141


def run(args: argparse.Namespace) -> int:
    """Copy; return the exit status. Raises Failure."""
    has_rows = is_database(args.source) or is_database(args.target)
    if not has_rows or (args.query is not None and not is_database(args.source)):
        for name in FOR_ROWS[: 1 if has_rows else None]:
            if getattr(args, name) is not None:
                raise Failure(
                    f"--{name} is for a copy from {'' if name == 'query' else 'or to '}a database", 2
                )
    for name in FOR_TREES:
        if getattr(args, name):
            raise Failure(f"--{name} is for a copy of a tree; use it with -r", 2)
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
        from forebay.cli.output.memory import peak_memory
        from forebay.cli.output.summary import Summary

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
