"""Compressed data of any format, with the limits of a program that does not trust it."""

import bz2
import gzip
import lzma
import zlib

from forebay import DamagedDataError, ExpansionLimitError, TruncatedDataError, codecs
from fuzz.oracles import Finding, check_stage

TEXT = b"text " * 50
SEEDS = [
    gzip.compress(TEXT, mtime=0) + gzip.compress(b"more", mtime=0),
    zlib.compress(TEXT),
    bz2.compress(TEXT),
    lzma.compress(TEXT),
    gzip.compress(bytes(100_000), mtime=0),
    bytes.fromhex("28b52ffd048d59000074657874200100e4b004b2d2b5"),
    b"\x04\x22\x4d\x18\x64\x40\xa7",
    b"\x1b\x03\x00\x00",
]
LIMIT = 50_000


def one(data):
    got, *_ = check_stage(
        lambda: codecs.decompress("auto", limit=LIMIT, max_ratio=100, max_window=1 << 20),
        data,
        (DamagedDataError, TruncatedDataError, ExpansionLimitError),
        joined=True,
        # Whether the end of the data is noticed as such depends on the pieces.
        texts=False,
    )
    if len(got) > LIMIT + 65536:
        raise Finding(f"{len(got)} bytes came in spite of the limit")
