"""The client: requests, responses and bodies."""

import asyncio
import socket

import pytest
from client_handlers import show

from forebay import (
    HttpProtocolError,
    IncompleteMessageError,
    InvalidArgTypeError,
    InvalidArgValueError,
    InvalidHeaderError,
    OutOfRangeError,
    PassThrough,
    Readable,
    duplex_pair,
    http,
    net,
    pipeline,
)
from support.http_peers import body_of, echo, hello, raw_server, serving, until


async def talk_ok(reader, writer):
    while True:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


def test_get_returns_the_response(run):
    async def main():
        async with serving(hello) as server:
            response = await http.get(server.base + "/a?b#c")
            assert (response.status_code, response.status_message) == (200, "OK")
            assert response.url == server.base + "/a?b"
            assert response.headers["content-length"] == "10"
            assert response.http_version == "1.1"
            assert await body_of(response) == b"hello /a?b"
            assert response.complete

    run(main)


def test_request_line_headers_and_body(run):
    async def main():
        async with serving(show) as server, http.Agent() as agent:
            host = server.base.removeprefix("http://")

            async def ask(url, **options):
                return (await body_of(await agent.request(server.base + url, **options))).decode()

            assert await ask("") == f"GET /\nHost: {host}"
            assert await ask("/a b/ü?x=ü&y=%20#z") == f"GET /a%20b/%C3%BC?x=%C3%BC&y=%20\nHost: {host}"
            assert await ask("/", method="post") == f"POST /\nHost: {host}\nContent-Length: 0"
            assert await ask("/", headers={"host": "other", "X-N": 1}) == "GET /\nhost: other\nX-N: 1"
            assert await ask("/", headers=[("X", "1"), ("X", "2")]) == f"GET /\nHost: {host}\nX: 1\nX: 2"
            assert (await ask("/", body="ü", method="PUT")).endswith("Content-Length: 2")
            assert (await ask("/", body=[b"a", b"b"], method="PUT")).endswith("Transfer-Encoding: chunked")
            login = (await body_of(await agent.get(f"http://me:se%20cret@{host}/"))).decode()
            assert login.endswith("Authorization: Basic bWU6c2UgY3JldA==")
            alone = (await body_of(await http.get(server.base))).decode()
            assert alone.endswith("Connection: close")

    run(main)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"url": 5}, InvalidArgTypeError),
        ({"url": "ftp://x/"}, InvalidArgValueError),
        ({"url": "http:///x"}, InvalidArgValueError),
        ({"url": "/x"}, InvalidArgValueError),
        ({"url": "http://x/\r\nX: y"}, InvalidArgValueError),
        ({"url": "http://x:99999/"}, InvalidArgValueError),
        ({"url": "http://a b/"}, InvalidArgValueError),
        ({"method": "GET /x"}, InvalidHeaderError),
        ({"method": "CONNECT"}, InvalidArgValueError),
        ({"authority": "x:1"}, InvalidArgValueError),
        ({"method": "CONNECT", "authority": "x"}, InvalidArgValueError),
        ({"method": "CONNECT", "authority": "x:0"}, InvalidArgValueError),
        ({"method": "CONNECT", "authority": "x:70000"}, InvalidArgValueError),
        ({"method": "CONNECT", "authority": "x:" + "9" * 5000}, InvalidArgValueError),
        ({"method": "CONNECT", "authority": ":80"}, InvalidArgValueError),
        ({"method": "CONNECT", "authority": "a:b:80"}, InvalidArgValueError),
        ({"method": "CONNECT", "authority": "x/y:80"}, InvalidArgValueError),
        ({"method": "CONNECT", "authority": "x:80\r\n"}, InvalidArgValueError),
        ({"method": "CONNECT", "authority": 80}, InvalidArgTypeError),
        ({"method": "CONNECT", "authority": "x:80", "body": b"y"}, InvalidArgValueError),
        ({"headers": {"X": "a\r\nb"}}, InvalidHeaderError),
        ({"headers": "X: y"}, InvalidArgTypeError),
        ({"body": 5}, InvalidArgTypeError),
        ({"body": {"a": 1}}, InvalidArgTypeError),
        ({"timeout": 0}, OutOfRangeError),
        ({"headers": 5}, InvalidArgTypeError),
        ({"redirects": -1}, OutOfRangeError),
        ({"redirects": None}, InvalidArgTypeError),
        ({"high_water_mark": "1"}, InvalidArgTypeError),
        ({"high_water_mark": -1}, OutOfRangeError),
        ({"signal": 5}, InvalidArgTypeError),
    ],
)
def test_wrong_arguments(run, options, error):
    async def main():
        with pytest.raises(error):
            http.request(**{"url": "http://127.0.0.1:1/", **options})

    run(main)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"max_connections": "1"}, InvalidArgTypeError),
        ({"max_connections": True}, InvalidArgTypeError),
        ({"max_connections": 0}, OutOfRangeError),
        ({"max_free": None}, InvalidArgTypeError),
        ({"max_free": -1}, OutOfRangeError),
        ({"limits": 5}, InvalidArgTypeError),
        ({"ssl": 5}, InvalidArgTypeError),
        ({"proxy": 5}, InvalidArgTypeError),
        ({"socket_path": 5}, InvalidArgTypeError),
        ({"connect": 5}, InvalidArgTypeError),
        ({"keep_alive": None}, InvalidArgTypeError),
        ({"keep_alive": -1}, InvalidArgTypeError),
        ({"keep_alive": float("nan")}, InvalidArgTypeError),
        ({"keep_alive": "no"}, InvalidArgTypeError),
    ],
)
def test_wrong_agent_options_raise(run, options, error):
    async def main():
        with pytest.raises(error, match=next(iter(options))):
            http.Agent(**options)

    run(main)


