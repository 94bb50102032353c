"""connect(): the forms of an address, several addresses, errors, and cancellation."""

import asyncio
import os
import socket
import ssl

import pytest

from forebay import AbortController, AbortError, PrematureCloseError, net
from forebay.errors import InvalidArgTypeError, MissingArgsError, OutOfRangeError
from support.sockets import HOST, closed, errors_of, note, received, serving, until


def greet(stream):
    stream.end(b"hello")


@pytest.mark.parametrize(
    "form",
    [
        lambda port: (port,),
        lambda port: (port, HOST),
        lambda port: (HOST, port),
        lambda port: ((HOST, port),),
        lambda port: ("localhost", port),
    ],
)
def test_forms_of_an_address(run, form):
    async def main():
        async with serving(greet) as server, net.connect(*form(server.port)) as client:
            assert await received(client) == b"hello"

    run(main)


@pytest.mark.parametrize("kind", [str, os.fsencode, lambda path: path])
def test_a_unix_socket(run, tmp_path, kind):
    async def main():
        path = tmp_path / "there"
        async with net.create_server(greet) as server:
            await server.listen(kind(path))
            assert server.address == str(path)
            assert server.port is None
            async with net.connect(kind(path)) as client:
                assert await received(client) == b"hello"
                assert client.remote_family == "Unix"
                assert client.remote_address is None
        assert not path.exists()

    run(main)


@pytest.mark.parametrize(
    ("address", "error"),
    [
        ((), MissingArgsError),
        ((None,), InvalidArgTypeError),
        (("host", "80"), InvalidArgTypeError),
        ((80, "host", 1), InvalidArgTypeError),
        ((True,), InvalidArgTypeError),
        ((1.5, "host"), InvalidArgTypeError),
        ((-1,), OutOfRangeError),
        ((65536, "host"), OutOfRangeError),
        (("",), OutOfRangeError),
    ],
)
def test_wrong_addresses(run, address, error):
    async def main():
        with pytest.raises(error):
            net.connect(*address)
        with pytest.raises(error):
            net.create_server().listen(*address)

    run(main)


def free_port():
    with socket.socket() as sock:
        sock.bind((HOST, 0))
        return sock.getsockname()[1]


def test_connection_refused_raises(run):
    async def main():
        port = free_port()
        with pytest.raises(ConnectionRefusedError, match=str(port)):
            await net.connect(port, HOST)
        handle = net.connect(port, HOST)
        seen = note(handle.socket, "connect", "error", "close")
        await handle.wait()
        await closed(handle.socket)
        assert [each if isinstance(each, str) else each[0] for each in seen] == ["error", "close"]

    run(main)


def test_connection_refused_without_a_listener_is_reported(run):
    async def main():
        net.Socket().connect(free_port(), HOST)
        await until(lambda: run.errors)

    run.errors_wanted = True
    run(main)
    assert [type(context["exception"]) for context in run.errors] == [ConnectionRefusedError]


def test_unknown_host_name_raises(run):
    async def main():
        handle = net.connect("forebay.invalid", 80)
        seen = note(handle.socket, "lookup")
        with pytest.raises(socket.gaierror):
            await handle
        assert isinstance(seen[0][1], socket.gaierror)
        assert seen[0][-1] == "forebay.invalid"

    run(main)


def test_missing_unix_socket_raises(run, tmp_path):
    async def main():
        with pytest.raises(FileNotFoundError):
            await net.connect(str(tmp_path / "nobody"))
        with pytest.raises(OSError, match="long"):
            await net.connect("/tmp/" + "x" * 200)

    run(main)


def addresses(*hosts):
    async def lookup(host, port, family):
        return [
            (
                socket.AF_INET6 if ":" in each else socket.AF_INET,
                socket.SOCK_STREAM,
                socket.IPPROTO_TCP,
                "",
                (each, port, 0, 0) if ":" in each else (each, port),
            )
            for each in hosts
        ]

    return lookup


def test_next_address_is_tried_after_a_refusal(run):
    async def main():
        async with serving(greet) as server:
            lookup = addresses("127.0.0.2", "127.0.0.3", HOST)
            async with net.connect("somewhere", server.port, lookup=lookup) as client:
                assert client.remote_address == HOST
                client.resume()

    run(main)


