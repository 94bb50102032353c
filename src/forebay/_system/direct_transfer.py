"""The interface of a destination to which the kernel can move a file's bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, TypeGuard

from forebay._system.kernel_copy import Moved, Mover
from forebay._system.open_file import OpenFile
from forebay._system.worker_pool import Strand

__all__ = ["Borrower", "DirectSource", "DirectTarget", "Trip"]


class Borrower(Protocol):
    """Who moves the bytes, and has the destination for himself meanwhile."""

    def stop(self) -> None:
        """Return the destination soon: other code wants to write to it."""


class Trip(NamedTuple):
    """One part of a file, to be moved by the destination, from the file's offset ``start`` on.

    ``limit``: bytes to move at most, None for all there are. ``done(moved, error)`` is called when it is over: at the
    end, after a failure, soon after `Borrower.stop`, and once in a while so that the source can look whether the bytes
    may still go this way. ``strand`` is the file's, ``mover`` the source's own.
    """

    file: OpenFile
    strand: Strand
    mover: Mover
    start: int
    limit: int | None
    done: Callable[[Moved | None, BaseException | None], None]


class DirectSource(Protocol):
    """What the direct path needs of the Readable whose file it moves."""

    _file: OpenFile
    _strand: Strand

    @property
    def readable_encoding(self) -> str | None: ...

    @property
    def readable_flowing(self) -> bool | None: ...

    @property
    def readable_high_water_mark(self) -> int: ...

    @property
    def readable_length(self) -> int: ...

    def listener_count(self, event: str) -> int: ...

    def _takes_direct_path(self, dest: Any) -> TypeGuard[DirectTarget]:
        """Whether a file may go to ``dest`` inside the kernel."""

    def _rewind(self) -> tuple[int, int | None]:
        """Where in the file to begin, with nothing read ahead, and how many bytes there are to move at most."""

    def _count_moved(self, nbytes: int, chunks: int) -> None:
        """Count what was moved as if it had been read."""

    def _answer_read(self) -> None:
        """Answer the outstanding `_read`, on the direct path where that is possible."""

    def _feed(self) -> None:
        """Answer the outstanding `_read` with a chunk."""

    def _reached_end(self) -> None:
        """The end of the file, or of the part that was asked for."""


class DirectTarget:
    """The part of a Writable that a piped file asks before it goes the ordinary way."""

    __slots__ = ()

    @property
    def _takes_files(self) -> bool:
        """Whether chunks go to a descriptor as they are, by the methods of this class."""
        raise NotImplementedError

    @property
    def _busy(self) -> bool:
        """Whether it will be free by itself."""
        raise NotImplementedError

    @property
    def _free(self) -> bool:
        """Whether it is open, nothing is on its way to it, and more may come."""
        raise NotImplementedError

    def _when_free(self, call: Callable[[], None]) -> None:
        """Call ``call()`` once, when it may have become free."""
        raise NotImplementedError

    def _lend(self, borrower: Borrower) -> None:
        """Leave the writing to ``borrower`` until `_returned`; writes wait, and ask it to hurry."""
        raise NotImplementedError

    def _carry(self, trip: Trip) -> None:
        """Move what the trip is about; after `_lend`."""
        raise NotImplementedError

    def _hurry(self) -> None:
        """Come to the end of the trip soon."""

    def _returned(self, nbytes: int, chunks: int) -> None:
        """The borrower is done and has added ``nbytes``, which would have been so many ``chunks``."""
        raise NotImplementedError