def test_wrong_result_of_connect_fails_the_request(run):
    """A result other than an open stream fails the request and frees its place in the pool."""

    async def main():
        shut = socket.socket()
        shut.close()
        gone, _ = duplex_pair()
        gone.destroy()
        await until(lambda: gone.closed)
        results = [None, 5, shut, gone]

        async def connect(hostname, port, ssl):
            return results.pop(0)

        async with http.Agent(connect=connect, max_connections=1) as agent:
            for error in [InvalidArgTypeError] * 3 + [IncompleteMessageError]:
                with pytest.raises(error):
                    await agent.get("http://a/")
            assert not results
            assert agent.connections == 0

    run(main)


def test_connect_may_be_a_plain_function(run):
    async def main():
        server = http.Server(lambda request, response: response.end(b"hello"))
        results = [None, 5]

        def connect(hostname, port, ssl):
            if results:
                return results.pop()
            here, there = duplex_pair()
            server.serve_connection(there)
            return here

        async with server, http.Agent(connect=connect, max_connections=1) as agent:
            for wrong in (5, None):
                with pytest.raises(InvalidArgTypeError, match=f"connect must be .* it returned {wrong}"):
                    await agent.get("http://a/")
            response = await agent.get("http://a/")
            assert await body_of(response) == b"hello"

    run(main)


def test_serve_connection_with_a_wrong_argument_raises(run):
    async def main():
        shut = socket.socket()
        shut.close()
        gone, _ = duplex_pair()
        gone.destroy()
        await until(lambda: gone.closed)
        server = http.Server(lambda request, response: response.end())
        for wrong in (None, 5, "x", shut, net.Socket):
            with pytest.raises(InvalidArgTypeError, match="serve_connection"):
                server.serve_connection(wrong)
        with pytest.raises(InvalidArgValueError, match="open"):
            server.serve_connection(gone)
        assert server.connections == 0

    run(main)


def test_stream_that_was_read_is_refused_as_body(run):
    async def main():
        source = Readable.from_([b"x"], object_mode=False)
        await source.to_list()
        with pytest.raises(InvalidArgValueError, match="which has ended"):
            http.request("http://127.0.0.1:1/", method="PUT", body=source)

    run(main)


