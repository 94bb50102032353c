"""Connections and servers: TCP, Unix sockets, TLS, and the rules for all of them."""

import asyncio
import contextlib
import gc
import os
import socket
import tracemalloc

import pytest

import forebay
from forebay.asyncio import (
    StreamReader,
    StreamReaderProtocol,
    StreamWriter,
    open_connection,
    open_unix_connection,
    start_server,
    start_unix_server,
)


async def echo(reader, writer):
    while data := await reader.read(65536):
        await writer.send(data)
    writer.close()
    await writer.wait_closed()


async def converse(reader, writer):
    """Send and receive in sizes from a byte to more than every buffer."""
    for size in (1, 100, 5000, 65536, 3_000_000):
        message = os.urandom(size)
        writer.write(message)
        assert await reader.readexactly(size) == message
    writer.write(b"one\ntwo\r\n")
    assert await reader.readline() == b"one\n"
    assert await reader.readuntil(b"\r\n") == b"two\r\n"
    writer.close()
    await writer.wait_closed()
    assert reader.at_eof()


def test_tcp(run):
    async def main():
        async with await start_server(echo, "127.0.0.1", 0) as server:
            reader, writer = await open_connection(*server.sockets[0].getsockname())
            assert type(reader) is StreamReader
            assert type(writer) is StreamWriter
            assert writer.get_extra_info("peername") == server.sockets[0].getsockname()
            await converse(reader, writer)

    run(main)


def test_unix(run, tmp_path):
    async def main():
        path = str(tmp_path / "socket")
        async with await start_unix_server(echo, path):
            await converse(*await open_unix_connection(path))

    run(main)


def test_tls(run, tls):
    async def main():
        server_context, client_context = tls
        async with await start_server(echo, "127.0.0.1", 0, ssl=server_context) as server:
            port = server.sockets[0].getsockname()[1]
            reader, writer = await open_connection("localhost", port, ssl=client_context)
            assert writer.get_extra_info("sslcontext") is client_context
            await converse(reader, writer)

    run(main)


def test_start_tls(run, tls):
    async def main():
        server_context, client_context = tls

        async def serve(reader, writer):
            assert await reader.readline() == b"STARTTLS\n"
            await writer.send(b"go\n")
            await writer.start_tls(server_context)
            await echo(reader, writer)

        async with await start_server(serve, "127.0.0.1", 0) as server:
            reader, writer = await open_connection(*server.sockets[0].getsockname())
            await writer.send(b"STARTTLS\n")
            assert await reader.readline() == b"go\n"
            assert writer.get_extra_info("sslcontext") is None
            await writer.start_tls(client_context, server_hostname="localhost")
            assert writer.get_extra_info("sslcontext") is client_context
            await converse(reader, writer)

    run(main)


def test_half_close(run):
    async def main():
        async def serve(reader, writer):
            data = await reader.read()
            await writer.send(data[::-1])
            writer.close()

        async with await start_server(serve, "127.0.0.1", 0) as server:
            reader, writer = await open_connection(*server.sockets[0].getsockname())
            assert writer.can_write_eof()
            writer.write(b"abc")
            writer.write_eof()
            assert await reader.read() == b"cba"
            writer.close()
            await writer.wait_closed()

    run(main)


def test_a_reset_reaches_the_reader(run):
    async def main():
        async def serve(reader, writer):
            await reader.readexactly(1)
            writer.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0"
            )
            writer.transport.abort()

        async with await start_server(serve, "127.0.0.1", 0) as server:
            reader, writer = await open_connection(*server.sockets[0].getsockname())
            writer.write(b"x")
            with pytest.raises(ConnectionResetError):
                await reader.read(1)
            with pytest.raises(ConnectionResetError):
                await reader.read(1)
            writer.close()
            with contextlib.suppress(ConnectionResetError):
                await writer.wait_closed()

    run(main)


