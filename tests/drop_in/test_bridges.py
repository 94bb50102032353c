"""From asyncio's streams and transports to forebay's, and back."""

import asyncio
import os
import socket

import pytest

from forebay import PassThrough, Readable, StreamError, Writable, duplex_pair, pipeline
from forebay.asyncio import as_duplex, as_pair, as_readable, as_writable, open_connection
from forebay.errors import InvalidArgTypeError

DATA = os.urandom(700_000)


async def pair(open_with=open_connection):
    """A reader, its writer, and the same of the peer."""
    ours, peer = socket.socketpair()
    return *await open_with(sock=ours), *await open_with(sock=peer)


async def close(*writers):
    for writer in writers:
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize("open_with", [open_connection, asyncio.open_connection])
def test_a_readable_over_a_reader(run, open_with):
    async def main():
        reader, writer, _, peer = await pair(open_with)
        peer.write(DATA)
        peer.write_eof()
        chunks = []
        await pipeline(as_readable(reader), Writable(write=chunks.append))
        assert b"".join(chunks) == DATA
        await close(writer, peer)

    run(main)


@pytest.mark.parametrize("open_with", [open_connection, asyncio.open_connection])
def test_a_writable_over_a_writer(run, open_with):
    async def main():
        _, writer, reader, peer = await pair(open_with)
        receiving = asyncio.create_task(reader.read())
        await pipeline([DATA[:10], DATA[10:50_000], DATA[50_000:]], as_writable(writer))
        assert await receiving == DATA
        assert writer.is_closing()
        await close(peer)

    run(main)


@pytest.mark.parametrize("open_with", [open_connection, asyncio.open_connection])
def test_a_duplex_over_a_connection(run, open_with):
    async def main():
        reader, writer, other_reader, other_writer = await pair(open_with)

        async def reverse():
            data = await other_reader.read()
            other_writer.write(data[::-1])
            other_writer.close()

        answering = asyncio.create_task(reverse())
        chunks = []
        await pipeline([DATA], as_duplex(reader, writer), Writable(write=chunks.append))
        assert b"".join(chunks) == DATA[::-1]
        await answering
        await other_writer.wait_closed()
        assert writer.is_closing()

    run(main)


def test_streams_over_transports(run):
    async def main():
        loop = asyncio.get_running_loop()
        ours, peer = socket.socketpair()
        transport, _ = await loop.create_connection(asyncio.Protocol, sock=ours)
        other, _ = await loop.create_connection(asyncio.Protocol, sock=peer)
        near, far = as_duplex(transport), as_duplex(other)
        echoing = asyncio.ensure_future(pipeline(far, PassThrough(), far))
        chunks = []
        await pipeline([DATA], near, Writable(write=chunks.append))
        assert b"".join(chunks) == DATA
        await echoing
        assert transport.is_closing()
        assert other.is_closing()

    run(main)


def test_streams_over_the_transports_of_pipes(run):
    async def main():
        loop = asyncio.get_running_loop()
        receiving, sending = os.pipe()
        source, _ = await loop.connect_read_pipe(asyncio.Protocol, os.fdopen(receiving, "rb", 0))
        sink, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, os.fdopen(sending, "wb", 0))
        chunks = []
        await asyncio.gather(
            pipeline([DATA], as_writable(sink)),
            pipeline(as_readable(source), Writable(write=chunks.append)),
        )
        assert b"".join(chunks) == DATA

    run(main)


def test_destroying_the_duplex_closes_the_connection(run):
    async def main():
        reader, writer, other_reader, other_writer = await pair()
        duplex = as_duplex(reader, writer)
        failed = []
        duplex.on("error", failed.append)
        duplex.destroy(LookupError("enough"))
        assert await other_reader.read() == b""
        await close(other_writer)
        assert [type(error) for error in failed] == [LookupError]
        assert writer.is_closing()

    run(main)


def test_a_lost_connection_fails_the_stream(run):
    async def main():
        reader, writer, _, other_writer = await pair()
        duplex = as_duplex(reader, writer)
        reader.set_exception(ConnectionResetError("gone"))
        with pytest.raises(ConnectionResetError, match="gone"):
            async for _ in duplex:
                pass
        await close(other_writer)

    run(main)


def test_a_reader_and_a_writer_over_a_duplex(run):
    async def main():
        near, far = duplex_pair()
        reader, writer = as_pair(near)
        other_reader, other_writer = as_pair(far)

        async def serve():
            while line := await other_reader.readline():
                await other_writer.send(line.upper())
            other_writer.write(DATA)
            other_writer.close()

        serving = asyncio.create_task(serve())
        writer.write(b"hello\n")
        assert await reader.readline() == b"HELLO\n"
        writer.write_eof()
        assert await reader.readexactly(len(DATA)) == DATA
        assert await reader.read() == b""
        await serving
        writer.close()
        await writer.wait_closed()
        await other_writer.wait_closed()

    run(main)


def test_backpressure_goes_through_a_pair(run):
    async def main():
        taken = []
        gate = asyncio.Event()

        async def slow(chunk):
            await gate.wait()
            taken.append(bytes(chunk))

        _, writer = as_pair(Writable(write=slow, high_water_mark=1000))
        assert writer.write(b"x" * 2000) is False
        draining = asyncio.create_task(writer.drain())
        for _ in range(5):
            await asyncio.sleep(0)
        assert not draining.done()
        gate.set()
        await draining
        writer.close()
        await writer.wait_closed()
        assert taken == [b"x" * 2000]

        produced = 0

        def produce(size):
            nonlocal produced
            produced += 1
            return b"y" * 1000 if produced < 1000 else b""

        reader, writer = as_pair(Readable(read=produce), limit=5000)
        assert await reader.readexactly(1) == b"y"
        for _ in range(50):
            await asyncio.sleep(0)
        assert produced < 200
        assert len(await reader.read()) == 999_000 - 1
        writer.close()
        await writer.wait_closed()

    run(main)


def test_errors_go_through_a_pair(run):
    async def main():
        stream = PassThrough()
        reader, writer = as_pair(stream)
        stream.destroy(LookupError("broken"))
        with pytest.raises(LookupError, match="broken"):
            await reader.read()
        with pytest.raises(LookupError, match="broken"):
            await writer.wait_closed()
        stream = PassThrough()
        reader, writer = as_pair(stream)
        stream.destroy()
        with pytest.raises(StreamError):
            await reader.read()
        with pytest.raises(StreamError):
            await writer.wait_closed()

    run(main)


def test_wrong_objects_raise(run):
    async def main():
        for call in (
            lambda: as_readable("text"),
            lambda: as_writable(7),
            lambda: as_duplex(None, None),
            lambda: as_pair("text"),
            lambda: as_pair(Readable.from_([1, 2])),
            lambda: as_readable(asyncio.StreamReader(), object_mode=True),
        ):
            with pytest.raises(InvalidArgTypeError):
                call()

    run(main)
