"""bzip2 and xz, by Python's own modules, which some builds of Python lack."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from typing import Any

from forebay.codecs._format import BlockEncoder, Encoder, Format, Member, SerialEncoder

__all__ = ["BZ2", "XZ"]

# Bytes of input of a job: both are slow, and a job should soon be over. Less than this brings no output.
_STEP = 64 * 1024
# Bytes of a stream, when several threads work, and of its window: a larger window would only take memory. Blocks of twice the
# size make the output 1 to 3 percent smaller.
_XZ_BLOCK = 1024 * 1024
# Bytes that the decoder of xz needs besides its window.
_XZ_DECODER = 1024 * 1024


def _bz2() -> Any:
    return import_module("bz2")


def _lzma() -> Any:
    return import_module("lzma")


def _xz_stream(level: int, data: bytes) -> bytes:
    """Return a stream of xz, made with a window that is no larger than a block."""
    library = _lzma()
    window = {"dict_size": _XZ_BLOCK} if level else {}
    filters = [{"id": library.FILTER_LZMA2, "preset": level, **window}]
    stream: bytes = library.compress(data, library.FORMAT_XZ, library.CHECK_CRC64, filters=filters)
    return stream


class _Bz2(Format):
    name = "bz2"
    extensions = (".bz2", ".bz", ".tbz2", ".tbz")
    levels = (1, 9, 9)
    magics = tuple(
        b"BZh%d%b" % (digit, block)
        for digit in range(1, 10)
        for block in (b"1AY&SY", b"\x17\x72\x45\x38\x50\x90")
    )
    # A block of up to 900,000 bytes is decoded in one go.
    inline = 0
    errors = (OSError, ValueError)

    def load(self) -> None:
        _bz2()

    def encoder(self, level: int, threads: int) -> Encoder:
        if threads > 1:
            return BlockEncoder(threads, 100_000 * level, lambda data: _bz2().compress(data, level))
        return SerialEncoder(_bz2().BZ2Compressor(level), block=_STEP, inline=0, least=_STEP)

    def member(self, max_window: int) -> Member:
        member: Member = _bz2().BZ2Decompressor()
        return member


class _Xz(Format):
    name = "xz"
    extensions = (".xz", ".txz")
    # The default of the command needs 94 MiB.
    levels = (0, 2, 9)
    magics = (b"\xfd7zXZ\0",)
    padding = 4
    inline = 4 * 1024

    def load(self) -> None:
        _lzma()

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        return (_lzma().LZMAError,)

    def encoder(self, level: int, threads: int) -> Encoder:
        if threads > 1:
            return BlockEncoder(threads, _XZ_BLOCK, partial(_xz_stream, level))
        compressor = _lzma().LZMACompressor(_lzma().FORMAT_XZ, _lzma().CHECK_CRC64, preset=level)
        return SerialEncoder(compressor, block=_STEP, inline=0, least=_STEP)

    def member(self, max_window: int) -> Member:
        member: Member = _lzma().LZMADecompressor(_lzma().FORMAT_XZ, memlimit=max_window + _XZ_DECODER)
        return member

    def in_words(self, error: Exception) -> str:
        text = super().in_words(error)
        if "emory usage limit" in text:
            return "its window is larger than max_window= allows"
        return text


BZ2 = _Bz2()
XZ = _Xz()
