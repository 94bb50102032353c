"""The direct path from socket to socket: events, errors and bytes are those of the ordinary path."""

import asyncio
import contextlib
import sys

import pytest
from direct_cases import DATA, MARK, SIZE, pipe_ends

from forebay import (
    StreamError,
    Writable,
    net,
    pipeline,
)
from support.sockets import HOST, Peer, closed, errors_of, note, received, serving, until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="sendfile and splice as Linux has them")


@contextlib.asynccontextmanager
async def link(**options):
    """A peer, two sockets of a proxy between, and another peer."""
    accepted = asyncio.Queue()
    async with serving(accepted.put_nowait, **options) as server:
        left = await Peer.to(server.port)
        source = await accepted.get()
        right = await Peer.to(server.port)
        dest = await accepted.get()
        try:
            yield left, source, dest, right
        finally:
            left.close()
            right.close()
            source.destroy()
            dest.destroy()
            await closed(source, dest)


async def until_spliced(dest):
    """Until a pipe has been made and something went through it."""
    await until(lambda: pipe_ends() and dest.bytes_written)


def test_socket_to_socket(run):
    async def main():
        async with link() as (left, source, dest, right):
            source.pipe(dest)
            coming = asyncio.create_task(right.rest())
            await left.send(DATA)
            assert len(pipe_ends()) == 2
            left.half_close()
            assert await coming == DATA
            assert source.bytes_read == dest.bytes_written == SIZE
            assert source.stats().readable.bytes == dest.stats().writable.bytes == SIZE

    run(main)


def test_a_proxy_both_ways(run):
    async def main():
        async def proxy(stream):
            upstream = await net.connect(server.port, HOST, allow_half_open=True)
            await asyncio.gather(pipeline(stream, upstream), pipeline(upstream, stream))

        async with (
            serving(lambda stream: stream.pipe(stream)) as server,
            serving(proxy, allow_half_open=True) as front,
            net.connect(front.port, HOST, allow_half_open=True) as client,
        ):
            coming = asyncio.create_task(received(client))
            for at in range(0, SIZE, 100_000):
                await client.send(DATA[at : at + 100_000])
            client.end()
            assert await coming == DATA

    run(main)


def test_a_few_bytes_need_no_pipe(run):
    async def main():
        async with link() as (left, source, dest, right):
            source.pipe(dest)
            for number in range(200):
                await left.send(b"%d " % number)
                assert await right.receive(len(b"%d " % number)) == b"%d " % number
            assert pipe_ends() == []

    run(main)


def test_a_listener_on_the_source_in_the_middle(run):
    async def main():
        async with link() as (left, source, dest, right):
            source.pipe(dest)
            sending = asyncio.create_task(left.send(DATA))
            await until_spliced(dest)
            seen = []
            source.on("data", seen.append)
            coming = asyncio.create_task(right.rest())
            await sending
            left.half_close()
            assert await coming == DATA
            rest = b"".join(seen)
            assert rest
            assert DATA.endswith(rest)

    run(main)


def test_other_write_follows_the_piped_bytes(run):
    async def main():
        async with link() as (left, source, dest, right):
            source.pipe(dest)
            sending = asyncio.create_task(left.send(DATA))
            await until_spliced(dest)
            told = []
            dest.write(MARK, None, told.append)
            coming = asyncio.create_task(right.rest())
            await sending
            left.half_close()
            before, after = (await coming).split(MARK)
            assert before + after == DATA
            assert before
            assert told == [None]

    run(main)


def test_second_destination_added_in_the_middle(run):
    async def main():
        async with link() as (left, source, dest, right):
            source.pipe(dest)
            sending = asyncio.create_task(left.send(DATA))
            await until_spliced(dest)
            # The first destination is full, and stays so: it must not hold up the second.
            source.unpipe(dest)
            got = []
            source.pipe(Writable(write=got.append))
            await sending
            left.half_close()
            await until(lambda: source.readable_ended)
            dest.end()
            start = await right.rest()
            assert start
            assert start + b"".join(got) == DATA
            await until(lambda: not pipe_ends())

    run(main)


