"""gzip, gunzip and hashing: output, errors, and memory."""

import asyncio
import gzip as reference
import hashlib
import threading
import time
import zlib

import pytest
from codec_cases import noise, split, through

from forebay import InvalidArgTypeError, InvalidArgValueError, OutOfRangeError, Readable, Writable, pipeline
from forebay._system.worker_pool import at_work
from forebay.codecs import DamagedDataError, TruncatedDataError, gunzip, gzip, hashing
from support.loops import eventually
from support.streams import looped

KIB = 1024
MIB = 1024 * 1024
# Below, at and above the sizes at which chunks go to a worker and at which steps end.
SIZES = [0, 1, 16 * KIB - 1, 16 * KIB, 64 * KIB, 256 * KIB, 256 * KIB + 1, 3 * MIB + 7]


def text(size):
    return (b"the quick brown fox " * (size // 20 + 1))[:size]


@pytest.mark.parametrize("make", [noise, text])
@looped
async def test_gzip_output_is_read_by_other_programs(make):
    for data in map(make, SIZES):
        assert reference.decompress(await through([data] if data else [], gzip())) == data


@pytest.mark.parametrize("make", [noise, text])
@looped
async def test_gunzip_reads_output_of_other_programs(make):
    for data in map(make, SIZES):
        assert await through([reference.compress(data, 1)], gunzip()) == data


@pytest.mark.parametrize("piece", [1, 7, 1000, 100_000])
@looped
async def test_round_trip_in_pieces(piece):
    data = text(20_000) + noise(30_000)
    packed = await through(split(data, piece), gzip(level=9))
    assert await through(split(packed, piece), gunzip()) == data


@looped
async def test_no_time_and_no_name_in_the_output():
    packed = await through([text(1000)], gzip())
    assert packed == await through([text(1000)], gzip())
    assert packed[:4] + packed[4:8] == b"\x1f\x8b\x08\0" + bytes(4)


@pytest.mark.parametrize("kind", [bytearray, memoryview])
@looped
async def test_buffers_of_other_kinds(kind):
    data = text(200_000)
    digest = hashing("md5")
    packed = await through([kind(data)], digest, gzip())
    assert reference.decompress(packed) == data
    assert digest.hexdigest() == hashlib.md5(data).hexdigest()
    assert await through([kind(packed)], gunzip()) == data


@pytest.mark.parametrize("level", [0, 1, 9])
@looped
async def test_levels(level):
    data = text(300_000)
    assert reference.decompress(await through([data], gzip(level=level))) == data


@looped
async def test_wrong_arguments():
    for level in (-1, 10):
        with pytest.raises(OutOfRangeError):
            gzip(level=level)
    with pytest.raises(InvalidArgTypeError):
        gzip(level="6")
    with pytest.raises(InvalidArgValueError, match="nohash"):
        hashing("nohash")
    with pytest.raises(InvalidArgTypeError):
        hashing(256)


# ---- members, padding, damage


@pytest.mark.parametrize("piece", [1, 100, 10_000_000])
@pytest.mark.parametrize("padding", [b"", b"\0", b"\0" * 5000])
@looped
async def test_members_on_end(piece, padding):
    parts = [text(1000), b"", noise(400_000), text(10)]
    packed = b"".join(reference.compress(part) + padding for part in parts)
    if piece == 1:
        packed, parts = reference.compress(parts[0]) + padding + reference.compress(parts[3]), parts[::3]
    assert await through(split(packed, piece), gunzip()) == b"".join(parts)


@looped
async def test_very_many_members():
    packed = reference.compress(b"") * 20_000 + reference.compress(b"end")
    assert await through([packed], gunzip()) == b"end"


@pytest.mark.parametrize("size", [100, 300_000])
@looped
async def test_truncated_at_any_place(size):
    packed = reference.compress(noise(size))
    for length in {0, 1, 9, 10, 11, len(packed) // 2, len(packed) - 8, len(packed) - 1}:
        with pytest.raises(TruncatedDataError) as caught:
            await through([packed[:length]] if length else [], gunzip())
        assert caught.value.code == "Z_BUF_ERROR"
        assert isinstance(caught.value, EOFError)


@looped
async def test_truncated_second_member():
    packed = reference.compress(b"one") + reference.compress(b"two")
    with pytest.raises(TruncatedDataError):
        await through([packed[:-1]], gunzip())


@pytest.mark.parametrize("size", [1000, 300_000])
@looped
async def test_damaged_data(size):
    packed = bytearray(reference.compress(noise(size)))
    packed[-6] ^= 1
    with pytest.raises(DamagedDataError, match="data check does not match") as caught:
        await through([bytes(packed)], gunzip())
    assert caught.value.code == "Z_DATA_ERROR"
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("chunk", [b"hello, this is text", b"x" * 100_000, zlib.compress(b"zlib, not gzip")])
@looped
async def test_another_format(chunk):
    with pytest.raises(DamagedDataError, match="not in gzip format"):
        await through([chunk], gunzip())


@pytest.mark.parametrize("tail", [b"something else", b"\0\0something else"])
@looped
async def test_bytes_after_the_last_member(tail):
    with pytest.raises(DamagedDataError, match="follows"):
        await through([reference.compress(b"data") + tail], gunzip())


@looped
async def test_output_before_damaged_data_is_delivered():
    packed = bytearray(reference.compress(noise(2 * MIB)))
    packed[-6] ^= 1
    stream = gunzip()
    seen = []
    stream.on("data", seen.append)
    with pytest.raises(DamagedDataError):
        await pipeline([bytes(packed)], stream, Writable(write=lambda chunk: None))
    assert sum(map(len, seen)) >= MIB


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
    assert len(packed) < 70 * KIB
    stream = gunzip()
    stream.write(packed)
    await settled(stream)
    # The mark, and two steps.
    assert 64 * KIB <= stream.readable_length <= 64 * KIB + 512 * KIB
    size = 0
    while (chunk := stream.read()) is not None:
        size += len(chunk)
        await settled(stream)
        if size > 2 * MIB:
            break
    assert stream.readable_length <= 64 * KIB + 512 * KIB
    await stream.aclose()


@pytest.mark.parametrize("make", [gzip, gunzip, hashing])
@looped
async def test_large_chunks_do_not_block_the_loop(make, monkeypatch):
    data = noise(8 * MIB)
    if make is gunzip:
        data = reference.compress(data, 1)
    loop = asyncio.get_running_loop()
    turns = 0
    going = True

    def turn():
        nonlocal turns
        turns += 1
        if going:
            loop.call_soon(turn)

    stream = make()
    seen = set()
    worker = stream._worker()
    original = worker.submit

    def submit(job, done):
        def watched():
            seen.add(threading.current_thread())
            # The loop goes on while the job is not done; where it does not, this ends in vain.
            goal, deadline = turns + 10, time.monotonic() + 30
            while going and turns < goal and time.monotonic() < deadline:
                time.sleep(0.001)
            return job()

        original(watched, done)

    monkeypatch.setattr(worker, "submit", submit)
    turn()
    await through([data], stream)
    going = False
    assert turns > 10
    assert seen
    assert threading.main_thread() not in seen


@pytest.mark.parametrize("make", [gzip, gunzip, hashing])
@looped
async def test_destroyed_in_the_middle(make):
    data = noise(8 * MIB)
    if make is gunzip:
        data = reference.compress(data, 1)
    stream = make()
    stream.write(data)
    await asyncio.sleep(0)
    await stream.aclose()
    assert stream.closed
    # A worker without work may stay for a while.
    assert eventually(lambda: not at_work())
    assert len(asyncio.all_tasks()) == 1


@looped
async def test_destroyed_with_an_error_in_the_middle():
    stream = gzip()
    errors = []
    stream.on("error", errors.append)
    stream.write(noise(4 * MIB))
    await asyncio.sleep(0)
    stream.destroy(KeyError("own"))
    with pytest.raises(KeyError):
        await stream.aclose()
    assert [type(error) for error in errors] == [KeyError]


# ---- hashing


@pytest.mark.parametrize("name", ["sha256", "md5", "sha3_512", "blake2b", "sha1"])
@pytest.mark.parametrize("sizes", [[], [1], [64 * KIB] * 40, [10, 2 * MIB, 10, 3 * MIB, 64 * KIB, 5]])
@looped
async def test_hash_of_the_passed_bytes(name, sizes):
    chunks = [noise(size, seed) for seed, size in enumerate(sizes)]
    digest = hashing(name)
    assert await through(chunks, digest) == b"".join(chunks)
    assert digest.hexdigest() == hashlib.new(name, b"".join(chunks)).hexdigest()
    assert digest.name == name


@looped
async def test_shake_digests_need_a_length():
    for name, length in (("shake_128", 32), ("shake_256", 64)):
        digest = hashing(name)
        await through([b"data"], digest)
        assert digest.hexdigest() == hashlib.new(name, b"data").hexdigest(length)


@looped
async def test_chunks_pass_through_hashing_by_reference():
    chunks = [b"small", noise(100_000), noise(2 * MIB)]
    digest = hashing()
    seen = []
    digest.on("data", seen.append)
    await pipeline(
        Readable.from_(list(chunks), object_mode=False), digest, Writable(write=lambda chunk: None)
    )
    assert all(one is other for one, other in zip(seen, chunks, strict=True))


@looped
async def test_mutable_chunk_is_hashed_before_it_passes():
    chunk = bytearray(noise(2 * MIB))
    expected = hashlib.sha256(chunk).hexdigest()
    digest = hashing()

    def spoil(data):
        data[:] = bytes(len(data))

    digest.on("data", spoil)
    digest.end(chunk)
    await asyncio.wait_for(_ended(digest), 20)
    assert digest.hexdigest() == expected


async def _ended(stream):
    done = asyncio.get_running_loop().create_future()
    stream.once("end", lambda: done.set_result(None))
    await done


@looped
async def test_unhashed_bytes_in_flight_are_bounded():
    digest = hashing(high_water_mark=64 * MIB)
    release = threading.Event()
    slow = digest._hash

    class Slow:
        digest_size = slow.digest_size

        def update(self, data):
            release.wait(20)
            slow.update(data)

        def hexdigest(self):
            return slow.hexdigest()

    digest._hash = Slow()
    passed = []
    digest.on("data", lambda chunk: passed.append(len(chunk)))
    data = noise(64 * KIB)
    for _ in range(100):
        digest.write(data)
    digest.end()
    await asyncio.sleep(0.05)
    assert sum(passed) <= MIB
    with pytest.raises(RuntimeError, match="still being hashed"):
        digest.hexdigest()
    release.set()
    await asyncio.wait_for(_ended(digest), 20)
    assert sum(passed) == 100 * len(data)
    assert digest.hexdigest() == hashlib.sha256(data * 100).hexdigest()


@looped
async def test_a_pipeline_with_all_of_them():
    data = text(5 * MIB) + noise(5 * MIB)
    before, between, after = hashing(), hashing("md5"), hashing()
    assert await through(split(data, 100_000), before, gzip(level=1), between, gunzip(), after) == data
    assert before.hexdigest() == after.hexdigest() == hashlib.sha256(data).hexdigest()
    assert between.stats().bytes < len(data)
