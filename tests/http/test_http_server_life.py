"""Failing handlers of a server, upgrades, listen() and close()."""

import asyncio
import socket

import pytest

from forebay import (
    InvalidArgTypeError,
    PassThrough,
    duplex_pair,
    http,
    net,
)
from support.http_peers import answer, body_of, echo, hello, peer_of, request, serving, until
from support.sockets import HOST, Peer, without_descriptors


def test_a_handler_that_raises(run):
    def handler(request, response):
        response.set_header("X-Private", "1")
        raise LookupError("lost")

    async def main():
        run.errors_wanted = True
        async with peer_of(handler) as peer:
            for _ in range(2):
                await peer.send(request("GET /x"))
                got = await answer(peer)
                assert got.status == 500
                assert "x-private" not in got.headers
                assert b"lost" not in got.body
        assert [type(context["exception"]) for context in run.errors] == [LookupError, LookupError]
        assert "GET /x" in run.errors[0]["message"]

    run(main)


def test_an_async_handler_that_raises_in_the_middle(run):
    async def handler(request, response):
        await response.send(b"part")
        await asyncio.sleep(0)
        raise LookupError("lost")

    async def main():
        run.errors_wanted = True
        async with peer_of(handler) as peer:
            await peer.send(request("GET /"))
            with pytest.raises((EOFError, ValueError)):
                await answer(peer)
        assert [type(context["exception"]) for context in run.errors] == [LookupError]

    run(main)


def test_a_handler_that_raises_after_the_end(run):
    def handler(request, response):
        response.end(b"whole")
        raise LookupError("late")

    async def main():
        run.errors_wanted = True
        async with peer_of(handler) as peer:
            for _ in range(2):
                await peer.send(request("GET /"))
                assert (await answer(peer)).body == b"whole"
        assert len(run.errors) == 2

    run(main)


def test_a_destroyed_response_without_a_head_is_500(run):
    def handler(request, response):
        response.on("error", lambda error: None)
        response.destroy(LookupError("lost"))

    async def main():
        async with peer_of(handler) as peer:
            await peer.send(request("GET /"))
            assert (await answer(peer)).status == 500

    run(main)


def test_events_of_a_response(run):
    seen = []

    def handler(request, response):
        for event in ("finish", "close"):
            response.on(event, lambda event=event: seen.append(event))
            request.on(event, lambda event=event: seen.append("request " + event))
        response.end(b"x", callback=lambda error: seen.append(error))

    async def main():
        async with peer_of(handler) as peer:
            await peer.send(request("GET /"))
            await answer(peer)
            await until(lambda: len(seen) == 4)
        assert seen == [None, "finish", "close", "request close"]

    run(main)


def test_listeners_added_after_the_end_of_the_response(run):
    seen = []

    def handler(request, response):
        response.end(b"x")
        assert response.writable_ended
        assert not response.writable_finished
        response.on("finish", lambda: seen.append("finish"))

    async def main():
        async with peer_of(handler) as peer:
            await peer.send(request("GET /"))
            await answer(peer)
            await until(lambda: seen)

    run(main)


def test_request_without_a_body_emits_end(run):
    async def handler(request, response):
        ended = []
        request.on("end", lambda: ended.append(1))
        request.resume()
        await until(lambda: ended)
        response.end(b"ended")

    async def iterating(request, response):
        response.end(b"%d" % len([chunk async for chunk in request]))

    async def main():
        for each, text in ((handler, b"ended"), (iterating, b"0")):
            async with peer_of(each) as peer:
                await peer.send(request("GET /"))
                assert (await answer(peer)).body == text

    run(main)


def test_without_a_handler_it_is_404(run):
    async def main():
        async with peer_of() as peer:
            await peer.send(request("GET /"))
            assert (await answer(peer)).status == 404

    run(main)


def test_several_handlers_and_connection_events(run):
    seen = []

    async def main():
        async with serving(lambda request, response: seen.append("one")) as server:
            server.on("request", lambda request, response: response.end(b"two"))
            server.on("connection", lambda socket: seen.append(socket.remote_address))
            peer = await Peer.to(server.port)
            await peer.send(request("GET /"))
            assert (await answer(peer)).body == b"two"
            assert seen == [HOST, "one"]
            peer.close()

    run(main)


