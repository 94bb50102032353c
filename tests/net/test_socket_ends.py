"""The end of a socket: destroyed, reset, closed by its peer, timed out."""

import asyncio

import pytest

from forebay import StreamDestroyedError, net, once
from support.sockets import (
    HOST,
    closed,
    errors_of,
    note,
    pair,
    payload,
    peer_of,
    received,
    serving,
    until,
)


def test_destroy_closes_at_once(run):
    async def main():
        async with pair() as (client, there):
            there.on("error", lambda error: None)
            seen = note(client, "error", "end", "close")
            number = client.sock.fileno()
            client.destroy()
            assert client.sock.fileno() == -1 != number
            assert client.destroyed
            await closed(client)
            assert seen == ["close"]

    run(main)


def test_destroy_with_an_error(run):
    async def main():
        async with pair() as (client, there):
            error = RuntimeError("enough")
            seen = note(client, "error", "close")
            resets = errors_of(there)
            client.destroy(error)
            await closed(client, there)
            assert seen == [("error", error), "close"]
            assert client.had_error
            # The peer does not take it for an orderly end.
            assert [type(each) for each in resets] == [ConnectionResetError]

    run(main)


def test_destroy_while_connecting(run):
    async def main():
        async with serving() as server:
            client = net.Socket()
            client.connect(server.port, HOST)
            told = []
            client.write(b"never", None, told.append)
            seen = note(client, "connect", "error", "close")
            client.destroy()
            await closed(client)
            await asyncio.sleep(0.01)
            assert seen == ["close"]
            assert [type(error) for error in told] == [StreamDestroyedError]

    run(main)


def test_destroy_fails_pending_writes(run):
    async def main():
        async with pair() as (client, _there):
            told = []
            client.write(bytes(20_000_000), None, lambda error: told.append(("first", type(error))))
            client.write(b"x", None, lambda error: told.append(("second", type(error))))
            client.destroy()
            await closed(client)
            assert told == [("first", StreamDestroyedError), ("second", StreamDestroyedError)]

    run(main)


def test_reset_and_destroy(run):
    async def main():
        async with pair() as (client, there):
            errors = errors_of(there)
            there.resume()
            client.reset_and_destroy()
            await closed(client, there)
            assert [type(error) for error in errors] == [ConnectionResetError]
            assert there.had_error
            assert not client.had_error

    run(main)


def test_destroy_soon_sends_what_is_queued(run):
    async def main():
        async with pair() as (client, there):
            data = payload(5_000_000)
            client.write(data)
            client.destroy_soon()
            assert await received(there) == data
            await closed(client)

    run(main)


def test_write_to_a_closed_peer(run):
    async def main():
        async with peer_of(lambda stream: streams.append(stream)) as peer:
            await until(lambda: streams)
            stream = streams[0]
            errors = errors_of(stream)
            peer.reset()
            with pytest.raises(OSError, match=r"Broken pipe|reset"):
                while True:
                    await stream.send(b"is anybody there? ")
                    await asyncio.sleep(0)
            await closed(stream)
            assert len(errors) == 1

    streams = []
    run(main)


def test_a_reset_is_one_error(run):
    async def main():
        async with peer_of(lambda stream: streams.append(stream)) as peer:
            await until(lambda: streams)
            stream = streams[0]
            seen = note(stream, "data", "end", "error", "close")
            await peer.send(b"begin")
            await until(lambda: seen)
            peer.reset()
            await closed(stream)
            assert seen[0] == ("data", b"begin")
            assert [each[0] for each in seen[1:-1]] == ["error"]
            assert seen[-1] == "close"
            assert isinstance(stream.errored, ConnectionResetError)

    streams = []
    run(main)


def test_timeout_event_of_an_idle_socket(run):
    async def main():
        async with pair() as (client, there):
            client.set_timeout(0.02)
            assert client.timeout == 0.02
            await once(client, "timeout")
            assert not client.destroyed
            # The same name is the operator of every Readable.
            items = client.timeout(20)
            there.write(b"x")
            assert await anext(aiter(items)) == b"x"
            items.destroy()
            await closed(client)

    run(main)


def test_timeout_event_comes_again_after_data(run):
    async def main():
        async with pair() as (client, there):
            client.set_timeout(0.02)
            await once(client, "timeout")
            # Again only after something has happened.
            seen = note(client, "timeout")
            await asyncio.sleep(0.1)
            assert seen == []
            there.write(b"x")
            await once(client, "data")
            await until(lambda: seen)
            await asyncio.sleep(0.1)
            assert seen == ["timeout"]
            client.set_timeout(0)
            there.resume()

    run(main)


def test_timeout_restarts_with_every_transfer(run):
    async def main():
        async with pair() as (client, there):
            fired = []
            # Far longer than the pauses, which a busy machine makes longer. All of them are longer than the timeout.
            client.set_timeout(0.8, lambda: fired.append(True))
            client.resume()
            for _ in range(10):
                there.write(b"x")
                await asyncio.sleep(0.1)
            assert fired == []
            await until(lambda: fired)

    run(main)


def test_timeout_is_off_after_the_end(run):
    async def main():
        async with pair() as (client, _there):
            seen = note(client, "timeout")
            client.set_timeout(0.01)
            client.destroy()
            await asyncio.sleep(0.03)
            assert seen == []

    run(main)
