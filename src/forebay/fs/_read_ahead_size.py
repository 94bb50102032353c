"""The size of a file's read-ahead: large enough that a fast reader seldom waits, small for a slow one, to save memory."""

from __future__ import annotations

from time import monotonic

from forebay._system.worker_pool import open_streams
from forebay.fs._block_reader import LARGEST_BLOCK, piece_size

__all__ = ["ReadAheadSize"]

#: The number of blocks that are being read, or that wait, while the stream pushes the chunks of an earlier block.
_BLOCKS_AHEAD = 2
#: The bytes of all blocks of all open files together. Each file gets at least one block of the smallest size.
_BYTES_OF_ALL = 64 * 1024 * 1024
#: A reader keeps up if it uses a block up within this number of seconds.
_BLOCK_SECONDS = 0.05


class ReadAheadSize:
    """The size and the number of a file's blocks: double the last size while the reader keeps up, otherwise half.

    ``chunk`` is the size of the stream's chunks in bytes. ``piece`` is the size of one system call and of the smallest block.
    """

    def __init__(self, chunk: int) -> None:
        self.piece = piece_size(chunk)
        self._chunk = chunk
        self._block = 0
        self._began = 0.0
        self._slow = False

    def begin(self) -> None:
        """Note that the reader gets a block."""
        self._began = monotonic()

    def end(self) -> None:
        """Note that the reader has used up its block. From here on it waits for the disk."""
        if self._began:
            self._slow = monotonic() - self._began > _BLOCK_SECONDS
            self._began = 0.0

    def blocks(self, read: int) -> int:
        """Return how many blocks may be ordered or waiting after ``read`` bytes were handed on."""
        # A reader of only a header needs no read-ahead.
        ahead = read > self._chunk and not self._slow and self._share() > self.piece
        return _BLOCKS_AHEAD if ahead else 1

    def next_block(self) -> int:
        """Return the size of the next block in bytes."""
        size = self._block // 2 if self._slow else self._block * 2
        self._block = max(self.piece, min(size, self._share()))
        return self._block

    def _share(self) -> int:
        return min(LARGEST_BLOCK, _BYTES_OF_ALL // ((_BLOCKS_AHEAD + 1) * max(1, open_streams())))