def test_expect_continue_when_the_body_is_read(run):
    async def handler(request, response):
        if request.url == "/no":
            response.status_code = 413
            response.end()
        else:
            response.end(await body_of(request))

    async def main():
        async with peer_of(handler) as peer:
            await peer.send(request("POST /yes", "Expect: 100-continue", "Content-Length: 3"))
            assert (await answer(peer)).status == 100
            await peer.send(b"abc")
            assert (await answer(peer)).body == b"abc"
            await peer.send(request("POST /no", "Expect: 100-continue", "Content-Length: 3"))
            got = await answer(peer)
            # Whether the body follows is not known, so nothing else can.
            assert (got.status, got.headers["connection"]) == (413, "close")
            assert await peer.receive(1) == b""

    run(main)


def test_check_continue(run):
    def check(request, response):
        response.write_continue()
        request.pipe(response)

    async def main():
        async with peer_of(hello) as peer:
            peer.server.on("check_continue", check)
            await peer.send(request("POST /", "Expect: 100-continue", "Content-Length: 3"))
            assert (await answer(peer)).status == 100
            await peer.send(b"abc")
            assert (await answer(peer)).body == b"abc"

    run(main)


def test_early_hints(run):
    def handler(request, response):
        response.write_early_hints({"Link": ["</a.css>; rel=preload", "</b.js>; rel=preload"]})
        response.end(b"x")

    async def main():
        async with peer_of(handler) as peer:
            await peer.send(request("GET /"))
            hints = await answer(peer)
            assert (hints.status, len(hints.fields)) == (103, 2)
            assert (await answer(peer)).body == b"x"

    run(main)


def test_upgrade_hands_the_socket_over(run):
    def upgrade(request, socket):
        assert request.headers["upgrade"] == "echo"
        socket.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n")
        socket.pipe(PassThrough()).pipe(socket)

    async def main():
        async with peer_of(hello) as peer:
            peer.server.on("upgrade", upgrade)
            await peer.send(request("GET /before"))
            await peer.send(request("GET /", "Connection: Upgrade", "Upgrade: echo", body=b"first "))
            assert (await answer(peer)).body == b"hello /before"
            assert (await answer(peer)).status == 101
            await peer.send(b"GET / HTTP/1.1\r\n\r\n")
            assert await peer.receive(24) == b"first GET / HTTP/1.1\r\n\r\n"
            assert peer.server.connections == 0
            peer.half_close()
            assert await peer.rest() == b""

    run(main)


@pytest.mark.parametrize("taken", [True, False])
@pytest.mark.parametrize("first", [True, False])
def test_one_of_several_upgrade_listeners_raises(run, first, taken):
    """The connection stays open for the listener that uses it, and is closed if no listener does."""

    def fails(request, socket):
        raise ValueError("a broken listener")

    def other(request, socket):
        if taken:
            socket.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n")
            socket.pipe(socket)

    async def main():
        reported = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: reported.append(context))
        async with peer_of(hello) as peer:
            for listener in (fails, other) if first else (other, fails):
                peer.server.on("upgrade", listener)
            await peer.send(request("GET /", "Connection: Upgrade", "Upgrade: echo"))
            if taken:
                assert (await answer(peer)).status == 101
                await peer.send(b"echo")
                assert await peer.receive(4) == b"echo"
                peer.half_close()
                assert await peer.rest() == b""
            else:
                with pytest.raises(ConnectionResetError):
                    await peer.rest()
            assert [str(each["exception"]) for each in reported] == ["a broken listener"]

    run(main)


def test_out_of_descriptors_is_reported(run):
    async def main():
        async with serving(hello) as server:
            errors = []
            server.on("error", errors.append)
            peer = socket.socket()
            with peer:
                with without_descriptors():
                    peer.setblocking(False)
                    await asyncio.get_running_loop().sock_connect(peer, (HOST, server.port))
                    await until(lambda: errors)
                assert [type(error) for error in errors] == [OSError]
                assert "Too many open files" in str(errors[0])
                assert server.listening

    run(main)


