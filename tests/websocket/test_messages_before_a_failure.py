"""The messages that came before a connection failed reach a slow reader, and then the error."""

import asyncio
import contextlib

import pytest

from forebay import WebSocketClosedError, Writable, pipeline, websocket
from support.streams import quiet

pytest.importorskip("websockets")

MESSAGES = [f"message {n}" for n in range(5)]


async def until_all_is_received(stream):
    """Wait until the library has got the end of the connection."""
    await stream.connection.wait_closed()
    await quiet()


async def by_iteration(stream, got):
    async for message in stream:
        got.append(message)
        await until_all_is_received(stream)


async def by_batches(stream, got):
    async for messages in stream.batches():
        got += messages
        await until_all_is_received(stream)


async def by_a_pipeline(stream, got):
    async def write(message):
        got.append(message)
        await until_all_is_received(stream)

    await pipeline(stream, Writable(write=write, object_mode=True, high_water_mark=1))


async def by_an_event(stream, got):
    stream.on("data", got.append)
    stream.once("data", lambda message: stream.pause())
    failed = asyncio.get_running_loop().create_future()
    stream.on("error", failed.set_result)
    while not got:
        await asyncio.sleep(0)
    await until_all_is_received(stream)
    stream.resume()
    raise await failed


def breaks_the_rules(connection):
    connection.transport.write(b"\xff\xff garbage that is no frame")


def is_lost(connection):
    connection.transport.close()


def is_closed_with_a_code(connection):
    return connection.close(4001, "no more")


@pytest.mark.parametrize("read", [by_iteration, by_batches, by_a_pipeline, by_an_event])
@pytest.mark.parametrize(
    ("fail", "code"), [(breaks_the_rules, 1002), (is_lost, 1006), (is_closed_with_a_code, 4001)]
)
def test_a_slow_reader_gets_the_messages_before_the_error(run, read, fail, code):
    async def main():
        async def handler(stream):
            for message in MESSAGES:
                await stream.connection.send(message)
            if (closing := fail(stream.connection)) is not None:
                await closing
            with contextlib.suppress(WebSocketClosedError):
                async for _ in stream:
                    pass

        async with await websocket.serve(handler, "127.0.0.1", 0) as server:
            stream = await websocket.connect(f"ws://127.0.0.1:{server.port}/")
            got = []
            with pytest.raises(WebSocketClosedError) as caught:
                await read(stream, got)
            assert got == MESSAGES
            assert caught.value.close_code == code

    run(main)
