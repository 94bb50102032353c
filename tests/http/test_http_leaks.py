"""Exchanges and connections are freed without the garbage collector, and idle ones need little memory."""

import asyncio
import contextlib
import gc
import sys
import weakref

import pytest

from forebay import duplex_pair, http
from support.http_peers import answer, body_of, echo, hello, peer_of, request, serving, until
from support.sockets import Peer

COUNTS_REFERENCES = sys.implementation.name == "cpython"


@pytest.fixture
def no_gc():
    """The cycle collector does not help."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@pytest.mark.skipif(not COUNTS_REFERENCES, reason="objects go when the last name does only on CPython")
@pytest.mark.parametrize("handler", [hello, echo])
def test_completed_messages_are_released(run, no_gc, handler):
    seen = []

    def watched(request, response):
        seen.extend((weakref.ref(request), weakref.ref(response)))
        return handler(request, response)

    async def main():
        async with peer_of(watched) as peer:
            for _ in range(3):
                await peer.send(request("POST /", "Content-Length: 3", body=b"abc"))
                assert (await answer(peer)).status == 200
            await until(lambda: all(reference() is None for reference in seen))
            assert len(seen) == 6

    run(main)


@pytest.mark.skipif(not COUNTS_REFERENCES, reason="objects go when the last name does only on CPython")
def test_closed_connections_are_released(run, no_gc):
    async def main():
        async with serving(hello) as server:
            seen = []
            peers = [await Peer.to(server.port) for _ in range(3)]
            for peer in peers:
                await peer.send(request("GET /"))
                await answer(peer)
            seen = [weakref.ref(connection) for connection in server._connections]
            assert len(seen) == 3
            peers[0].close()
            peers[1].half_close()
            peers[2].reset()
            await until(lambda: all(reference() is None for reference in seen))
            peers[1].close()

    run(main)


@pytest.mark.skipif(not COUNTS_REFERENCES, reason="objects go when the last name does only on CPython")
def test_completed_messages_of_a_client_are_released(run, no_gc):
    async def main():
        async with serving(echo) as server, http.Agent() as agent:
            seen = []
            for _ in range(3):
                asked = agent.request(server.base, method="POST", body=b"abc")
                response = await asked
                assert b"".join([chunk async for chunk in response]) == b"abc"
                seen.extend((weakref.ref(asked), weakref.ref(response)))
                del asked, response
            await until(lambda: all(reference() is None for reference in seen[:4]))

    run(main)


@pytest.mark.skipif(not COUNTS_REFERENCES, reason="memory is counted by CPython's allocator")
def test_requests_leave_no_memory(run):
    async def main():
        server = http.create_server(echo)
        ours, theirs = duplex_pair()
        server.serve_connection(theirs)
        got = []
        ours.on("data", got.append)
        data = request("POST /", "Content-Length: 5", body=b"hello")

        async def some():
            for _ in range(200):
                got.clear()
                ours.write(data)
                await until(lambda: b"".join(got).endswith(b"0\r\n\r\n"))

        await some()
        deltas = []
        for _ in range(4):
            gc.collect()
            before = sys.getallocatedblocks()
            await some()
            gc.collect()
            deltas.append(sys.getallocatedblocks() - before)
        assert min(deltas) < 50
        ours.end()
        await until(lambda: server.connections == 0)

    run(main)


def test_five_hundred_idle_connections(run):
    """All connections are kept, used again, and released."""

    async def main():
        async with serving(hello) as server:
            peers = [await Peer.to(server.port) for _ in range(500)]
            for _ in range(2):
                for peer in peers:
                    await peer.send(request("GET /"))
                for peer in peers:
                    assert (await peer.receive(15)) == b"HTTP/1.1 200 OK"
                    rest = b""
                    while not rest.endswith(b"hello /"):
                        rest += await peer.receive(1)
                assert server.connections == 500
            for peer in peers:
                peer.close()
            await until(lambda: server.connections == 0)

    run(main)


@pytest.mark.parametrize("way", ["close", "aclose"])
def test_a_server_that_is_closed_under_load(run, way):
    async def main():
        outcomes = []
        async with serving(echo) as server, http.Agent() as agent:

            async def ask():
                with contextlib.suppress(OSError):
                    while True:
                        response = await agent.request(server.base, method="POST", body=b"x" * 100_000)
                        outcomes.append(await body_of(response))

            asking = [asyncio.ensure_future(ask()) for _ in range(10)]
            await until(lambda: len(outcomes) > 20)
            if way == "close":
                server.close()
                await server.wait_closed()
            else:
                await server.aclose()
            await asyncio.gather(*asking)
            # What was answered was answered whole.
            assert set(outcomes) == {b"x" * 100_000}
            assert server.connections == 0

    run(main)
