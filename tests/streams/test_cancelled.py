"""A task is cancelled at any await, and again while it releases its streams: no report, no resource left."""

import asyncio
import os

import pytest

from forebay import (
    Duplex,
    PassThrough,
    Readable,
    Writable,
    create_read_stream,
    create_write_stream,
    finished,
    net,
    pipeline,
)
from support.streams import looped, quiet, reported


async def nap():
    for _ in range(3):
        await asyncio.sleep(0)


class Slow:
    """Every hook takes some turns of the loop."""

    async def _construct(self):
        await nap()

    async def _destroy(self, error):
        await nap()

    async def _read(self, size):
        await nap()
        return b"x" * 100

    async def _write(self, chunk):
        await nap()

    async def _final(self):
        await nap()


class SlowReadable(Slow, Readable):
    pass


class SlowWritable(Slow, Writable):
    pass


class SlowDuplex(Slow, Duplex):
    pass


# ---- what is cancelled; each notes its streams


async def with_readable(made, path):
    made.append(SlowReadable())
    async with made[0] as stream:
        await asyncio.sleep(0)
        stream.read()
        await nap()


async def with_writable(made, path):
    made.append(SlowWritable(high_water_mark=1))
    async with made[0] as stream:
        for _ in range(3):
            await stream.send(b"12345")


async def with_duplex(made, path):
    made.append(SlowDuplex(high_water_mark=1))
    async with made[0] as stream:
        await stream.send(b"12345")
        async for _ in stream.iterator(destroy_on_return=False):
            break


async def with_failure(made, path):
    made.append(SlowDuplex(high_water_mark=1))
    async with made[0] as stream:
        stream.write(b"12345")
        await nap()
        raise LookupError


async def with_read_file(made, path):
    path.write_bytes(b"x" * 10_000)
    made.append(create_read_stream(path, high_water_mark=1000))
    async with made[0] as stream:
        async for _ in stream:
            await asyncio.sleep(0)


async def with_write_file(made, path):
    made.append(create_write_stream(path, high_water_mark=1000))
    async with made[0] as stream:
        for _ in range(5):
            await stream.send(b"x" * 10_000)


async def with_socket(made, path):
    def serve(socket):
        made.append(socket)
        socket.on("error", lambda error: None)
        socket.pipe(socket)

    async with net.create_server(serve) as server:
        await server.listen(0, "127.0.0.1")
        async with net.connect(server.port, "127.0.0.1") as socket:
            made.append(socket)
            await socket.send(b"x" * 300_000)
            await socket.drain()
            async for _ in socket:
                break


async def closing(made, path):
    made.append(SlowDuplex())
    made[0].write(b"x")
    made[0].read()
    try:
        await nap()
    finally:
        await made[0].aclose()


async def iterating(made, path):
    made.append(SlowReadable())
    async for _ in made[0]:
        pass


async def taking(made, path):
    made.append(SlowReadable())
    await made[0].map(lambda chunk: chunk).take(3).to_list()


async def piping(made, path):
    made += [SlowReadable(), PassThrough(), SlowDuplex(), SlowWritable()]
    await pipeline(*made)


async def piping_functions(made, path):
    made += [SlowReadable(), SlowWritable(high_water_mark=1)]

    async def upper(chunks):
        async for chunk in chunks:
            await asyncio.sleep(0)
            yield chunk.upper()

    await pipeline(made[0], upper, made[1])


ENDS = [
    with_readable,
    with_writable,
    with_duplex,
    with_failure,
    with_read_file,
    with_write_file,
    with_socket,
    closing,
    iterating,
    taking,
    piping,
    piping_functions,
]


async def cancel_twice(work, turns, between):
    task = asyncio.ensure_future(work)
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    for _ in range(between):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled():
        task.exception()


@pytest.mark.parametrize("turns", range(1, 26, 2))
@pytest.mark.parametrize("work", ENDS)
@looped
async def test_streams_are_closed_and_nothing_is_reported(work, turns, tmp_path):
    files = "/proc/self/fd"
    before = len(os.listdir(files)) if os.path.exists(files) else None
    for between in (0, 1, 2, 5):
        made = []
        with reported() as contexts:
            await cancel_twice(work(made, tmp_path / "file"), turns, between)
            async with asyncio.timeout(20):
                while not all(stream.closed for stream in made):
                    await asyncio.sleep(0.001)
                await quiet()
        assert contexts == []
    if before is not None:
        async with asyncio.timeout(20):
            while len(os.listdir(files)) > before:
                await asyncio.sleep(0.001)


# ---- waits that leave the stream to others


async def waiting_for_room(stream):
    stream.write(b"12345")
    while True:
        await stream.drain()
        stream.write(b"12345")


async def sending(stream):
    while True:
        await stream.send(b"12345")


async def watching(stream):
    await finished(stream)


async def watching_quietly(stream):
    await finished(stream).wait()


@pytest.mark.parametrize("turns", range(1, 8))
@pytest.mark.parametrize("work", [waiting_for_room, sending, watching, watching_quietly])
@looped
async def test_cancelled_wait_does_not_change_the_stream(work, turns):
    for between in (0, 1, 2):
        stream = SlowDuplex(high_water_mark=1)
        names = stream.event_names()
        await cancel_twice(work(stream), turns, between)
        await quiet()
        assert not stream.destroyed
        assert stream.event_names() == names
        await stream.aclose()


# ---- what goes wrong when nobody waits any more


@looped
async def test_close_error_after_cancellation_is_reported():
    failure = OSError("cannot close")

    class Failing(Writable):
        async def _destroy(self, error):
            await nap()
            raise failure

    stream = Failing()
    stream.write(b"x")
    with reported() as contexts:
        await cancel_twice(stream.aclose(), 1, 0)
        await quiet()
    assert stream.closed
    assert [context["exception"] for context in contexts] == [failure]


@looped
async def test_cancelled_finish_destroys_the_stream():
    class Endless(Writable):
        async def _final(self):
            await asyncio.get_running_loop().create_future()

    stream = Endless()

    async def work():
        async with stream:
            stream.write(b"x")

    await cancel_twice(work(), 3, 0)
    await quiet()
    assert stream.closed
