"""The behaviour of a server for valid requests."""

import asyncio
import itertools
import sys
import time

import pytest

from forebay import (
    ContentLengthMismatchError,
    HeadersSentError,
    InvalidArgTypeError,
    InvalidArgValueError,
    InvalidHeaderError,
    http,
)
from support.http_peers import answer, body_of, echo, hello, peer_of, request, until
from support.sockets import HOST


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


def test_attributes_of_a_request(run):
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
def test_path_and_query_of_a_target(run, target, path):
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


def test_connection_is_reused(run):
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


def test_pipelined_requests_let_other_tasks_run(run):
    """All of them arrive at once, and each takes a while; another task runs again and again meanwhile."""
    count = 600
    served = []
    at_turns = [0]

    def handler(request, response):
        served.append(request.url)
        until = time.thread_time() + 0.0005
        while time.thread_time() < until:
            pass
        response.end(request.url)

    async def turns():
        while len(served) < count:
            await asyncio.sleep(0)
            at_turns.append(len(served))

    async def main():
        async with peer_of(handler) as peer:
            others = asyncio.ensure_future(turns())
            await peer.send(b"".join(request(f"GET /{n}") for n in range(count)))
            for n in range(count):
                assert (await answer(peer)).body == b"/%d" % n
            await others

    run(main)
    assert served == [f"/{n}" for n in range(count)]
    # 20 of them take the time after which a flow gives way.
    assert max(after - before for before, after in itertools.pairwise(at_turns)) < 300


def test_a_connection_that_closes_between_pipelined_requests(run):
    """The peer leaves while the rest of its requests waits for the turn of the loop."""
    served = []

    def handler(request, response):
        served.append(request.url)
        until = time.thread_time() + 0.0005
        while time.thread_time() < until:
            pass
        if len(served) == 100:
            response.destroy()
        else:
            response.end()

    async def main():
        async with peer_of(handler) as peer:
            await peer.send(request("GET /") * 1500)
            await peer.rest()
            before = len(served)
            await asyncio.sleep(0.05)
            assert before == len(served) < 150

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
def test_bodyless_statuses_drop_the_body(run, status):
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


def test_content_length_of_the_handler(run):
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