def test_address_in_use_is_reported_once(run):
    async def main():
        async with serving(hello) as server:
            second = http.Server(hello)
            errors = []
            second.on("error", errors.append)
            second.listen(server.port, HOST)
            await until(lambda: errors)
            await asyncio.sleep(0.01)
            assert [type(error) for error in errors] == [OSError]

    run(main)


def test_upgrade_without_a_listener_is_an_ordinary_request(run):
    async def main():
        async with peer_of(echo) as peer:
            upgrade = ("Connection: Upgrade", "Upgrade: h2c")
            await peer.send(request("POST /", *upgrade, "Content-Length: 4", body=b"body"))
            assert (await answer(peer)).body == b"body"
            await peer.send(
                request("POST /", *upgrade, "Transfer-Encoding: chunked", body=b"1\r\nx\r\n0\r\n\r\n")
            )
            assert (await answer(peer)).body == b"x"
            await peer.send(request("GET /", *upgrade) + request("POST /", "Content-Length: 1", body=b"y"))
            assert [(await answer(peer)).body for _ in range(2)] == [b"", b"y"]

    run(main)


def test_connect(run):
    def tunnel(request, socket):
        socket.end(b"HTTP/1.1 200 OK\r\n\r\n" + request.url.encode())

    async def main():
        async with peer_of(hello) as peer:
            peer.server.on("connect", tunnel)
            await peer.send(b"CONNECT there:443 HTTP/1.1\r\nHost: there\r\n\r\n")
            assert (await peer.rest()).endswith(b"there:443")
        async with peer_of(hello) as peer:
            await peer.send(b"CONNECT there:443 HTTP/1.1\r\nHost: there\r\n\r\n")
            assert (await answer(peer)).status == 501
            assert await peer.receive(1) == b""

    run(main)


def test_serve_connection_accepts_any_duplex(run):
    async def main():
        server = http.create_server(echo)
        ours, theirs = duplex_pair()
        server.serve_connection(theirs)
        ours.end(request("POST /", "Content-Length: 5", "Connection: close", body=b"hello"))
        got = await body_of(ours)
        assert got.endswith(b"5\r\nhello\r\n0\r\n\r\n")
        with pytest.raises(InvalidArgTypeError, match="Duplex"):
            server.serve_connection(PassThrough)
        await until(lambda: server.connections == 0)

    run(main)


def test_tls(run, server_tls, client_tls):
    async def main():
        async with serving(echo, ssl=server_tls) as server, http.Agent(ssl=client_tls) as agent:
            for n in range(3):
                response = await agent.request(
                    f"https://localhost:{server.port}/", method="POST", body=b"%d" % n * 100_000
                )
                assert await body_of(response) == b"%d" % n * 100_000
            assert agent.connections == 1

    run(main)


def test_close_waits_for_responses_in_progress(run):
    begun = []

    async def handler(request, response):
        begun.append(response)
        await until(lambda: len(begun) == 2)
        response.end(b"done")

    async def main():
        async with serving(handler) as server:
            port = server.port
            idle, busy = await Peer.to(server.port), await Peer.to(server.port)
            await busy.send(request("GET /"))
            await until(lambda: begun and server.connections == 2)
            closed = []
            server.close(lambda: closed.append(1))
            assert await idle.receive(1) == b""
            begun.append(None)
            got = await answer(busy)
            assert (got.body, got.headers["connection"]) == (b"done", "close")
            assert await busy.receive(1) == b""
            idle.close()
            busy.close()
            await until(lambda: closed)
            with pytest.raises(ConnectionRefusedError):
                await net.connect(port, HOST)

    run(main)


def test_port_in_use_raises(run):
    async def main():
        async with serving(hello) as server:
            other = http.create_server(hello)
            with pytest.raises(OSError, match="in use"):
                await other.listen(server.port, HOST)

    run(main)


def test_unix_socket(run, tmp_path):
    async def main():
        path = str(tmp_path / "http.sock")
        async with await http.create_server(hello).listen(path), http.Agent(socket_path=path) as agent:
            assert await body_of(await agent.get("http://anything/x")) == b"hello /x"

    run(main)
