"""Subclasses and patches: methods call each other as in asyncio, so overrides take effect."""

import asyncio
import socket
from unittest import mock

import pytest

from forebay.asyncio import StreamReader, StreamReaderProtocol, StreamWriter, open_connection


def fed(cls, data=b"", eof=True):
    reader = cls()
    reader.feed_data(data)
    if eof:
        reader.feed_eof()
    return reader


class UpperLines(StreamReader):
    async def readline(self):
        return (await super().readline()).upper()


class UpperUntil(StreamReader):
    async def readuntil(self, separator=b"\n"):
        return (await super().readuntil(separator)).upper()


class CountedReads(StreamReader):
    sizes = ()

    async def read(self, n=-1):
        self.sizes = (*self.sizes, n)
        return await super().read(n)


class CountedWaits(StreamReader):
    waits = ()

    async def _wait_for_data(self, func_name):
        self.waits = (*self.waits, func_name)
        await super()._wait_for_data(func_name)


def test_async_for_goes_through_readline_and_readuntil():
    async def main():
        assert [line async for line in fed(UpperLines, b"a\nb\n")] == [b"A\n", b"B\n"]
        assert [line async for line in fed(UpperUntil, b"a\nb\n")] == [b"A\n", b"B\n"]

    asyncio.run(main())


def test_readline_goes_through_readuntil():
    async def main():
        assert await fed(UpperUntil, b"abc\n").readline() == b"ABC\n"

        class Limited(StreamReader):
            async def readuntil(self, separator=b"\n"):
                raise asyncio.LimitOverrunError("Separator is not found, and chunk exceed the limit", 4)

        reader = fed(Limited, b"long one\n")
        with pytest.raises(ValueError, match="Separator is not found"):
            await reader.readline()
        assert reader.at_eof()

    asyncio.run(main())


def test_reading_to_the_end_goes_through_read():
    async def main():
        reader = fed(CountedReads, b"x" * 200_000)
        assert await reader.read() == b"x" * 200_000
        assert reader.sizes == (-1, 65536, 65536, 65536, 65536, 65536)

    asyncio.run(main())


def test_reads_that_wait_go_through_wait_for_data():
    async def main():
        reads = [
            ("read", lambda reader: reader.read(5), b"12345"),
            ("readexactly", lambda reader: reader.readexactly(5), b"12345"),
            ("readuntil", lambda reader: reader.readuntil(b"5"), b"12345"),
            ("readuntil", lambda reader: reader.readline(), b"1234\n"),
            ("readuntil", lambda reader: reader.__anext__(), b"1234\n"),
        ]
        for name, read, data in reads:
            reader = CountedWaits()
            task = asyncio.ensure_future(read(reader))
            await asyncio.sleep(0)
            assert not task.done()
            reader.feed_data(data)
            assert await task == data
            assert reader.waits == (name,)

    asyncio.run(main())


def test_a_patched_class_and_a_patched_reader():
    async def main():
        lines = mock.AsyncMock(side_effect=[b"z", b""])
        with mock.patch.object(StreamReader, "readline", lines):
            assert [line async for line in fed(StreamReader, b"q\n")] == [b"z"]
        reader = fed(StreamReader, b"q\nr\n")
        with mock.patch.object(reader, "readuntil", mock.AsyncMock(return_value=b"patched\n")):
            assert await reader.readline() == b"patched\n"
        assert await reader.readline() == b"q\n"
        reader.readline = mock.AsyncMock(side_effect=[b"mine", b""])
        assert [line async for line in reader] == [b"mine"]
        assert [line async for line in fed(StreamReader, b"q\n")] == [b"q\n"]

    asyncio.run(main())


def test_a_reader_patched_while_it_is_connected_sees_all_data(run):
    async def main():
        ours, peer = socket.socketpair()
        reader, writer = await open_connection(sock=ours)
        seen = []
        original = reader.feed_data

        def feed_data(data):
            seen.append(bytes(data))
            original(data)

        peer.sendall(b"before ")
        assert await reader.read(100) == b"before "
        reader.feed_data = feed_data
        peer.sendall(b"after")
        assert await reader.read(100) == b"after"
        assert seen == [b"after"]
        writer.close()
        await writer.wait_closed()
        peer.close()

    run(main)


