"""Transforms for bytes: compress, decompress and hash them.

The libraries release the interpreter lock while they work on a large chunk. So worker threads process large chunks
while the event loop continues; the order of the bytes is kept. Small chunks are processed at once.

**Memory.** The coders work in steps of bounded input and of at most 256 KiB of output, however large a chunk is and however
much it expands. They produce output only while the readable side has room. The libraries hold windows: zstd up to 8 MiB to
compress, xz 17 MiB at its default level; ``max_window`` bounds what a decoder may hold. `hashing` passes chunks on
before they are hashed; at most 1 MiB of them is not hashed yet.
"""

from __future__ import annotations

import os

from forebay._core.abort import AbortSignal
from forebay.codecs._arguments import check_limits, checked_threads
from forebay.codecs._brotli import BROTLI
from forebay.codecs._bz2_xz import BZ2, XZ
from forebay.codecs._compressor import Compressor
from forebay.codecs._decoder import Decoder
from forebay.codecs._decompressor import Decompressor
from forebay.codecs._deflate import DEFLATE, GZIP, RAW_DEFLATE
from forebay.codecs._detection import find_format, format_of
from forebay.codecs._hashing import Hashing
from forebay.codecs._lz4 import LZ4
from forebay.codecs._zstd import ZSTD
from forebay.errors import DamagedDataError, ExpansionLimitError, TruncatedDataError

__all__ = [
    "Compressor",
    "DamagedDataError",
    "Decompressor",
    "ExpansionLimitError",
    "Gunzip",
    "Gzip",
    "Hashing",
    "TruncatedDataError",
    "Unzstd",
    "Zstd",
    "brotli",
    "bz2",
    "compress",
    "decompress",
    "deflate",
    "format_of",
    "gunzip",
    "gzip",
    "hashing",
    "inflate",
    "lz4",
    "unbrotli",
    "unbz2",
    "unlz4",
    "unxz",
    "unzstd",
    "xz",
    "zstd",
]

#: Bytes of the largest window that a decoder holds by default. The commands zstd and xz write none that is larger.
_WINDOW = 128 * 1024 * 1024


class Gzip(Compressor):
    """The stream that `gzip` returns."""


class Gunzip(Decompressor):
    """The stream that `gunzip` returns."""


class Zstd(Compressor):
    """The stream that `zstd` returns."""


class Unzstd(Decompressor):
    """The stream that `unzstd` returns."""


def compress(
    format: str | os.PathLike[str],
    *,
    level: int | None = None,
    threads: int = 1,
    high_water_mark: int | None = None,
    signal: AbortSignal | None = None,
) -> Compressor:
    """Make a Transform that compresses its input.

    Args:
        format: A name (``"gzip"``, ``"zstd"``, ``"xz"``, ``"bz2"``, ``"lz4"``, ``"brotli"``, ``"deflate"``, ``"deflate-raw"``),
            an extension such as ``".zst"``, or a file name with one.
        level: How hard to try; None is the default of the format: 6 for gzip and deflate, 3 for zstd, 2 for xz, 9 for bz2,
            0 for lz4, 5 for brotli.
        threads: How many threads compress at the same time. More than one make independent blocks, which every reader of the
            format puts together, and hold up to two blocks each. brotli and deflate have one thread only.
        high_water_mark: Bytes, for both sides. None is 64 KiB.
        signal: An `AbortSignal` that destroys the stream.

    Returns:
        The stream.

    Raises:
        InvalidArgTypeError: An argument has the wrong type.
        InvalidArgValueError: There is no such format, or it has one thread only.
        OutOfRangeError: The level is out of the range of the format, or ``threads`` is less than 1.
        ImportError: The library of the format is not installed.
    """
    found = find_format(format)
    return Compressor(found, level, checked_threads(found, threads), high_water_mark, signal)


