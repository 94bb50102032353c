"""Socket: bytes both ways, events in order, the two ends of a connection, options and counters."""

import asyncio
import socket

import pytest

from forebay import PassThrough, Writable, finished, net, once, pipeline
from forebay.errors import (
    AlreadyConnectedError,
    InvalidArgTypeError,
    NotConnectedError,
    OutOfRangeError,
)
from support.sockets import (
    HOST,
    Peer,
    closed,
    note,
    pair,
    payload,
    peer_of,
    received,
    serving,
    until,
)


def echo(stream):
    stream.pipe(stream)


@pytest.mark.parametrize("size", [0, 1, 4096, 4097, 65536, 65537, 1_000_000])
def test_echo(run, size):
    async def main():
        data = payload(size)
        async with serving(echo) as server, net.connect(server.port, HOST) as client:
            client.end(data)
            assert await received(client) == data
            assert client.bytes_written == client.bytes_read == size

    run(main)


@pytest.mark.parametrize("step", [1, 100, 1024, 16384, 70_000])
def test_many_writes_arrive_in_order(run, step):
    async def main():
        data = payload(step * 200)
        async with peer_of(echo) as peer, pair() as (client, there):
            coming = asyncio.create_task(received(there))
            for at in range(0, len(data), step):
                await client.send(data[at : at + step])
            client.end()
            assert await coming == data
            await peer.send(data[:1000])
            assert await peer.receive(len(data[:1000])) == data[:1000]

    run(main)


def test_writes_of_one_callback_are_gathered(run):
    async def main():
        async with peer_of(lambda stream: write(stream)) as peer:
            assert await peer.receive(3000) == b"a" * 1000 + b"b" * 1000 + b"c" * 1000

    def write(stream):
        # The first write is sent at once.
        stream.write(b"a" * 1000)
        assert stream.bytes_written == 1000
        stream.write(b"b" * 1000)
        stream.write(b"c" * 1000)
        assert stream.bytes_written == 1000
        assert stream.writable_length == 2000

    run(main)


def test_write_callbacks_come_in_order_and_drain_before_them(run):
    async def main():
        async with pair() as (client, there):
            told = []
            there.resume()
            client.on("drain", lambda: told.append("drain"))
            client.write(b"1" * 1000, None, lambda error: told.append((1, error)))
            assert client.write(b"2", None, lambda error: told.append((2, error)))
            # Behind one that waits for the end of the burst.
            assert not client.write(b"3" * 100_000, None, lambda error: told.append((3, error)))
            await until(lambda: len(told) == 4)
            assert told == [(1, None), "drain", (2, None), (3, None)]

    run(main)


def test_bytes_like_chunks_of_all_kinds(run):
    async def main():
        async with pair() as (client, there):
            for chunk in (b"bytes ", bytearray(b"bytearray "), memoryview(b"-view -")[1:6], "text "):
                client.write(chunk, "utf-8" if isinstance(chunk, str) else None)
            client.end(bytearray(200_000))
            assert await received(there) == b"bytes bytearray view text " + bytes(200_000)

    run(main)


def test_writes_before_the_connection_is_open(run):
    async def main():
        async with serving(echo) as server:
            client = net.Socket()
            assert client.pending
            client.write(b"early ")
            client.connect(server.port, HOST)
            assert client.connecting
            assert client.ready_state == "opening"
            client.write(b"bird")
            client.end()
            assert await received(client) == b"early bird"

    run(main)


def test_the_events_of_a_connection_in_order(run):
    async def main():
        async with serving(lambda stream: stream.end(b"hello")) as server:
            client = net.Socket()
            seen = note(client, "lookup", "connect", "ready", "data", "end", "finish", "close")
            client.connect("localhost", server.port, family=socket.AF_INET)
            await finished(client)
            await closed(client)
            assert seen == [
                ("lookup", None, HOST, socket.AF_INET, "localhost"),
                "connect",
                "ready",
                ("data", b"hello"),
                "end",
                "finish",
                "close",
            ]
            assert not client.had_error

    run(main)


