"""brotli, by the package brotli."""

from __future__ import annotations

from typing import Any

from forebay.codecs._format import Encoder, Format, Member, SerialEncoder, load_library

__all__ = ["BROTLI"]

# The highest level at which a job of 256 KiB is soon over.
_QUICK_LEVEL = 9
# The power of two of the window's bytes. The library's default is twice as large, and takes 30 MiB.
_WINDOW = 21
# Bytes of output of a call.
_OUTPUT = 32 * 1024


def _load() -> Any:
    return load_library("brotli", "brotli", "brotli")


class _Brotli(Format):
    name = "brotli"
    extensions = (".br",)
    levels = (0, 5, 11)
    many = False
    parallel = False

    def load(self) -> None:
        _load()

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        return (_load().error,)

    def encoder(self, level: int, threads: int) -> Encoder:
        step = 256 * 1024 if level <= _QUICK_LEVEL else 64 * 1024
        return SerialEncoder(_BrotliCompressor(level), block=step, inline=0, least=64 * 1024)

    def member(self, max_window: int) -> Member:
        return _BrotliMember()

    def in_words(self, error: Exception) -> str:
        # The library does not tell damage from bytes behind the end, and has one text for all of it.
        return "it is not brotli, or something follows it"


class _BrotliCompressor:
    """A compressor of brotli with the interface of the other ones."""

    def __init__(self, level: int) -> None:
        self._compressor = _load().Compressor(quality=level, lgwin=_WINDOW)

    def compress(self, data: Any) -> bytes:
        return bytes(self._compressor.process(data))

    def flush(self) -> bytes:
        return bytes(self._compressor.finish())


class _BrotliMember:
    """A decompressor of brotli with the interface of the other ones."""

    unused_data = b""

    def __init__(self) -> None:
        self._decompressor = _load().Decompressor()
        self._has_more = False

    @property
    def eof(self) -> bool:
        return bool(self._decompressor.is_finished())

    @property
    def needs_input(self) -> bool:
        return not self._has_more and bool(self._decompressor.can_accept_more_data())

    def decompress(self, data: Any, max_length: int) -> bytes:
        # The library takes the limit for a hint: it returns what its last buffer had room for, and each is larger.
        output = bytes(self._decompressor.process(data, output_buffer_limit=min(max_length, _OUTPUT)))
        # It does not tell whether it holds more.
        self._has_more = bool(output)
        return output


BROTLI = _Brotli()
