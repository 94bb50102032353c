"""forebay.websocket: WebSockets as streams of messages."""

import asyncio
import contextlib
import errno
import os
import socket
import subprocess
import sys
from unittest.mock import Mock

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
from forebay.testing import check_readable, check_writable
from forebay.websocket import WebSocket, connect, serve
from support.streams import Events, closed, quiet, reported

websockets = pytest.importorskip("websockets")

HOST = "127.0.0.1"
# Compression makes it no smaller.
RANDOM = os.urandom(65536)
# websockets waits without end for what has to come by itself.
PATIENT = {"open_timeout": None, "close_timeout": None}


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


@pytest.mark.parametrize("turns", range(0, 60, 6))
def test_cancellation_at_any_turn(run, turns):
    async def main():
        async with served(echo, **PATIENT) as url:

            async def use():
                stream = await connect(url, **PATIENT)
                source = Readable.from_(f"{n}" for n in range(1000))
                await pipeline(source, stream, Writable(object_mode=True, write=lambda message: None))

            task = asyncio.ensure_future(use())
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    run(main)


def test_a_write_after_a_close_with_messages_unread(run):
    async def handler(stream):
        assert await anext(aiter(stream)) == "0"
        # The library holds more messages than it reads ahead. So it does not see the end of the connection.
        while stream.connection.protocol.close_rcvd is None:
            await asyncio.sleep(0)
        stream.write("late")
        with pytest.raises(WebSocketClosedError, match="1000"):
            await finished(stream)

    async def main():
        async with served(handler, **PATIENT) as url, websockets.connect(url, close_timeout=None) as peer:
            # All of it arrives at once.
            for number in range(100):
                peer.protocol.send_text(b"%d" % number)
            peer.protocol.send_close(1000)
            peer.transport.write(b"".join(peer.protocol.data_to_send()))

    run(main)


def test_destroy_while_the_peer_sends(run):
    codes = []

    async def handler(stream):
        with contextlib.suppress(WebSocketClosedError):
            while True:
                await stream.send(RANDOM)
        codes.append(stream.close_code)

    async def main():
        async with served(handler, **PATIENT) as url:
            for destroys_at_once in (True, False):
                stream = await connect(url, **PATIENT)
                if not destroys_at_once:
                    assert stream.read(0) is None
                    await quiet()
                stream.destroy()
                await closed(stream)
                # The peer has answered, which comes behind its messages.
                assert stream.close_code == 1001

    run(main)
    assert codes == [1001, 1001]


def test_both_sides_end_before_a_pipeline_is_over(run):
    async def handler(stream):
        async for message in stream:
            stream.write(message)

    async def main():
        async with served(handler, **PATIENT) as url:
            stream = await connect(url, **PATIENT)
            events = Events(stream, "finish", "end", "error", "close")
            await pipeline(["one", "two"], stream, Writable(object_mode=True, write=lambda message: None))
            assert events == ["finish", "end", "close"]

    run(main)


# ---- the rules of streams


@contextlib.asynccontextmanager
async def accepted(client):
    """An async function that returns the server's stream of a new connection, for which ``client(peer)`` is called."""
    streams = asyncio.Queue()
    clients = []

    async def handler(stream):
        gone = asyncio.Event()
        stream.on("error", lambda error: None)
        stream.on("close", gone.set)
        streams.put_nowait(stream)
        await gone.wait()

    async def use(url):
        with contextlib.suppress(websockets.ConnectionClosed):
            async with websockets.connect(url) as peer:
                await client(peer)

    async with served(handler) as url:

        async def accept():
            clients.append(asyncio.ensure_future(use(url)))
            return await streams.get()

        yield accept
        await asyncio.gather(*clients)


async def sends(peer):
    for message in ("a", b"b", "c"):
        await peer.send(message)


async def takes(peer):
    async for _ in peer:
        pass


async def sending_handler(stream):
    for message in ("a", b"b", "c"):
        stream.write(message)


async def taking_handler(stream):
    with contextlib.suppress(WebSocketClosedError):
        async for _ in stream:
            pass


def test_the_rules_hold_in_a_client(run):
    async def main():
        async with served(sending_handler) as url:
            await check_readable(lambda: connect(url), expected=["a", b"b", "c"])
        async with served(taking_handler) as url:
            await check_writable(lambda: connect(url), chunks=["x", b"y", "z"])

    run(main)


def test_the_rules_hold_in_a_server(run):
    async def main():
        async with accepted(sends) as accept:
            await check_readable(accept, expected=["a", b"b", "c"])
        async with accepted(takes) as accept:
            await check_writable(accept, chunks=["x", b"y", "z"])

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


def test_a_server_without_a_socket_is_an_error(monkeypatch):
    async def main():
        # A newer asyncio has an error of its own.
        text = "no socket to listen on|could not bind on any address"
        with monkeypatch.context() as patch, pytest.raises(OSError, match=text):
            patch.setattr(socket, "socket", Mock(side_effect=OSError(errno.EMFILE, "Too many open files")))
            await serve(echo, HOST, 0)

    # uvloop raises the system's own error.
    asyncio.run(main())
