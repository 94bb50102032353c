"""Errors of handlers, listeners and clients: each is reported once, in the right place, and no task keeps waiting."""

import asyncio
import contextlib
import errno
import os

import pytest

from forebay import PassThrough, StreamError, create_write_stream, duplex_pair, finished, http, pipeline
from support.http_peers import Peer, answer, body_of, hello, peer_of, request, serving, until


def reported(run):
    return [each["exception"] for each in run.errors]


@pytest.mark.parametrize(
    "error", [LookupError("mine"), StreamError("mine"), ConnectionResetError("of another")]
)
@pytest.mark.parametrize("moment", ["before", "after the head", "after the end", "later"])
@pytest.mark.parametrize("way", ["plain", "async"])
def test_exception_of_a_handler_is_reported_once(run, error, moment, way):
    def begin(response):
        if moment == "after the head":
            response.write(b"part")
        elif moment != "before":
            response.end(b"whole")

    def plain(request, response):
        begin(response)
        raise error

    async def slow(request, response):
        await asyncio.sleep(0)
        begin(response)
        await asyncio.sleep(0.05 if moment == "later" else 0)
        raise error

    async def main():
        run.errors_wanted = True
        async with peer_of(plain if way == "plain" else slow) as peer:
            await peer.send(request("GET /"))
            if moment == "after the head":
                got = await peer.rest()
                # It is no whole answer, and none follows.
                assert b"0\r\n\r\n" not in got
                assert got.count(b"HTTP/1.1") == 1
            else:
                got = await answer(peer)
                assert got.status == (500 if moment == "before" else 200)
            await until(lambda: run.errors)
            await asyncio.sleep(0.01)
            assert reported(run) == [error]

    run(main)


@pytest.mark.parametrize("way", ["destroyed", "failed"])
def test_requests_that_come_together_have_their_answers_before_one_is_cut_short(run, way):
    def handler(request, response):
        if request.path == "/first":
            response.end(b"whole")
        elif way == "destroyed":
            response.destroy()
        else:
            response.write(b"part")
            raise LookupError("mine")

    async def main():
        run.errors_wanted = way == "failed"
        async with peer_of(handler) as peer:
            await peer.send(request("GET /first") + request("GET /second") + request("GET /third"))
            got = await answer(peer)
            assert (got.status, got.body) == (200, b"whole")
            rest = await peer.rest()
            assert b"0\r\n\r\n" not in rest
            assert rest.count(b"HTTP/1.1") == (way == "failed")

    run(main)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("begun", [False, True])
def test_pipeline_error_of_another_stage_is_reported(run, begun):
    """The pipeline passes the error of the disk to the request or the response."""

    async def store(request, response):
        await pipeline(request, create_write_stream("/dev/full"))

    async def fail():
        yield b"part" if begun else b""
        await asyncio.sleep(0.02)
        raise ConnectionRefusedError("of a server behind")

    async def forward(request, response):
        await pipeline(fail(), PassThrough(), response)

    async def main():
        run.errors_wanted = True
        async with peer_of(store) as peer:
            await peer.send(request("POST /", "Content-Length: 100000", body=b"x" * 100_000))
            assert (await answer(peer)).status == 500
            assert [error.errno for error in reported(run)] == [errno.ENOSPC]
        run.errors.clear()
        async with peer_of(forward) as peer:
            await peer.send(request("GET /"))
            got = await peer.rest()
            assert b"0\r\n\r\n" not in got
            await until(lambda: run.errors)
            await asyncio.sleep(0.01)
            assert [type(error) for error in reported(run)] == [ConnectionRefusedError]

    run(main)


@pytest.mark.parametrize("way", ["reset", "half_close"])
def test_client_disconnect_is_not_reported(run, way):
    left = []

    async def download(request, response):
        async def parts():
            while True:
                yield b"x" * 100_000
                await asyncio.sleep(0)

        try:
            await pipeline(parts(), response)
        finally:
            left.append("download")

    async def upload(request, response):
        try:
            await body_of(request)
        finally:
            left.append("upload")

    async def main():
        async with peer_of(download) as peer:
            await peer.send(request("GET /"))
            await peer.receive(1000)
            peer.reset()
            await until(lambda: left == ["download"])
        async with peer_of(upload) as peer:
            await peer.send(request("POST /", "Content-Length: 100", body=b"x"))
            await asyncio.sleep(0.02)
            peer.reset() if way == "reset" else peer.half_close()
            await until(lambda: left == ["download", "upload"])
            if way == "half_close":
                assert (await answer(peer)).status == 400
        assert run.errors == []

    run(main)


