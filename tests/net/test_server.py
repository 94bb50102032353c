"""Server: addresses, accepted connections, and close()."""

import asyncio
import contextlib
import os
import socket
import stat

import pytest

from forebay import net, once, pipeline
from forebay.errors import (
    InvalidArgTypeError,
    InvalidArgValueError,
    OutOfRangeError,
    ServerAlreadyListeningError,
)
from support.sockets import (
    HOST,
    Peer,
    closed,
    note,
    payload,
    peer_of,
    received,
    serving,
    until,
    without_descriptors,
)


def greet(stream):
    stream.end(b"hello")


def test_events_and_names(run):
    async def main():
        server = net.create_server()
        seen = note(server, "listening", "connection", "close")
        assert server.address is None
        assert server.port is None
        assert not server.listening
        assert await server.listen(0, HOST) is server
        assert server.listening
        assert server.address == (HOST, server.port)
        assert server.addresses == [(HOST, server.port)]
        client = await net.connect(server.port, HOST)
        await until(lambda: len(seen) == 2)
        (there,) = server.sockets
        assert seen == ["listening", ("connection", there)]
        assert str(server.port) in repr(server)
        client.destroy()
        there.destroy()
        server.close()
        await server.wait_closed()
        assert seen[2:] == ["close"]
        await server.wait_closed()

    run(main)


def test_listen_on_all_addresses(run):
    async def main():
        async with net.create_server(greet) as server:
            await server.listen(0)
            for host in (HOST, "localhost"):
                async with net.connect(server.port, host) as client:
                    assert await received(client) == b"hello"

    run(main)


def test_several_hosts_on_one_port(run):
    async def main():
        async with net.create_server(greet) as server:
            await server.listen([HOST, "127.0.0.2"], 0)
            assert server.addresses == [(HOST, server.port), ("127.0.0.2", server.port)]
            for host in (HOST, "127.0.0.2"):
                async with net.connect(server.port, host) as client:
                    assert await received(client) == b"hello"
        with pytest.raises(OutOfRangeError):
            net.create_server().listen([], 0)

    run(main)


def test_a_bound_socket(run):
    async def main():
        sock = socket.socket()
        sock.bind((HOST, 0))
        async with net.create_server(greet) as server:
            await server.listen(sock=sock)
            async with net.connect(server.port, HOST) as client:
                assert await received(client) == b"hello"

    run(main)


def test_reuse_port(run):
    async def main():
        async with net.create_server(greet) as one, net.create_server(greet) as other:
            await one.listen(0, HOST, reuse_port=True)
            await other.listen(one.port, HOST, reuse_port=True)
            assert one.port == other.port

    run(main)


def test_port_in_use_raises(run):
    async def main():
        async with serving() as server:
            second = net.create_server()
            with pytest.raises(OSError, match=f"in use: {HOST}:{server.port}"):
                await second.listen(server.port, HOST)
            assert not second.listening
            # By event, where somebody listens.
            seen = note(second, "error")
            second.listen(server.port, HOST)
            await until(lambda: seen)
            # It may try again.
            await second.listen(0, HOST)
            await second.aclose()

    run(main)


def test_wrong_uses_raise(run):
    async def main():
        for options in ({"listener": 5}, {"block_list": 5}, {"ssl": True}):
            with pytest.raises(InvalidArgTypeError):
                net.create_server(**options)
        async with serving() as server:
            with pytest.raises(ServerAlreadyListeningError):
                server.listen(0)
        with pytest.raises(OutOfRangeError):
            net.create_server().listen(0, backlog=0)

    run(main)


def test_listening_again_after_close(run):
    async def main():
        server = net.create_server(greet)
        for _ in range(2):
            await server.listen(0, HOST)
            async with net.connect(server.port, HOST) as client:
                assert await received(client) == b"hello"
            await server.aclose()

    run(main)


