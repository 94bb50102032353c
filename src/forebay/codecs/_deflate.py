"""gzip, and deflate with and without the wrapper of zlib, by the fastest library that there is for each level."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from typing import Any

from forebay.codecs._crc import combine_crc32
from forebay.codecs._format import Encoder, Format, Member, SerialEncoder

__all__ = ["DEFLATE", "GZIP", "RAW_DEFLATE"]

# zlib's numbers for the largest window: with a header and trailer of gzip, of zlib, and without.
_GZIP, _ZLIB, _RAW = 31, 15, -15
# Bytes of a block, when several threads work, and of the window that it sees of the block before it.
_BLOCK = 512 * 1024
_WINDOW = 32 * 1024
# The levels for which isal makes about as little as zlib, at three to eight times its speed. Of the other levels, zlib-ng
# makes as little at twice the speed. Measured on CSV, source code and machine code.
_ISAL_LEVELS = (1, 2, 3)
_NUMBER = re.compile(r"^error -\d+ ")
_HEADER = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"


@cache
def _library(name: str) -> Any:
    """Return a module with the interface of zlib; None if it is not installed."""
    try:
        return import_module(name)
    except ImportError:
        return None


def _compress_library(level: int) -> Any:
    if level == 0:
        return zlib
    isal = _library("isal.isal_zlib") if level in _ISAL_LEVELS else None
    return isal or _library("zlib_ng.zlib_ng") or zlib


def _decompress_library() -> Any:
    return _library("isal.isal_zlib") or _library("zlib_ng.zlib_ng") or zlib


class _Deflate(Format):
    """A format of zlib."""

    levels = (0, 6, 9)
    ends = ("no compression", "smallest")
    window = _ZLIB
    parallel = False

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        return (_decompress_library().error, zlib.error)

    def encoder(self, level: int, threads: int) -> Encoder:
        return SerialEncoder(_compress_library(level).compressobj(level, zlib.DEFLATED, self.window))

    def member(self, max_window: int) -> Member:
        return _ZlibMember(self.window)

    def in_words(self, error: Exception) -> str:
        text = str(error).rpartition(": ")[2].lower()
        if "check" in text:
            return "data check does not match"
        return _NUMBER.sub("", text)


class _Gzip(_Deflate):
    name = "gzip"
    extensions = (".gz", ".gzip", ".tgz")
    magics = (b"\x1f\x8b\x08",)
    window = _GZIP
    padding = 1
    parallel = True

    def encoder(self, level: int, threads: int) -> Encoder:
        return _BlocksOfOneMember(level, threads) if threads > 1 else super().encoder(level, threads)


class _ZlibOrRaw(_Deflate):
    """What HTTP calls deflate: written with the wrapper of zlib, read with it or without, as others send both."""

    name = "deflate"
    extensions = (".zz", ".zlib")
    many = False

    def member(self, max_window: int) -> Member:
        return _EitherMember()


class _Raw(_Deflate):
    name = "deflate-raw"
    many = False
    window = _RAW


GZIP = _Gzip()
DEFLATE = _ZlibOrRaw()
RAW_DEFLATE = _Raw()


class _ZlibMember:
    """A decompressor of zlib with the interface of the other ones."""

    def __init__(self, window: int) -> None:
        self._decompressor = _decompress_library().decompressobj(window)
        self.eof = False
        self.unused_data = b""
        self._tail: Any = b""

    @property
    def needs_input(self) -> bool:
        return not self._tail

    def decompress(self, data: Any, max_length: int) -> bytes:
        output: bytes = self._decompressor.decompress(self._tail or data, max_length)
        self._tail = self._decompressor.unconsumed_tail
        if self._decompressor.eof:
            self.eof = True
            self.unused_data = self._decompressor.unused_data
        return output


class _EitherMember:
    """A member with the wrapper of zlib or without, as its first two bytes say."""

    def __init__(self) -> None:
        self._member: _ZlibMember | None = None
        self._head = b""

    @property
    def eof(self) -> bool:
        return self._member is not None and self._member.eof

    @property
    def needs_input(self) -> bool:
        return self._member is None or self._member.needs_input

    @property
    def unused_data(self) -> bytes:
        return b"" if self._member is None else self._member.unused_data

    def decompress(self, data: Any, max_length: int) -> bytes:
        if self._member is None:
            data = self._head + bytes(data)
            if len(data) < 2:
                self._head = data
                return b""
            is_wrapped = data[0] & 15 == 8 and data[0] >> 4 <= 7 and (data[0] << 8 | data[1]) % 31 == 0
            self._member = _ZlibMember(_ZLIB if is_wrapped else _RAW)
        return self._member.decompress(data, max_length)


class _BlocksOfOneMember:
    """An encoder of gzip for several threads. Their blocks are one member, so that every reader reads all of them.

    Each block is deflated with the window that the block before it leaves, and ends at a byte.
    """

    inline = 0
    least = 1

    def __init__(self, level: int, threads: int) -> None:
        self.lanes = threads
        self.block = _BLOCK
        self._level = level
        self._library = _compress_library(level)
        self._window = b""
        self._crc = 0
        self._size = 0
        self._begun = False

    def job(self, chunks: Sequence[Any], last: bool) -> Callable[[], Any]:
        window = self._window
        self._window = _end_of([window, *chunks])

        def work() -> tuple[bytes, int, int, bool]:
            library = self._library
            compressor = library.compressobj(
                self._level, zlib.DEFLATED, _RAW, 8, zlib.Z_DEFAULT_STRATEGY, *([window] if window else [])
            )
            outputs = []
            crc = size = 0
            for chunk in chunks:
                outputs.append(compressor.compress(chunk))
                crc = library.crc32(chunk, crc)
                size += len(chunk)
            outputs.append(compressor.flush(zlib.Z_FINISH if last else zlib.Z_SYNC_FLUSH))
            return b"".join(outputs), crc, size, last

        return work

    def joined(self, result: tuple[bytes, int, int, bool]) -> bytes:
        output, crc, size, last = result
        self._crc = combine_crc32(self._crc, crc, size)
        self._size += size
        header = b"" if self._begun else _HEADER
        self._begun = True
        trailer = b""
        if last:
            trailer = self._crc.to_bytes(4, "little") + (self._size & 0xFFFFFFFF).to_bytes(4, "little")
        return header + output + trailer


def _end_of(chunks: Sequence[Any]) -> bytes:
    """Return the last bytes of ``chunks``, as many as a window has."""
    kept: list[Any] = []
    size = 0
    for chunk in reversed(chunks):
        kept.append(chunk[-(_WINDOW - size) :])
        size += len(kept[-1])
        if size >= _WINDOW:
            break
    return b"".join(reversed(kept))
