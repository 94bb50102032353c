"""What a server does with good requests."""

import asyncio
import socket
import sys

import pytest

from forebay import (
    ContentLengthMismatchError,
    HeadersSentError,
    InvalidArgTypeError,
    InvalidArgValueError,
    InvalidHeaderError,
    PassThrough,
    duplex_pair,
    http,
    net,
)
from support.http_peers import answer, body_of, echo, hello, peer_of, request, serving, until
from support.sockets import HOST, Peer, without_descriptors


def test_a_plain_handler(run):
    async def main():
        async with peer_of(hello) as peer:
            await peer.send(request("GET /a?b=c"))
            got = await answer(peer)
            assert (got.status, got.body) == (200, b"hello /a?b=c")
            assert got.headers["content-length"] == "12"
            assert got.headers["date"].endswith(" GMT")
            assert "connection" not in got.headers

    run(main)


def test_what_a_request_tells(run):
    seen = []

    def handler(request, response):
        seen.append(request)
        response.end()

    async def main():
        async with peer_of(handler) as peer:
            await peer.send(
                request("DELETE /a%20b/%C3%A9?x=1&y=%20", "X-One: 1", "x-one:  2 ", "Cookie: a=1")
            )
            assert (await answer(peer)).status == 200
            (got,) = seen
            assert (got.method, got.url, got.http_version) == ("DELETE", "/a%20b/%C3%A9?x=1&y=%20", "1.1")
            assert (got.path, got.query_string) == ("/a b/é", "x=1&y=%20")
            assert got.headers["X-ONE"] == "1, 2"
            assert got.headers.get_all("x-one") == ["1", "2"]
            assert dict(got.headers) == {"host": "test", "x-one": "1, 2", "cookie": "a=1"}
            assert got.raw_headers[2] == (b"x-one", b"2")
            assert got.complete
            assert got.socket.remote_address == HOST

    run(main)


@pytest.mark.parametrize(
    ("target", "path"),
    [("http://other:1/a/b?c", "/a/b"), ("*", "*"), ("/?a", "/"), ("/%ff", "/\ufffd"), ("//a", "//a")],
)
def test_paths(run, target, path):
    async def main():
        async with peer_of(lambda request, response: response.end(request.path)) as peer:
            await peer.send(request(f"{'OPTIONS' if target == '*' else 'GET'} {target}"))
            assert (await answer(peer)).body.decode() == path

    run(main)


def test_an_async_handler_that_reads_the_body(run):
    async def main():
        async with peer_of(echo) as peer:
            await peer.send(request("POST /", "Content-Length: 5", body=b"hel"))
            await asyncio.sleep(0)
            await peer.send(b"lo")
            got = await answer(peer)
            assert got.body == b"hello"
            assert got.headers["transfer-encoding"] == "chunked"

    run(main)


def test_a_connection_is_used_again(run):
    async def main():
        async with peer_of(hello) as peer:
            for n in range(5):
                await peer.send(request(f"GET /{n}"))
                assert (await answer(peer)).body == b"hello /%d" % n
            assert peer.server.connections == 1

    run(main)


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("wish", ["close", "keep-alive", None])
def test_when_the_connection_is_closed(run, version, wish):
    kept = wish == "keep-alive" or (wish is None and version == "1.1")

    async def main():
        async with peer_of(hello) as peer:
            field = f"Connection: {wish}\r\n" if wish else ""
            await peer.send(f"GET / HTTP/{version}\r\nHost: test\r\n{field}\r\n".encode())
            got = await answer(peer)
            assert got.body == b"hello /"
            if kept:
                assert got.headers.get("connection") == ("keep-alive" if version == "1.0" else None)
                await peer.send(request("GET /again"))
                assert (await answer(peer)).body == b"hello /again"
            else:
                assert got.headers["connection"] == "close"
                assert await peer.receive(1) == b""

    run(main)


def test_http_1_0_gets_no_chunks(run):
    async def main():
        async with peer_of(echo) as peer:
            await peer.send(
                b"POST / HTTP/1.0\r\nHost: test\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nabc"
            )
            got = await answer(peer)
            assert got.body == b"abc"
            assert got.headers["connection"] == "close"
            assert "transfer-encoding" not in got.headers

    run(main)


