"""forebay.websocket: WebSockets as streams of messages."""

import asyncio
import contextlib
import os
import subprocess
import sys

import pytest

from forebay import (
    AbortController,
    AbortError,
    Readable,
    Transform,
    WebSocketClosedError,
    Writable,
    finished,
    pipeline,
)
from forebay.errors import InvalidArgTypeError, OutOfRangeError
from forebay.websocket import WebSocket, connect, serve
from support.streams import closed, reported

websockets = pytest.importorskip("websockets")

HOST = "127.0.0.1"
# Compression makes it no smaller.
RANDOM = os.urandom(65536)


async def echo(stream):
    await pipeline(stream, stream)


@contextlib.asynccontextmanager
async def served(handler, **options):
    async with await serve(handler, HOST, 0, **options) as server:
        yield f"ws://{HOST}:{server.port}/"


@contextlib.asynccontextmanager
async def connected(handler, **options):
    async with served(handler) as url:
        stream = await connect(url, **options)
        try:
            yield stream
        finally:
            stream.on("error", lambda error: None)
            stream.destroy()
            await closed(stream)


# ---- messages


def test_messages_of_both_kinds(run):
    async def main():
        messages = ["text", b"bytes", "", b"", "ü" * 1000, bytes(100_000)]
        async with connected(echo) as stream:
            got = []
            for message in messages:
                stream.write(message)
            async for message in stream:
                got.append(message)
                if len(got) == len(messages):
                    break
            assert got == messages

    run(main)


def test_other_bytes_and_other_objects(run):
    async def main():
        async with connected(echo) as stream:
            stream.write(bytearray(b"one"))
            stream.write(memoryview(b"two"))
            messages = aiter(stream)
            assert [await anext(messages), await anext(messages)] == [b"one", b"two"]
            stream.write({"key": "value"})
            error = await closed(stream)
            assert isinstance(error, InvalidArgTypeError)

    run(main)


def test_a_pipeline_through_a_server(run):
    async def upper(stream):
        await pipeline(stream, Transform(object_mode=True, transform=str.upper), stream)

    async def main():
        got = []

        async def collect(source):
            async for message in source:
                got.append(message)
                if len(got) == 1000:
                    return

        async with connected(upper) as stream:
            source = Readable.from_(f"message {n}" for n in range(1000))
            source.pipe(stream, end=False)
            await collect(stream)
        assert got == [f"MESSAGE {n}" for n in range(1000)]

    run(main)


def test_subprotocols_and_headers(run):
    async def handler(stream):
        stream.end(f"{stream.subprotocol} {stream.connection.request.headers['X-Word']}")

    async def main():
        async with served(handler, subprotocols=["b"]) as url:
            stream = await connect(url, subprotocols=["a", "b"], headers={"X-Word": "hello"})
            assert await stream.to_list() == ["b hello"]
            assert stream.subprotocol == "b"

    run(main)


def test_a_connection_of_the_program(run):
    async def main():
        async def handler(connection):
            stream = WebSocket(connection)
            await pipeline(stream, stream)

        async with websockets.serve(handler, HOST, 0) as server:
            port = server.sockets[0].getsockname()[1]
            async with websockets.connect(f"ws://{HOST}:{port}/", proxy=None) as client:
                await client.send("hi")
                assert await client.recv() == "hi"
        with pytest.raises(InvalidArgTypeError):
            WebSocket(object())

    run(main)


# ---- backpressure


def test_a_slow_reader_makes_the_peer_wait(run):
    async def main():
        sent = 0

        async def handler(stream):
            nonlocal sent
            while True:
                await stream.send(RANDOM)
                sent += 1

        async with connected(handler) as stream:
            before = -1
            while sent != before:
                before = sent
                await asyncio.sleep(0.1)
            # What the kernel's buffers and both streams hold; without a limit there is no end.
            assert sent < 400
            assert stream.readable_length <= 17
            messages = aiter(stream)
            for _ in range(50):
                assert len(await anext(messages)) == 65536

    run(main)


def test_a_slow_peer_makes_the_writer_wait(run):
    async def main():
        go_on = asyncio.Event()

        async def handler(stream):
            await go_on.wait()
            async for _ in stream:
                pass

        async with connected(handler) as stream:
            sent = 0
            while stream.write(RANDOM) or not await waits(stream):
                sent += 1
            assert sent < 400
            go_on.set()
            await stream.drain()

    async def waits(stream):
        try:
            async with asyncio.timeout(0.2):
                await stream.drain()
        except TimeoutError:
            return True
        return False

    run(main)


# ---- the end


def test_end_closes_both_sides(run):
    async def main():
        seen = []

        async def handler(stream):
            seen.extend(await stream.to_list())
            await finished(stream)
            seen.append(stream.close_code)

        async with served(handler) as url:
            stream = await connect(url)
            await pipeline(["one", "two"], stream)
            await consumers_end(stream)
            assert (stream.close_code, stream.errored) == (1000, None)
        assert seen == ["one", "two", 1000]

    async def consumers_end(stream):
        stream.resume()
        await finished(stream) if not stream.closed else None

    run(main)