@pytest.fixture
def silent():
    """A port that never answers: the queue of its listener is full."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.2", 0))
        listener.listen(0)
        others = []
        for _ in range(4):
            sock = socket.socket()
            sock.setblocking(False)
            sock.connect_ex(listener.getsockname())
            others.append(sock)
        yield listener.getsockname()[1]
        for sock in others:
            sock.close()


def test_next_address_is_tried_after_a_delay(run, silent):
    async def main():
        async with net.create_server(greet) as server:
            await server.listen(silent, HOST)
            lookup = addresses("127.0.0.2", HOST)
            async with net.connect("somewhere", silent, lookup=lookup, attempt_delay=0.01) as client:
                assert client.remote_address == HOST
                client.resume()

    run(main)


def test_error_if_every_address_fails(run):
    async def main():
        with pytest.raises(ConnectionRefusedError) as caught:
            await net.connect("somewhere", free_port(), lookup=addresses(HOST, "127.0.0.2", "127.0.0.3"))
        assert len(caught.value.__notes__) == 2

    run(main)


def test_families_take_turns():
    from forebay.net._address import Address
    from forebay.net._happy_eyeballs import interleaved

    six, four = socket.AF_INET6, socket.AF_INET
    given = [Address(six, 0, 1), Address(six, 0, 2), Address(four, 0, 3), Address(six, 0, 4)]
    assert [each.address for each in interleaved(given)] == [1, 3, 2, 4]


def test_ipv6(run):
    async def main():
        async with net.create_server(greet) as server:
            await server.listen(0, "::1")
            async with net.connect(server.port, "::1") as client:
                assert client.remote_address == "::1"
                assert client.remote_family == "IPv6"
                client.resume()

    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
    except OSError:
        pytest.skip("no IPv6 here")
    run(main)


def test_local_address(run):
    async def main():
        async with (
            serving(greet) as server,
            net.connect(server.port, HOST, local_address=("127.0.0.9", 0)) as client,
        ):
            assert client.local_address == "127.0.0.9"
            client.resume()

    run(main)


def test_connect_timeout(run, silent):
    async def main():
        with pytest.raises(TimeoutError):
            await net.connect(silent, "127.0.0.2", timeout=0.02)

    run(main)


def test_cancelled_connect(run, silent):
    async def main():
        handle = net.connect(silent, "127.0.0.2")
        task = asyncio.ensure_future(handle.wait())
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await closed(handle.socket)
        assert handle.socket.destroyed

    run(main)


@pytest.mark.parametrize("host", [HOST, "localhost"])
def test_connect_cancelled_at_every_step(run, host):
    """This includes the moment after the connection is open and before the task has resumed."""

    async def main():
        async with serving(lambda stream: stream.resume()) as server:
            for steps in range(1, 12):
                task = asyncio.ensure_future(connected(server.port))
                for _ in range(steps):
                    await asyncio.sleep(0)
                if task.cancel():
                    with pytest.raises(asyncio.CancelledError):
                        await task
                    assert handles[-1].socket.destroyed
                else:
                    task.result().destroy()
                await closed(handles[-1].socket)
            await until(lambda: not server.connections)

    async def connected(port):
        handles.append(net.connect(port, host))
        return await handles[-1]

    handles = []
    run(main)


def test_connect_cancelled_during_the_lookup(run):
    async def main():
        asked = []

        async def lookup(host, port, family):
            asked.append(host)
            await asyncio.sleep(60)

        handle = net.connect("somewhere", 80, lookup=lookup)
        await until(lambda: asked)
        handle.socket.destroy()
        with pytest.raises(PrematureCloseError):
            await handle

    run(main)


def test_a_lookup_that_raises(run):
    async def main():
        async def lookup(host, port, family):
            raise KeyError(host)

        with pytest.raises(KeyError):
            await net.connect("somewhere", 80, lookup=lookup)

    run(main)


def test_connect_aborted_by_a_signal(run, silent):
    async def main():
        controller = AbortController()
        handle = net.connect(silent, "127.0.0.2", signal=controller.signal)
        errors = errors_of(handle.socket)
        await asyncio.sleep(0)
        controller.abort()
        with pytest.raises(AbortError):
            await handle
        await closed(handle.socket)
        assert len(errors) == 1

    run(main)


def test_connect_to_a_unix_socket_with_a_full_backlog(run, tmp_path):
    path = str(tmp_path / "full")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(0)

    async def main():
        handles = [net.connect(path) for _ in range(6)]
        await asyncio.sleep(0.03)
        with socket.socket(socket.AF_UNIX) as refused:
            refused.setblocking(False)
            with pytest.raises(BlockingIOError):
                refused.connect(path)
        listener.setblocking(False)
        loop = asyncio.get_running_loop()
        peers = [(await loop.sock_accept(listener))[0] for _ in handles]
        for handle in handles:
            client = await handle
            client.destroy()
            await closed(client)
        for peer in peers:
            peer.close()

    with listener:
        run(main)


def test_tls_to_a_plain_server_fails(run):
    async def main():
        async with serving(lambda stream: stream.end(b"no TLS here\n")) as server:
            with pytest.raises(ssl.SSLError):
                await net.connect(server.port, HOST, ssl=True)

    run(main)