def test_fast_sender_is_paused_at_the_limit(run):
    """A peer that sends faster than the program reads has to wait, without TLS and with it."""

    async def main():
        ours, peer = socket.socketpair()
        peer.setblocking(False)
        limit = 16384
        reader, writer = await open_connection(sock=ours, limit=limit)
        loop = asyncio.get_running_loop()
        data = os.urandom(4_000_000)
        sending = asyncio.create_task(loop.sock_sendall(peer, data))
        most = 0
        received = b""
        while len(received) < len(data):
            for _ in range(20):
                await asyncio.sleep(0)
            most = max(most, len(reader._buffer))
            received += await reader.read(10_000)
        assert received == data
        # What fits at the mark, and one receive more.
        assert most <= 2 * limit + (1 << 18) + 4096
        await sending
        writer.close()
        await writer.wait_closed()
        peer.close()

    run(main)


def test_fast_sender_is_paused_at_the_limit_through_tls(run, tls):
    async def main():
        server_context, client_context = tls
        data = os.urandom(4_000_000)

        async def serve(reader, writer):
            await writer.send(data)
            writer.close()

        async with await start_server(serve, "127.0.0.1", 0, ssl=server_context) as server:
            port = server.sockets[0].getsockname()[1]
            reader, writer = await open_connection("localhost", port, ssl=client_context, limit=16384)
            received = b""
            most = 0
            while len(received) < len(data):
                for _ in range(20):
                    await asyncio.sleep(0)
                most = max(most, len(reader._buffer))
                received += await reader.read(10_000)
            assert received == data
            assert most <= 2 * 16384 + (1 << 18) + 4096
            writer.close()
            await writer.wait_closed()

    run(main)


def test_connections_leave_nothing_behind(run):
    async def main():
        async def serve(reader, writer):
            with contextlib.suppress(ConnectionError):
                await echo(reader, writer)

        async with await start_server(serve, "127.0.0.1", 0) as server:
            address = server.sockets[0].getsockname()

            async def visit():
                reader, writer = await open_connection(*address)
                writer.write(b"hello\n")
                assert await reader.readline() == b"hello\n"
                writer.close()
                await writer.wait_closed()

            async def count():
                for _ in range(20):
                    await asyncio.sleep(0.001)
                gc.collect()
                kinds = (StreamReader, StreamWriter, StreamReaderProtocol)
                alive = sum(isinstance(thing, kinds) for thing in gc.get_objects())
                return alive, len(os.listdir("/proc/self/fd"))

            for _ in range(10):
                await visit()
            before = await count()
            for _ in range(100):
                await visit()
            assert await count() == before

    run(main)


@pytest.mark.skipif(
    forebay.backend != "c", reason="the fields of the pure-Python backend are in dictionaries"
)
def test_an_idle_connection_takes_no_more_memory_than_asyncios(run):
    async def main():
        async def serve(reader, writer):
            while line := await reader.readline():
                writer.write(line)
            writer.close()

        async def taken_by(open_with, serve_with):
            async with await serve_with(serve, "127.0.0.1", 0) as server:
                address = server.sockets[0].getsockname()
                held = []

                async def visit():
                    reader, writer = await open_with(*address)
                    writer.write(b"hello\n")
                    assert await reader.readline() == b"hello\n"
                    held.append((reader, writer))

                for _ in range(5):
                    await visit()
                gc.collect()
                tracemalloc.start()
                for _ in range(50):
                    await visit()
                gc.collect()
                taken, _ = tracemalloc.get_traced_memory()
                tracemalloc.stop()
                for _, writer in held:
                    writer.close()
                    await writer.wait_closed()
                return taken

        assert await taken_by(open_connection, start_server) <= await taken_by(
            asyncio.open_connection, asyncio.start_server
        )

    run(main)


def test_many_connections_at_once(run):
    async def main():
        async with await start_server(echo, "127.0.0.1", 0) as server:
            address = server.sockets[0].getsockname()

            async def visit(number):
                reader, writer = await open_connection(*address)
                for size in (10, 70_000, 1):
                    message = bytes([number]) * size
                    await writer.send(message)
                    assert await reader.readexactly(size) == message
                writer.close()
                await writer.wait_closed()

            await asyncio.gather(*(visit(number) for number in range(50)))

    run(main)


def test_handler_error_is_reported_and_closes_the_connection():
    async def main():
        told = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(context))

        async def serve(reader, writer):
            raise LookupError("no such thing")

        async with await start_server(serve, "127.0.0.1", 0) as server:
            reader, writer = await open_connection(*server.sockets[0].getsockname())
            assert await reader.read() == b""
            writer.close()
            await writer.wait_closed()
        assert [type(context["exception"]) for context in told] == [LookupError]
        assert told[0]["message"] == "Unhandled exception in client_connected_cb"

    asyncio.run(main())


