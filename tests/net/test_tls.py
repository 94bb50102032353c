"""TLS: from the start, by STARTTLS, with real peers, and truncated connections."""

import asyncio
import contextlib
import socket
import ssl
import threading

import pytest

from forebay import PrematureCloseError, net, once
from forebay.errors import AlreadyConnectedError, InvalidArgTypeError
from support.sockets import HOST, Peer, closed, errors_of, note, payload, received, serving, until


def echo(stream):
    stream.pipe(stream)


@pytest.mark.parametrize("size", [0, 1, 16384, 16385, 3_000_000])
def test_echo_through_tls(run, server_tls, client_tls, size):
    async def main():
        data = payload(size)
        async with (
            serving(echo, ssl=server_tls) as server,
            net.connect(server.port, "localhost", ssl=client_tls) as client,
        ):
            assert client.encrypted
            assert client.tls.version() == "TLSv1.3"
            client.end(data)
            assert await received(client) == data
            assert client.bytes_read > size

    run(main)


def test_writes_before_the_handshake(run, server_tls, client_tls):
    async def main():
        async with serving(echo, ssl=server_tls) as server:
            handle = net.connect(server.port, "localhost", ssl=client_tls)
            client = handle.socket
            seen = note(client, "connect", "secure")
            await once(client, "connect")
            await asyncio.sleep(0)
            client.write(b"early ")
            client.end(b"bird")
            await handle
            assert seen == ["connect", "secure"]
            assert await received(client) == b"early bird"

    run(main)


def test_asyncio_as_the_client(run, server_tls, client_tls):
    async def main():
        data = payload(1_000_000)
        async with serving(echo, ssl=server_tls) as server:
            reader, writer = await asyncio.open_connection("localhost", server.port, ssl=client_tls)
            writer.write(data)
            assert await reader.readexactly(len(data)) == data
            writer.close()
            with contextlib.suppress(ssl.SSLError, ConnectionError):
                await writer.wait_closed()

    run(main)


def test_asyncio_as_the_server(run, server_tls, client_tls):
    async def main():
        async def serve(reader, writer):
            writer.write((await reader.readexactly(1_000_000))[::-1])
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(serve, HOST, 0, ssl=server_tls)
        port = server.sockets[0].getsockname()[1]
        data = payload(1_000_000)
        async with net.connect(port, "localhost", ssl=client_tls) as client:
            client.write(data)
            assert await received(client) == data[::-1]
        server.close()
        await server.wait_closed()

    run(main)


def test_the_certificate_is_checked(run, server_tls, client_tls):
    async def main():
        async with serving(echo, ssl=server_tls) as server:
            failures = note(server, "tls_error")
            with pytest.raises(ssl.SSLCertVerificationError):
                await net.connect(server.port, "localhost", ssl=True)
            with pytest.raises(ssl.SSLCertVerificationError):
                await net.connect(server.port, HOST, ssl=client_tls, server_hostname="example.org")
            await until(lambda: len(failures) == 2)
            assert all(isinstance(each[1], ssl.SSLError) for each in failures)
            assert not server.connections

    run(main)


def test_starttls(run, server_tls, client_tls):
    async def main():
        async def serve(stream):
            stream.write(b"ready\n")
            assert await once(stream, "data") == [b"STARTTLS\n"]
            stream.write(b"go\n")
            await stream.start_tls(server_tls, server_side=True)
            stream.pipe(stream)

        async with serving(serve) as server:
            client = await net.connect(server.port, HOST)
            assert await once(client, "data") == [b"ready\n"]
            client.write(b"STARTTLS\n")
            assert await once(client, "data") == [b"go\n"]
            assert await client.start_tls(client_tls, server_hostname="localhost") is client
            with pytest.raises(AlreadyConnectedError):
                await client.start_tls(client_tls, server_hostname="localhost")
            client.end(b"secret")
            assert await received(client) == b"secret"
            await closed(client)

    run(main)


def test_plain_text_before_the_handshake_is_refused(run, server_tls):
    """Plain text received before TLS must not be treated as data received inside TLS."""

    async def main():
        got = []
        failed = []

        async def serve(stream):
            await once(stream, "readable")
            assert stream.read(9) == b"STARTTLS\n"
            try:
                await stream.start_tls(server_tls, server_side=True)
            except ssl.SSLError as error:
                failed.append(error)
            stream.on("data", got.append)

        async with serving(serve) as server:
            peer = await Peer.to(server.port)
            await peer.send(b"STARTTLS\nEVIL COMMAND\n")
            with contextlib.suppress(ConnectionError):
                await peer.rest()
            peer.close()
        assert failed
        assert got == []

    run(main)


