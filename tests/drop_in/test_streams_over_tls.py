"""The streams over TLS: whole data, few records, peers that break the rules, and the loops that keep their own TLS."""

import asyncio
import contextlib
import os
import socket
import ssl
import struct
import subprocess
import sys

import pytest

from forebay import backend
from forebay.asyncio import StreamReader, open_connection, start_server
from forebay.asyncio._tls import TlsProtocol, has_own_tls

RESET = struct.pack("ii", 1, 0)


class Client:
    """A blocking client of TLS that sees the records."""

    def __init__(self, port, context):
        self.sock = socket.create_connection(("127.0.0.1", port))
        self.sock.settimeout(10)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname="localhost")
        self.received = b""
        self._call(self.tls.do_handshake)
        self.sock.sendall(self.outgoing.read())

    def _call(self, method, *arguments):
        while True:
            try:
                return method(*arguments)
            except ssl.SSLWantReadError:
                self.sock.sendall(self.outgoing.read())
                data = self.sock.recv(1 << 16)
                if not data:
                    return b""
                self.received += data
                self.incoming.write(data)
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return b""

    def send(self, *pieces):
        """Send each piece as a record of its own, all of them at once."""
        for piece in pieces:
            self.tls.write(piece)
        self.sock.sendall(self.outgoing.read())

    def receive(self, size):
        """Return so many plain bytes, and how many records they came in."""
        self.received = b""
        data = b""
        while len(data) < size and (block := self._call(self.tls.read, 1 << 16)):
            data += block
        return data, records_of(self.received)


def records_of(data):
    """How many records of TLS begin in some data."""
    at = count = 0
    while at + 5 <= len(data):
        at += 5 + int.from_bytes(data[at + 3 : at + 5])
        count += 1
    return count


async def echo_lines(reader, writer):
    async for line in reader:
        writer.write(line)
        await writer.drain()
    writer.close()


@contextlib.asynccontextmanager
async def serving(handler, context, **options):
    """A server; its port. When it ends, so have its handlers."""
    tasks = []

    async def handle(reader, writer):
        tasks.append(asyncio.current_task())
        try:
            await handler(reader, writer)
        finally:
            writer.transport.abort()

    async with await start_server(handle, "127.0.0.1", 0, ssl=context, **options) as server:
        yield server.sockets[0].getsockname()[1]
        await asyncio.gather(*tasks, return_exceptions=True)


def in_thread(function, *arguments):
    return asyncio.get_running_loop().run_in_executor(None, function, *arguments)


@pytest.mark.parametrize("size", [1, 16383, 16384, 16385, 65536, 65537, 1_000_000, 5_000_000])
def test_echo_of_any_size(run, tls, size):
    async def echo(reader, writer):
        while data := await reader.read(100_000):
            writer.write(data)
            await writer.drain()

    async def main():
        async with serving(echo, tls[0]) as port:
            reader, writer = await open_connection("localhost", port, ssl=tls[1])
            data = os.urandom(size)
            writer.write(data)
            assert await reader.readexactly(size) == data
            writer.writelines([data, bytearray(data), memoryview(data)])
            assert await reader.readexactly(3 * size) == data * 3
            writer.close()
            await writer.wait_closed()

    run(main)


def test_many_records_in_one_piece(run, tls):
    """All records that come at once are read, and the answers to them go together."""
    lines = [b"%d\n" % number for number in range(300)]

    def visit(port):
        client = Client(port, tls[1])
        with client.sock:
            client.send(*lines)
            data, records = client.receive(len(b"".join(lines)))
            assert data == b"".join(lines)
            return records

    async def main():
        async with serving(echo_lines, tls[0]) as port:
            # The receives decide how many there are, but there are far fewer than lines.
            assert await in_thread(visit, port) < 150

    run(main)


@pytest.mark.skipif(backend == "python", reason="the code of the pure-Python backend is called")
def test_no_python_code_runs_for_each_message(run, tls):
    called = []

    def note(frame, event, argument):
        if event == "call":
            called.append(frame.f_code.co_filename)

    async def main():
        async with serving(echo_lines, tls[0]) as port:
            reader, writer = await open_connection("localhost", port, ssl=tls[1])
            for number in range(220):
                if number == 20:
                    sys.setprofile(note)
                writer.write(b"a line\n")
                assert await reader.readline() == b"a line\n"
            sys.setprofile(None)
            writer.close()
            await writer.wait_closed()
        assert sum(name.endswith("sslproto.py") for name in called) < 20

    run(main)


