"""asyncio's private attribute ``_buffer``, for the libraries that reach for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from penstock.asyncio._receiving import ReaderCore


class BufferCopy(bytearray):
    """A copy of what a reader has buffered; what is changed in it is changed in the reader.

    aiosmtpd, for one, clears it when TLS starts, so that nothing that came in the clear counts.
    """

    def __init__(self, reader: ReaderCore) -> None:
        super().__init__(reader._peek(reader._buffered()))
        self._reader = reader

    def _write_back(self) -> None:
        self._reader._replace(bytes(self))

    def clear(self) -> None:
        super().clear()
        self._write_back()

    def extend(self, data: Any) -> None:
        super().extend(data)
        self._write_back()

    def __iadd__(self, data: Any) -> BufferCopy:  # type: ignore[misc]
        self.extend(data)
        return self

    def __setitem__(self, place: Any, data: Any) -> None:
        super().__setitem__(place, data)
        self._write_back()

    def __delitem__(self, place: Any) -> None:
        super().__delitem__(place)
        self._write_back()