def decompress(
    format: str | os.PathLike[str] = "auto",
    *,
    limit: int | None = None,
    max_ratio: float | None = None,
    max_window: int = _WINDOW,
    high_water_mark: int | None = None,
    signal: AbortSignal | None = None,
) -> Decompressor:
    """Make a Transform that decompresses its input: one or several members, as far as the format has them.

    The stream fails with DamagedDataError if the data is in another format, is followed by other data or does not match its
    checksum. It fails with TruncatedDataError if the data ends too early or is empty. Output that was produced before the
    damage was found has passed on by then.

    Args:
        format: ``"auto"`` finds the format by the first bytes: gzip, zstd, xz, bz2, lz4 or zlib. Otherwise a name, an
            extension or a file name, as for `compress`. brotli and deflate-raw are not known by their first bytes.
        limit: The most bytes of output; more fail with ExpansionLimitError. None is no limit.
        max_ratio: How many times as large as the compressed data the output may be, from its second MiB on; more fail with
            ExpansionLimitError. None is no limit.
        max_window: Bytes of the largest window of zstd and xz that the decoder may hold. Data that needs more fails with
            DamagedDataError. It bounds the memory.
        high_water_mark: Bytes, for both sides. None is 64 KiB.
        signal: An `AbortSignal` that destroys the stream.

    Returns:
        The stream.

    Raises:
        InvalidArgTypeError: An argument has the wrong type.
        InvalidArgValueError: There is no such format.
        OutOfRangeError: A limit is negative or 0.
        ImportError: The library of the format is not installed. For ``"auto"``, the stream fails with it.
    """
    check_limits(limit, max_ratio, max_window)
    found = None if format == "auto" else find_format(format)
    return Decompressor(Decoder(found, limit, max_ratio, max_window), high_water_mark, signal)


def gzip(
    *,
    level: int | None = None,
    threads: int = 1,
    high_water_mark: int | None = None,
    signal: AbortSignal | None = None,
) -> Gzip:
    """Make a Transform that compresses its input to gzip format, as one member without a name and a time.

    The packages isal (levels 1 to 3) and zlib-ng make it several times as fast where they are installed, by the extras ``isal``
    and ``zlib-ng``. The size of the output differs by some percent from zlib's.

    Args:
        level: From 0 (no compression) over 1 (fastest) to 9 (smallest). None is 6.
        threads, high_water_mark, signal: As for `compress`.

    Returns:
        The stream.

    Raises:
        InvalidArgTypeError: The level or ``threads`` is not an int.
        OutOfRangeError: The level is not from 0 to 9, or ``threads`` is less than 1.
    """
    return Gzip(GZIP, level, checked_threads(GZIP, threads), high_water_mark, signal)


def gunzip(
    *,
    limit: int | None = None,
    max_ratio: float | None = None,
    high_water_mark: int | None = None,
    signal: AbortSignal | None = None,
) -> Gunzip:
    """Make a Transform that decompresses gzip format: one or several members, and zeros behind the last.

    It fails as `decompress` does, also where other data follows the last member.

    Args:
        limit, max_ratio, high_water_mark, signal: As for `decompress`.

    Returns:
        The stream.

    Raises:
        InvalidArgTypeError, OutOfRangeError: A limit is wrong.
    """
    check_limits(limit, max_ratio, _WINDOW)
    return Gunzip(Decoder(GZIP, limit, max_ratio, _WINDOW), high_water_mark, signal)


def zstd(
    *,
    level: int | None = None,
    threads: int = 1,
    high_water_mark: int | None = None,
    signal: AbortSignal | None = None,
) -> Zstd:
    """Make a Transform that compresses its input to zstd format, as one frame with a checksum.

    It needs Python 3.14 or the extra ``zstd``. At level 3 it is several times as fast as `gzip`, and its output is smaller.

    Args:
        level: From 1 (fastest) to 22 (smallest); negative levels are faster still. None is 3.
        threads: As for `compress`. More than one write a frame for each 2 MiB.
        high_water_mark, signal: As for `compress`.

    Returns:
        The stream.

    Raises:
        ImportError: There is no zstd.
        InvalidArgTypeError: The level or ``threads`` is not an int.
        OutOfRangeError: The level is out of the range of the library, or ``threads`` is less than 1.
    """
    return Zstd(ZSTD, level, checked_threads(ZSTD, threads), high_water_mark, signal)