@pytest.mark.parametrize("end", ["close", "abort", "return"])
def test_what_was_written_before_the_end_arrives(run, tls, end):
    async def handler(reader, writer):
        await reader.readline()
        for number in range(5):
            writer.write(b"%d\n" % number)
        if end == "close":
            writer.close()
        elif end == "abort":
            writer.transport.abort()

    def visit(port):
        client = Client(port, tls[1])
        with client.sock:
            client.send(b"go\n")
            return client.receive(10)[0]

    async def main():
        async with serving(handler, tls[0]) as port:
            data = await in_thread(visit, port)
            if sys.platform == "linux" or end == "close":
                assert data == b"0\n1\n2\n3\n4\n"

    run(main)


def test_the_information_of_a_connection(run, tls):
    async def main():
        async with serving(echo_lines, tls[0]) as port:
            reader, writer = await open_connection("localhost", port, ssl=tls[1])
            info = writer.get_extra_info
            assert info("peername")[1] == port
            assert info("sslcontext") is tls[1]
            assert info("ssl_object").version() == "TLSv1.3"
            assert info("cipher") == info("ssl_object").cipher()
            assert info("compression") is None
            assert ("DNS", "localhost") in info("peercert")["subjectAltName"]
            assert info("socket").fileno() >= 0
            assert info("nothing", 7) == 7
            assert isinstance(writer.transport, asyncio.Transport)
            writer.close()
            await writer.wait_closed()
            assert await reader.read() == b""

    run(main)


