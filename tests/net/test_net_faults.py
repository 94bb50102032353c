"""Connections break off, stall or send wrong data at every place: earlier data arrives, and there is one clear end."""

import asyncio
import contextlib
import gc
import os
import sys
import weakref

import pytest

from forebay import PrematureCloseError, Writable, backend, create_read_stream, finished, net, pipeline
from support.sockets import HOST, Peer, closed, note, pair, payload, peer_of, received, serving, until

ASK = b"how are you?"
ANSWER = b"well, thank you"


async def answer(stream):
    """The server's half of a small exchange: a question of 12 bytes, an answer, the end."""
    question = b""
    async for chunk in stream.iterator(destroy_on_return=False):
        question += chunk
        if len(question) >= len(ASK):
            break
    else:
        raise EOFError(question)
    stream.resume().end(ANSWER)
    await finished(stream)


@pytest.mark.parametrize("how", ["half_close", "close", "reset"])
def test_client_closes_after_every_byte(run, how):
    async def main():
        outcomes = []

        async def serve(stream):
            try:
                await answer(stream)
            except (EOFError, ConnectionError) as error:
                outcomes.append(type(error))
            else:
                outcomes.append(None)
            finally:
                stream.destroy()

        async with serving(serve, allow_half_open=True) as server:
            for offset in range(len(ASK) + 1):
                peer = await Peer.to(server.port)
                await peer.send(ASK[:offset])
                # The bytes are there before the end is.
                await asyncio.sleep(0.002)
                getattr(peer, how)()
                if how == "half_close":
                    got = await peer.rest()
                    assert got == (ANSWER if offset == len(ASK) else b"")
                    peer.close()
                await until(lambda offset=offset: len(outcomes) == offset + 1)
                if offset < len(ASK):
                    assert outcomes[-1] in (EOFError, ConnectionResetError)
                    assert outcomes[-1] is not (EOFError if how == "reset" else ConnectionResetError)
            await until(lambda: not server.connections)

    run(main)


@pytest.mark.parametrize("how", ["close", "reset"])
def test_server_closes_after_every_byte(run, how):
    async def main():
        loop = asyncio.get_running_loop()
        offsets = iter(range(len(ANSWER) + 1))

        async def serve(reader, writer):
            await reader.readexactly(len(ASK))
            writer.write(ANSWER[: next(offsets)])
            await writer.drain()
            if how == "reset":
                await asyncio.sleep(0.002)
                writer.transport.abort()
            else:
                writer.close()

        server = await asyncio.start_server(serve, HOST, 0)
        port = server.sockets[0].getsockname()[1]
        for offset in range(len(ANSWER) + 1):
            client = await net.connect(port, HOST)
            seen = note(client, "data", "end", "error", "close")
            client.write(ASK)
            await closed(client)
            got = b"".join(each[1] for each in seen if each[0] == "data")
            assert got == ANSWER[:offset]
            ends = [each for each in seen if each[0] != "data"]
            assert ends == ["end", "close"]
        assert loop is asyncio.get_running_loop()
        server.close()
        await server.wait_closed()

    run(main)


def test_a_reset_in_the_middle_of_a_body(run):
    async def main():
        got = []
        async with peer_of(lambda stream: streams.append(stream)) as peer:
            await until(lambda: streams)
            (stream,) = streams
            flow = pipeline(stream, Writable(write=got.append))
            await peer.send(bytes(1_000_000))
            await until(lambda: sum(map(len, got)) == 1_000_000)
            peer.reset()
            with pytest.raises(ConnectionResetError):
                await flow
            await closed(stream)

    streams = []
    run(main)


def test_data_before_a_reset_reaches_a_slow_reader(run):
    """Data received before the reset is not lost, even if the loop reports the reset only once."""

    async def main():
        async with peer_of(lambda stream: streams.append(stream), pause_on_connect=True) as peer:
            await until(lambda: streams)
            (stream,) = streams
            peer.sock.setblocking(False)
            sent = 0
            with contextlib.suppress(BlockingIOError):
                while True:
                    sent += peer.sock.send(bytes(65536))
            peer.reset()
            seen = note(stream, "error", "close")
            total = 0

            def count(chunk):
                nonlocal total
                total += len(chunk)

            stream.on("data", count)
            stream.resume()
            await closed(stream)
            assert [type(each[1]) for each in seen[:-1]] == [ConnectionResetError]
            assert 0 < total <= sent

    streams = []
    run(main)


def test_peer_that_reads_nothing(run):
    async def main():
        async with pair({"pause_on_connect": True}) as (client, there):
            client.set_timeout(0.05, lambda: client.destroy(TimeoutError("the peer takes nothing")))
            with pytest.raises(TimeoutError):
                while True:
                    await client.send(bytes(100_000))
            there.on("error", lambda error: None)

    run(main)


