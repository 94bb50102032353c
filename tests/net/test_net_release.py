"""Failures while a connection is opened or closed: no task keeps waiting, and no resource is left."""

import asyncio
import contextlib
import errno
import os
import socket
import sys

import pytest

from forebay import PrematureCloseError, Readable, net, pipeline
from forebay.fs import create_read_stream, create_write_stream
from support.sockets import HOST, Peer, closed, errors_of, note, pair, payload, received, serving, until


def reports(run):
    return [type(context["exception"]) for context in run.errors]


# ---- steps of the end that fail


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_error_while_closing_a_descriptor(run, server_tls, client_tls, tls):
    """Other code has closed the descriptor of the connection by mistake."""

    async def main():
        options = {"ssl": server_tls} if tls else {}
        accepted = asyncio.get_running_loop().create_future()
        async with serving(accepted.set_result, **options) as server:
            client = await net.connect(
                server.port,
                HOST,
                ssl=client_tls if tls else None,
                server_hostname="localhost" if tls else None,
            )
            connection = await accepted
            seen = note(connection, "error", "close")
            errors_of(client)
            os.close(connection.sock.fileno())
            connection.destroy()
            assert not server.connections
            await closed(connection)
            assert [each if each == "close" else each[1].errno for each in seen] == [errno.EBADF, "close"]
            server.close()
            await server.wait_closed()
            client.destroy()
            await closed(client)

    run(main)


def test_program_closes_the_underlying_socket(run):
    """The descriptor stays reserved until the stream is closed, because writes could reach another connection."""

    async def main():
        accepted = asyncio.get_running_loop().create_future()
        async with serving(accepted.set_result) as server:
            client = await net.connect(server.port, HOST)
            connection = await accepted
            connection.resume()
            descriptor = connection.sock.fileno()
            connection.sock.close()
            near, far = socket.socketpair()
            far.setblocking(False)
            assert descriptor not in (near.fileno(), far.fileno())
            client.write(b"to the server")
            await until(lambda: connection.bytes_read)
            connection.end(b"to the client")
            assert await received(client) == b"to the client"
            with pytest.raises(BlockingIOError):
                far.recv(1)
            connection.destroy()
            await closed(connection)
            with pytest.raises(OSError, match="Bad file descriptor"):
                os.fstat(descriptor)
            near.close()
            far.close()

    run(main)


class Refusing(asyncio.SelectorEventLoop):
    """A loop whose system watches no more descriptors."""

    refuses = None

    def _add_reader(self, fd, callback, *args):
        if self.refuses == "reading" and fd not in self.spared:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super()._add_reader(fd, callback, *args)


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_watching_a_descriptor_fails(server_tls, tls):
    """No task keeps waiting; the error of the connection gives the reason."""

    async def main():
        loop = asyncio.get_running_loop()
        reports = []
        loop.set_exception_handler(lambda _, context: reports.append(context["exception"]))
        async with serving(lambda stream: stream.resume(), **({"ssl": server_tls} if tls else {})) as server:
            server.on("tls_error", lambda error, stream: reports.append(error))
            loop.spared = {sock.fileno() for sock in server._listeners}
            loop.refuses = "reading"
            with socket.create_connection((HOST, server.port)) as peer:
                await until(lambda: reports or not server.listening)
                await until(lambda: not server.connections)
                peer.settimeout(5)
                with contextlib.suppress(ConnectionResetError):
                    assert peer.recv(1) == b""
            loop.refuses = None
        assert [each.errno for each in reports] == [errno.ENOSPC]

    with asyncio.Runner(loop_factory=Refusing) as runner:
        runner.run(asyncio.wait_for(main(), 20))


def test_a_write_callback_that_raises_at_the_end(run):
    async def main():
        def refuse(error):
            raise ValueError("the callback's own")

        accepted = asyncio.get_running_loop().create_future()
        async with serving(accepted.set_result, pause_on_connect=True) as server:
            peer = await Peer.to(server.port)
            connection = await accepted
            errors_of(connection)
            while connection.write(payload(1_000_000)):
                pass
            connection.write(b"more", None, refuse)
            connection.destroy()
            assert not server.connections
            await closed(connection)
            peer.close()

    run.errors_wanted = True
    run(main)