@pytest.mark.parametrize("code", [1000, 1001])
def test_the_peer_closes(run, code):
    async def main():
        async def handler(stream):
            stream.write("last")
            await stream.drain() if stream.writable_need_drain else None
            await asyncio.sleep(0)
            await stream.connection.close(code, "done")

        async with served(handler) as url:
            stream = await connect(url)
            assert await stream.to_list() == ["last"]
            assert (stream.close_code, stream.close_reason) == (code, "done")

    run(main)


def test_the_peer_fails(run):
    async def main():
        async def handler(stream):
            await stream.connection.close(4000, "no more")

        async with served(handler) as url:
            stream = await connect(url)
            with pytest.raises(WebSocketClosedError, match="closed with 4000: no more") as caught:
                await stream.to_list()
            assert (caught.value.close_code, caught.value.reason) == (4000, "no more")

    run(main)


def test_a_handler_that_raises(run):
    async def main():
        async def handler(stream):
            raise ValueError("a fault")

        with reported() as contexts:
            async with served(handler) as url:
                stream = await connect(url)
                with pytest.raises(WebSocketClosedError, match="closed with 1011"):
                    await stream.to_list()
        assert [str(context["exception"]) for context in contexts] == ["a fault"]

    run(main)


def test_a_lost_connection(run):
    async def main():
        async def handler(stream):
            stream.connection.transport.abort()
            await closed(stream)

        async with served(handler) as url:
            stream = await connect(url)
            with pytest.raises(WebSocketClosedError, match="closed with 1006"):
                await stream.to_list()

    run(main)


def test_a_write_after_the_peer_has_closed(run):
    async def main():
        async def handler(stream):
            await anext(aiter(stream))

        async with served(handler) as url:
            stream = await connect(url)
            with pytest.raises(WebSocketClosedError):
                await pipeline(
                    (f"message {n}" for n in range(5_000)), stream, Writable(object_mode=True, write=drop)
                )

    def drop(message):
        pass

    run(main)


def test_a_message_that_is_too_large(run):
    async def main():
        async def handler(stream):
            stream.write("x" * 1000)
            await closed(stream)

        async with served(handler) as url:
            stream = await connect(url, max_size=999, compression=None)
            with pytest.raises(WebSocketClosedError, match="1009"):
                await stream.to_list()

    run(main)


def test_a_peer_that_breaks_the_rules(run):
    """A frame with a reserved bit, as of something else than a WebSocket."""

    async def main():
        async def handler(stream):
            stream.connection.transport.write(b"\xff\xff garbage that is no frame")
            await closed(stream)

        async with served(handler) as url:
            stream = await connect(url)
            with pytest.raises(WebSocketClosedError, match="1002"):
                await stream.to_list()

    run(main)


def test_destroy_tells_the_peer(run):
    async def main():
        codes = []

        async def handler(stream):
            try:
                await stream.to_list()
            except WebSocketClosedError as error:
                codes.append(error.close_code)
            else:
                codes.append(stream.close_code)

        async with served(handler) as url:
            for error in (None, ValueError("a fault")):
                stream = await connect(url)
                stream.on("error", lambda error: None)
                stream.destroy(error)
                assert await closed(stream) is stream.errored
        assert codes == [1001, 1011]

    run(main)


def test_destroy_without_an_answer(run):
    """The peer does not read any more; the stream is closed all the same."""

    async def main():
        release = asyncio.Event()

        async def handler(stream):
            stream.connection.transport.pause_reading()
            await release.wait()
            stream.connection.transport.resume_reading()

        async with served(handler) as url:
            stream = await connect(url)
            stream.destroy()
            await closed(stream)
            release.set()

    run(main)


def test_a_signal(run):
    async def main():
        controller = AbortController()
        async with served(echo) as url:
            stream = await connect(url, signal=controller.signal)
            asyncio.get_running_loop().call_soon(controller.abort)
            with pytest.raises(AbortError):
                await stream.to_list()
            await closed(stream)

    run(main)


@pytest.mark.parametrize("turns", range(0, 60, 12))
def test_cancellation_at_any_turn(run, turns):
    async def main():
        # websockets waits so long for a client that has gone during the handshake.
        async with served(echo, open_timeout=0.3, close_timeout=0.3) as url:

            async def use():
                stream = await connect(url)
                source = Readable.from_(f"{n}" for n in range(1000))
                await pipeline(source, stream, Writable(object_mode=True, write=lambda message: None))

            task = asyncio.ensure_future(use())
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    run(main)


# ---- the rest


def test_the_repr(run):
    async def main():
        async with connected(echo) as stream:
            assert repr(stream).startswith("<WebSocket 127.0.0.1:")

    run(main)


def test_no_server(run):
    async def main():
        with pytest.raises(OSError, match=r"."):
            await connect("ws://127.0.0.1:1/")

    run(main)


def test_wrong_arguments(run):
    async def main():
        for wrong, kind in [
            (lambda: connect("ws://127.0.0.1:1/", max_size=0), OutOfRangeError),
            (lambda: connect("ws://127.0.0.1:1/", max_size="1"), InvalidArgTypeError),
            (lambda: serve(3, HOST, 0), InvalidArgTypeError),
        ]:
            with pytest.raises(kind):
                await wrong()

    run(main)


def test_without_the_library():
    code = """
import sys
sys.modules["websockets"] = None
import asyncio
from forebay import websocket
try:
    asyncio.run(websocket.connect("ws://localhost/"))
except ImportError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "forebay.websocket needs websockets: pip install 'forebay[websocket]'\n", (
        done.stderr
    )