def test_much_received_data_is_not_copied_to_bytes(run, monkeypatch):
    """The loop receives directly into the buffer. uvloop makes bytes of the first few messages of a connection only."""
    asked = []
    original = StreamReaderProtocol.data_received

    def seen(self, data):
        asked.append(data)
        original(self, data)

    monkeypatch.setattr(StreamReaderProtocol, "data_received", seen)

    async def main():
        async with await start_server(echo, "127.0.0.1", 0) as server:
            reader, writer = await open_connection(*server.sockets[0].getsockname())
            for number in range(100):
                line = b"%d\n" % number
                writer.write(line)
                assert await reader.readline() == line
            writer.close()
            await writer.wait_closed()
        return isinstance(asyncio.get_running_loop(), asyncio.BaseEventLoop)

    of_asyncio = run(main)
    assert len(asked) <= (0 if of_asyncio else 16)


def test_the_transport_is_the_loops_own(run):
    class Collecting(asyncio.Protocol):
        def __init__(self):
            self.came = asyncio.get_running_loop().create_future()

        def data_received(self, data):
            self.came.set_result(data)

    async def main():
        ours, peer = socket.socketpair()
        reader, writer = await open_connection(sock=ours)
        transport = writer.transport
        protocol = transport.get_protocol()
        transport.pause_reading()
        peer.send(b"paused")
        for _ in range(5):
            await asyncio.sleep(0)
        assert reader.read_nowait() is None
        transport.resume_reading()
        assert await reader.read(100) == b"paused"
        other = Collecting()
        transport.set_protocol(other)
        peer.send(b"for the other")
        assert await other.came == b"for the other"
        transport.set_protocol(protocol)
        peer.send(b"back again")
        assert await reader.read(100) == b"back again"
        writer.close()
        await writer.wait_closed()
        peer.close()

    run(main)


def test_a_file_is_sent_by_the_loop_between_writes(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"in the file")

    async def main():
        ours, peer = socket.socketpair()
        loop = asyncio.get_running_loop()
        reader, writer = await open_connection(sock=ours)
        writer.write(b"before ")
        with path.open("rb") as file:
            sending = asyncio.ensure_future(loop.sendfile(writer.transport, file))
            await asyncio.sleep(0)
            with pytest.raises(RuntimeError, match="sendfile is in progress"):
                writer.write(b"meanwhile")
            await sending
        writer.write(b" after")
        assert peer.recv(100) == b"before in the file after"
        peer.send(b"answer")
        assert await reader.read(100) == b"answer"
        writer.close()
        await writer.wait_closed()
        peer.close()

    asyncio.run(main())


def test_data_received_of_a_subclass_is_called(run):
    seen = []

    class Watching(StreamReaderProtocol):
        def data_received(self, data):
            seen.append(bytes(data))
            super().data_received(data)

    class Upper(StreamReader):
        def feed_data(self, data):
            super().feed_data(data.upper())

    async def main():
        seen.clear()
        async with await start_server(echo, "127.0.0.1", 0) as server:
            loop = asyncio.get_running_loop()
            reader = Upper()
            protocol = Watching(reader)
            transport, _ = await loop.create_connection(lambda: protocol, *server.sockets[0].getsockname())
            writer = StreamWriter(transport, protocol, reader, loop)
            writer.write(b"hello\n")
            assert await reader.readline() == b"HELLO\n"
            assert b"".join(seen) == b"hello\n"
            writer.close()
            await writer.wait_closed()

    run(main)


def test_a_pipe(run):
    async def main():
        loop = asyncio.get_running_loop()
        receiving, sending = os.pipe()
        reader = StreamReader()
        transport, _ = await loop.connect_read_pipe(
            lambda: StreamReaderProtocol(reader), os.fdopen(receiving, "rb", 0)
        )
        os.write(sending, b"line\nrest")
        assert await reader.readline() == b"line\n"
        os.close(sending)
        assert await reader.read() == b"rest"
        transport.close()

    run(main)
