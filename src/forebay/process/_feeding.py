"""The writable side of a program's streams: the input of the program."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from forebay._core.abort import Left
from forebay._core.scheduling.ticks import next_tick
from forebay._system.direct_transfer import DirectTarget, TargetOwner, Transfer
from forebay._system.file_sender import FileSender
from forebay.streams.joining.leaving import LeavesInput

if TYPE_CHECKING:
    from forebay.process._outlet import Outlet

__all__ = ["Feeding"]

# SPLICE_F_MOVE and SPLICE_F_NONBLOCK, which have names in Python 3.14 and later only.
_SPLICE_FLAGS = 3


class Feeding(DirectTarget, LeavesInput):
    """The methods of a stream that feeds a program, for a subclass of Writable.

    When the program stops reading, what was written and not read is dropped, and a later write fails with BrokenPipeError.
    """

    _outlet: Outlet | None

    def _begin_feeding(self) -> None:
        self._note_sources()
        self._w_refuse_with(self._refusal)

    def _refusal(self) -> BaseException | None:
        return None if self._outlet is None else self._outlet.refusal()

    def _program_left(self) -> None:
        """End the writable side: the program has stopped reading. That may be found in the middle of a write."""
        if not self.writable_ended and not self.destroyed:
            self._left_input = Left()
            next_tick(self._leave_input, self._left_input)

    # ---- the direct path from a file

    def cork(self) -> None:
        """Cork as `Writable.cork` does."""
        # Raises if the subclass did not call the constructor.
        self._s_has_side(False)
        self._stop_transfer()
        super().cork()

    @property
    def _takes_files(self) -> bool:
        return sys.platform == "linux"

    @property
    def _busy(self) -> bool:
        return bool(self._s_takes_more()) and not self._is_idle

    @property
    def _free(self) -> bool:
        return bool(self._s_takes_more()) and self._is_idle

    @property
    def _is_idle(self) -> bool:
        return self._outlet is not None and self._outlet.idle and bool(self._s_has_written_all())

    def _when_free(self, call: Callable[[], None]) -> None:
        if self._outlet is not None:
            self._outlet.when_free(call)

    def _acquire(self, owner: TargetOwner) -> None:
        # The running transfer owns the pipe, and _stop_transfer() stops it.
        pass

    def _transfer(self, transfer: Transfer) -> None:
        assert self._outlet is not None
        FileSender(self._outlet, transfer, _splice)

    def _stop_transfer(self) -> None:
        if self._outlet is not None and self._outlet.owner is not None:
            self._outlet.owner.stop()

    def _release(self, nbytes: int, chunks: int) -> None:
        self._s_count_written(nbytes, chunks)
        if self._outlet is not None:
            self._outlet.release()


def _splice(dest: int, source: int, offset: int, size: int) -> int:
    """Move a part of a file to a pipe. Return the number of bytes, 0 at the end of the file, and -1 if it would block."""
    try:
        return os.splice(source, dest, size, offset_src=offset, flags=_SPLICE_FLAGS)
    except BlockingIOError:
        return -1
