"""The records of a TLS connection, between an SSL object and memory, for the backend that is not compiled."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from forebay._buffers import ChunkQueue

_RECORD_BYTES = 16384
_BLOCK_BYTES = 65536


class Records:
    """The records of one TLS connection, between an SSL object and memory.

    `ended`: the peer has announced its end, and everything before it is read.

    Args:
        tls: The SSL object.
        incoming: The `ssl.MemoryBIO` of received records.
        outgoing: The `ssl.MemoryBIO` of records to be sent.
    """

    def __init__(self, tls: ssl.SSLObject, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO) -> None:
        self.tls = tls
        self.incoming = incoming
        self.outgoing = outgoing
        self.ended = False
        self._left = False
        self._stalled = False
        self._over = False
        self._error: Exception | None = None

    def feed(self, data: Any) -> None:
        """Take received records, or parts of records."""
        self.incoming.write(data)
        self._stalled = False

    def feed_end(self) -> None:
        """Note that nothing more comes. After what was fed, reads raise `ssl.SSLEOFError` if the peer's end is missing."""
        self.incoming.write_eof()
        self._over = True

    def seal(self, data: Any) -> None:
        """Encrypt a bytes-like object of single bytes, which is not empty."""
        size = len(data)
        taken = self.tls.write(data)
        while taken < size:
            taken += self.tls.write(memoryview(data)[taken:])

    def take(self, most: int = -1) -> bytes:
        """Return up to ``most`` bytes of the records to be sent; -1 means all."""
        return self.outgoing.read(most)

    def holds_output(self) -> bool:
        """Return whether there is something to be sent."""
        return self.outgoing.pending > 0

    def is_due(self) -> bool:
        """Return whether another read may give plain bytes, the end or an error."""
        if self._left or self._error is not None or self.ended or self._over:
            return True
        return self.incoming.pending > 0 and not self._stalled

    def read_block(self) -> bytes | None:
        """Return up to 64 KiB of plain bytes, None if no record is complete, ``b""`` at the peer's end.

        Raises:
            ssl.SSLError: A record is wrong. The plain bytes before it came first.
        """
        pieces = self._pieces(_BLOCK_BYTES)
        return b"".join(pieces) if pieces or self.ended else None

    def read_onto(self, queue: ChunkQueue, most: int, first: int) -> int:
        """Append at least ``most`` plain bytes to a queue, or what there is. Return the number of bytes.

        If ``first`` is not above the size of the first block, that many bytes become one chunk. Raises as `read_block` does.
        """
        total = 0
        while total < most and (pieces := self._pieces(_BLOCK_BYTES)):
            block = b"".join(pieces)
            queue.append_copy(block, len(block), first if first <= len(block) and total == 0 else 0)
            total += len(block)
        return total

    def _pieces(self, size: int) -> list[bytes]:
        """Read up to ``size`` bytes. An error after plain bytes waits for the next call."""
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        pieces: list[bytes] = []
        if self.ended:
            return pieces
        try:
            while size > 0 and (self._left or self._over or self.incoming.pending):
                data = self.tls.read(min(size, _RECORD_BYTES))
                if not data:
                    self.ended = True
                    self._left = False
                    break
                pieces.append(data)
                size -= len(data)
                self._left = self.tls.pending() > 0
        except ssl.SSLZeroReturnError:
            self.ended = True
            self._left = False
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            self._left = False
            self._stalled = True
        except Exception as error:
            self._left = False
            if not pieces:
                raise
            self._error = error
        return pieces
