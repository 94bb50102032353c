"""Unusual uses of the classes: subclasses, socket subclasses, manual TLS, and a loop inside a loop."""

import abc
import asyncio
import io
import socket
import subprocess
import sys
import types
import typing

import pytest

from forebay.asyncio import (
    StreamReader,
    StreamReaderProtocol,
    StreamWriter,
    installed,
    open_connection,
    start_server,
)

T = typing.TypeVar("T")


class SilentReader(StreamReader):
    def __init__(self, data=b""):
        self.data = data

    async def read(self, n=-1):
        return self.data


READS = {
    "readline": lambda reader: reader.readline(),
    "readline with a limit": lambda reader: reader.readline(limit=5),
    "readuntil": lambda reader: reader.readuntil(b"x"),
    "readexactly": lambda reader: reader.readexactly(3),
    "__anext__": lambda reader: reader.__anext__(),
    "read": lambda reader: StreamReader.read(reader, 3),
    "peek": lambda reader: reader.peek(3),
    "read_lines": lambda reader: reader.read_lines(),
}
CALLS = {
    "read_nowait": lambda reader: reader.read_nowait(),
    "readline_nowait": lambda reader: reader.readline_nowait(),
    "lines_nowait": lambda reader: next(reader.lines_nowait()),
    "feed_data": lambda reader: reader.feed_data(b"data"),
}


@pytest.mark.parametrize("name", READS)
def test_reader_without_init_raises(name):
    async def main():
        with pytest.raises(AttributeError):
            await READS[name](SilentReader())
        assert await SilentReader(b"x").read() == b"x"

    asyncio.run(main())


@pytest.mark.parametrize("name", CALLS)
def test_reader_without_init_raises_at_the_call(name):
    with pytest.raises(AttributeError):
        CALLS[name](SilentReader())


def test_protocol_and_writer_without_init_raise():
    protocol = StreamReaderProtocol.__new__(StreamReaderProtocol)
    for call in (lambda: protocol.get_buffer(-1), lambda: protocol.buffer_updated(1)):
        with pytest.raises(AttributeError):
            call()
    writer = StreamWriter.__new__(StreamWriter)
    for call in (lambda: writer.write(b"x"), lambda: writer.writelines([b"x"]), writer.is_closing):
        with pytest.raises(AttributeError):
            call()
    writer._transport = type("Closed", (), {"is_closing": lambda self: True})()


def test_a_protocol_has_the_attributes_of_asyncios():
    def connected(reader, writer):
        pass

    async def main():
        loop = asyncio.get_running_loop()
        for arguments in ((StreamReader(), connected), (None, None)):
            theirs = asyncio.StreamReaderProtocol(*arguments, loop=loop)
            protocol = StreamReaderProtocol(*arguments, loop=loop)
            for name, value in vars(theirs).items():
                if name not in ("_closed", "_drain_waiters"):
                    assert getattr(protocol, name) == value, name
            assert not protocol._closed.done()
            assert not protocol._drain_waiters

    asyncio.run(main())


def test_second_init_resets_the_object():
    async def main():
        reader = StreamReader()
        reader.feed_data(b"old\n")
        reader.feed_eof()
        reader.__init__(limit=100)
        reader.feed_data(b"new\n")
        assert await reader.readline() == b"new\n"
        assert not reader.at_eof()

    asyncio.run(main())


def test_the_awaitable_of_a_read_cannot_be_made_by_hand():
    reader = asyncio.run(make_reader())
    call = reader.readline()
    kind = type(call)
    call.close()
    with pytest.raises(TypeError):
        kind()
    with pytest.raises(TypeError):
        kind.__new__(kind)
    with pytest.raises(TypeError):
        object.__new__(kind)


async def make_reader():
    return StreamReader()


class Named(typing.Protocol):
    name: str


class Item(typing.Generic[T]):
    pass


@pytest.mark.parametrize(
    "bases",
    [
        (StreamReaderProtocol, abc.ABC),
        (abc.ABC, StreamReader),
        (StreamWriter, Named),
        (StreamReader, Item[int]),
        (StreamReader, StreamWriter),
        (StreamReaderProtocol, StreamReader),
        (StreamReader, dict),
        (io.RawIOBase, StreamWriter),
    ],
)
def test_classes_allow_multiple_inheritance(bases):
    own = types.new_class("Own", bases)
    kinds = (asyncio.StreamReader, asyncio.StreamWriter, asyncio.StreamReaderProtocol)
    assert any(issubclass(own, cls) for cls in kinds)
    assert own.__name__ == "Own"


def test_an_abstract_subclass_is_abstract():
    class Abstract(StreamReader, abc.ABC):
        @abc.abstractmethod
        def name(self): ...

    class Whole(Abstract):
        def name(self):
            return "whole"

    async def main():
        with pytest.raises(TypeError, match="abstract"):
            Abstract()
        reader = Whole()
        reader.feed_data(b"line\n")
        assert await reader.readline() == b"line\n"

    asyncio.run(main())


