"""A reverse proxy that passes on requests to switch protocols."""

import asyncio
import contextlib
import re
import socket as sockets
import struct

import pytest

from forebay import http
from support.http_peers import HOST, raw_server

ASK = "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: {protocol}\r\n\r\n"
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n"
BIG = bytes(range(256)) * 4000


@contextlib.asynccontextmanager
async def proxied(url):
    """A connection to a proxy before ``url``, as a reader and a writer."""
    proxy = http.ReverseProxy(url)
    server = http.create_server(proxy)
    server.on("upgrade", proxy.upgrade)
    async with await server.listen(0, HOST):
        reader, writer = await asyncio.open_connection(HOST, server.port)
        try:
            yield reader, writer
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
    await proxy.aclose()


def ask(path="/", protocol="chat"):
    return ASK.format(path=path, protocol=protocol).encode()


async def echo(reader, writer):
    head = await reader.readuntil(b"\r\n\r\n")
    assert re.search(rb"(?i)\r\nupgrade: chat\r\n", head), head
    assert re.search(rb"(?i)\r\nconnection: upgrade\r\n", head), head
    assert b"X-Forwarded-For: 127.0.0.1\r\n" in head
    writer.write(SWITCHED)
    while block := await reader.read(65536):
        writer.write(block)
        await writer.drain()
    writer.write(b"the end")
    writer.write_eof()


def test_both_directions_are_joined_and_end_one_after_the_other(run):
    async def main():
        async with raw_server(echo) as url, proxied(url) as (reader, writer):
            writer.write(ask() + b"early")
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
            assert await reader.readexactly(5) == b"early"
            writer.write(BIG)
            assert await reader.readexactly(len(BIG)) == BIG
            writer.write_eof()
            assert await reader.read() == b"the end"

    run(main)


def test_an_answer_that_does_not_switch_ends_the_connection(run):
    async def refuse(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 403 No\r\nContent-Length: 4\r\nX-Why: y\r\n\r\nno!\n")
        assert await reader.read() == b""

    async def main():
        async with raw_server(refuse) as url, proxied(url) as (reader, writer):
            writer.write(ask() + b"GET /secret HTTP/1.1\r\n\r\n")
            head, body = (await reader.read()).split(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 403 No\r\n")
            assert b"X-Why: y" in head
            assert b"Connection: close" in head
            assert body == b"no!\n"

    run(main)


def test_a_chunked_answer_that_does_not_switch_is_ended_by_the_connection(run):
    async def answer(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
        await reader.read()

    async def main():
        async with raw_server(answer) as url, proxied(url) as (reader, writer):
            writer.write(ask())
            head, body = (await reader.read()).split(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 OK\r\n")
            assert b"chunked" not in head
            assert body == b"abc"

    run(main)


@pytest.mark.parametrize("rest", [b"", b"x"], ids=["cut off", "invalid"])
def test_a_chunked_answer_that_breaks_off_is_no_orderly_end(run, rest):
    """The client gets it without a length, and must not take a part for the whole."""

    async def answer(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        await more.wait()
        writer.write(rest)

    async def main():
        nonlocal more
        more = asyncio.Event()
        async with raw_server(answer) as url, proxied(url) as (reader, writer):
            writer.write(ask())
            await reader.readuntil(b"\r\n\r\n")
            assert await reader.readexactly(3) == b"abc"
            more.set()
            with pytest.raises(ConnectionResetError):
                await reader.read()

    more = None
    run(main)


@pytest.mark.parametrize(("path", "status"), [("/", 502), ("/a/../../b", 400)])
def test_a_request_that_cannot_be_passed_on_gets_a_status(run, path, status):
    with sockets.socket() as unused:
        unused.bind((HOST, 0))
        port = unused.getsockname()[1]

    async def main():
        async with proxied(f"http://{HOST}:{port}/base") as (reader, writer):
            writer.write(ask(path))
            assert (await reader.read()).startswith(b"HTTP/1.1 %d " % status)

    run(main)


@pytest.mark.parametrize("switched", [False, True])
def test_a_server_that_goes_away_disconnects_the_client(run, switched):
    async def leave(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        if switched:
            writer.write(SWITCHED)
            await reader.readexactly(1)
        writer.transport.abort()

    async def main():
        async with raw_server(leave) as url, proxied(url) as (reader, writer):
            writer.write(ask())
            if not switched:
                assert (await reader.read()).startswith(b"HTTP/1.1 502 ")
                return
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"x")
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""

    run(main)


@pytest.mark.parametrize("switched", [False, True])
def test_a_client_that_resets_its_connection_disconnects_the_server(run, switched):
    async def main():
        gone = asyncio.Event()

        async def wait(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            asked.set()
            if switched:
                writer.write(SWITCHED)
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
            gone.set()

        asked = asyncio.Event()
        async with raw_server(wait) as url, proxied(url) as (reader, writer):
            writer.write(ask())
            await asked.wait()
            if switched:
                await reader.readuntil(b"\r\n\r\n")
            reset = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(sockets.SOL_SOCKET, sockets.SO_LINGER, reset)
            writer.transport.abort()
            await gone.wait()

    run(main)


def test_a_websocket_through_the_proxy(run):
    websocket = pytest.importorskip("forebay.websocket")
    pytest.importorskip("websockets")

    async def shout(stream):
        async for message in stream:
            await stream.send(message.upper())

    async def main():
        async with await websocket.serve(shout, HOST, 0) as far:
            proxy = http.ReverseProxy(f"http://{HOST}:{far.port}")
            server = http.create_server(proxy)
            server.on("upgrade", proxy.upgrade)
            async with (
                await server.listen(0, HOST),
                await websocket.connect(f"ws://{HOST}:{server.port}/") as stream,
            ):
                messages = stream.iterator(destroy_on_return=False)
                for number in range(50):
                    await stream.send(f"message {number}")
                    assert await anext(messages) == f"MESSAGE {number}"
            await proxy.aclose()

    run(main)
