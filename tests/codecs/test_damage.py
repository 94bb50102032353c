"""Damaged, truncated and hostile data: one clear error, and never a hang or wrong data where there is a checksum."""

import asyncio
import re

import pytest
from codec_cases import (
    CHECKED,
    FORMATS,
    KIB,
    KNOWN_BY_BYTES,
    MIB,
    OF_MEMBERS,
    OTHERS,
    lz4,
    noise,
    text,
    through,
    zstd,
)

from forebay import DamagedDataError, ExpansionLimitError, Readable, TruncatedDataError, Writable, pipeline
from forebay._system.worker_pool import at_work
from forebay.codecs import compress, decompress
from support.streams import looped, reported

DATA = text(150) + noise(30) + b"a" * 300


async def outcome(packed, name):
    """What comes out, or the error."""
    try:
        return await through([packed] if packed else [], decompress(name))
    except (DamagedDataError, TruncatedDataError) as error:
        return error


@pytest.mark.parametrize("name", FORMATS)
@looped
async def test_truncated_at_every_byte(name):
    packed = OTHERS[name][0](DATA)
    for length in range(len(packed)):
        error = await outcome(packed[:length], name)
        assert type(error) is TruncatedDataError
        assert error.position == length
        assert error.code == "Z_BUF_ERROR"


@pytest.mark.parametrize("name", KNOWN_BY_BYTES)
@looped
async def test_truncated_at_every_byte_with_the_format_detected(name):
    packed = OTHERS[name][0](DATA)
    for length in [0, *range(4, len(packed))]:
        error = await outcome(packed[:length], "auto")
        assert type(error) in (TruncatedDataError, DamagedDataError)
        assert error.position == (0 if type(error) is DamagedDataError else length)


@pytest.mark.parametrize("name", OF_MEMBERS)
@looped
async def test_a_second_member_truncated_at_every_byte(name):
    first, second = OTHERS[name][0](DATA), OTHERS[name][0](b"x")
    for length in range(1, len(second)):
        error = await outcome(first + second[:length], name)
        assert type(error) is TruncatedDataError
        assert error.position == len(first) + length