def test_a_cancelled_listen_at_every_step(run):
    async def main():
        async def listening():
            return await server.listen(0, HOST)

        for steps in range(1, 6):
            server = net.create_server()
            task = asyncio.ensure_future(listening())
            for _ in range(steps):
                await asyncio.sleep(0)
            if task.cancel():
                with pytest.raises(asyncio.CancelledError):
                    await task
            else:
                server.close()
            await server.wait_closed()
            assert not server.listening

    run(main)


def test_close_of_a_server_that_never_listened(run):
    async def main():
        server = net.create_server()
        seen = note(server, "close")
        server.close()
        await server.wait_closed()
        assert seen == ["close"]
        other = net.create_server()
        other.listen(0, HOST)
        await other.aclose()
        assert not other.listening

    run(main)


# ---- Unix sockets


def test_abandoned_unix_socket_is_replaced(run, tmp_path):
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(path))
    assert stat.S_ISSOCK(os.stat(path).st_mode)

    async def main():
        with pytest.raises(OSError, match="in use"):
            await net.create_server().listen(path, unlink=False)
        async with net.create_server(greet) as server:
            await server.listen(path)
            # But not one that somebody listens on, nor what is no socket.
            with pytest.raises(OSError, match="in use"):
                await net.create_server().listen(path)
            file = tmp_path / "file"
            file.write_text("precious")
            with pytest.raises(OSError, match="in use"):
                await net.create_server().listen(file)
            assert file.read_text() == "precious"
        assert not path.exists()

    run(main)


def test_replaced_unix_socket_is_not_removed(run, tmp_path):
    path = tmp_path / "socket"

    async def main():
        async with net.create_server() as server:
            await server.listen(path)
            path.unlink()
            path.write_text("somebody else's")

    run(main)
    assert path.read_text() == "somebody else's"


def test_an_abstract_name(run):
    async def main():
        name = f"\0forebay-{os.getpid()}"
        async with net.create_server(greet) as server:
            await server.listen(name)
            async with net.connect(name) as client:
                assert await received(client) == b"hello"

    run(main)


# ---- who gets in


def test_max_connections(run):
    async def main():
        async with serving(lambda stream: stream.resume(), max_connections=2) as server:
            dropped = note(server, "drop")
            peers = [await Peer.to(server.port) for _ in range(3)]
            assert await peers[2].rest() == b""
            assert server.connections == 2
            assert [each[1]["remote_address"] for each in dropped] == [HOST]
            assert dropped[0][1]["local_port"] == server.port
            peers[0].close()
            await until(lambda: server.connections == 1)
            again = await Peer.to(server.port)
            await until(lambda: server.connections == 2)
            for peer in (*peers[1:], again):
                peer.close()

    run(main)


def test_block_list(run):
    async def main():
        refused = net.BlockList()
        refused.add_subnet("127.0.0.8", 31)
        async with serving(greet, block_list=refused) as server:
            dropped = note(server, "drop")
            for host, answer in (("127.0.0.9", b""), (HOST, b"hello"), ("127.0.0.8", b"")):
                client = await net.connect(server.port, HOST, local_address=(host, 0))
                client.on("error", lambda error: None)
                with contextlib.suppress(ConnectionResetError):
                    assert await received(client) == answer
                await closed(client)
            assert len(dropped) == 2

    run(main)


def test_failing_block_list_refuses_the_connection(run):
    async def main():
        async with serving(greet, block_list=lambda address: 1 / 0) as server:
            peer = await Peer.to(server.port)
            with contextlib.suppress(ConnectionResetError):
                assert await peer.rest() == b""
            peer.close()

    run.errors_wanted = True
    run(main)
    assert [type(context["exception"]) for context in run.errors] == [ZeroDivisionError]