def test_ready_state_of_a_socket(run):
    async def main():
        async with pair({"allow_half_open": True}, allow_half_open=True) as (client, there):
            assert (client.ready_state, there.ready_state) == ("open", "open")
            client.end()
            await finished(client, readable=False)
            assert client.ready_state == "read_only"
            there.resume()
            await once(there, "end")
            assert there.ready_state == "write_only"
            there.end()
            client.resume()
            await closed(client, there)
            assert (client.ready_state, there.ready_state) == ("closed", "closed")

    run(main)


def test_the_end_of_one_side_ends_the_other(run):
    async def main():
        async with peer_of(lambda stream: (streams.append(stream), stream.resume())) as peer:
            peer.half_close()
            assert await peer.rest() == b""
            await closed(*streams)
            assert streams[0].errored is None

    streams = []
    run(main)


def test_half_open_answers_after_the_end(run):
    async def main():
        async def answer(stream):
            stream.end(b"got " + await received(stream))

        async with peer_of(answer, allow_half_open=True) as peer:
            await peer.send(b"question")
            peer.half_close()
            assert await peer.rest() == b"got question"

    run(main)


def test_unread_socket_does_not_end(run):
    async def main():
        async with pair() as (client, there):
            client.end(b"unread")
            client.resume()
            await until(lambda: there.readable_length == 6)
            assert not there.readable_ended
            assert await received(there) == b"unread"
            await closed(client, there)

    run(main)


def test_reading_stops_at_the_mark(run):
    async def main():
        async with pair({"high_water_mark": 10_000}) as (client, there):
            client.write(bytes(50_000_000))
            await until(lambda: there.readable_length >= 10_000)
            before = there.bytes_read
            # All that the kernel takes is on its way; nothing of it is read.
            await asyncio.sleep(0.05)
            assert there.bytes_read == before <= 10_000 + 65536
            assert client.writable_length > 30_000_000
            assert client.writable_need_drain
            there.destroy()
            client.on("error", lambda error: None)

    run(main)


def test_pause_and_resume(run):
    async def main():
        async with pair() as (client, there):
            got = []
            there.on("data", got.append)
            client.write(b"one")
            await until(lambda: got)
            there.pause()
            client.write(b"two")
            await asyncio.sleep(0.02)
            assert got == [b"one"]
            there.resume()
            await until(lambda: len(got) == 2)
            assert got == [b"one", b"two"]

    run(main)


def test_a_listener_that_raises_loses_no_byte(run):
    async def main():
        data = payload(3_000_000)
        got = []

        def take(chunk):
            got.append(chunk)
            if len(got) % 3 == 0:
                raise RuntimeError("a listener's own")

        async with serving(lambda stream: stream.on("data", take)) as server:
            peer = await Peer.to(server.port)
            await peer.send(data)
            await until(lambda: sum(map(len, got)) >= len(data))
            peer.close()
        assert b"".join(got) == data
        assert {type(context["exception"]) for context in run.errors} == {RuntimeError}

    run.errors_wanted = True
    run(main)


def test_text(run):
    async def main():
        async with pair({"default_encoding": "utf-8"}, encoding="utf-8") as (client, there):
            there.write("žluťoučký kůň")
            assert await once(client, "data") == ["žluťoučký kůň"]

    run(main)


def test_an_adopted_socket(run):
    async def main():
        left, right = socket.socketpair()
        one, other = net.Socket(sock=left), net.Socket(sock=right)
        one.end(b"by hand")
        assert await received(other) == b"by hand"
        one.resume()
        await closed(one, other)
        assert left.fileno() == right.fileno() == -1

    run(main)


def test_addresses(run):
    async def main():
        async with pair() as (client, there):
            assert client.remote_address == there.remote_address == HOST
            assert client.remote_port == there.local_port
            assert there.remote_port == client.local_port
            assert (client.remote_family, client.local_family) == ("IPv4", "IPv4")
            assert client.address == (HOST, client.local_port)
            assert str(client.local_port) in repr(client)
            port = client.local_port
            client.destroy()
            # They are still known when the connection is gone, for the log.
            assert client.local_port == port
            assert there.remote_port == port

    run(main)


