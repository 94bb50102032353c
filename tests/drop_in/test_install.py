"""install() replaces asyncio's names, however they were imported, and isinstance works in both directions."""

import asyncio
import asyncio.streams
import asyncio.subprocess
import socket
import sys
from asyncio import StreamReader as EarlyReader
from asyncio import create_subprocess_exec as early_exec
from asyncio import open_connection as early_open
from asyncio import start_server as early_serve

import pytest

import forebay.asyncio

_early_reader_class = asyncio.StreamReader
_early_open = asyncio.open_connection


class EarlyOwnReader(asyncio.StreamReader):
    """A library's own reader, defined before install()."""


def test_install_and_uninstall_replace_the_names():
    with forebay.asyncio.installed():
        for name in (
            "StreamReader",
            "StreamWriter",
            "StreamReaderProtocol",
            "open_connection",
            "start_server",
            "open_unix_connection",
            "start_unix_server",
        ):
            assert getattr(asyncio, name) is getattr(forebay.asyncio, name)
            assert getattr(asyncio.streams, name) is getattr(forebay.asyncio, name)
        for name in ("create_subprocess_exec", "create_subprocess_shell"):
            assert getattr(asyncio, name) is getattr(forebay.asyncio, name)
            assert getattr(asyncio.subprocess, name) is getattr(forebay.asyncio, name)
    assert asyncio.StreamReader is _early_reader_class
    assert asyncio.open_connection is _early_open
    assert asyncio.streams.StreamReader is _early_reader_class


def test_each_install_needs_one_uninstall():
    forebay.asyncio.install()
    forebay.asyncio.install()
    forebay.asyncio.uninstall()
    assert asyncio.StreamReader is forebay.asyncio.StreamReader
    forebay.asyncio.uninstall()
    assert asyncio.StreamReader is _early_reader_class
    with pytest.raises(RuntimeError, match="without install"):
        forebay.asyncio.uninstall()


def test_functions_imported_before_install_return_forebays_streams(run):
    async def main():
        served = []

        async def serve(reader, writer):
            served.append((type(reader), type(writer)))
            await writer.drain()
            writer.close()

        async with await early_serve(serve, "127.0.0.1", 0) as server:
            reader, writer = await early_open(*server.sockets[0].getsockname())
            assert type(reader) is forebay.asyncio.StreamReader
            assert type(writer) is forebay.asyncio.StreamWriter
            assert await reader.read() == b""
            writer.close()
            await writer.wait_closed()
        assert served == [(forebay.asyncio.StreamReader, forebay.asyncio.StreamWriter)]
        process = await early_exec(sys.executable, "-c", "print(1)", stdout=asyncio.subprocess.PIPE)
        assert type(process.stdout) is forebay.asyncio.StreamReader
        assert (await process.communicate())[0] == b"1\n"

    with forebay.asyncio.installed():
        run(main)


def test_isinstance_holds_in_both_directions():
    async def main():
        before = asyncio.StreamReader()
        own = EarlyOwnReader()
        with forebay.asyncio.installed():
            reader = asyncio.StreamReader()
            assert type(reader) is forebay.asyncio.StreamReader
            for cls in (asyncio.StreamReader, EarlyReader, _early_reader_class):
                assert isinstance(reader, cls)
                assert isinstance(before, cls)
                assert isinstance(own, cls)
                assert issubclass(EarlyOwnReader, cls)
            assert not isinstance("text", asyncio.StreamReader)
            assert not isinstance(reader, asyncio.StreamWriter)
            assert not isinstance(reader, EarlyOwnReader)
        assert isinstance(reader, asyncio.StreamReader)
        assert not isinstance(before, forebay.asyncio.StreamReader)

    asyncio.run(main())


def test_reader_made_before_install_with_writer_made_after(run):
    async def main():
        ours, peer = socket.socketpair()
        loop = asyncio.get_running_loop()
        reader = EarlyOwnReader()
        with forebay.asyncio.installed():
            protocol = asyncio.StreamReaderProtocol(reader)
            transport, _ = await loop.create_connection(lambda: protocol, sock=ours)
            writer = asyncio.StreamWriter(transport, protocol, reader, loop)
        peer.sendall(b"hello\n")
        assert await reader.readline() == b"hello\n"
        await writer.send(b"answer")
        assert peer.recv(100) == b"answer"
        writer.close()
        await writer.wait_closed()
        peer.close()

    run(main)