def test_the_addresses_of_a_block_list():
    refused = net.BlockList()
    refused.add_address("192.0.2.1")
    refused.add_range("192.0.2.10", "192.0.2.20")
    refused.add_range("2001:db8::1", "2001:db8::f")
    refused.add_subnet("198.51.100.0/24")
    refused.add_subnet("2001:db8:1::", 48)
    for address in ("192.0.2.1", "192.0.2.10", "192.0.2.20", "198.51.100.77", "::ffff:192.0.2.15"):
        assert refused.check(address)
        assert refused(address)
    assert refused.check("2001:db8::7")
    assert refused.check("2001:db8:1::5%eth0")
    for address in ("192.0.2.2", "192.0.2.21", "198.51.101.1", "2001:db8::10"):
        assert not refused.check(address)
    for wrong in (
        lambda: refused.add_address("nowhere"),
        lambda: refused.add_range("192.0.2.9", "192.0.2.1"),
        lambda: refused.add_range("192.0.2.9", "::1"),
        lambda: refused.add_subnet("192.0.2.0", 99),
        lambda: refused.check("nowhere"),
    ):
        with pytest.raises(InvalidArgValueError):
            wrong()


def test_pause_on_connect(run):
    async def main():
        got = []
        async with serving(got.append, pause_on_connect=True) as server:
            peer = await Peer.to(server.port)
            await peer.send(b"patience")
            await until(lambda: got)
            await asyncio.sleep(0.01)
            (stream,) = got
            assert stream.is_paused()
            assert stream.bytes_read == 0
            stream.resume()
            assert await once(stream, "data") == [b"patience"]
            peer.close()

    run(main)


def test_keep_alive(run):
    async def main():
        async with peer_of(got.append, keep_alive=True, keep_alive_delay=42):
            await until(lambda: got)
            delay = "TCP_KEEPIDLE" if hasattr(socket, "TCP_KEEPIDLE") else "TCP_KEEPALIVE"
            assert got[0].sock.getsockopt(socket.IPPROTO_TCP, getattr(socket, delay)) == 42

    got = []
    run(main)


# ---- handlers


def test_an_async_handler(run):
    async def main():
        async def shout(stream):
            stream.end((await received(stream)).upper())

        async with serving(shout, allow_half_open=True) as server, net.connect(server.port, HOST) as client:
            client.end(b"quiet")
            assert await received(client) == b"QUIET"

    run(main)


def test_a_handler_that_fails_destroys_its_connection_only(run):
    async def main():
        async def fail(stream):
            await asyncio.sleep(0)
            raise ValueError("the handler's own")

        async with serving(fail) as server:
            for _ in range(2):
                peer = await Peer.to(server.port)
                with contextlib.suppress(ConnectionResetError):
                    assert await peer.rest() == b""
                peer.close()
            assert server.listening

    run.errors_wanted = True
    run(main)
    assert [type(context["exception"]) for context in run.errors] == [ValueError, ValueError]


def test_a_plain_handler_that_fails(run):
    async def main():
        def fail(stream):
            raise ValueError("the handler's own")

        async with serving(fail) as server:
            # Maybe before the peer has looked whether it is connected.
            with contextlib.suppress(ConnectionResetError):
                peer = await Peer.to(server.port)
                with contextlib.closing(peer):
                    assert await peer.rest() == b""
            await until(lambda: run.errors)

    run.errors_wanted = True
    run(main)
    assert [type(context["exception"]) for context in run.errors] == [ValueError]


def test_reset_raised_by_a_handler_is_not_reported(run):
    async def main():
        ended = []

        async def read(stream):
            try:
                await received(stream)
            finally:
                ended.append(stream.errored)

        async with peer_of(read) as peer:
            await peer.send(b"x")
            await asyncio.sleep(0.01)
            peer.reset()
            await until(lambda: ended)
            assert isinstance(ended[0], ConnectionResetError)

    run(main)


