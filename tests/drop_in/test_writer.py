"""The writer: backpressure, a long backlog, and buffers that may be reused."""

import asyncio
import contextlib
import socket

import pytest

from forebay.asyncio import StreamReader, StreamReaderProtocol, StreamWriter, open_connection


@contextlib.asynccontextmanager
async def connected(**options):
    """A writer, and the plain socket that is its peer."""
    ours, peer = socket.socketpair()
    for end in (ours, peer):
        end.setblocking(False)
    reader, writer = await open_connection(sock=ours, **options)
    try:
        yield reader, writer, peer
    finally:
        if not writer.is_closing():
            writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        peer.close()


async def receive(peer, size):
    """The next ``size`` bytes, or all until the end."""
    loop = asyncio.get_running_loop()
    data = bytearray()
    while len(data) < size:
        piece = await loop.sock_recv(peer, 1 << 20)
        if not piece:
            break
        data += piece
    return bytes(data)


def test_write_returns_false_above_the_mark(run):
    async def main():
        async with connected() as (_, writer, peer):
            assert writer.write(b"small") is True
            written = b"small"
            room = True
            while room:
                room = writer.write(b"x" * 10000)
                written += b"x" * 10000
            assert writer.write(b"more") is False
            written += b"more"
            draining = asyncio.create_task(writer.drain())
            await asyncio.sleep(0)
            assert not draining.done()
            assert await receive(peer, len(written)) == written
            await draining
            assert writer.write(b"again") is True

    run(main)


def test_a_long_backlog_keeps_its_order(run):
    async def main():
        async with connected() as (_, writer, peer):
            count = 16 * 1024
            pieces = [number.to_bytes(4, "big") * 256 for number in range(count)]
            for piece in pieces:
                writer.write(piece)
            draining = asyncio.create_task(writer.drain())
            assert await receive(peer, count * 1024) == b"".join(pieces)
            await draining

    run(main)


def test_close_sends_the_backlog_first(run):
    async def main():
        async with connected() as (_, writer, peer):
            pieces = [bytes([number % 251]) * 5000 for number in range(1000)]
            for piece in pieces:
                writer.write(piece)
            writer.close()
            assert writer.is_closing()
            assert await receive(peer, 10**9) == b"".join(pieces)
            await writer.wait_closed()

    run(main)


def test_write_eof_sends_the_backlog_first(run):
    async def main():
        async with connected() as (reader, writer, peer):
            pieces = [bytes([number % 251]) * 5000 for number in range(400)]
            for piece in pieces:
                writer.write(piece)
            writer.write_eof()
            assert await receive(peer, 10**9) == b"".join(pieces)
            await asyncio.get_running_loop().sock_sendall(peer, b"still here")
            assert await reader.readexactly(10) == b"still here"
            with pytest.raises(RuntimeError, match=r"write_eof"):
                writer.write(b"late")

    run(main)


def test_direct_writes_to_the_transport_keep_the_order(run):
    async def main():
        async with connected() as (_, writer, peer):
            for _ in range(100):
                writer.write(b"a" * 10000)
            transport = writer.transport
            transport.write(b"b" * 10000)
            for _ in range(100):
                writer.write(b"c" * 10000)
            transport.write(b"d")
            expected = b"a" * 10**6 + b"b" * 10**4 + b"c" * 10**6 + b"d"
            assert await receive(peer, len(expected)) == expected

    run(main)


def test_closing_the_transport_sends_the_backlog(run):
    async def main():
        ours, peer = socket.socketpair()
        peer.setblocking(False)
        loop = asyncio.get_running_loop()
        reader = StreamReader()
        protocol = StreamReaderProtocol(reader)
        transport, _ = await loop.create_connection(lambda: protocol, sock=ours)
        writer = StreamWriter(transport, protocol, reader, loop)
        for _ in range(100):
            writer.write(b"a" * 10000)
        transport.write(b"b")
        transport.close()
        assert await receive(peer, 10**9) == b"a" * 10**6 + b"b"
        await writer.wait_closed()
        peer.close()

    run(main)