def test_pipelined_requests_are_answered_in_order(run):
    order = []

    async def handler(request, response):
        order.append(request.url)
        await asyncio.sleep(0.01 if request.url == "/0" else 0)
        order.append(request.url)
        response.end(request.url)

    async def main():
        async with peer_of(handler) as peer:
            await peer.send(b"".join(request(f"GET /{n}") for n in range(40)))
            for n in range(40):
                assert (await answer(peer)).body == b"/%d" % n
        # One after the other, and never two at a time.
        assert order == [f"/{n // 2}" for n in range(80)]

    run(main)


def test_pipelined_requests_with_bodies(run):
    async def main():
        async with peer_of(echo) as peer:
            data = b""
            for n in range(30):
                body = b"%d" % n * n
                if n % 2:
                    data += request("POST /", f"Content-Length: {len(body)}", body=body)
                else:
                    coded = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in (body[:3], body[3:]) if p)
                    data += request("POST /", "Transfer-Encoding: chunked", body=coded + b"0\r\n\r\n")
            for at in range(0, len(data), 1000):
                await peer.send(data[at : at + 1000])
            for n in range(30):
                assert (await answer(peer)).body == b"%d" % n * n

    run(main)


def test_pipelined_requests_wait_in_the_socket(run):
    begun = []

    def handler(request, response):
        begun.append(response)

    async def main():
        async with peer_of(handler, limits=http.Limits(pipelined=4)) as peer:
            send = asyncio.ensure_future(peer.send(request("GET /" + "x" * 3000) * 10_000))
            for _ in range(100):
                await asyncio.sleep(0.001)
            assert len(begun) == 1
            assert not send.done()
            begun[0].end()
            await until(lambda: len(begun) == 2)
            send.cancel()
            await asyncio.wait([send])

    run(main)


def test_head_gets_no_body(run):
    async def main():
        async with peer_of(hello) as peer:
            await peer.send(request("HEAD /") + request("GET /"))
            got = await answer(peer, head=True)
            assert got.headers["content-length"] == "7"
            assert (await answer(peer)).body == b"hello /"

    run(main)


@pytest.mark.parametrize("status", [204, 304])
def test_statuses_without_a_body(run, status):
    def handler(request, response):
        response.status_code = status
        response.write(b"no")
        response.end(b"thing")

    async def main():
        async with peer_of(handler) as peer:
            await peer.send(request("GET /") * 2)
            for _ in range(2):
                got = await answer(peer)
                assert got.status == status
                assert "content-length" not in got.headers
                assert "transfer-encoding" not in got.headers

    run(main)


def test_a_set_content_length(run):
    def handler(request, response):
        response.set_header("content-length", 6)
        response.write(b"abc")
        response.end(b"def")

    async def main():
        async with peer_of(handler) as peer:
            await peer.send(request("GET /"))
            got = await answer(peer)
            assert got.body == b"abcdef"
            assert "transfer-encoding" not in got.headers

    run(main)


@pytest.mark.parametrize("body", [b"abcd", b"ab"])
def test_a_wrong_content_length_is_an_error(run, body):
    errors = []

    def handler(request, response):
        response.on("error", errors.append)
        response.set_header("Content-Length", 3)
        response.write(b"a")
        response.end(body[1:])

    async def main():
        async with peer_of(handler) as peer:
            await peer.send(request("GET /"))
            await peer.rest()
            assert [type(error) for error in errors] == [ContentLengthMismatchError]

    run(main)


def test_write_head_and_header_calls(run):
    def handler(request, response):
        response.set_header("X-A", "1").append_header("X-A", ["2", "3"])
        response.set_header("X-Gone", "x").remove_header("x-gone")
        assert response.has_header("x-a")
        assert response.get_header("X-a") == ["1", "2", "3"]
        assert response.get_header_names() == ["x-a"]
        assert not response.headers_sent
        response.write_head(418, "Short and stout", {"X-B": 7})
        assert response.headers_sent
        for call in (
            lambda: response.set_header("X", "y"),
            lambda: response.remove_header("X"),
            lambda: response.append_header("X", "y"),
            lambda: response.write_head(200),
        ):
            with pytest.raises(HeadersSentError, match="after the headers were sent"):
                call()
        response.end("tea")

    async def main():
        async with peer_of(handler) as peer:
            await peer.send(request("GET /"))
            got = await answer(peer)
            assert got.status == 418
            assert [field for field in got.fields if field[0].startswith("X")] == [
                ("X-A", "1"),
                ("X-A", "2"),
                ("X-A", "3"),
                ("X-B", "7"),
            ]
            assert got.body == b"tea"

    run(main)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X", "a\r\nSet-Cookie: b"),
        ("X", "a\nb"),
        ("X", "a\rb"),
        ("X", "a\0b"),
        ("X", "snow \u2603"),
        ("X", ["good", "bad\n"]),
        ("X\r\nY", "a"),
        ("X Y", "a"),
        ("X:", "a"),
        ("", "a"),
        ("Ünder", "a"),
    ],
)
def test_header_injection_is_refused(run, name, value):
    def handler(request, response):
        for call in (response.set_header, response.append_header):
            with pytest.raises(ValueError, match="header") as caught:
                call(name, value)
            assert isinstance(caught.value, InvalidHeaderError)
            with pytest.raises(InvalidHeaderError):
                response.add_trailers({name: value})
            with pytest.raises(InvalidHeaderError):
                response.write_early_hints({name: value})
        response.end(b"unharmed")

    async def main():
        async with peer_of(handler) as peer:
            await peer.send(request("GET /"))
            got = await answer(peer)
            assert got.body == b"unharmed"
            assert len(got.fields) == 2

    run(main)


