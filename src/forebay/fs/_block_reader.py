"""Reading in blocks: one call in a worker brings many chunks.

A block is a list of ``bytes`` pieces of at most 64 KiB, which the heap reuses. A single large object for each block would
be mapped, faulted in and unmapped every time. A buffer that is used again would have to be copied, because readers may
keep their chunks.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NamedTuple

from forebay._system.file_holes import Holes, hole_of
from forebay._system.interrupt import Interrupted
from forebay._system.open_file import OpenFile, named

__all__ = ["LARGEST_BLOCK", "Block", "BlockReader", "piece_size"]

#: Bytes that one call in a worker reads at most.
LARGEST_BLOCK = 1024 * 1024
_LARGEST_PIECE = 64 * 1024


def piece_size(chunk: int) -> int:
    """Return the bytes of one system call for a stream with chunks of ``chunk`` bytes: a whole number of chunks."""
    return max(chunk, _LARGEST_PIECE - _LARGEST_PIECE % chunk)


class Block(NamedTuple):
    """The result of one call: pieces in order, then the end of the file, an error, or neither."""

    pieces: list[bytes]
    ended: bool
    error: OSError | None


class BlockReader:
    """Read a file from ``offset`` on, or an unseekable one as it comes, up to ``limit`` bytes.

    The offset advances by the number of bytes read, so that blocks ordered ahead have no gap after a short read.
    """

    def __init__(self, file: OpenFile, offset: int | None, limit: int | None) -> None:
        self._file = file
        self._offset = offset
        self._limit = limit
        self._ended = False
        self._holes = None if offset is None else Holes.of(file)

    def read(self, nbytes: int, piece: int) -> Block:
        """Read up to ``nbytes`` in pieces of ``piece`` bytes. From a pipe or device, wait and read what has arrived."""
        pieces: list[bytes] = []
        error = None
        try:
            while nbytes > 0 and not self._ended:
                data = self._read_piece(min(piece, nbytes), not pieces)
                if data is None:
                    break
                if not data:
                    self._ended = True
                    break
                pieces.append(data)
                nbytes -= len(data)
        except Interrupted:
            self._ended = True
        except OSError as caught:
            # Data that was read before the error is delivered first.
            self._ended = True
            error = named(caught.with_traceback(None), self._file.path)
        return Block(pieces, self._ended, error)

    def _read_piece(self, size: int, first: bool) -> bytes | None:
        """Read the next bytes: b"" at the end; None if nothing has arrived now and something came before."""
        file = self._file
        file.interrupt.check()
        if self._limit is not None:
            size = min(size, self._limit)
            if size == 0:
                return b""
        if self._offset is not None:
            # The rest of a short file does not need room for a large chunk; one byte more finds out that it grew.
            if size > _LARGEST_PIECE:
                size = min(size, max(_LARGEST_PIECE, file.size - self._offset + 1))
            data = self._hole(size, self._offset) or _pread(file.fd, size, self._offset)
            self._offset += len(data)
        else:
            ready = self._read_ready(size, first)
            if ready is None:
                return None
            data = ready
        if self._limit is not None:
            self._limit -= len(data)
        return data

    def _hole(self, size: int, offset: int) -> bytes | None:
        """Return the chunk for ``size`` bytes that are all in a hole; None if there is data to read."""
        if self._holes is None or self._holes.look(offset)[0] < size:
            return None
        return hole_of(size)

    def _read_ready(self, size: int, first: bool) -> bytes | None:
        file = self._file
        while True:
            if first:
                file.interrupt.wait_readable(file.fd)
            elif not file.interrupt.readable(file.fd):
                return None
            try:
                return os.read(file.fd, size)
            except BlockingIOError:
                # Another reader of the same pipe was faster.
                if not first:
                    return None


def _seek_and_read(fd: int, size: int, offset: int) -> bytes:
    os.lseek(fd, offset, os.SEEK_SET)
    return os.read(fd, size)


_pread: Callable[[int, int, int], bytes] = getattr(os, "pread", _seek_and_read)
