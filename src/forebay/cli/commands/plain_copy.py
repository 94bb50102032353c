"""A copy of one file to another without anything between them: ``forebay copy FILE FILE``.

The kernel moves the bytes, as on the direct path of the streams. It needs no event loop, which would take longer to load than
many files to copy.
"""

from __future__ import annotations

import argparse
import os
import stat
import sys
from contextlib import suppress
from time import monotonic
from types import TracebackType

from forebay._system.atomic_replace import Replacement
from forebay._system.tree_entries import End, Stopped, move_content
from forebay.cli.commands.copy_options import FOR_ONE, FOR_TREES
from forebay.cli.output.failure import Failure, in_one_line
from forebay.cli.signals import Caught

__all__ = ["PlainCopy"]

# The marks that streams have by default, for the summary.
_READ_MARK = 64 * 1024
_WRITE_MARK = 1024 * 1024


class _About:
    """Set the name of a file in every OSError of a block."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if isinstance(error, OSError):
            error.filename = self._path


class PlainCopy:
    """One copy. `open` makes it if it is one of this kind."""

    def __init__(self, args: argparse.Namespace, source: int, status: os.stat_result) -> None:
        self._args = args
        self._source = source
        self._status = status
        self._out = -1
        self._replacement: Replacement | None = None

    @staticmethod
    def open(args: argparse.Namespace) -> PlainCopy | None:
        """Open both files. Return None where the streams have to do it, or have to say what is wrong."""
        if not _is_plain(args):
            return None
        try:
            if not stat.S_ISREG(os.stat(args.source).st_mode) or not _can_be_target(args.target):
                return None
            source = os.open(args.source, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        except (OSError, ValueError):
            return None
        copy = PlainCopy(args, source, os.fstat(source))
        try:
            if copy._open_target():
                return copy
        except (OSError, ValueError):
            pass
        except BaseException:
            copy._close()
            raise
        copy._close()
        return None

    def _open_target(self) -> bool:
        """Open the target. Return False where nothing was changed, and a stream has to write it."""
        # Files with generated content, as in /proc, have no size.
        if not stat.S_ISREG(self._status.st_mode) or not self._status.st_size:
            return False
        target = self._args.target
        with suppress(FileNotFoundError):
            # Files of the kernel can be written from their beginning only.
            if os.path.samestat(self._status, os.stat(target)) or os.statvfs(target).f_blocks == 0:
                return False
        mode = stat.S_IMODE(self._status.st_mode) & 0o777
        if not self._args.atomic:
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
            self._out = os.open(target, flags, mode)
            return True
        self._replacement = Replacement.of(target)
        out = None if self._replacement is None else self._replacement.open(mode)
        self._out = -1 if out is None else out
        return out is not None

    def run(self) -> int:
        """Copy; return the exit status. Raises Failure."""
        began = monotonic()
        args = self._args
        # Ignore signals until the process ends: a late signal must not look as if it had stopped the copy.
        with Caught(is_last=args.is_process) as caught:
            try:
                nbytes = self._move(caught)
            except Stopped:
                assert caught.number is not None
                return 128 + caught.number
            except OSError as error:
                raise Failure(in_one_line(error, f"{args.source}, {args.target}")) from None
            finally:
                self._close()
        if not args.quiet:
            self._report(nbytes, monotonic() - began)
        return 0

    def _move(self, caught: Caught) -> int:
        def is_stopped() -> bool:
            return caught.number is not None

        end = End(self._source, self._status.st_blocks * 512 < self._status.st_size)
        abouts = _About(self._args.source), _About(self._args.target)
        nbytes = move_content(end, self._out, self._status.st_size, abouts, is_stopped)
        # The file may be longer by now.
        nbytes += move_content(end, self._out, 0, abouts, is_stopped, nbytes)
        if self._replacement is not None:
            with abouts[1]:
                os.fsync(self._out)
            if is_stopped():
                raise Stopped
            self._replacement.take_place(self._out)
            self._replacement.sync_directory()
        return nbytes

    def _close(self) -> None:
        source, out, replacement = self._source, self._out, self._replacement
        self._source = self._out = -1
        self._replacement = None
        try:
            if replacement is not None:
                replacement.discard()
        finally:
            for fd in (source, out):
                if fd >= 0:
                    os.close(fd)

    def _report(self, nbytes: int, seconds: float) -> None:
        from forebay.cli.output.memory import peak_memory
        from forebay.cli.output.summary import Summary
        from forebay.stats import SideStats, StreamStats

        def side(mark: int) -> SideStats:
            return SideStats(-(-nbytes // _READ_MARK), nbytes, 0, mark, 0, 0, 0.0, False)

        summary = Summary(
            source=self._args.source,
            target=self._args.target,
            bytes_read=nbytes,
            bytes_written=nbytes,
            rows=None,
            seconds=seconds,
            atomic=self._args.atomic,
            peak_memory=peak_memory(),
            hash=None,
            stages=[
                ("read", StreamStats("ReadStream", side(_READ_MARK), None)),
                ("write", StreamStats("WriteStream", None, side(_WRITE_MARK))),
            ],
        )
        print(summary.json() if self._args.json else summary.text(), flush=True)


def _is_plain(args: argparse.Namespace) -> bool:
    """Whether nothing is asked for but the copy of a file."""
    shown = args.progress or (args.progress is None and sys.stderr is not None and sys.stderr.isatty())
    return not (
        shown
        or any(getattr(args, name) is not None for name in FOR_ONE)
        or any(getattr(args, name) for name in FOR_TREES)
        or any(end == "-" or ":" in end for end in (args.source, args.target))
    )


def _can_be_target(path: str) -> bool:
    """Whether a new file or a plain file is there. A link may lead to an open file of this process."""
    try:
        return stat.S_ISREG(os.lstat(path).st_mode) and not _is_stdout(path)
    except FileNotFoundError:
        return True


def _is_stdout(path: str) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(1))
    except OSError:
        return False