def test_body_written_by_hand(run):
    async def main():
        async with serving(echo) as server:
            request = http.request(server.base, method="POST")
            request.write(b"one ")
            await asyncio.sleep(0.01)
            await request.send(b"two ")
            request.end("three")
            response = await request
            assert await body_of(response) == b"one two three"
            await until(lambda: request.destroyed)

    run(main)


def test_a_pipeline_through_a_server(run):
    async def main():
        async with serving(echo) as server:
            request = http.request(server.base, method="POST")
            source = Readable.from_([b"x" * 50_000] * 40, object_mode=False)
            sending = pipeline(source, request)
            response = await request
            assert len(await body_of(response)) == 2_000_000
            await sending

    run(main)


def test_events_of_a_request(run):
    async def main():
        seen = []

        async def handler(request, response):
            response.write_early_hints({"Link": "</x>"})
            response.end(await body_of(request))

        async with serving(handler) as server:
            request = http.request(server.base, method="POST", headers={"Expect": "100-continue"})
            for event in ("socket", "continue", "information", "response", "finish", "close"):
                request.on(event, lambda *args, event=event: seen.append((event, *args)))
            request.on("continue", lambda: request.end(b"body"))
            request.flush_headers()
            await until(lambda: ("finish",) in seen)
            response = await request
            assert await body_of(response) == b"body"
            await until(lambda: seen[-1] == ("close",))
            names = [event[0] for event in seen]
            assert sorted(names) == ["close", "continue", "finish", "information", "response", "socket"]
            status, headers = next(event for event in seen if event[0] == "information")[1:]
            assert (status, headers["link"]) == (103, "</x>")

    run(main)


def test_a_body_waits_for_continue(run):
    async def refusing(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"Expect" in head
        writer.write(b"HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        assert await reader.read() == b""

    async def main():
        async def handler(request, response):
            response.end(await body_of(request))

        expect = {"Expect": "100-continue"}
        async with serving(handler) as server:
            for body in (b"bytes", Readable.from_([b"by", b"tes"], object_mode=False)):
                response = await http.request(server.base, method="POST", headers=expect, body=body)
                assert await body_of(response) == b"bytes"
        async with raw_server(refusing) as url:
            body = Readable.from_([b"x"], object_mode=False)
            response = await http.request(url, method="POST", headers=expect, body=body)
            assert response.status_code == 417
            assert body.destroyed

    run(main)


def test_body_waiting_for_continue_is_sent_after_a_redirect(run):
    """Neither the first server nor the redirect's target answers "100 Continue"."""

    async def talk(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        if head.startswith(b"POST /from"):
            writer.write(b"HTTP/1.1 307 Temporary Redirect\r\nLocation: /to\r\nContent-Length: 0\r\n\r\n")
        else:
            body = await reader.readexactly(5)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" + body)

    async def main():
        async with raw_server(talk) as url:
            request = http.request(
                url + "/from",
                method="POST",
                headers={"Expect": "100-continue"},
                body=b"bytes",
                redirects=1,
                timeout=10,
            )
            sockets = []
            request.on("socket", sockets.append)
            assert await body_of(await request) == b"bytes"
            assert len(set(sockets)) == 2

    run(main)


def test_upgrade(run):
    async def main():
        def upgrade(request, socket):
            socket.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nhi ")
            socket.pipe(PassThrough()).pipe(socket)

        fields = {"Connection": "Upgrade", "Upgrade": "x"}
        async with serving(hello) as server:
            server.on("upgrade", upgrade)
            given = []
            request = http.get(server.base, headers=fields)
            request.on("upgrade", lambda response, socket: given.append((response, socket)))
            await until(lambda: given)
            response, socket = given[0]
            assert response.status_code == 101
            socket.end(b"there")
            assert await body_of(socket) == b"hi there"
            with pytest.raises(HttpProtocolError, match="upgrade"):
                await http.get(server.base, headers=fields)

    run(main)
