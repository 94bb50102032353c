"""Peers that make the library hold more and more: frames that a normal peer does not send."""

import asyncio
import contextlib

import pytest

from forebay import WebSocketClosedError, websocket
from support.streams import reported

messages = pytest.importorskip("websockets.asyncio.messages")

HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
PING = b"\x89\xfd\0\0\0\0" + b"a" * 125
FIRST_FRAGMENT = b"\x01\x80\0\0\0\0"
EMPTY_FRAGMENT = b"\x00\x80\0\0\0\0"


@contextlib.asynccontextmanager
async def attacked():
    """A raw client after the handshake, and a future of the error that the handler of its server gets."""
    seen = asyncio.get_running_loop().create_future()

    async def handler(stream):
        try:
            async for _ in stream:
                pass
        except Exception as error:
            seen.set_result(error)
            raise

    async with await websocket.serve(handler, "127.0.0.1", 0, ping_interval=None) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(HANDSHAKE)
        await reader.readuntil(b"\r\n\r\n")
        try:
            yield writer, seen
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


def test_a_peer_that_pings_and_does_not_read(run):
    async def main():
        with reported() as contexts:
            async with attacked() as (writer, seen):
                # The answers are not read, and fill first the buffers of the system.
                writer.transport.pause_reading()
                with contextlib.suppress(OSError):
                    for _ in range(1000):
                        writer.write(PING * 1000)
                        await writer.drain()
                        if seen.done():
                            break
                error = await seen
                assert isinstance(error, WebSocketClosedError)
                assert (error.close_code, error.reason) == (1008, "the answers to pings are not taken")
        assert not contexts

    run(main)


@pytest.mark.skipif(not hasattr(messages, "MAX_FRAGMENTS"), reason="needs a newer version of websockets")
def test_a_message_of_endless_fragments(run):
    async def main():
        with reported() as contexts:
            async with attacked() as (writer, seen):
                writer.write(FIRST_FRAGMENT)
                with contextlib.suppress(OSError):
                    for _ in range(1000):
                        writer.write(EMPTY_FRAGMENT * 1000)
                        await writer.drain()
                        if seen.done():
                            break
                error = await seen
                assert isinstance(error, WebSocketClosedError)
                assert error.close_code == 1009
        assert not contexts

    run(main)
