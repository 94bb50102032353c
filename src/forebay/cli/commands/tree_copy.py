"""A copy of a folder with all that is in it: ``forebay copy -r``.

It uses threads and no event loop, which would take longer to load than a small tree to copy.
"""

from __future__ import annotations

import argparse
import os
import sys
from time import monotonic

from forebay._system.tree_copy import MOST_JOBS, TreeCopy, usual_jobs
from forebay.cli.commands.copy_options import FOR_ONE, option_of
from forebay.cli.output.failure import Failure, complain, in_one_line
from forebay.cli.output.tree_summary import TreeSummary
from forebay.cli.signals import Caught
from forebay.errors import InvalidArgValueError

__all__ = ["run"]

_SECONDS_BETWEEN_LOOKS = 0.1


class _Stop(Caught):
    """Stop the copy at the first signal."""

    copy: TreeCopy | None = None

    def stop(self) -> None:
        if self.copy is not None:
            self.copy.stop()


def run(args: argparse.Namespace) -> int:
    """Copy; return the exit status. Raises Failure."""
    for name in FOR_ONE:
        if getattr(args, name) is not None:
            raise Failure(f"--{option_of(name, args)} is for the copy of one file, without -r", 2)
    for end in (args.source, args.target):
        if end == "-" or "://" in end:
            raise Failure(f"{end}: -r copies folders of this machine", 2)
    if args.jobs is not None and args.jobs > MOST_JOBS:
        raise Failure(f"--jobs may be at most {MOST_JOBS}", 2)
    if os.path.exists(args.source) and not os.path.isdir(args.source):
        raise Failure(f"{args.source}: this is not a folder; copy a file without -r")
    began = monotonic()
    jobs = args.jobs or usual_jobs()
    copy = TreeCopy(
        args.source,
        args.target,
        jobs=jobs,
        atomic=args.atomic,
        sync=args.sync,
        failed=lambda error: complain(in_one_line(error, args.source)),
    )
    # Ignore signals until the process ends: a late signal must not look as if it had stopped the copy.
    with _Stop(is_last=args.is_process) as stop:
        stop.copy = copy
        if stop.number is None:
            _copy(copy, args)
        if copy.is_stopped and stop.number is not None:
            return 128 + stop.number
    if not args.quiet:
        summary = TreeSummary(args.source, args.target, copy.counts, monotonic() - began, args.atomic, jobs)
        print(summary.json() if args.json else summary.text(), flush=True)
    return 1 if copy.counts.failed else 0


def _copy(copy: TreeCopy, args: argparse.Namespace) -> None:
    try:
        copy.start()
    except InvalidArgValueError as error:
        raise Failure(str(error)) from None
    except OSError as error:
        raise Failure(in_one_line(error, args.target)) from None
    try:
        _watch(copy, args)
    finally:
        try:
            copy.finish()
        except OSError as error:
            raise Failure(in_one_line(error, args.target)) from None


def _watch(copy: TreeCopy, args: argparse.Namespace) -> None:
    """Wait for the end, and show the progress if it is wanted."""
    wanted = args.progress
    if wanted is None:
        wanted = sys.stderr is not None and sys.stderr.isatty()
    if not wanted or sys.stderr is None:
        # A signal wakes a wait that has an end.
        while not copy.wait(_SECONDS_BETWEEN_LOOKS):
            pass
        return
    from forebay.cli.output.tree_progress import TreeProgress

    with TreeProgress(sys.stderr, copy.counts) as progress:
        while not copy.wait(_SECONDS_BETWEEN_LOOKS):
            progress.look()