def hang_up(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    sock.close()


def send_garbage(port, context):
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.sendall(os.urandom(4096))
        with contextlib.suppress(ConnectionError):
            sock.recv(100)


def reset_in_the_handshake(port, context):
    sock = socket.create_connection(("127.0.0.1", port))
    sock.sendall(b"\x16\x03\x01\x02\x00\x01")
    hang_up(sock)


def stop_in_the_handshake(port, context):
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.settimeout(10)
        sock.sendall(b"\x16\x03\x01\x02\x00\x01")
        with contextlib.suppress(ConnectionError):
            assert sock.recv(100) == b""


def send_garbage_later(port, context):
    client = Client(port, context)
    client.send(b"a line\n")
    client.sock.sendall(b"\x17\x03\x03\x00\x20" + bytes(32))
    with contextlib.suppress(ConnectionError), client.sock:
        while client.sock.recv(1 << 16):
            pass


def reset_later(port, context):
    client = Client(port, context)
    client.send(b"a line\n")
    hang_up(client.sock)


def end_without_notice(port, context):
    client = Client(port, context)
    client.send(b"a line\n")
    client.sock.close()


@pytest.mark.parametrize(
    "hostile",
    [
        send_garbage,
        reset_in_the_handshake,
        stop_in_the_handshake,
        send_garbage_later,
        reset_later,
        end_without_notice,
    ],
)
def test_a_hostile_peer_ends_its_own_connection_only(run, tls, hostile):
    ends = []

    async def handler(reader, writer):
        try:
            await echo_lines(reader, writer)
            ends.append(None)
        except OSError as error:
            ends.append(error)

    async def main():
        async with serving(handler, tls[0], ssl_handshake_timeout=0.3) as port:
            for _ in range(3):
                await in_thread(hostile, port, tls[1])
            reader, writer = await open_connection("localhost", port, ssl=tls[1])
            writer.write(b"still here\n")
            assert await reader.readline() == b"still here\n"
            writer.close()
            await writer.wait_closed()
        assert len(ends) == (4 if hostile in (send_garbage_later, reset_later, end_without_notice) else 1)
        if hostile is send_garbage_later:
            assert all(isinstance(end, ssl.SSLError) for end in ends[:3])

    run(main)


def test_a_handshake_that_fails_raises_at_the_client(run, tls):
    async def main():
        async with serving(echo_lines, tls[0]) as port:
            with pytest.raises(ssl.SSLCertVerificationError):
                await open_connection("localhost", port, ssl=True)
            with pytest.raises(ssl.SSLCertVerificationError):
                await open_connection("127.0.0.1", port, ssl=tls[1], server_hostname="other.example")
        with pytest.raises(ValueError, match="server_hostname"):
            await open_connection(sock=None, ssl=tls[1])
        with pytest.raises(ConnectionRefusedError):
            await open_connection("localhost", port, ssl=tls[1])

    run(main)


def test_a_fast_sender_leaves_the_loop_its_turns(run, tls):
    """While a peer sends without end, other tasks run: a turn takes at most a few MiB."""
    size = 1 << 24
    ticks = 0

    async def tick():
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0)

    async def handler(reader, writer):
        ticking = asyncio.create_task(tick())
        assert len(await reader.readexactly(size)) == size
        ticking.cancel()
        writer.write(b"done")
        await writer.drain()

    def visit(port):
        client = Client(port, tls[1])
        with client.sock:
            for _ in range(16):
                client.send(bytes(size // 16))
            assert client.receive(4)[0] == b"done"

    async def main():
        async with serving(handler, tls[0]) as port:
            await in_thread(visit, port)
        assert ticks >= 4

    run(main)


def test_a_loop_with_its_own_connections_keeps_its_own_tls(tls):
    class Loop(asyncio.SelectorEventLoop):
        async def create_connection(self, *arguments, **options):
            assert "ssl" in options
            return await super().create_connection(*arguments, **options)

    async def main():
        assert not has_own_tls(asyncio.get_running_loop())
        async with serving(echo_lines, tls[0]) as port:
            reader, writer = await open_connection("localhost", port, ssl=tls[1])
            assert type(writer.transport._ssl_protocol) is not TlsProtocol
            writer.write(b"a line\n")
            assert await reader.readline() == b"a line\n"
            writer.close()
            await writer.wait_closed()

    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(main())


def test_a_reader_with_an_override_sees_the_plain_data(run, tls):
    seen = []

    class Reader(StreamReader):
        def feed_data(self, data):
            seen.append(bytes(data))
            super().feed_data(data)

    async def main():
        async with serving(echo_lines, tls[0]) as port:
            reader, writer = await open_connection("localhost", port, ssl=tls[1])
            reader.feed_data = lambda data: (seen.append(bytes(data)), StreamReader.feed_data(reader, data))
            writer.write(b"a line\n")
            assert await reader.readline() == b"a line\n"
            assert seen == [b"a line\n"]
            writer.close()
            await writer.wait_closed()

    run(main)


def test_data_before_starttls_belongs_to_the_handshake(run, tls):
    """What follows the last plain line cannot pass for encrypted data."""
    read = []

    async def handler(reader, writer):
        assert await reader.readline() == b"starttls\n"
        writer.write(b"go\n")
        try:
            await writer.start_tls(tls[0])
            read.append(await reader.readline())
        except OSError as error:
            read.append(type(error))

    def visit(port):
        with socket.create_connection(("127.0.0.1", port)) as sock:
            sock.sendall(b"starttls\ninjected\n")
            assert sock.recv(100) == b"go\n"
            with pytest.raises((ssl.SSLError, ConnectionError)):
                tls[1].wrap_socket(sock, server_hostname="localhost")

    async def main():
        async with serving(handler, None) as port:
            await in_thread(visit, port)
        assert len(read) == 1
        assert issubclass(read[0], OSError)

    run(main)


def test_an_import_of_the_replacement_loads_no_streams_of_forebay():
    program = "import sys, forebay.asyncio; forebay.asyncio.install(); print('forebay.streams.readable' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "False\n"


def test_bridges_that_load_while_installed_take_asyncios_streams_afterwards():
    program = """
import asyncio, forebay.asyncio
with forebay.asyncio.installed():
    forebay.asyncio.as_readable
async def main():
    reader = asyncio.StreamReader()
    reader.feed_data(b"data")
    reader.feed_eof()
    print([chunk async for chunk in forebay.asyncio.as_readable(reader)])
asyncio.run(main())
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.stderr) == ("[b'data']\n", "")