def test_reset_of_a_proxied_client_is_not_reported(run):
    """The client of a proxy resets during a kernel transfer, and the handler does not catch the error."""

    async def main():
        met = []
        waiting = asyncio.Event()

        async def give(stream):
            while True:
                await stream.send(bytes(256 * 1024))

        async def forward(stream):
            async with net.connect(source.port, HOST, allow_half_open=True) as there:
                waiting.set()
                try:
                    await pipeline(there, stream)
                except Exception as error:
                    met.append(error)
                    raise

        async with serving(give) as source, serving(forward) as server:
            for turn in range(5):
                waiting.clear()
                peer = await Peer.to(server.port)
                await waiting.wait()
                await peer.receive(1024 * 1024)
                peer.reset()
                await until(lambda turn=turn: len(met) > turn and not server.connections)
            assert all(isinstance(error, ConnectionError) for error in met)

    run(main)


# ---- closing


def test_close_waits_for_the_connections(run):
    async def main():
        async with peer_of(lambda stream: stream.pipe(stream)) as peer:
            await peer.send(b"one")
            assert await peer.receive(3) == b"one"
            server = servers[0]
            closings = note(server, "close")
            server.close()
            assert not server.listening
            with pytest.raises(ConnectionRefusedError):
                await Peer.to(ports[0])
            await peer.send(b"two")
            assert await peer.receive(3) == b"two"
            assert closings == []
            peer.half_close()
            await server.wait_closed()
            assert closings == ["close"]

    servers, ports = [], []
    listen = net.Server.listen

    def noted(self, *args, **options):
        servers.append(self)
        self.on("listening", lambda: ports.append(self.port))
        return listen(self, *args, **options)

    net.Server.listen = noted
    try:
        run(main)
    finally:
        net.Server.listen = listen


@pytest.mark.parametrize("does", ["send", "receive", "sleep"])
def test_aclose_under_load(run, does):
    """aclose() cancels running handlers and reports no error."""

    async def main():
        cancelled = []

        async def pump(stream):
            try:
                await stream.send(payload(50_000))
                while does == "send":
                    await stream.send(payload(50_000))
                if does == "receive":
                    await received(stream)
                stream.on("error", lambda error: None)
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                cancelled.append(stream)
                raise

        async with serving(pump) as server:
            clients = [await net.connect(server.port, HOST) for _ in range(20)]
            for client in clients:
                client.resume()
                client.on("error", lambda error: None)
            await until(lambda: all(client.bytes_read for client in clients))
            await asyncio.wait_for(server.aclose(), 5)
            assert not server.connections
            assert len(cancelled) == 20
            await closed(*clients)

    run(main)


def test_aclose_of_a_server_whose_handler_has_not_begun(run):
    async def main():
        for _ in range(5):
            async with serving(handler) as server:
                # The connection is there before its task has had a turn.
                with socket.create_connection((HOST, server.port)):
                    while not server.connections:
                        await asyncio.sleep(0)
                    await server.aclose()

    async def handler(stream):
        await received(stream)

    run(main)


def test_serve_forever(run):
    async def main():
        server = await net.create_server(greet).listen(0, HOST)
        serving = asyncio.create_task(server.serve_forever())
        async with net.connect(server.port, HOST) as client:
            assert await received(client) == b"hello"
        stuck = await Peer.to(server.port)
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving
        assert not server.listening
        stuck.close()

    run(main)


def test_out_of_descriptors(run):
    """The server pauses accepting, reports it once, and continues when descriptors are free again."""

    async def main():
        async with serving(lambda stream: stream.end(b"in")) as server:
            errors = note(server, "error")
            peers = [socket.socket() for _ in range(3)]
            with without_descriptors():
                loop = asyncio.get_running_loop()
                for peer in peers:
                    peer.setblocking(False)
                    await loop.sock_connect(peer, (HOST, server.port))
                await until(lambda: errors)
                assert "Too many open files" in str(errors[0][1])
                # It tries again meanwhile, and says nothing more.
                await asyncio.sleep(0.25)
                assert len(errors) == 1
            for peer in peers:
                assert await Peer(peer).rest() == b"in"
                peer.close()
            assert server.listening

    run(main)
