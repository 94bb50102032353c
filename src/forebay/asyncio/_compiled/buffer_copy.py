"""A copy of a reader's buffered bytes, for libraries that use asyncio's private ``_buffer``."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from forebay.asyncio._compiled.reader_core import ReaderCore


class BufferCopy(bytearray):
    """A copy of a reader's buffered bytes. A change of the copy changes the reader as well.

    For example, aiosmtpd clears it when TLS starts, so that no earlier plain text counts.
    """

    def __init__(self, reader: ReaderCore) -> None:
        super().__init__(reader._peek(reader._buffered()))
        self._reader = reader

    def _and_back(method: Any) -> Any:
        """Return a method that changes the bytes here and in the reader."""

        @functools.wraps(method)
        def changing(self: BufferCopy, *arguments: Any) -> Any:
            result = method(self, *arguments)
            self._reader._replace(bytes(self))
            return result

        return changing

    append = _and_back(bytearray.append)
    clear = _and_back(bytearray.clear)
    extend = _and_back(bytearray.extend)
    insert = _and_back(bytearray.insert)
    pop = _and_back(bytearray.pop)
    remove = _and_back(bytearray.remove)
    reverse = _and_back(bytearray.reverse)
    __setitem__ = _and_back(bytearray.__setitem__)
    __delitem__ = _and_back(bytearray.__delitem__)
    __iadd__ = _and_back(bytearray.__iadd__)
    __imul__ = _and_back(bytearray.__imul__)