def test_end_without_close_notify_is_an_error(run, server_tls, client_tls):
    """If the connection ends without a TLS close_notify, the reader gets an error."""

    async def main():
        async def cut(stream):
            # The client's complaint.
            stream.on("error", lambda error: None)
            stream.write(b"half of the st")
            await until(lambda: stream.bytes_written)
            # No close_notify: only TCP's end.
            stream.sock.shutdown(socket.SHUT_WR)

        async with serving(cut, ssl=server_tls) as server:
            client = await net.connect(server.port, "localhost", ssl=client_tls)
            seen = note(client, "data", "end", "error", "close")
            await closed(client)
            assert seen[0] == ("data", b"half of the st")
            assert [each[0] for each in seen[1:-1]] == ["error"]
            assert seen[-1] == "close"
            assert isinstance(client.errored, ssl.SSLEOFError)

    run(main)


def test_half_open(run, server_tls, client_tls):
    async def main():
        async def answer(stream):
            question = await received(stream)
            for _ in range(50):
                await stream.send(question * 1000)
            stream.end()

        async with serving(answer, ssl=server_tls, allow_half_open=True) as server:
            client = await net.connect(server.port, "localhost", ssl=client_tls, allow_half_open=True)
            client.end(b"why? ")
            assert await received(client) == b"why? " * 50_000
            await closed(client)

    run(main)


def test_slow_reader_pauses_the_writer(run, server_tls, client_tls):
    async def main():
        chunk = payload(100_000)
        sent = 0

        async def pump(stream):
            nonlocal sent
            for _ in range(500):
                await stream.send(chunk)
                sent += 1
            stream.end()

        async with serving(pump, ssl=server_tls) as server:
            client = await net.connect(server.port, "localhost", ssl=client_tls)
            client.pause()
            await asyncio.sleep(0.1)
            assert sent < 200
            assert client.readable_length <= 2 * 65536
            total = 0
            async for data in client:
                total += len(data)
            assert total == 500 * len(chunk)

    run(main)


def test_pause_in_the_middle_of_a_record(run, server_tls, client_tls):
    async def main():
        data = payload(2_000_000)
        async with serving(lambda stream: stream.end(data), ssl=server_tls) as server:
            client = await net.connect(server.port, "localhost", ssl=client_tls)
            got = []

            def take(chunk):
                got.append(chunk)
                client.pause()
                asyncio.get_running_loop().call_soon(client.resume)

            client.on("data", take)
            await closed(client)
            assert b"".join(got) == data

    run(main)


def test_handshake_timeout(run, client_tls):
    async def main():
        async with serving(lambda stream: None) as server:
            client = await net.connect(server.port, HOST)
            with pytest.raises(TimeoutError):
                await client.start_tls(client_tls, server_hostname="localhost", handshake_timeout=0.02)
            await closed(client)

    run(main)


def test_server_handshake_timeout(run, server_tls):
    async def main():
        async with serving(echo, ssl=server_tls, handshake_timeout=0.02) as server:
            failures = note(server, "tls_error")
            peer = await Peer.to(server.port)
            with contextlib.suppress(ConnectionResetError):
                assert await peer.rest() == b""
            assert isinstance(failures[0][1], TimeoutError)
            peer.close()

    run(main)


def test_cut_at_every_byte_of_the_handshake(run, server_tls, client_tls):
    async def main():
        # What a client says first, from a handshake in memory.
        outgoing = ssl.MemoryBIO()
        client = client_tls.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="localhost")
        with contextlib.suppress(ssl.SSLWantReadError):
            client.do_handshake()
        hello = outgoing.read()
        async with serving(echo, ssl=server_tls) as server:
            failures = note(server, "tls_error")
            offsets = range(0, len(hello), 7)
            for offset in offsets:
                peer = await Peer.to(server.port)
                await peer.send(hello[:offset])
                peer.half_close()
                with contextlib.suppress(ConnectionResetError):
                    await peer.rest()
                peer.close()
            await until(lambda: len(failures) == len(offsets))
            assert not server.connections

    run(main)


def test_reset_at_the_end_of_the_handshake(run, server_tls, client_tls):
    """The connection breaks before the awaiting task resumes, so only the await raises."""

    async def main():
        with socket.create_server((HOST, 0)) as listener:
            serving = asyncio.get_running_loop().run_in_executor(None, cut, listener)
            connecting = net.connect(
                listener.getsockname()[1], "localhost", family=socket.AF_INET, ssl=client_tls
            )
            # The loop stands still until the end is there.
            connecting.socket.on("secure", lambda: gone.wait(30))
            with pytest.raises((ssl.SSLEOFError, ConnectionResetError)):
                await connecting
            await closed(connecting.socket)
            await serving

    def cut(listener):
        sock, _ = listener.accept()
        secure = server_tls.wrap_socket(sock, server_side=True)
        socket.socket(fileno=secure.detach()).close()
        gone.set()

    # Nothing that would come between the handshake and the end.
    server_tls.num_tickets = 0
    gone = threading.Event()
    run(main)