def unzstd(
    *,
    limit: int | None = None,
    max_ratio: float | None = None,
    max_window: int = _WINDOW,
    high_water_mark: int | None = None,
    signal: AbortSignal | None = None,
) -> Unzstd:
    """Make a Transform that decompresses zstd format: one or several frames.

    It needs Python 3.14 or the extra ``zstd``. It fails as `decompress` does. Without a checksum in a frame, its damage
    can go unnoticed.

    Args:
        limit, max_ratio, max_window, high_water_mark, signal: As for `decompress`.

    Returns:
        The stream.

    Raises:
        ImportError: There is no zstd.
        InvalidArgTypeError, OutOfRangeError: A limit is wrong.
    """
    check_limits(limit, max_ratio, max_window)
    return Unzstd(Decoder(ZSTD, limit, max_ratio, max_window), high_water_mark, signal)


def deflate(
    *,
    raw: bool = False,
    level: int | None = None,
    high_water_mark: int | None = None,
    signal: AbortSignal | None = None,
) -> Compressor:
    """Make a Transform that compresses its input by deflate, in the wrapper of zlib with its checksum.

    Args:
        raw: Leave out the wrapper, and the checksum with it.
        level: As for `gzip`.
        high_water_mark, signal: As for `compress`.

    Returns:
        The stream.

    Raises:
        InvalidArgTypeError, OutOfRangeError: The level is wrong.
    """
    return Compressor(RAW_DEFLATE if raw else DEFLATE, level, 1, high_water_mark, signal)


def inflate(
    *,
    limit: int | None = None,
    max_ratio: float | None = None,
    high_water_mark: int | None = None,
    signal: AbortSignal | None = None,
) -> Decompressor:
    """Make a Transform that decompresses what `deflate` makes, with the wrapper of zlib or without: the first bytes show it.

    It fails as `decompress` does. Without the wrapper there is no checksum.

    Args:
        limit, max_ratio, high_water_mark, signal: As for `decompress`.

    Returns:
        The stream.

    Raises:
        InvalidArgTypeError, OutOfRangeError: A limit is wrong.
    """
    return decompress(
        "deflate", limit=limit, max_ratio=max_ratio, high_water_mark=high_water_mark, signal=signal
    )


def brotli(
    *,
    level: int | None = None,
    high_water_mark: int | None = None,
    signal: AbortSignal | None = None,
) -> Compressor:
    """Make a Transform that compresses its input to brotli format.

    It needs the extra ``brotli``. The format has no checksum, and nothing by which a file of it is known.

    Args:
        level: From 0 (fastest) to 11 (smallest, and very slow). None is 5.
        high_water_mark, signal: As for `compress`.

    Returns:
        The stream.

    Raises:
        InvalidArgTypeError, OutOfRangeError: The level is wrong.
        ImportError: The package brotli is not installed.
    """
    return Compressor(BROTLI, level, 1, high_water_mark, signal)


def unbrotli(
    *,
    limit: int | None = None,
    max_ratio: float | None = None,
    high_water_mark: int | None = None,
    signal: AbortSignal | None = None,
) -> Decompressor:
    """Make a Transform that decompresses brotli format.

    It needs the extra ``brotli``. It fails as `decompress` does. The format has no checksum, so damage can go unnoticed.

    Args:
        limit, max_ratio, high_water_mark, signal: As for `decompress`.

    Returns:
        The stream.

    Raises:
        InvalidArgTypeError, OutOfRangeError: A limit is wrong.
        ImportError: The package brotli is not installed.
    """
    return decompress(
        "brotli", limit=limit, max_ratio=max_ratio, high_water_mark=high_water_mark, signal=signal
    )


def lz4(
    *,
    level: int | None = None,
    threads: int = 1,
    high_water_mark: int | None = None,
    signal: AbortSignal | None = None,
) -> Compressor:
    """Make a Transform that compresses its input to lz4 format, as one frame with a checksum.

    It needs the extra ``lz4``. No other format is as fast.

    Args:
        level: From 0 (fastest) to 12 (smallest). None is 0.
        threads, high_water_mark, signal: As for `compress`.

    Returns:
        The stream.

    Raises:
        InvalidArgTypeError, OutOfRangeError: The level or ``threads`` is wrong.
        ImportError: The package lz4 is not installed.
    """
    return Compressor(LZ4, level, checked_threads(LZ4, threads), high_water_mark, signal)