def test_a_reader_and_writer_in_one(run):
    """Two compiled classes cannot be bases of one class, so this test uses asyncio's classes."""

    class Both(StreamReader, StreamWriter):
        def __init__(self, transport, protocol, loop):
            StreamReader.__init__(self, limit=1000, loop=loop)
            StreamWriter.__init__(self, transport, protocol, None, loop)

    async def main():
        ours, peer = socket.socketpair()
        loop = asyncio.get_running_loop()
        protocol = StreamReaderProtocol(StreamReader(), loop=loop)
        transport, _ = await loop.create_connection(lambda: protocol, sock=ours)
        both = Both(transport, protocol, loop)
        assert isinstance(both, asyncio.StreamReader)
        assert isinstance(both, asyncio.StreamWriter)
        with installed():
            assert isinstance(both, asyncio.StreamReader)
            assert isinstance(both, asyncio.StreamWriter)
        both.feed_data(b"line\n")
        assert await both.readline() == b"line\n"
        both.write(b"answer")
        await both.drain()
        assert peer.recv(100) == b"answer"
        both.close()
        await both.wait_closed()
        peer.close()

    run(main)


class CountingSocket(socket.socket):
    received = sent = 0

    def recv(self, *arguments):
        data = super().recv(*arguments)
        self.received += len(data)
        return data.upper()

    def recv_into(self, buffer, *arguments):
        n = super().recv_into(buffer, *arguments)
        self.received += n
        buffer[:n] = bytes(buffer[:n]).upper()
        return n

    def send(self, data, *arguments):
        n = super().send(data, *arguments)
        self.sent += n
        return n


def test_methods_of_a_socket_subclass_are_called():
    async def main():
        ours, peer = socket.socketpair()
        own = CountingSocket(fileno=ours.detach())
        reader, writer = await open_connection(sock=own)
        peer.sendall(b"hello\n")
        assert await reader.readline() == b"HELLO\n"
        writer.write(b"12345")
        await writer.drain()
        assert (own.received, own.sent) == (6, 5)
        writer.close()
        await writer.wait_closed()
        peer.close()

    asyncio.run(main())


@pytest.mark.parametrize("name", ["send", "recv_into"])
def test_methods_of_a_patched_socket_class_are_called(monkeypatch, name):
    async def main():
        ours, peer = socket.socketpair()
        asked = []
        original = getattr(socket.socket, name)

        def patched(self, *arguments):
            asked.append(name)
            return original(self, *arguments)

        monkeypatch.setattr(socket.socket, name, patched)
        reader, writer = await open_connection(sock=ours)
        peer.sendall(b"hello\n")
        assert await reader.readline() == b"hello\n"
        writer.write(b"12345")
        assert asked
        writer.close()
        await writer.wait_closed()
        peer.close()

    asyncio.run(main())


def test_manual_tls_over_the_transports_protocol(run, tls):
    async def main():
        server_context, client_context = tls

        async def serve(reader, writer):
            await writer.start_tls(server_context)
            writer.write((await reader.readline()).upper())
            await writer.drain()
            writer.close()

        async with await start_server(serve, "127.0.0.1", 0) as server:
            reader, plain = await open_connection(*server.sockets[0].getsockname())
            loop, protocol = asyncio.get_running_loop(), plain.transport.get_protocol()
            assert isinstance(protocol, StreamReaderProtocol)
            assert isinstance(protocol, asyncio.Protocol)
            assert protocol == plain._protocol
            assert hash(protocol) == hash(plain._protocol)
            assert protocol._stream_reader is reader
            assert protocol._over_ssl is False
            protocol.label = "mine"
            assert plain._protocol.label == "mine"
            transport = await loop.start_tls(
                plain.transport, protocol, client_context, server_hostname="localhost"
            )
            writer = StreamWriter(transport, protocol, reader, loop)
            writer.write(b"secret\n")
            await writer.drain()
            assert await reader.readline() == b"SECRET\n"
            writer.close()
            await writer.wait_closed()

    run(main)


NESTED = """
import asyncio, sys
import nest_asyncio
import forebay.asyncio

async def serve(reader, writer):
    while line := await reader.readline():
        writer.write(line)
        await writer.drain()

async def main():
    loop = asyncio.get_running_loop()
    server = await forebay.asyncio.start_server(serve, "127.0.0.1", 0)
    reader, writer = await forebay.asyncio.open_connection(*server.sockets[0].getsockname())
    lines = []
    for number in range(4):
        writer.write(b"%d\\n" % number)
        lines.append(await reader.readline())
        if number == 1:
            nest_asyncio.apply()  # in the middle, as in a notebook
        if number > 1:
            writer.write(b"nested %d\\n" % number)
            lines.append(loop.run_until_complete(reader.readline()))
    assert lines == [b"0\\n", b"1\\n", b"2\\n", b"nested 2\\n", b"3\\n", b"nested 3\\n"], lines
    writer.close()

loop = asyncio.new_event_loop()
loop.run_until_complete(asyncio.wait_for(main(), 20))
"""


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="nest_asyncio fails with asyncio's own streams, too")
def test_woken_task_may_run_the_loop():
    pytest.importorskip("nest_asyncio")
    done = subprocess.run([sys.executable, "-c", NESTED], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "cannot enter context" not in done.stderr
