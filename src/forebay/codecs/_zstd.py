"""zstd, by the module of Python 3.14 or by backports.zstd."""

from __future__ import annotations

import sys
from typing import Any

from forebay.codecs._format import BlockEncoder, Encoder, Format, Member, SerialEncoder, load_library

__all__ = ["ZSTD"]

# Where zstd is: in Python from 3.14 on, and in a package with the same names. A search that fails takes longer than a frame.
_MODULE = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
# Bytes of a frame, when several threads work.
_BLOCK = 2 * 1024 * 1024
# The highest level at which a little input never brings much work, so that the loop's thread may do it.
_QUICK_LEVEL = 9


def _load() -> Any:
    return load_library("zstd", "zstd", _MODULE)


class _Zstd(Format):
    name = "zstd"
    extensions = (".zst", ".zstd", ".tzst")
    # A frame, and one that decoders skip.
    magics = (b"\x28\xb5\x2f\xfd", *(bytes((first, 0x2A, 0x4D, 0x18)) for first in range(0x50, 0x60)))

    def load(self) -> None:
        _load()

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        return (_load().ZstdError,)

    @property
    def levels(self) -> tuple[int, int, int]:
        lowest, highest = _load().CompressionParameter.compression_level.bounds()
        return lowest, 3, highest

    def encoder(self, level: int, threads: int) -> Encoder:
        if threads > 1:
            return BlockEncoder(
                threads, _BLOCK, lambda data: bytes(_load().compress(data, options=_options(level)))
            )
        inline = 16 * 1024 if level <= _QUICK_LEVEL else 0
        compressor = _load().ZstdCompressor(options=_options(level))
        return SerialEncoder(compressor, inline=inline, least=1 if inline else 64 * 1024)

    def member(self, max_window: int) -> Member:
        names = _load().DecompressionParameter
        lowest, highest = names.window_log_max.bounds()
        power = max(lowest, min(highest, max_window.bit_length() - 1))
        member: Member = _load().ZstdDecompressor(options={names.window_log_max: power})
        return member

    def in_words(self, error: Exception) -> str:
        text = super().in_words(error)
        if "checksum" in text:
            return "data check does not match"
        if "too much memory" in text:
            return "its window is larger than max_window= allows"
        return text


def _options(level: int) -> dict[Any, Any]:
    names = _load().CompressionParameter
    # Without a checksum, damage would go unnoticed.
    return {names.compression_level: level, names.checksum_flag: True}


ZSTD = _Zstd()