@pytest.mark.parametrize("raising", [{0}, {1}, {2}, {0, 1, 2}])
def test_exception_of_a_handler_does_not_affect_pipelined_requests(run, raising):
    called = []

    def handler(n):
        def handle(request, response):
            called.append(n)
            if n in raising:
                raise LookupError(n)
            if n == 2:
                response.end("answered")

        return handle

    async def main():
        run.errors_wanted = True
        async with peer_of() as peer:
            for n in range(3):
                peer.server.on("request", handler(n))
            await peer.send(request("GET /"))
            assert (await answer(peer)).status == (500 if 2 in raising else 200)
            assert called == [0, 1, 2]
            assert [error.args[0] for error in reported(run)] == sorted(raising)

    run(main)


@pytest.mark.parametrize("event", ["connection", "client_error"])
def test_exception_of_a_connection_or_client_error_listener(run, event):
    called = []

    def bad(*args):
        called.append(event)
        raise LookupError("mine")

    async def main():
        run.errors_wanted = True
        async with peer_of(hello) as peer:
            peer.server.on(event, bad)
            other = await type(peer).to(peer.server.port)
            await other.send(request("GET /") if event == "connection" else b"no HTTP\r\n\r\n")
            assert (await answer(other)).status == (200 if event == "connection" else 400)
            other.close()
            assert called == [event]
            assert [type(error) for error in reported(run)] == [LookupError]

    run(main)


@pytest.mark.parametrize(
    "host", ["x y", "x/y", "u@x", "x,y", "x?y", "x#y", "x\\y", '"x"', "\xe4", "[::1", "::1", "x:y", "x:80:80"]
)
def test_invalid_host_is_400(run, host):
    async def main():
        async with peer_of(hello) as peer:
            await peer.send(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode("latin-1"))
            assert (await answer(peer)).status == 400

    run(main)


@pytest.mark.parametrize(
    "host", ["", "x", "x:80", "X-1_a.example.", "127.0.0.1:1", "[::1]", "[fe80::1%25eth0]:8080", "x:"]
)
def test_valid_host_is_accepted(run, host):
    async def main():
        async with peer_of(hello) as peer:
            await peer.send(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            assert (await answer(peer)).status == 200

    run(main)


def test_forwarded_fields_are_not_trusted(run):
    async def main():
        async with peer_of(http.StaticFiles("/")) as peer:
            await peer.send(request("GET /usr", "X-Forwarded-Host: elsewhere", "X-Forwarded-Proto: https"))
            assert (await answer(peer)).headers["location"] == "/usr/"

    run(main)


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        ("/a%20b?c=d&e#f", "/a b", "c=d&e"),
        ("http://h/a?b", "/a", "b"),
        ("http://h?a=/b", "/", "a=/b"),
        ("http://h", "/", ""),
        ("/http://h/a", "/http://h/a", ""),
        ("//h/a", "//h/a", ""),
        ("/%ff", "/\ufffd", ""),
        ("/?a?b", "/", "a?b"),
    ],
)
def test_paths_and_queries(run, target, path, query):
    seen = []

    def handler(request, response):
        seen.append((request.path, request.query_string))
        response.end()

    async def main():
        async with peer_of(handler) as peer:
            await peer.send(request(f"GET {target}"))
            assert (await answer(peer)).status == 200
            assert seen == [(path, query)]

    run(main)


# ---- listeners that raise where somebody waits


