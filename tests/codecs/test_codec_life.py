"""Destroyed, cancelled and abandoned at any moment: no thread, no task, no error without a listener."""

import asyncio
import contextlib
import functools

import pytest
from codec_cases import FORMATS, KIB, MIB, OTHERS, PARALLEL, noise, split, text, through

from forebay import AbortController, AbortError, Readable, Writable, pipeline
from forebay._system.worker_pool import at_work, open_streams
from forebay.codecs import compress, decompress
from support.loops import eventually
from support.streams import looped

DATA = text(100_000) + noise(150_000)
STAGES = {
    **{
        f"{name}-{threads}": (name, threads)
        for name in FORMATS
        for threads in ((1, 3) if name in PARALLEL else (1,))
    },
    **{f"un-{name}": (name, 0) for name in FORMATS},
}


@functools.cache
def packed(name):
    return OTHERS[name][0](DATA)


# Some of each kind: at once and in workers, one thread and several.
SOME = ["gzip-1", "gzip-3", "xz-1", "brotli-1", "un-gzip", "un-bz2", "un-brotli"]


def staged(which):
    """A stage and chunks for it."""
    name, threads = STAGES[which]
    if threads:
        return compress(name, threads=threads), split(DATA, 30_000)
    return decompress(name), split(packed(name), 30_000)


async def gone(stage):
    """Destroy the stage and wait until it is closed, with or without an error."""
    stage.destroy()
    with contextlib.suppress(Exception):
        await stage.aclose()
    assert stage.closed


async def nothing_left():
    assert eventually(lambda: not at_work())
    assert open_streams() == 0
    assert len(asyncio.all_tasks()) == 1


@pytest.mark.parametrize("which", STAGES)
@looped
async def test_destroyed_at_the_nth_turn(which):
    for turns in (0, 1, 2, 4, 8, 20):
        stage, chunks = staged(which)
        for chunk in chunks:
            stage.write(chunk)
        stage.end()
        stage.resume()
        for _ in range(turns):
            await asyncio.sleep(0)
        await stage.aclose()
        assert stage.closed
    await nothing_left()


@pytest.mark.parametrize("which", STAGES)
@looped
async def test_a_pipeline_cancelled_at_the_nth_turn(which):
    for turns in (0, 1, 2, 4, 8, 20):
        stage, chunks = staged(which)
        passed = []

        async def flow(chunks=chunks, stage=stage, passed=passed):
            await pipeline(Readable.from_(chunks, object_mode=False), stage, Writable(write=passed.append))

        task = asyncio.ensure_future(flow())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            assert stage.destroyed or turns == 0
        await gone(stage)
    await nothing_left()


@pytest.mark.parametrize("which", ["gzip-1", "gzip-3", "un-gzip", "xz-1"])
@looped
async def test_a_signal_ends_the_stage(which):
    name, threads = STAGES[which]
    controller = AbortController()
    make = (lambda: compress(name, threads=threads, signal=controller.signal)) if threads else None
    stage = make() if make else decompress(name, signal=controller.signal)
    errors = []
    stage.on("error", errors.append)
    stage.write(staged(which)[1][0])
    controller.abort()
    with pytest.raises(AbortError):
        await stage.aclose()
    assert [type(error) for error in errors] == [AbortError]
    await nothing_left()


@pytest.mark.parametrize("which", SOME)
@looped
async def test_the_source_fails(which):
    stage, chunks = staged(which)

    async def source():
        for chunk in chunks[:2]:
            yield chunk
        raise KeyError("gone")

    with pytest.raises(KeyError):
        await pipeline(source(), stage, Writable(write=lambda chunk: None))
    await gone(stage)
    await nothing_left()


@pytest.mark.parametrize("which", SOME)
@looped
async def test_the_reader_fails(which):
    stage, chunks = staged(which)

    def write(chunk):
        raise KeyError("full")

    with pytest.raises(KeyError):
        await pipeline(Readable.from_(chunks, object_mode=False), stage, Writable(write=write))
    await gone(stage)
    await nothing_left()


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("name", ["gzip", "zstd", "lz4"])
@looped
async def test_the_input_ahead_of_the_reader_is_bounded(name, threads):
    """Without a reader, the compressor takes in a few blocks and no more."""
    given = 0

    async def source():
        nonlocal given
        while given < 64 * MIB:
            given += 256 * KIB
            yield noise(256 * KIB)

    stage = compress(name, threads=threads, level=1)
    flow = asyncio.ensure_future(pipeline(source(), stage))
    while stage.readable_length < 64 * KIB:
        await asyncio.sleep(0.001)
    before = -1
    while before != given or at_work():
        before = given
        for _ in range(3):
            await asyncio.sleep(0.001)
    # Two blocks for each thread, what waits for a job, and what the streams hold themselves.
    block = stage._encoder.block
    assert given <= 2 * threads * block + max(block, 512 * KIB) + 2 * MIB
    flow.cancel()
    with pytest.raises(asyncio.CancelledError):
        await flow
    await gone(stage)


@pytest.mark.parametrize("name", FORMATS)
@looped
async def test_a_buffer_that_is_used_again(name):
    """A source that writes the next chunk into the same buffer, as soon as the last one was accepted."""
    buffer = bytearray(50_000)
    for threads in (1, 2) if name in PARALLEL else (1,):
        expected = []
        stage = compress(name, threads=threads)
        out = []
        stage.on("data", out.append)
        for number in range(6):
            buffer[:] = noise(len(buffer), number)
            expected.append(bytes(buffer))
            accepted = asyncio.get_running_loop().create_future()
            stage.write(buffer, callback=lambda error=None, accepted=accepted: accepted.set_result(error))
            await accepted
        await pipeline_end(stage)
        assert OTHERS[name][1](b"".join(out)) == b"".join(expected)


async def pipeline_end(stage):
    ended = asyncio.get_running_loop().create_future()
    stage.once("end", lambda: ended.set_result(None))
    stage.end()
    await ended


@looped
async def test_several_streams_at_the_same_time():
    stages = [through(split(DATA, 50_000), compress("gzip", threads=2), decompress()) for _ in range(6)]
    assert await asyncio.gather(*stages) == [DATA] * 6