def test_two_destinations_use_the_ordinary_path(run):
    async def main():
        async with link() as (left, source, dest, right):
            got = []
            source.pipe(dest)
            source.pipe(Writable(write=got.append))
            coming = asyncio.create_task(right.rest())
            await left.send(DATA)
            left.half_close()
            assert await coming == DATA == b"".join(got)
            assert pipe_ends() == []

    run(main)


def test_pausing_a_proxy(run):
    async def main():
        async with link() as (left, source, dest, right):
            source.pipe(dest)
            coming = asyncio.create_task(right.rest())
            sending = asyncio.create_task(left.send(DATA * 2))
            await until_spliced(dest)
            source.pause()
            await asyncio.sleep(0.02)
            before = source.bytes_read
            await asyncio.sleep(0.02)
            assert source.bytes_read == before
            source.resume()
            await sending
            left.half_close()
            assert await coming == DATA * 2

    run(main)


def test_slow_reader_pauses_the_source(run):
    async def main():
        async with link() as (left, source, dest, _right):
            source.pipe(dest)
            sending = asyncio.create_task(left.send(bytes(200_000_000)))
            await until_spliced(dest)
            await asyncio.sleep(0.1)
            assert not sending.done()
            assert source.bytes_read < 30_000_000
            assert source.readable_length <= 2 * 65536
            assert dest.writable_length <= 2 * 65536
            sending.cancel()
            source.on("error", lambda error: None)
            dest.on("error", lambda error: None)

    run(main)


def test_the_timeout_of_a_proxied_socket(run):
    async def main():
        async with link() as (left, source, dest, right):
            source.pipe(dest)
            seen = note(dest, "timeout")
            dest.set_timeout(0.5)
            coming = asyncio.create_task(right.rest())
            for _ in range(30):
                await left.send(bytes(200_000))
                await asyncio.sleep(0.02)
            assert seen == []
            await until(lambda: seen)
            left.half_close()
            await coming

    run(main)


@pytest.mark.parametrize("who", ["source", "dest", "left", "right"])
def test_one_end_of_a_proxy_is_closed(run, who):
    async def main():
        async with link() as (left, source, dest, right):
            flow = pipeline(source, dest)
            sending = asyncio.create_task(left.send(bytes(100_000_000)))
            await until_spliced(dest)
            if who in ("source", "dest"):
                {"source": source, "dest": dest}[who].destroy()
            else:
                sending.cancel()
                await asyncio.wait([sending])
                {"left": left, "right": right}[who].reset()
                if who == "left":
                    # While the destination is full the source is not read, and nobody hears what has become of it.
                    with contextlib.suppress(ConnectionError):
                        await right.rest()
            with pytest.raises((OSError, StreamError)) as caught:
                await flow
            if who in ("left", "right"):
                assert isinstance(caught.value, ConnectionError)
            await closed(source, dest)
            sending.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                await sending
            assert pipe_ends() == []

    run(main)


def test_destroyed_destination_leaves_the_source_open(run):
    async def main():
        async with link() as (left, source, dest, _right):
            source.pipe(dest)
            sending = asyncio.create_task(left.send(DATA))
            await until_spliced(dest)
            dest.destroy()
            await closed(dest)
            assert pipe_ends() == []
            got = []
            source.pipe(Writable(write=got.append))
            source.resume()
            await sending
            left.half_close()
            await until(lambda: source.readable_ended)
            assert DATA.endswith(b"".join(got))

    run(main)


def test_transfer_between_sockets_emits_no_error(run):
    async def main():
        async with link() as (left, source, dest, right):
            errors = errors_of(source) + errors_of(dest)
            source.pipe(dest)
            coming = asyncio.create_task(right.rest())
            await left.send(DATA)
            left.half_close()
            assert await coming == DATA
            assert errors == []

    run(main)