def test_listening_socket_closed_by_other_code(run):
    async def main():
        sock = socket.socket()
        sock.bind((HOST, 0))
        server = await net.create_server().listen(sock=sock)
        sock.close()
        closings = note(server, "close")
        await asyncio.wait_for(server.aclose(), 5)
        assert closings == ["close"]

    run.errors_wanted = True
    run(main)


# ---- listeners that raise where somebody waits


@pytest.mark.parametrize("event", ["connect", "ready", "lookup"])
def test_exception_of_a_lookup_or_connect_listener(run, event):
    async def main():
        def refuse(*args):
            raise ValueError("the listener's own")

        async with serving(lambda stream: stream.end(b"hello")) as server:
            connecting = net.connect("localhost", server.port, family=socket.AF_INET)
            connecting.socket.on(event, refuse)
            told = [] if event == "ready" else note(connecting.socket, "ready")
            stream = await asyncio.wait_for(connecting, 5)
            assert await received(stream) == b"hello"
            assert told == ([] if event == "ready" else ["ready"])

    run.errors_wanted = True
    run(main)
    assert reports(run) == [ValueError]


@pytest.mark.parametrize("event", ["listening", "error"])
def test_exception_of_a_listener_of_a_server(run, event):
    async def main():
        def refuse(*args):
            raise ValueError("the listener's own")

        async with serving() as taken:
            server = net.create_server()
            server.on(event, refuse)
            listening = server.listen(0 if event == "listening" else taken.port, HOST)
            if event == "listening":
                await asyncio.wait_for(listening, 5)
            else:
                with pytest.raises(OSError, match="in use"):
                    await asyncio.wait_for(listening, 5)
            await server.aclose()

    run.errors_wanted = True
    run(main)
    assert reports(run) == [ValueError]


def test_exceptions_of_secure_and_data_listeners_lose_no_data(run, server_tls, client_tls):
    async def main():
        def refuse(*args):
            raise ValueError("the listener's own")

        data = payload(300_000)
        async with serving(lambda stream: stream.end(data), ssl=server_tls) as server:
            connecting = net.connect(server.port, HOST, ssl=client_tls, server_hostname="localhost")
            client = connecting.socket
            client.on("secure", refuse)
            got = []

            def take(chunk):
                got.append(chunk)
                if len(got) % 3 == 1:
                    refuse()

            client.on("data", take)
            await closed(client)
            assert b"".join(got) == data

    run.errors_wanted = True
    run(main)
    assert set(reports(run)) == {ValueError}


# ---- tasks that are cancelled before their first step, or in the middle


async def steps(count):
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.mark.parametrize("after", range(4))
def test_server_tasks_cancelled_by_other_code(run, after):
    """`asyncio.run` cancels them in the same way at its end, in any order."""

    async def main():
        mine = asyncio.all_tasks()
        listening = net.create_server().listen(0, HOST)
        await steps(after)
        for task in asyncio.all_tasks() - mine:
            task.cancel()
        with contextlib.suppress(PrematureCloseError):
            await asyncio.wait_for(listening, 5)
        await asyncio.wait_for(listening._server.aclose(), 5)

    run(main)


@pytest.mark.parametrize("tls", [False, True], ids=["handler", "handshake"])
@pytest.mark.parametrize("after", range(4))
def test_connection_task_cancelled_by_other_code(run, server_tls, tls, after):
    async def main():
        async def handler(stream):
            await asyncio.sleep(60)

        async with serving(handler, **({"ssl": server_tls} if tls else {})) as server:
            mine = asyncio.all_tasks()
            with socket.create_connection((HOST, server.port)):
                while not server.connections:
                    await asyncio.sleep(0)
                await steps(after)
                for task in asyncio.all_tasks() - mine:
                    task.cancel()
                await until(lambda: not server.connections)

    run(main)


@pytest.mark.parametrize("tls", [False, True], ids=["lookup", "handshake"])
@pytest.mark.parametrize("after", range(4))
def test_attempt_task_cancelled_by_other_code(run, client_tls, tls, after):
    async def main():
        async def lookup(host, port, family):
            await asyncio.sleep(60)

        mine = asyncio.all_tasks()
        async with serving() as server:
            if tls:
                connecting = net.connect(server.port, HOST, ssl=client_tls)
                while not connecting.socket.sock:
                    await asyncio.sleep(0)
            else:
                connecting = net.connect("nowhere.test", server.port, lookup=lookup)
            await steps(after)
            for task in asyncio.all_tasks() - mine - server._tasks:
                task.cancel()
            with pytest.raises(PrematureCloseError):
                await asyncio.wait_for(connecting, 5)

    run(main)


