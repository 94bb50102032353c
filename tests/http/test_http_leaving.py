"""A connection is lost in the middle of a message: the writer gets an error, and other clients are served."""

import asyncio
import contextlib
import time

import pytest

from forebay import Readable, StreamError, finished, http, pipeline
from support.http_peers import HEAD, peer_of, raw_server, serving, until
from support.sockets import Peer

GET = b"GET / HTTP/1.1\r\n" + HEAD


def made(size):
    """A piece of a body that is made synchronously, which blocks the loop."""
    time.sleep(0.0005)
    return b"x" * 1000


async def made_forever():
    while True:
        yield made(None) * 20


async def leave(port, *, how="close", after=100):
    """A client in a thread, so that it goes while a handler has not waited yet."""

    def client():
        loop = asyncio.new_event_loop()
        try:
            loop.run_until_complete(talk())
        finally:
            loop.close()

    async def talk():
        peer = await Peer.to(port)
        await peer.send(GET)
        await peer.receive(after)
        getattr(peer, how)()

    await asyncio.to_thread(client)


@pytest.mark.parametrize("how", ["close", "reset"])
def test_client_disconnect_during_a_handler_that_never_waits(run, how):
    async def main():
        outcomes = []

        async def handler(request, response):
            try:
                await pipeline(Readable(read=made), response)
            except Exception as error:
                outcomes.append(error)
                raise

        async with serving(handler) as server:
            await leave(server.port, how=how)
            await until(lambda: outcomes)
            await until(lambda: not server.connections)

    run(main)


@pytest.mark.parametrize("way", ["aclose", "destroy", "reset"])
@pytest.mark.parametrize("late", [False, True], ids=["at once", "after a turn"])
def test_handler_closes_the_socket(run, way, late):
    async def main():
        closings = []

        async def handler(request, response):
            response.on("close", lambda: closings.append(response))
            if late:
                await asyncio.sleep(0)
            if way == "aclose":
                await request.socket.aclose()
            elif way == "destroy":
                request.socket.destroy()
                with contextlib.suppress(Exception):
                    await finished(response)
            else:
                request.socket.reset_and_destroy()
                await response.aclose()

        async with peer_of(handler) as peer:
            await peer.send(GET * 3)
            with contextlib.suppress(ConnectionResetError):
                assert await peer.rest() == b""
            await until(lambda: closings)

    run(main)


@pytest.mark.parametrize("way", ["send", "write and drain", "pipeline"])
def test_reset_during_a_burst_lets_other_clients_run(run, way):
    async def main():
        outcomes = []

        async def handler(request, response):
            await asyncio.sleep(0)
            try:
                if way == "pipeline":
                    await pipeline(made_forever(), response)
                while way == "send":
                    await response.send(made(None) * 20)
                while way == "write and drain":
                    response.write(made(None) * 20)
                    await response.drain()
            except Exception as error:
                outcomes.append(error)
                raise

        async with serving(handler) as server:
            for count in range(1, 9):
                await leave(server.port, how="reset")
                await until(lambda count=count: len(outcomes) == count)

    run(main)


def test_server_resets_an_upload(run):
    async def main():
        async def talk(reader, writer):
            await reader.readexactly(50_000)
            writer.transport.abort()

        async with raw_server(talk) as url, http.Agent() as agent:
            for _ in range(4):
                outgoing = http.request(url, method="POST", agent=agent)
                with pytest.raises((OSError, StreamError)):
                    while True:
                        await outgoing.send(made(None) * 20)
                with pytest.raises((OSError, StreamError)):
                    await outgoing

    run(main)


def test_response_does_not_finish_on_a_closed_socket(run):
    """A response on a closed socket emits 'close' without 'finish'."""

    async def main():
        told = []

        async def handler(request, response):
            response.on("finish", lambda: told.append("finish")).on("close", lambda: told.append("close"))
            response.write(b"one")
            request.socket.destroy()
            response.end(b"two")

        async with peer_of(handler) as peer:
            await peer.send(GET)
            await peer.rest()
            await until(lambda: told)
        assert told == ["close"]

    run(main)