def test_wrong_arguments(run):
    def handler(request, response):
        for call, error in (
            (lambda: response.set_header("X", None), InvalidArgTypeError),
            (lambda: response.set_header("X", 1.5), InvalidArgTypeError),
            (lambda: response.set_header(b"X", "a"), InvalidArgTypeError),
            (lambda: response.write_head("200"), InvalidHeaderError),
            (lambda: response.write_head(99), InvalidHeaderError),
            (lambda: response.write_head(200, "a\r\nb"), InvalidHeaderError),
            (lambda: response.add_trailers({"Content-Length": "1"}), InvalidHeaderError),
            (lambda: response.set_headers("X: y"), InvalidArgTypeError),
        ):
            with pytest.raises(error):
                call()
        response.end()

    async def main():
        async with peer_of(handler) as peer:
            await peer.send(request("GET /"))
            assert (await answer(peer)).status == 200
        for wrong in ({"handler": 1}, {"limits": 1}):
            with pytest.raises(InvalidArgTypeError):
                http.create_server(**wrong)
        with pytest.raises(InvalidArgValueError, match="allow_half_open"):
            http.create_server(allow_half_open=True)

    run(main)


@pytest.mark.parametrize(
    "fields", [{"Content-Length": "1", "Transfer-Encoding": "chunked"}, {"Transfer-Encoding": "gzip"}]
)
def test_contradicting_framing_fails_the_response(run, fields):
    async def handler(request, response):
        response.set_headers(fields)
        await response.send(b"x")

    async def main():
        run.errors_wanted = True
        async with peer_of(handler) as peer:
            await peer.send(request("GET /"))
            assert (await answer(peer)).status == 500
            assert isinstance(run.errors[-1]["exception"], InvalidHeaderError)

    run(main)


def test_without_the_parser(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "httptools", None)

    async def main():
        for make in (http.create_server, http.Agent, lambda: http.get("http://127.0.0.1:1/")):
            with pytest.raises(ImportError, match=r"pip install httptools"):
                make()

    run(main)


def test_trailers_both_ways(run):
    async def handler(request, response):
        body = await body_of(request)
        response.set_header("Trailer", "X-Sum")
        response.write(body)
        response.add_trailers([("X-Sum", request.trailers["x-check"])])
        response.end()

    async def main():
        async with peer_of(handler) as peer:
            await peer.send(
                request("POST /", "Transfer-Encoding: chunked", body=b"3\r\nabc\r\n0\r\nX-Check: 42\r\n\r\n")
            )
            got = await answer(peer)
            assert (got.body, got.trailers) == (b"abc", {"X-Sum": "42"})
            await peer.send(request("POST /", "Transfer-Encoding: chunked", body=b"0\r\nX-Check: 43\r\n\r\n"))
            assert (await answer(peer)).trailers == {"X-Sum": "43"}

    run(main)


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


def test_listeners_that_come_after_the_end_of_the_response(run):
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


def test_a_bodyless_request_ends(run):
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
def test_of_several_upgrade_listeners_one_raises(run, first, taken):
    """The connection stays with the one that has taken it, and is closed where none has."""

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


def test_out_of_descriptors_is_told(run):
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


def test_an_address_in_use_is_told_once(run):
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


def test_any_duplex_will_do(run):
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


def test_close_lets_what_is_under_way_finish(run):
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


def test_the_port_is_taken(run):
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