def test_cancelled_client(run):
    async def main():
        async def client(port):
            async with net.connect(port, HOST) as stream:
                await received(stream)

        gone = []

        async def serve(stream):
            stream.on("close", lambda: gone.append(stream))
            stream.on("error", lambda error: None)
            while not stream.destroyed:
                stream.write(b"x" * 1000)
                await asyncio.sleep(0.001)

        async with serving(serve) as server:
            task = asyncio.create_task(client(server.port))
            await until(lambda: server.connections)
            await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await until(lambda: gone)

    run(main)


def test_iteration_left_early(run):
    async def main():
        async with pair() as (client, there):
            there.write(bytes(1000))
            there.on("error", lambda error: None)
            async for chunk in client:
                assert chunk
                break
            await closed(client)

    run(main)


def test_peer_end_during_a_write(run):
    async def main():
        async with pair() as (client, there):
            there.destroy()
            await until(lambda: there.closed)
            with pytest.raises((PrematureCloseError, OSError)):
                await pipeline([bytes(100_000)] * 500, client)
            await closed(client)

    run(main)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_partial_writes(run, size):
    """The receiver has the smallest buffers, so nearly every write is partial."""

    async def main():
        import socket

        data = payload(400_000)
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        listener.bind((HOST, 0))
        listener.listen()
        listener.setblocking(False)
        client = await net.connect(listener.getsockname()[1], HOST)
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2048)
        sock, _ = await asyncio.get_running_loop().sock_accept(listener)
        sock.setblocking(False)
        peer = Peer(sock)
        for at in range(0, len(data), 1000 * size):
            client.write(data[at : at + 1000 * size])
        client.end()
        client.resume()
        assert await peer.rest() == data
        peer.close()
        listener.close()
        await closed(client)

    run(main)


# ---- what is left behind


def test_many_connections_leave_nothing(run):
    async def main():
        async with serving(lambda stream: stream.pipe(stream)) as server:

            async def round_trip():
                async with net.connect(server.port, HOST) as client:
                    client.end(b"x" * 5000)
                    assert len(await received(client)) == 5000

            for _ in range(5):
                await asyncio.gather(*(round_trip() for _ in range(20)))
            await until(lambda: not server.connections)
            descriptors = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
            tasks = len(asyncio.all_tasks())
            for _ in range(10):
                await asyncio.gather(*(round_trip() for _ in range(20)))
            await until(lambda: not server.connections)
            if descriptors:
                assert len(os.listdir("/proc/self/fd")) <= descriptors
            assert len(asyncio.all_tasks()) == tasks

    run(main)


@pytest.mark.skipif(sys.implementation.name != "cpython", reason="counts references")
@pytest.mark.parametrize("way", ["end", "destroy", "pipe"])
def test_a_closed_socket_is_freed_at_once(run, way):
    async def main():
        gc.collect()
        gc.disable()
        try:
            async with serving(lambda stream: stream.pipe(stream)) as server:
                client = await net.connect(server.port, HOST)
                if way == "pipe":
                    client.pipe(Writable(write=lambda chunk: None))
                else:
                    client.resume()
                client.write(b"x" * 100)
                await until(lambda stream=client: stream.bytes_read)
                if way == "destroy":
                    client.destroy()
                else:
                    client.end()
                await closed(client)
                await asyncio.sleep(0)
                gone = weakref.ref(client)
                del client
                for _ in range(5):
                    await asyncio.sleep(0)
                assert gone() is None
        finally:
            gc.enable()

    run(main)


@pytest.mark.skipif(backend != "c", reason="the size is that of the compiled core")
def test_an_idle_socket_is_small(run):
    async def main():
        import tracemalloc

        async with serving(lambda stream: None) as server:
            peers = [await Peer.to(server.port) for _ in range(10)]
            await until(lambda: server.connections == 10)
            tracemalloc.start()
            try:
                before, _ = tracemalloc.get_traced_memory()
                more = [await Peer.to(server.port) for _ in range(200)]
                await until(lambda: server.connections == 210)
                gc.collect()
                after, _ = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
            assert (after - before) / 200 < 3500
            for peer in peers + more:
                peer.close()

    run(main)


@pytest.mark.parametrize("looked", [False, True])
def test_a_slow_client_costs_no_memory(run, tmp_path, looked):
    """Memory stays bounded both on the direct path and on the ordinary path."""
    path = tmp_path / "large"
    with path.open("wb") as made:
        made.truncate(1 << 30)

    async def main():
        import tracemalloc

        def serve(stream):
            stream.on("error", lambda error: None)
            reader = create_read_stream(path)
            readers.append(reader)
            if looked:
                reader.on("data", lambda chunk: None)
            reader.pipe(stream)

        readers = []
        async with serving(serve) as server:
            tracemalloc.start()
            try:
                peer = await Peer.to(server.port)
                for _ in range(40):
                    assert len(await peer.receive(200_000)) == 200_000
                    await asyncio.sleep(0.002)
                _, peak = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
            assert peak < 8 * 1024 * 1024
            assert readers[0].bytes_read < 30_000_000
            peer.close()
            readers[0].destroy()
            await closed(*readers)

    run(main)
