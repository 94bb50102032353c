"""lz4 in frames, by the package lz4."""

from __future__ import annotations

import re
from typing import Any

from forebay.codecs._format import BlockEncoder, Encoder, Format, Member, SerialEncoder, load_library

__all__ = ["LZ4"]

# Bytes of a frame, when several threads work.
_BLOCK = 1024 * 1024
# The highest level that is not of the slow kind.
_QUICK_LEVEL = 2
_WORD = re.compile(r"[A-Z]")


def _load() -> Any:
    return load_library("lz4", "lz4", "lz4.frame")


class _Lz4(Format):
    name = "lz4"
    extensions = (".lz4",)
    levels = (0, 0, 12)
    magics = (b"\x04\x22\x4d\x18", *(bytes((first, 0x2A, 0x4D, 0x18)) for first in range(0x50, 0x60)))
    # The library has no exception of its own.
    errors = (RuntimeError,)

    def load(self) -> None:
        _load()

    def encoder(self, level: int, threads: int) -> Encoder:
        if threads > 1:
            return BlockEncoder(
                threads,
                _BLOCK,
                lambda data: bytes(
                    _load().compress(data, compression_level=level, content_checksum=True, store_size=False)
                ),
            )
        return SerialEncoder(_Lz4Compressor(level), inline=16 * 1024 if level <= _QUICK_LEVEL else 0)

    def member(self, max_window: int) -> Member:
        member: Member = _load().LZ4FrameDecompressor()
        return member

    def in_words(self, error: Exception) -> str:
        # Such as ERROR_maxBlockSize_invalid.
        text = str(error).rpartition("ERROR_")[2]
        if "hecksum" in text:
            return "data check does not match"
        return _WORD.sub(lambda match: f" {match[0].lower()}", text).replace("_", " ").strip()


class _Lz4Compressor:
    """A compressor of lz4 with the interface of the other ones: it needs a call before the first chunk."""

    def __init__(self, level: int) -> None:
        self._compressor = _load().LZ4FrameCompressor(compression_level=level, content_checksum=True)
        self._begun = False

    def compress(self, data: Any) -> bytes:
        return self._header() + bytes(self._compressor.compress(data))

    def flush(self) -> bytes:
        return self._header() + bytes(self._compressor.flush())

    def _header(self) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        return bytes(self._compressor.begin())


LZ4 = _Lz4()