@pytest.mark.parametrize("event", ["socket", "continue", "information", "response", "upgrade", "close"])
def test_exception_of_a_listener_of_a_request(run, event):
    failure = LookupError("the listener's own")
    heard = []

    def refuse(*args):
        raise failure

    def hear(*args):
        heard.append(args)
        if event == "upgrade":
            # With a listener of its own, the socket is this one's.
            args[1].on("error", refuse)

    def switch(request, socket):
        socket.end(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nhello")

    async def handler(request, response):
        response.write_early_hints({"Link": "</x>"})
        response.end(await body_of(request))

    async def main():
        run.errors_wanted = True
        async with serving(handler) as server:
            server.on("upgrade", switch)
            fields = (
                {"Connection": "Upgrade", "Upgrade": "x"}
                if event == "upgrade"
                else {"Expect": "100-continue"}
            )
            asked = http.request(server.base, method="GET" if event == "upgrade" else "POST", headers=fields)
            asked.on(event, refuse)
            asked.on(event, hear)
            if event == "upgrade":
                asked.end()
            else:
                asked.on("continue", lambda: asked.end(b"hello"))
                asked.flush_headers()
                # To await it would end it.
                await until(lambda: asked.writable_finished)
            response = await asyncio.wait_for(asked, 5)
            if event == "upgrade":
                socket = heard[0][1]
                socket.end()
                assert await body_of(socket) == b"hello"
            else:
                assert await body_of(response) == b"hello"
            await until(lambda: asked.closed and heard)
            await asyncio.sleep(0)
        assert len(heard) == 1
        assert reported(run) == [failure]

    run(main)


@pytest.mark.parametrize("event", ["listening", "connection", "client_error", "error", "close"])
def test_exception_of_a_listener_of_the_server(run, event):
    failure = LookupError("the listener's own")
    heard = []

    def refuse(*args):
        raise failure

    async def main():
        run.errors_wanted = True
        async with serving(hello) as taken:
            server = http.create_server(hello)
            server.on(event, refuse)
            server.on(event, lambda *args: heard.append(args))
            if event == "error":
                with pytest.raises(OSError, match="in use"):
                    await asyncio.wait_for(server.listen(taken.port, "127.0.0.1"), 5)
            else:
                await asyncio.wait_for(server.listen(0, "127.0.0.1"), 5)
                peer = await Peer.to(server.port)
                await peer.send(b"nonsense\r\n\r\n" if event == "client_error" else request("GET /"))
                if event == "client_error":
                    await until(lambda: heard)
                else:
                    assert (await answer(peer)).status == 200
                peer.close()
            await asyncio.wait_for(server.aclose(), 5)
        assert len(heard) == 1
        assert reported(run) == [failure]

    run(main)


async def ended(peer):
    """That the connection is over for the client, be it by a reset."""
    with contextlib.suppress(ConnectionError):
        assert await asyncio.wait_for(peer.rest(), 5) == b""


HANDED = {"upgrade": ("GET /", "Connection: Upgrade", "Upgrade: x"), "connect": ("CONNECT test:80",)}


@pytest.mark.parametrize("event", HANDED)
@pytest.mark.parametrize("way", ["plain", "async", "over a pair"])
def test_exception_of_an_upgrade_listener_closes_the_socket(run, event, way):
    """The error is reported once, and the connection is closed."""
    failure = LookupError("the listener's own")

    def refuse(request, socket):
        raise failure

    async def refuse_later(request, socket):
        await asyncio.sleep(0)
        raise failure

    async def main():
        run.errors_wanted = True
        async with peer_of(hello) as peer:
            peer.server.on(event, refuse if way == "plain" else refuse_later)
            if way == "over a pair":
                near, far = duplex_pair()
                peer.server.serve_connection(near)
                far.write(request(*HANDED[event]))
                far.resume()
                with contextlib.suppress(StreamError):
                    await asyncio.wait_for(finished(far), 5)
            else:
                await peer.send(request(*HANDED[event]))
                await ended(peer)
        assert reported(run) == [failure]

    run(main)


@pytest.mark.parametrize("leaving", ["reset", "close", "server"])
def test_disconnect_after_an_upgrade_is_not_reported(run, leaving):
    """If the client leaves or the server is closed, no error of an async listener is reported."""
    over = []

    async def swallow(request, socket):
        socket.write(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
        try:
            async for chunk in socket:
                await socket.send(chunk)
        finally:
            over.append(1)

    async def main():
        async with peer_of(hello) as peer:
            peer.server.on("upgrade", swallow)
            await peer.send(request(*HANDED["upgrade"], body=b"x"))
            await peer.receive(len(b"HTTP/1.1 101 Switching Protocols\r\n\r\nx"))
            if leaving == "server":
                await peer.server.aclose()
            elif leaving == "reset":
                peer.reset()
            else:
                peer.half_close()
            await until(lambda: over)
        assert reported(run) == []

    run(main)