# ---- whose fault it was


@pytest.mark.parametrize("late", [False, True], ids=["at once", "later"])
def test_file_error_of_a_handler_is_reported_and_resets_the_peer(run, late):
    async def main():
        async def store(stream):
            if late:
                await asyncio.sleep(0.01)
            await pipeline(stream, create_write_stream("/dev/full"))

        async with serving(store) as server:
            peer = await Peer.to(server.port)
            with pytest.raises(ConnectionError):
                await peer.send(payload(100_000))
                await peer.rest()
                raise AssertionError("a clean end")
            peer.close()

    if sys.platform != "linux":
        pytest.skip("needs /dev/full")
    run.errors_wanted = True
    run(main)
    assert [context["exception"].errno for context in run.errors] == [errno.ENOSPC]


def test_failing_source_does_not_end_the_response(run, tmp_path):
    async def main():
        async def answer(stream):
            await pipeline(create_read_stream(tmp_path / "none"), stream)

        async def upload(port):
            async def broken():
                yield b"the first half"
                await asyncio.sleep(0.01)
                raise ValueError("no second half")

            with pytest.raises(ValueError, match="second half"):
                await pipeline(broken(), net.connect(port, HOST).socket)

        async with serving(answer) as server:
            peer = await Peer.to(server.port)
            with pytest.raises(ConnectionResetError):
                await peer.rest()
            peer.close()
        ends = []

        async def take(stream):
            try:
                ends.append(await received(stream))
            except ConnectionResetError as error:
                ends.append(error)

        async with serving(take) as server:
            await upload(server.port)
            await until(lambda: ends)
            assert isinstance(ends[0], ConnectionResetError)

    run.errors_wanted = True
    run(main)
    assert reports(run) == [FileNotFoundError]


async def _sends(stream):
    while True:
        await stream.send(payload(5000))


async def _writes(stream):
    while True:
        stream.write(payload(5000))
        await stream.drain()


async def _reads(stream):
    await received(stream)
    await _sends(stream)


async def _pipes(stream):
    await pipeline(Readable(read=lambda size: payload(5000)), stream)


async def _generates(stream):
    async def made():
        while True:
            yield payload(5000)

    await pipeline(made(), stream)


async def _echoes(stream):
    await pipeline(stream, stream)


async def _sleeps(stream):
    await asyncio.sleep(0.02)
    await _sends(stream)


@pytest.mark.parametrize("how", ["close", "reset", "half_close"])
@pytest.mark.parametrize("handler", [_sends, _writes, _reads, _pipes, _generates, _echoes, _sleeps])
def test_peer_disconnect_is_not_reported(run, handler, how):
    """Whatever the handler does, and however the peer leaves, no error is reported."""

    async def main():
        async with serving(handler) as server:
            for asked in (0, 1, 100_000):
                peer = await Peer.to(server.port)
                await peer.send(b"x" * max(asked, 1))
                if handler is not _reads:
                    await peer.receive(min(asked, 1))
                getattr(peer, how)()
                if how == "half_close":
                    with contextlib.suppress(ConnectionResetError):
                        await peer.receive(10_000)
                    peer.close()
                await until(lambda: not server.connections)

    run(main)


def test_write_to_a_closed_peer_is_a_broken_pipe(run):
    async def main():
        async with pair() as (client, there):
            ends = note(there, "end")
            there.resume()
            client.end()
            client.resume()
            await until(lambda: ends and there.writable_ended)
            told = []
            there.write(b"too late", None, told.append)
            await until(lambda: told)
            assert type(told[0]) is BrokenPipeError
            for _ in range(2):
                with pytest.raises(BrokenPipeError):
                    await there.send(b"later still")
                await closed(there)

    run(main)


# ---- many


@pytest.mark.parametrize("way", ["close", "reset"])
def test_thousands_of_short_connections_leave_nothing(run, way):
    async def main():
        async with serving(lambda stream: stream.pipe(stream).on("error", lambda error: None)) as server:

            async def client(count):
                for _ in range(count):
                    peer = await Peer.to(server.port)
                    await peer.send(b"x")
                    getattr(peer, way)()

            await asyncio.gather(*(client(100) for _ in range(10)))
            await until(lambda: not server.connections)
            assert not server._tasks

    run(main)