@pytest.mark.parametrize("name", CHECKED)
@looped
async def test_one_flipped_bit_anywhere_is_an_error_or_no_change(name):
    packed = OTHERS[name][0](DATA)
    unnoticed = 0
    # Every byte, and every place in a byte. bzip2 makes tables of megabytes for each.
    for bit in range(0, 8 * len(packed), 13 if name == "bz2" else 3):
        changed = bytearray(packed)
        changed[bit // 8] ^= 1 << bit % 8
        result = await outcome(bytes(changed), name)
        if isinstance(result, DamagedDataError):
            assert result.position is not None
            assert 0 <= result.position <= len(packed)
        elif not isinstance(result, TruncatedDataError):
            # Bits of a header that say nothing about the content, such as a time, or that fill the last byte.
            assert result == DATA
            unnoticed += 1
    assert unnoticed < 40


@pytest.mark.parametrize("name", FORMATS)
@looped
async def test_one_flipped_bit_without_a_checksum_ends_too(name):
    packed = OTHERS[name][0](DATA)
    for bit in range(0, 8 * len(packed), 17):
        changed = bytearray(packed)
        changed[bit // 8] ^= 1 << bit % 8
        await outcome(bytes(changed), name)


@pytest.mark.parametrize("name", OF_MEMBERS)
@looped
async def test_the_position_of_damage(name):
    packed = bytearray(OTHERS[name][0](noise(400_000)))
    packed[300_000] ^= 16
    with pytest.raises(DamagedDataError, match="the compressed data is damaged") as caught:
        await through([bytes(packed)], decompress(name))
    low, high = (int(number.replace(",", "")) for number in re.findall(r"byte ([\d,]+)", str(caught.value)))
    assert low == caught.value.position
    # The decoder finds it at once, or by the checksum at the end.
    assert low <= 300_000 + 2 * 64 * KIB or high == len(packed)
    assert high - low <= 64 * KIB


@pytest.mark.parametrize("name", FORMATS)
@looped
async def test_bytes_behind_the_end(name):
    packed = OTHERS[name][0](DATA)
    for tail in (b"something else", b"\0\0\0\0x", b"\x1f"):
        for chunks in ([packed + tail], [packed, tail]):
            with pytest.raises((DamagedDataError, TruncatedDataError)):
                await through(chunks, decompress(name))


@pytest.mark.parametrize(
    "name", [name for name in FORMATS if name not in ("brotli", "deflate", "deflate-raw")]
)
@looped
async def test_another_format(name):
    for other in CHECKED:
        if other != name:
            with pytest.raises(DamagedDataError, match=f"^not in {name} format"):
                await through([OTHERS[other][0](DATA)], decompress(name))


@pytest.mark.parametrize("name", FORMATS)
@looped
async def test_noise_and_zeros_are_refused(name):
    for data in (b"\xff" * 100_000, noise(100_000, 3)):
        with pytest.raises((DamagedDataError, TruncatedDataError)):
            await through([data], decompress(name))


# ---- bombs


def bomb(name):
    # Deflate makes 1,030 bytes of one, lz4 255; the others make more.
    return OTHERS[name][0](bytes(4 * MIB))


@pytest.mark.parametrize("name", FORMATS)
@looped
async def test_the_limit_of_output(name):
    packed = OTHERS[name][0](bytes(300_000))
    assert await through([packed], decompress(name, limit=300_000)) == bytes(300_000)
    passed = []
    with pytest.raises(ExpansionLimitError, match="more than the 299,999 bytes that limit= allows") as caught:
        await pipeline([packed], decompress(name, limit=299_999), Writable(write=passed.append))
    assert caught.value.code == "ERR_BUFFER_TOO_LARGE"
    assert isinstance(caught.value, ValueError)
    assert sum(map(len, passed)) <= 299_999


@pytest.mark.parametrize("name", OF_MEMBERS)
@looped
async def test_the_limit_counts_all_members(name):
    packed = OTHERS[name][0](b"x" * 100)
    assert len(await through([packed * 10], decompress(name, limit=1000))) == 1000
    with pytest.raises(ExpansionLimitError):
        await through([packed * 11], decompress(name, limit=1000))
    assert await through([OTHERS[name][0](b"") * 3], decompress(name, limit=0)) == b""


@pytest.mark.parametrize("name", FORMATS)
@looped
async def test_the_ratio_of_output(name):
    with pytest.raises(ExpansionLimitError, match="more than the 100 times that max_ratio= allows"):
        await through([bomb(name)], decompress(name, max_ratio=100))
    # What is small may expand, and what does not expand may be large.
    assert len(await through([OTHERS[name][0](bytes(MIB))], decompress(name, max_ratio=100))) == MIB
    data = noise(MIB + 100 * KIB)
    assert await through([OTHERS[name][0](data)], decompress(name, max_ratio=1.5)) == data


@looped
async def test_the_window_is_bounded():
    window = zstd.CompressionParameter.window_log
    packed = zstd.compress(bytes(9 * MIB), options={window: 23})
    assert len(await through([packed], decompress("zstd", max_window=8 * MIB))) == 9 * MIB
    with pytest.raises(DamagedDataError, match="its window is larger than max_window= allows"):
        await through([packed], decompress("zstd", max_window=4 * MIB))
    packed = OTHERS["xz"][0](DATA)
    assert await through([packed], decompress("xz", max_window=8 * MIB)) == DATA
    with pytest.raises(DamagedDataError, match="its window is larger than max_window= allows"):
        await through([packed], decompress("xz", max_window=4 * MIB))


@pytest.mark.parametrize("name", FORMATS)
@looped
async def test_a_bomb_without_a_reader_stays_small(name):
    stage = decompress(name)
    stage.end(bomb(name))
    for _ in range(3):
        while stage.readable_length < 64 * KIB or at_work():
            await asyncio.sleep(0.001)
        # The mark, and two steps.
        assert stage.readable_length <= 64 * KIB + 2 * 288 * KIB
        stage.read()
    await stage.aclose()


# ---- where the error arrives


@pytest.mark.parametrize("name", OF_MEMBERS)
@looped
async def test_the_error_arrives_once_and_behind_the_good_data(name):
    good, bad = OTHERS[name][0](noise(500_000)), bytearray(OTHERS[name][0](noise(500_000, 2)))
    bad[-3] ^= 1
    passed = []
    with reported() as contexts:
        with pytest.raises((DamagedDataError, TruncatedDataError)) as caught:
            await pipeline(
                Readable.from_([good, bytes(bad)], object_mode=False),
                decompress(name),
                Writable(write=passed.append),
            )
        await asyncio.sleep(0)
    assert contexts == []
    assert any("stage 2 of 3" in note for note in caught.value.__notes__)
    assert b"".join(passed)[:500_000] == noise(500_000)


@looped
async def test_an_error_of_a_chunk_fails_its_write():
    stage = decompress("gzip")
    errors = []
    stage.on("error", errors.append)
    with pytest.raises(DamagedDataError):
        await pipeline([b"x" * 100_000], stage, Writable(write=lambda chunk: None))
    assert len(errors) <= 1
    assert isinstance(stage.errored, DamagedDataError)


@looped
async def test_a_compressor_that_fails(monkeypatch):
    stage = compress("lz4", level=9)

    def fail(*_):
        raise MemoryError("no memory")

    monkeypatch.setattr(lz4.LZ4FrameCompressor, "compress", fail)
    with pytest.raises(MemoryError):
        await through([noise(100_000)], stage)
