"""Files, and ``-`` for standard input and output, as the two ends of a copy."""

from __future__ import annotations

import errno
import os
import stat
from typing import Any

from forebay._core.abort import AbortSignal
from forebay.cli.output.failure import Failure, in_one_line
from forebay.fs import ReadStream, WriteStream, create_read_stream, create_write_stream

__all__ = ["Source", "Target", "refuse_same_file"]

_STDIN = 0
_STDOUT = 1


class Source:
    """The source of the bytes. ``name``: for messages. ``total``: the expected bytes, None if unknown."""

    def __init__(self, text: str) -> None:
        self.is_stdin = text == "-"
        self.name = "standard input" if self.is_stdin else text
        self._path = text
        try:
            self.status = os.fstat(_STDIN) if self.is_stdin else os.stat(text)
        except (OSError, ValueError) as error:
            raise Failure(in_one_line(error, self.name)) from None
        if stat.S_ISDIR(self.status.st_mode):
            raise Failure(f"{self.name}: {os.strerror(errno.EISDIR)}; -r copies it with all that is in it")
        self.total = self._size()

    def _size(self) -> int | None:
        # Files with generated content, as in /proc, report a size of 0.
        if not stat.S_ISREG(self.status.st_mode) or not self.status.st_size:
            return None
        skipped = os.lseek(_STDIN, 0, os.SEEK_CUR) if self.is_stdin else 0
        return max(0, self.status.st_size - skipped)

    @property
    def is_terminal(self) -> bool:
        return self.is_stdin and os.isatty(_STDIN)

    @property
    def permissions(self) -> int:
        """Return the permissions of a new copy, less the umask: those of a file, so that private data stays private."""
        if self.is_stdin or not stat.S_ISREG(self.status.st_mode):
            return 0o666
        return stat.S_IMODE(self.status.st_mode) & 0o777

    async def open(self, high_water_mark: int, signal: AbortSignal) -> ReadStream:
        if not self.is_stdin:
            return create_read_stream(self._path, high_water_mark=high_water_mark)
        # A descriptor of its own, so that closing the stream leaves standard input open.
        return create_read_stream(self.name, fd=os.dup(_STDIN), high_water_mark=high_water_mark)


class Target:
    """The target of the bytes. ``name``: for messages. ``atomic``: whether the file appears as a whole or not at all."""

    def __init__(self, text: str, atomic: bool) -> None:
        self.is_stdout = text == "-"
        self.name = "standard output" if self.is_stdout else text
        self._path = text
        self.status = self._look()
        if self.status is not None and stat.S_ISDIR(self.status.st_mode):
            raise Failure(f"{self.name}: {os.strerror(errno.EISDIR)}; name the file to write")
        self.atomic = atomic and self._can_be_replaced()

    def _look(self) -> os.stat_result | None:
        try:
            return os.fstat(_STDOUT) if self.is_stdout else os.stat(self._path)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise Failure(in_one_line(error, self.name)) from None

    def _can_be_replaced(self) -> bool:
        if self.is_stdout:
            return False
        if self.status is None:
            return True
        if not stat.S_ISREG(self.status.st_mode):
            return False
        # A link such as /dev/stdout may lead to another file than its text says.
        try:
            return os.path.samestat(self.status, os.stat(os.path.realpath(self._path)))
        except OSError:
            return False

    @property
    def takes_our_output(self) -> bool:
        """Return whether messages on standard output would end up among the copied bytes."""
        if self.is_stdout or self.status is None:
            return self.is_stdout
        try:
            return not stat.S_ISCHR(self.status.st_mode) and os.path.samestat(self.status, os.fstat(_STDOUT))
        except OSError:
            return False

    @property
    def is_terminal(self) -> bool:
        return self.is_stdout and os.isatty(_STDOUT)

    async def open(self, high_water_mark: int, permissions: int, signal: AbortSignal) -> WriteStream:
        if self.is_stdout:
            return create_write_stream(self.name, fd=os.dup(_STDOUT), high_water_mark=high_water_mark)
        return create_write_stream(
            self._path, high_water_mark=high_water_mark, mode=permissions, atomic=self.atomic
        )

    def hint(self, error: BaseException) -> str:
        """Return advice for an error of the target; usually ""."""
        if (
            self.atomic
            and isinstance(error, PermissionError)
            and self.status is not None
            and os.access(self._path, os.W_OK)
        ):
            return "; its directory takes no new file, --no-atomic writes the old one in place"
        return ""


def refuse_same_file(source: Any, target: Any) -> None:
    """Raise Failure if the target is the file that is read. Devices and pipes may be both."""
    if (
        source.status is not None
        and target.status is not None
        and (stat.S_ISREG(source.status.st_mode) or stat.S_ISBLK(source.status.st_mode))
        and os.path.samestat(source.status, target.status)
    ):
        raise Failure(f"{source.name} and {target.name} are the same file")