def test_writelines_respects_the_marks(run):
    async def main():
        async with connected() as (_, writer, peer):
            assert writer.writelines([b"a", bytearray(b"b"), memoryview(b"c")]) is True
            written = b"abc"
            lines = [b"x" * 1000] * 100
            while writer.writelines(lines):
                written += b"".join(lines)
            written += b"".join(lines)
            draining = asyncio.create_task(writer.drain())
            await asyncio.sleep(0)
            assert not draining.done()
            assert writer.writelines(iter([b"more", b"of it"])) is False
            written += b"moreof it"
            assert await receive(peer, len(written)) == written
            await draining

    run(main)


@pytest.mark.parametrize("filled", [False, True])
def test_buffers_may_be_reused_after_write(run, filled):
    async def main():
        async with connected() as (_, writer, peer):
            written = b""
            while filled and writer.write(b"-" * 50000):
                written += b"-" * 50000
            if filled:
                written += b"-" * 50000
            buffer = bytearray(b"x" * 400_000)
            writer.write(buffer)
            written += bytes(buffer)
            buffer[:] = b"?" * len(buffer)
            buffer.append(0)  # not locked either
            view = bytearray(b"y" * 300_000)
            writer.write(memoryview(view)[1:])
            written += bytes(view[1:])
            view[:] = b"?" * len(view)
            assert await receive(peer, len(written)) == written

    run(main)


def test_wrong_data_raises(run):
    async def main():
        async with connected() as (_, writer, _):
            for wrong in ("text", 7, None):
                with pytest.raises(TypeError):
                    writer.write(wrong)
            while writer.write(b"-" * 50000):
                pass
            for wrong in ("text", 7, None):
                with pytest.raises(TypeError, match="data argument must be a bytes-like object"):
                    writer.write(wrong)

    run(main)


def test_send_waits_for_room(run):
    async def main():
        async with connected() as (_, writer, peer):
            sent = 0

            async def send():
                nonlocal sent
                for _ in range(100):
                    await writer.send(b"x" * 50000)
                    sent += 50000

            task = asyncio.create_task(send())
            for _ in range(20):
                await asyncio.sleep(0)
            assert 0 < sent < 100 * 50000
            assert len(await receive(peer, 100 * 50000)) == 100 * 50000
            await task

    run(main)


def test_drain_lets_other_tasks_run(run):
    async def main():
        async with connected() as (_, writer, _):
            turns = 0

            async def other():
                nonlocal turns
                while True:
                    turns += 1
                    await asyncio.sleep(0)

            task = asyncio.create_task(other())
            for _ in range(1000):
                writer.write(b"x")
                await writer.drain()
            task.cancel()
            assert turns >= 5

    run(main)


def test_drain_raises_the_error_of_the_lost_connection(run):
    async def main():
        async with connected() as (reader, writer, peer):
            peer.close()
            assert await reader.read() == b""
            with pytest.raises((ConnectionResetError, BrokenPipeError)):
                for _ in range(100):
                    writer.write(b"x" * 1000)
                    await writer.drain()

    run(main)


def test_lost_connection_fails_a_waiting_drain(run):
    async def main():
        async with connected() as (_, writer, peer):
            for _ in range(100):
                writer.write(b"x" * 100_000)
            draining = asyncio.create_task(writer.drain())
            await asyncio.sleep(0)
            peer.close()
            with pytest.raises(ConnectionError):
                await draining

    run(main)


def test_the_low_mark_is_a_quarter_of_the_high_one(run):
    async def main():
        async with connected() as (_, writer, _):
            low, high = writer.transport.get_write_buffer_limits()
            assert high == 4 * low

    run(main)


def test_marks_set_by_the_caller_are_kept(run):
    async def main():
        async with connected() as (_, writer, _):
            writer.transport.set_write_buffer_limits(high=0)
            assert writer.transport.get_write_buffer_limits() == (0, 0)
            assert writer.transport.get_write_buffer_size() == 0

    run(main)
