"""Written data is sent even if the program closes the transport and not the writer."""

import asyncio
import socket
import ssl
import sys

import pytest

from forebay.asyncio import StreamReader, StreamReaderProtocol, StreamWriter, start_server

PIECE = b"0123456789abcdef" * 1024
COUNT = 512
SIZE = COUNT * len(PIECE)


async def receive_all(address):
    """All that a server sends, by a client that is slower than the server."""
    loop = asyncio.get_running_loop()
    with socket.socket() as client:
        client.setblocking(False)
        await loop.sock_connect(client, address)
        await asyncio.sleep(0.05)
        received = bytearray()
        while data := await loop.sock_recv(client, 1 << 16):
            received += data
            await asyncio.sleep(0)
        return bytes(received)


def fill(writer):
    for _ in range(COUNT):
        writer.write(PIECE)


async def fail(writer):
    raise LookupError("no such thing")


async def be_cancelled(writer):
    asyncio.current_task().cancel()
    await asyncio.sleep(0)


async def close_the_transport(writer):
    writer.transport.close()


async def close_the_protocols_transport(writer):
    writer._protocol._transport.close()


@pytest.fixture
def told(run):
    """Run a coroutine function with a list of what the loop's exception handler was told."""

    def runner(main):
        async def with_handler():
            messages = []
            asyncio.get_running_loop().set_exception_handler(
                lambda loop, context: messages.append(context["message"])
            )
            return await main(messages)

        return run(with_handler)

    return runner


@pytest.mark.parametrize("way", [fail, be_cancelled, close_the_transport, close_the_protocols_transport])
def test_handler_closes_the_transport(told, way):
    async def main(messages):
        async def handler(reader, writer):
            fill(writer)
            await way(writer)

        async with await start_server(handler, "127.0.0.1", 0) as server:
            received = await receive_all(server.sockets[0].getsockname())
        assert received == PIECE * COUNT
        assert messages == (["Unhandled exception in client_connected_cb"] if way is fail else [])

    told(main)


@pytest.mark.skipif(sys.version_info < (3, 13), reason="close_clients() is new in Python 3.13")
def test_server_closes_its_clients(run):
    async def main():
        async def handler(reader, writer):
            fill(writer)
            getattr(server, "close_clients", writer.transport.close)()  # uvloop has none
            await writer.wait_closed()

        async with await start_server(handler, "127.0.0.1", 0) as server:
            assert await receive_all(server.sockets[0].getsockname()) == PIECE * COUNT

    run(main)


def test_plain_callback_that_raises(told):
    async def main(messages):
        def callback(reader, writer):
            fill(writer)
            raise LookupError("no such thing")

        async with await start_server(callback, "127.0.0.1", 0) as server:
            assert await receive_all(server.sockets[0].getsockname()) == PIECE * COUNT
        assert messages == ["Unhandled exception in client_connected_cb"]

    told(main)


class TLSClient:
    """A client of TLS that says by itself when to send what."""

    def __init__(self, sock, context):
        self.sock = sock
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname="localhost")

    async def call(self, method, *arguments):
        """Call a method of the TLS object until it needs nothing more from the peer."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                return method(*arguments)
            except ssl.SSLWantReadError:
                await loop.sock_sendall(self.sock, self.outgoing.read())
                data = await loop.sock_recv(self.sock, 1 << 16)
                if not data:
                    return b""
                self.incoming.write(data)
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return b""


@pytest.mark.parametrize("way", ["fails", "is told that the client has ended"])
def test_data_is_sent_when_a_tls_transport_is_closed(told, tls, way):
    async def main(messages):
        loop = asyncio.get_running_loop()

        async def handler(reader, writer):
            fill(writer)
            if way == "fails":
                raise LookupError("no such thing")
            assert await reader.read() == b""

        async with await start_server(handler, "127.0.0.1", 0, ssl=tls[0]) as server:
            with socket.socket() as sock:
                sock.setblocking(False)
                await loop.sock_connect(sock, server.sockets[0].getsockname())
                client = TLSClient(sock, tls[1])
                await client.call(client.tls.do_handshake)
                await loop.sock_sendall(sock, client.outgoing.read())
                await asyncio.sleep(0.05)
                if way != "fails":
                    with pytest.raises(ssl.SSLWantReadError):
                        client.tls.unwrap()  # sends close_notify
                    await loop.sock_sendall(sock, client.outgoing.read())
                received = bytearray()
                while data := await client.call(client.tls.read, 1 << 16):
                    received += data
                assert len(received) == SIZE
                assert received == PIECE * COUNT

    told(main)


def test_writes_behind_a_full_transport_keep_their_order(run):
    async def main():
        ours, peer = socket.socketpair()
        peer.setblocking(False)
        loop = asyncio.get_running_loop()
        reader = StreamReader()
        protocol = StreamReaderProtocol(reader)
        transport, _ = await loop.create_connection(lambda: protocol, sock=ours)
        writer = StreamWriter(transport, protocol, reader, loop)
        written = bytearray()
        for turn in range(200):
            for size in (1, 70, 4000, 70_000, 3, 65_536, 200_000):
                piece = bytes([turn]) * size
                written += piece
                writer.write(piece)
            if turn % 7 == 0:
                transport.write(b"past the writer")
                written += b"past the writer"
            if turn % 50 == 49:
                received = await loop.sock_recv(peer, 1 << 22)
                assert written.startswith(received)
                del written[: len(received)]
        transport.close()
        received = bytearray()
        while data := await loop.sock_recv(peer, 1 << 20):
            received += data
        assert received == written
        peer.close()

    run(main)