def test_a_protocol_patched_while_it_is_connected_sees_all_data(run):
    async def main():
        ours, peer = socket.socketpair()
        reader, writer = await open_connection(sock=ours)
        protocol = writer.transport.get_protocol()
        seen = []
        original = protocol.data_received

        def data_received(data):
            seen.append(bytes(data))
            original(data)

        protocol.data_received = data_received
        peer.sendall(b"hello")
        assert await reader.read(100) == b"hello"
        assert seen == [b"hello"]
        writer.close()
        await writer.wait_closed()
        peer.close()

    run(main)


class Marked(StreamWriter):
    def write(self, data):
        super().write(b"!" + data)

    def writelines(self, data):
        super().writelines([b"!", *data])


def test_writelines_does_not_go_through_write(run):
    async def main():
        ours, peer = socket.socketpair()
        reader, plain = await open_connection(sock=ours)
        writer = Marked(plain.transport, plain._protocol, reader, asyncio.get_running_loop())
        writer.write(b"a")
        writer.writelines([b"b", b"c"])
        await writer.drain()
        assert peer.recv(100) == b"!a!bc"
        writer.close()
        await writer.wait_closed()
        peer.close()

    run(main)


def test_writer_over_a_mock_passes_everything_on():
    async def main():
        transport, protocol = mock.Mock(), mock.Mock()
        transport.is_closing.return_value = True
        writer = StreamWriter(transport, protocol, None, asyncio.get_running_loop())
        writer.write("not even bytes")
        writer.writelines(["a", "b"])
        transport.write.assert_called_once_with("not even bytes")
        transport.writelines.assert_called_once_with(["a", "b"])

    asyncio.run(main())


def test_patched_write_of_a_transport_is_called():
    async def main():
        ours, peer = socket.socketpair()
        _, writer = await open_connection(sock=ours)
        with mock.patch.object(writer.transport, "write") as write:
            writer.write(b"patched")
        write.assert_called_once_with(b"patched")
        writer.write(b"plain")
        assert peer.recv(100) == b"plain"
        writer.close()
        await writer.wait_closed()
        peer.close()

    asyncio.run(main())


def test_drain_calls_overridden_exception_and_drain_helper(run):
    class Failing(StreamReader):
        def exception(self):
            return LookupError("mine")

    class Draining(StreamReaderProtocol):
        drained = 0

        async def _drain_helper(self):
            self.drained += 1

    async def main():
        ours, peer = socket.socketpair()
        loop = asyncio.get_running_loop()
        protocol = Draining(StreamReader())
        transport, _ = await loop.create_connection(lambda: protocol, sock=ours)
        failing = StreamWriter(transport, protocol, Failing(), loop)
        with pytest.raises(LookupError, match="mine"):
            await failing.drain()
        draining = StreamWriter(transport, protocol, StreamReader(), loop)
        await draining.drain()
        assert protocol.drained == 1
        transport.close()
        peer.close()
        await asyncio.sleep(0.01)
        ours, peer = socket.socketpair()
        _, writer = await open_connection(sock=ours)
        with mock.patch.object(writer._protocol, "_drain_helper", mock.AsyncMock()) as helper:
            await writer.drain()
        helper.assert_awaited_once()
        writer.close()
        await writer.wait_closed()
        peer.close()

    run(main)


def test_a_write_after_write_eof_raises_as_asyncios_does(run):
    async def main():
        ours, peer = socket.socketpair()
        _, writer = await open_connection(sock=ours)
        writer.write(b"last")
        writer.write_eof()
        for data in (b"more", b""):
            with pytest.raises(RuntimeError, match="write_eof"):
                writer.write(data)
        assert peer.recv(100) == b"last"
        assert not writer.is_closing()
        writer.close()
        await writer.wait_closed()
        peer.close()

    run(main)