def unlz4(
    *,
    limit: int | None = None,
    max_ratio: float | None = None,
    high_water_mark: int | None = None,
    signal: AbortSignal | None = None,
) -> Decompressor:
    """Make a Transform that decompresses lz4 format: one or several frames.

    It needs the extra ``lz4``. It fails as `decompress` does. The legacy format of the command's option -l is refused.

    Args:
        limit, max_ratio, high_water_mark, signal: As for `decompress`.

    Returns:
        The stream.

    Raises:
        InvalidArgTypeError, OutOfRangeError: A limit is wrong.
        ImportError: The package lz4 is not installed.
    """
    return decompress("lz4", limit=limit, max_ratio=max_ratio, high_water_mark=high_water_mark, signal=signal)


def bz2(
    *,
    level: int | None = None,
    threads: int = 1,
    high_water_mark: int | None = None,
    signal: AbortSignal | None = None,
) -> Compressor:
    """Make a Transform that compresses its input to bzip2 format.

    Args:
        level: From 1 (least memory) to 9 (smallest). None is 9.
        threads, high_water_mark, signal: As for `compress`.

    Returns:
        The stream.

    Raises:
        InvalidArgTypeError, OutOfRangeError: The level or ``threads`` is wrong.
    """
    return Compressor(BZ2, level, checked_threads(BZ2, threads), high_water_mark, signal)


def unbz2(
    *,
    limit: int | None = None,
    max_ratio: float | None = None,
    high_water_mark: int | None = None,
    signal: AbortSignal | None = None,
) -> Decompressor:
    """Make a Transform that decompresses bzip2 format: one or several streams.

    It fails as `decompress` does, also where other data follows the last stream.

    Args:
        limit, max_ratio, high_water_mark, signal: As for `decompress`.

    Returns:
        The stream.

    Raises:
        InvalidArgTypeError, OutOfRangeError: A limit is wrong.
    """
    return decompress("bz2", limit=limit, max_ratio=max_ratio, high_water_mark=high_water_mark, signal=signal)


def xz(
    *,
    level: int | None = None,
    threads: int = 1,
    high_water_mark: int | None = None,
    signal: AbortSignal | None = None,
) -> Compressor:
    """Make a Transform that compresses its input to xz format.

    Args:
        level: From 0 (fastest) to 9 (smallest). None is 2, which needs 17 MiB; 6, the default of the command xz, needs 94 MiB,
            and 9 needs 674 MiB.
        threads, high_water_mark, signal: As for `compress`.

    Returns:
        The stream.

    Raises:
        InvalidArgTypeError, OutOfRangeError: The level or ``threads`` is wrong.
    """
    return Compressor(XZ, level, checked_threads(XZ, threads), high_water_mark, signal)


def unxz(
    *,
    limit: int | None = None,
    max_ratio: float | None = None,
    max_window: int = _WINDOW,
    high_water_mark: int | None = None,
    signal: AbortSignal | None = None,
) -> Decompressor:
    """Make a Transform that decompresses xz format: one or several streams, and zeros behind them, in fours.

    It fails as `decompress` does.

    Args:
        limit, max_ratio, max_window, high_water_mark, signal: As for `decompress`.

    Returns:
        The stream.

    Raises:
        InvalidArgTypeError, OutOfRangeError: A limit is wrong.
    """
    return decompress(
        "xz",
        limit=limit,
        max_ratio=max_ratio,
        max_window=max_window,
        high_water_mark=high_water_mark,
        signal=signal,
    )


def hashing(
    name: str = "sha256", *, high_water_mark: int | None = None, signal: AbortSignal | None = None
) -> Hashing:
    """Make a Transform that outputs its input unchanged and computes its hash. Read ``hexdigest()`` after the end.

    Args:
        name: A name that ``hashlib.new`` knows.
        high_water_mark: Bytes, for both sides. None is 64 KiB.
        signal: An `AbortSignal` that destroys the stream.

    Returns:
        The stream.

    Raises:
        InvalidArgTypeError: The name is not a str.
        InvalidArgValueError: There is no such hash.
    """
    return Hashing(name, high_water_mark, signal)
