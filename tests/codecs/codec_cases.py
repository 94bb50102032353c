"""What the tests of all formats share: the formats, what other programs make of data, and pipelines."""

import bz2 as bz2_module
import functools
import gzip as gzip_module
import lzma
import random
import sys
import zlib

import pytest

from forebay import Readable, Writable, pipeline

brotli = pytest.importorskip("brotli")
lz4 = pytest.importorskip("lz4.frame")
if sys.version_info >= (3, 14):
    from compression import zstd
else:
    zstd = pytest.importorskip("backports.zstd")

KIB = 1024
MIB = 1024 * 1024


def raw_deflate(data):
    compressor = zlib.compressobj(6, zlib.DEFLATED, -15)
    return compressor.compress(data) + compressor.flush()


def zstd_with_check(data):
    return zstd.compress(data, options={zstd.CompressionParameter.checksum_flag: True})


def lz4_with_check(data):
    return lz4.compress(data, content_checksum=True)


def lz4_frames(data):
    decompressor = lz4.LZ4FrameDecompressor()
    out = decompressor.decompress(data)
    assert decompressor.eof
    return out + (lz4_frames(decompressor.unused_data) if decompressor.unused_data else b"")


# Each format: what another library compresses and decompresses. Tests compress the same data again and again.
OTHERS = {
    name: (functools.cache(pack), unpack)
    for name, (pack, unpack) in {
        "gzip": (gzip_module.compress, gzip_module.decompress),
        "zstd": (zstd_with_check, zstd.decompress),
        "xz": (lzma.compress, lzma.decompress),
        "bz2": (bz2_module.compress, bz2_module.decompress),
        "lz4": (lz4_with_check, lz4_frames),
        "brotli": (functools.partial(brotli.compress, quality=4), brotli.decompress),
        "deflate": (zlib.compress, zlib.decompress),
        "deflate-raw": (raw_deflate, lambda data: zlib.decompress(data, -15)),
    }.items()
}
FORMATS = list(OTHERS)
#: Those that several threads compress.
PARALLEL = ["gzip", "zstd", "xz", "bz2", "lz4"]
#: Those whose members may follow each other, that are known by their first bytes, and that have a checksum.
OF_MEMBERS = PARALLEL
KNOWN_BY_BYTES = [*PARALLEL, "deflate"]
CHECKED = KNOWN_BY_BYTES


@functools.cache
def noise(size, seed=1):
    return random.Random(seed).randbytes(size)


@functools.cache
def text(size):
    """Words in random order: bzip2 is very slow with what repeats at once."""
    words = [random.Random(n).randbytes(n % 7 + 2).hex() for n in range(400)]
    source = random.Random(size)
    return " ".join(source.choices(words, k=size // 6 + 1)).encode().ljust(size)[:size]


def split(data, size):
    return [data[at : at + size] for at in range(0, len(data), size)]


async def through(chunks, *stages):
    """What comes out of the stages when these chunks go in."""
    out = []
    await pipeline(Readable.from_(chunks, object_mode=False), *stages, Writable(write=out.append))
    return b"".join(out)