@pytest.mark.parametrize("side", ["server", "client"])
def test_a_reset_during_the_handshake_is_one_error(run, server_tls, client_tls, side):
    async def main():
        if side == "server":
            async with serving(echo, ssl=server_tls) as server:
                failures = note(server, "tls_error")
                peer = await Peer.to(server.port)
                await peer.send(b"\x16\x03\x01\x02\x00")
                await until(lambda: all(each.bytes_read for each in server.sockets) and server.connections)
                peer.reset()
                await until(lambda: failures)
                await until(lambda: not server.connections)
                assert [type(error) for _, error, _ in failures] == [ConnectionResetError]
        else:
            async with serving(lambda stream: stream.once("data", reset(stream))) as server:
                client = await net.connect(server.port, HOST)
                with pytest.raises(ConnectionResetError):
                    await client.start_tls(client_tls, server_hostname="localhost")
                await closed(client)

    def reset(stream):
        return lambda chunk: stream.reset_and_destroy()

    run(main)


def test_destroyed_during_the_handshake(run, client_tls):
    async def main():
        async with serving(lambda stream: None) as server:
            client = await net.connect(server.port, HOST)
            shaking = asyncio.create_task(client.start_tls(client_tls, server_hostname="localhost"))
            await asyncio.sleep(0.01)
            client.destroy()
            with pytest.raises(PrematureCloseError):
                await shaking

    run(main)


def test_cancelled_during_the_handshake(run, client_tls):
    async def main():
        async with serving(lambda stream: None) as server:
            client = await net.connect(server.port, HOST)
            shaking = asyncio.create_task(client.start_tls(client_tls, server_hostname="localhost"))
            await asyncio.sleep(0.01)
            shaking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await shaking
            await closed(client)

    run(main)


def test_tls_error_is_reported_once(run, server_tls, client_tls):
    async def main():
        async def spoil(stream):
            await until(lambda: stream.bytes_read)
            # Bytes that are no record.
            stream.sock.send(b"\x17\x03\x03\x00\x20" + bytes(32))

        async with serving(spoil, ssl=server_tls) as server:
            client = await net.connect(server.port, "localhost", ssl=client_tls)
            errors = errors_of(client)
            client.write(b"go")
            client.resume()
            await closed(client)
            assert [type(error) for error in errors] == [ssl.SSLError]

    run.errors_wanted = True
    run(main)


def test_wrong_contexts_raise(run):
    async def main():
        async with serving(echo) as server:
            client = await net.connect(server.port, HOST)
            with pytest.raises(InvalidArgTypeError):
                await client.start_tls("context")
            with pytest.raises(InvalidArgTypeError):
                await client.start_tls(True, server_side=True)
            client.destroy()
            await closed(client)

    run(main)


def test_records_that_come_together_are_one_chunk(run, server_tls, client_tls):
    """A chunk is not a record: what one receive brings is pushed in blocks, and small writes share a record."""

    def visit(port):
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = client_tls.wrap_bio(incoming, outgoing, server_hostname="localhost")
        with socket.create_connection((HOST, port)) as sock:
            sock.settimeout(10)
            while True:
                try:
                    tls.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    sock.sendall(outgoing.read())
                    incoming.write(sock.recv(1 << 16))
            for number in range(300):
                tls.write(b"%03d" % number)
            sock.sendall(outgoing.read())
            ciphertext = b""
            plain = b""
            while len(plain) < 900:
                try:
                    plain += tls.read(1 << 16)
                except ssl.SSLWantReadError:
                    ciphertext += (data := sock.recv(1 << 16))
                    assert data
                    incoming.write(data)
            with contextlib.suppress(ssl.SSLWantReadError):
                tls.unwrap()
            sock.sendall(outgoing.read())
            return plain, len(ciphertext)

    async def main():
        chunks = []

        def answer(stream):
            def take(chunk):
                chunks.append(chunk)
                if sum(map(len, chunks)) == 900:
                    stream.cork()
                    for number in range(300):
                        stream.write(b"%03d" % number)
                    stream.uncork()

            stream.on("data", take)

        async with serving(answer, ssl=server_tls) as server:
            expected = b"".join(b"%03d" % number for number in range(300))
            plain, size = await asyncio.get_running_loop().run_in_executor(None, visit, server.port)
            assert plain == expected
            assert b"".join(chunks) == expected
            assert len(chunks) < 100
            # 300 records have at least 22 bytes more each.
            assert size < 900 + 100 * 22

    run(main)
