"""zstd and unzstd: output, errors, and memory."""

import asyncio
import subprocess
import sys

import pytest
from codec_cases import noise, split, through

from forebay import InvalidArgTypeError, OutOfRangeError
from forebay._system.worker_pool import at_work
from forebay.codecs import DamagedDataError, TruncatedDataError, unzstd, zstd
from support.loops import eventually
from support.streams import looped

if sys.version_info >= (3, 14):
    from compression import zstd as reference
else:
    reference = pytest.importorskip("backports.zstd")

KIB = 1024
MIB = 1024 * 1024
# Below, at and above the sizes at which chunks go to a worker and at which steps end.
SIZES = [0, 1, 16 * KIB - 1, 16 * KIB, 256 * KIB, 256 * KIB + 1, 3 * MIB + 7]
# A frame whose content decoders skip.
SKIPPED = b"\x50\x2a\x4d\x18\x03\0\0\0abc"


def text(size):
    return (b"the quick brown fox " * (size // 20 + 1))[:size]


@pytest.mark.parametrize("level", [-5, 1, 3, 12])
@looped
async def test_output_is_read_by_other_programs(level):
    for size in SIZES:
        data = text(size // 2) + noise(size - size // 2)
        packed = await through(split(data, 100_000), zstd(level=level))
        assert reference.decompress(packed) == data


@pytest.mark.parametrize("make", [noise, text])
@looped
async def test_output_of_other_programs_is_read(make):
    for data in map(make, SIZES):
        assert await through([reference.compress(data, 1)], unzstd()) == data


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
@pytest.mark.parametrize("piece", [1, 1000, 100_000])
@looped
async def test_round_trip_in_pieces(piece, kind):
    data = text(2_000 * min(piece, 10)) + noise(3_000 * min(piece, 10))
    packed = await through(map(kind, split(data, piece)), zstd())
    assert await through(map(kind, split(packed, piece)), unzstd()) == data


@pytest.mark.parametrize("piece", [1, 1000, 10_000_000])
@looped
async def test_frames_on_end(piece):
    parts = [text(1000), b"", noise(40_000), text(10)]
    packed = SKIPPED + SKIPPED.join(map(reference.compress, parts)) + SKIPPED
    assert await through(split(packed, piece), unzstd()) == b"".join(parts)


@looped
async def test_very_many_frames():
    packed = reference.compress(b"") * 20_000 + reference.compress(b"end")
    assert await through([packed], unzstd()) == b"end"


# ---- damage


@pytest.mark.parametrize("size", [100, 300_000])
@looped
async def test_truncated_at_any_place(size):
    packed = await through([noise(size)], zstd())
    for length in {0, 1, 3, 4, 9, len(packed) // 2, len(packed) - 4, len(packed) - 1}:
        with pytest.raises(TruncatedDataError) as caught:
            await through([packed[:length]] if length else [], unzstd())
        assert caught.value.code == "Z_BUF_ERROR"


@pytest.mark.parametrize("size", [1000, 300_000])
@pytest.mark.parametrize("place", ["content", "checksum"])
@looped
async def test_damaged_data(size, place):
    packed = bytearray(await through([noise(size)], zstd()))
    packed[-1 if place == "checksum" else size // 2] ^= 1
    with pytest.raises(DamagedDataError, match="data check does not match") as caught:
        await through([bytes(packed)], unzstd())
    assert caught.value.code == "Z_DATA_ERROR"


@pytest.mark.parametrize("chunk", [b"hello, this is text", b"x" * 100_000])
@looped
async def test_another_format(chunk):
    with pytest.raises(DamagedDataError, match=r"^not in zstd format"):
        await through([chunk], unzstd())


@looped
async def test_bytes_after_the_last_frame():
    with pytest.raises(DamagedDataError, match="follows"):
        await through([reference.compress(b"data") + b"something else"], unzstd())


@pytest.mark.parametrize(
    ("level", "error"), [(1.0, InvalidArgTypeError), (True, InvalidArgTypeError), (23, OutOfRangeError)]
)
def test_wrong_levels(level, error):
    with pytest.raises(error, match="level must be"):
        zstd(level=level)


def test_a_missing_library():
    code = (
        "import sys; sys.modules['compression.zstd'] = sys.modules['backports.zstd'] = None\n"
        "from forebay import codecs\n"
        "try: codecs.unzstd()\n"
        "except ImportError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "pip install 'forebay[zstd]'" in done.stdout, done.stderr


# ---- backpressure, workers, destroy


async def settled(stream):
    """Wait until nothing more comes, because there is no reader."""
    before = -1
    while stream.readable_length != before or at_work():
        before = stream.readable_length
        await asyncio.sleep(0.001)


@looped
async def test_high_expansion_waits_for_room():
    packed = reference.compress(bytes(64 * MIB))
    assert len(packed) < 16 * KIB
    stream = unzstd()
    stream.write(packed)
    size = 0
    while size < 2 * MIB:
        await settled(stream)
        # The mark, and two steps.
        assert 64 * KIB <= stream.readable_length <= 64 * KIB + 512 * KIB
        size += len(stream.read())
    await stream.aclose()


@pytest.mark.parametrize("make", [zstd, unzstd])
@looped
async def test_destroyed_in_the_middle(make):
    data = noise(8 * MIB)
    stream = make()
    stream.write(data if make is zstd else reference.compress(data, 1))
    await asyncio.sleep(0)
    await stream.aclose()
    assert stream.closed
    # A worker without work may stay for a while.
    assert eventually(lambda: not at_work())
    assert len(asyncio.all_tasks()) == 1