def test_the_keep_alive_delay_under_the_name_of_macos(run, monkeypatch):
    number = socket.TCP_KEEPIDLE
    monkeypatch.delattr(socket, "TCP_KEEPIDLE")
    monkeypatch.setattr(socket, "TCP_KEEPALIVE", number, raising=False)

    async def main():
        async with pair() as (client, _there):
            client.set_keep_alive(True, 33)
            assert client.sock.getsockopt(socket.IPPROTO_TCP, number) == 33

    run(main)


def test_options(run):
    async def main():
        async with pair() as (client, _there):
            assert client.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert client.set_no_delay(False) is client
            assert not client.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert client.set_keep_alive(True, 30, interval=5, count=3) is client
            for name, value in (("SO_KEEPALIVE", 1),):
                assert client.sock.getsockopt(socket.SOL_SOCKET, getattr(socket, name)) == value
            delay = "TCP_KEEPIDLE" if hasattr(socket, "TCP_KEEPIDLE") else "TCP_KEEPALIVE"
            for name, value in ((delay, 30), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3)):
                assert client.sock.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) == value
            with pytest.raises(OutOfRangeError):
                client.set_keep_alive(True, 0)

    run(main)


def test_wrong_use_is_refused(run):
    async def main():
        stream = net.Socket()
        with pytest.raises(NotConnectedError):
            stream.set_keep_alive()
        with pytest.raises(NotConnectedError):
            await stream.start_tls()
        with pytest.raises(InvalidArgTypeError):
            stream.set_timeout("soon")
        with pytest.raises(OutOfRangeError):
            stream.set_timeout(-1)
        with pytest.raises(InvalidArgTypeError):
            net.Socket(sock="no socket")
        with pytest.raises(InvalidArgTypeError):
            stream.write("text without an encoding")
        async with pair() as (client, _):
            with pytest.raises(AlreadyConnectedError):
                client.connect(client.remote_port, HOST)
        await stream.aclose()

    run(main)


# ---- with the other streams


def test_socket_in_a_pipeline(run):
    async def main():
        data = payload(2_000_000)
        got = []
        async with serving(echo) as server:
            client = await net.connect(server.port, HOST)
            sending = pipeline([data[:5], data[5:]], client)
            await pipeline(client, PassThrough(), Writable(write=got.append))
            await sending
        assert b"".join(got) == data

    run(main)


def test_async_with_ends_the_socket(run):
    async def main():
        got = []

        async def keep(stream):
            got.append(await received(stream))

        async with serving(keep) as server:
            async with net.connect(server.port, HOST) as client:
                client.write(b"the last word")
            assert client.closed
            await until(lambda: got)
            assert got == [b"the last word"]

    run(main)


def test_cork(run):
    async def main():
        async with pair() as (client, there):
            with client.corked():
                for _ in range(5):
                    client.write(b"12345")
                assert client.bytes_written == 0
            assert client.bytes_written == 25
            assert await once(there, "data") == [b"12345" * 5]

    run(main)


def test_fast_writer_does_not_block_the_loop(run):
    async def main():
        async with pair() as (client, there):
            there.resume()
            turns = 0

            async def count():
                nonlocal turns
                while True:
                    turns += 1
                    await asyncio.sleep(0)

            counting = asyncio.create_task(count())
            chunk = bytes(65536)
            for _ in range(2000):
                await client.send(chunk)
            counting.cancel()
            assert turns > 20

    run(main)


def test_a_hundred_connections_at_once(run):
    async def main():
        data = payload(200_000)

        async def one(port):
            async with net.connect(port, HOST) as client:
                client.end(data)
                assert await received(client) == data

        async with serving(echo) as server:
            await asyncio.gather(*(one(server.port) for _ in range(100)))
            await until(lambda: not server.connections)

    run(main)
