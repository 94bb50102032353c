"""What a server refuses: bad syntax, forms of request smuggling, and requests over a limit."""

import asyncio

import pytest

from forebay import HttpProtocolError, IncompleteMessageError, http
from support.http_peers import HEAD, answer, body_of, hello, peer_of, raw_server, request, until

POST = b"POST / HTTP/1.1\r\nHost: test\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"

BAD_HEADS = {
    "lower-case version": b"GET / http/1.1\r\n" + HEAD,
    "a method that nobody knows": b"FOO / HTTP/1.1\r\n" + HEAD,
    "lower-case method": b"get / HTTP/1.1\r\n" + HEAD,
    "tab after the method": b"GET\t/ HTTP/1.1\r\n" + HEAD,
    "space in the target": b"GET /a b HTTP/1.1\r\n" + HEAD,
    "control in the target": b"GET /a\x01b HTTP/1.1\r\n" + HEAD,
    "null in the target": b"GET /a\0b HTTP/1.1\r\n" + HEAD,
    "bytes above 127 in the target": b"GET /\xff HTTP/1.1\r\n" + HEAD,
    "no Host": b"GET / HTTP/1.1\r\n\r\n",
    "two Hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
    "space before the colon": b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
    "tab before the colon": b"GET / HTTP/1.1\r\nHost\t: a\r\n\r\n",
    "no colon": b"GET / HTTP/1.1\r\nHost\r\n\r\n",
    "no name": b"GET / HTTP/1.1\r\n: a\r\n\r\n",
    "bad name": b"GET / HTTP/1.1\r\nHo(st: a\r\n\r\n",
    "folded": b"GET / HTTP/1.1\r\nX: a\r\n b\r\n" + HEAD,
    "folded with a tab": b"GET / HTTP/1.1\r\nX: a\r\n\tb\r\n" + HEAD,
    "space before the first field": b"GET / HTTP/1.1\r\n X: a\r\n" + HEAD,
    "bare LF after the line": b"GET / HTTP/1.1\nHost: a\r\n\r\n",
    "bare LF after a field": b"GET / HTTP/1.1\r\nX: a\nHost: a\r\n\r\n",
    "bare LF at the end": b"GET / HTTP/1.1\r\nHost: a\r\n\n",
    "bare LF before the line": b"\nGET / HTTP/1.1\r\n" + HEAD,
    "bare CR": b"GET / HTTP/1.1\r\nX: a\rHost: a\r\n\r\n",
    "null in a value": b"GET / HTTP/1.1\r\nX: a\0b\r\n" + HEAD,
    "control in a value": b"GET / HTTP/1.1\r\nX: a\x01b\r\n" + HEAD,
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "repeated Content-Length": POST + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\nx",
    "conflicting Content-Lengths": POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nxy",
    "list of Content-Lengths": POST + b"Content-Length: 1, 1\r\n\r\nx",
    "signed Content-Length": POST + b"Content-Length: +1\r\n\r\nx",
    "negative Content-Length": POST + b"Content-Length: -1\r\n\r\nx",
    "empty Content-Length": POST + b"Content-Length:\r\n\r\nx",
    "Content-Length of two numbers": POST + b"Content-Length: 1 1\r\n\r\nx",
    "hexadecimal Content-Length": POST + b"Content-Length: 0x1\r\n\r\nx",
    "Content-Length beyond 64 bits": POST + b"Content-Length: 99999999999999999999999\r\n\r\n",
    "both lengths": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "both lengths, the other way": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "twice chunked": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked, chunked": POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "chunked is not the last": POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "almost chunked": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "empty coding": POST + b"Transfer-Encoding:\r\n\r\n0\r\n\r\n",
    "chunked in 1.0": b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
}

OTHER_STATUSES = {
    "a coding that nobody knows": (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    "identity": (POST + b"Transfer-Encoding: identity\r\n\r\n0\r\n\r\n", 501),
    "xchunked": (POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501),
    "RTSP": (b"DESCRIBE / RTSP/1.0\r\n" + HEAD, 501),
    "a method of ICE": (b"SOURCE / ICE/1.0\r\n" + HEAD, 501),
    "HTTP/2.0": (b"GET / HTTP/2.0\r\n" + HEAD, 505),
    "HTTP/0.9": (b"GET /\r\n\r\n", 505),
    "an expectation": (POST + b"Expect: more\r\nContent-Length: 1\r\n\r\nx", 417),
}

BAD_BODIES = {
    "bare LF after the size": b"1\nx\r\n0\r\n\r\n",
    "bare LF after the data": b"1\r\nx\n0\r\n\r\n",
    "hexadecimal prefix": b"0x1\r\nx\r\n0\r\n\r\n",
    "space after the size": b"1 \r\nx\r\n0\r\n\r\n",
    "negative size": b"-1\r\nx\r\n0\r\n\r\n",
    "no size": b"\r\nx\r\n0\r\n\r\n",
    "no number": b"g\r\nx\r\n0\r\n\r\n",
    "size beyond 64 bits": b"fffffffffffffffff\r\nx\r\n0\r\n\r\n",
    "more data than the size": b"1\r\nxy\r\n0\r\n\r\n",
    "less data than the size": b"2\r\nx\r\n0\r\n\r\n",
    "LF in an extension": b"1;a\nb\r\nx\r\n0\r\n\r\n",
    "length in the trailers": b"1\r\nx\r\n0\r\nContent-Length: 5\r\n\r\n",
    "bad trailer": b"1\r\nx\r\n0\r\nA B: c\r\n\r\n",
    "folded trailer": b"1\r\nx\r\n0\r\nA: b\r\n c\r\n\r\n",
}


@pytest.mark.parametrize("name", BAD_HEADS)
@pytest.mark.parametrize("cut", [False, True], ids=["whole", "in pieces"])
def test_bad_heads_are_400(run, name, cut):
    seen, errors = [], []

    async def main():
        async with peer_of(lambda request, response: seen.append(request)) as peer:
            peer.server.on("client_error", lambda error, socket: errors.append(error))
            data = BAD_HEADS[name]
            for at in range(0, len(data), 7) if cut else [0]:
                await peer.send(data[at : at + 7] if cut else data)
                await asyncio.sleep(0)
            got = await answer(peer)
            assert (got.status, got.headers["connection"]) == (400, "close")
            assert await peer.receive(1) == b""
        assert seen == []
        assert [type(error) for error in errors] == [HttpProtocolError]

    run(main)


@pytest.mark.parametrize("name", OTHER_STATUSES)
def test_unsupported_requests_get_their_status(run, name):
    data, status = OTHER_STATUSES[name]

    async def main():
        async with peer_of(lambda request, response: pytest.fail("it was served")) as peer:
            await peer.send(data)
            assert (await answer(peer)).status == status
            assert await peer.receive(1) == b""

    run(main)


@pytest.mark.parametrize("name", BAD_BODIES)
@pytest.mark.parametrize("cut", [False, True], ids=["whole", "in pieces"])
def test_bad_chunks_fail_the_body(run, name, cut):
    errors = []

    async def handler(request, response):
        try:
            await body_of(request)
        except HttpProtocolError as error:
            errors.append(error)
            raise

    async def main():
        async with peer_of(handler) as peer:
            data = CHUNKED + BAD_BODIES[name]
            for at in range(0, len(data), 1 if cut else len(data)):
                await peer.send(data[at : at + 1] if cut else data)
                await asyncio.sleep(0)
            got = await answer(peer)
            assert (got.status, got.headers["connection"]) == (400, "close")
            assert await peer.receive(1) == b""
        assert len(errors) == (0 if not cut and not errors else 1)

    run(main)


def test_earlier_requests_are_answered_first(run):
    async def handler(request, response):
        await asyncio.sleep(0.01)
        response.end(request.url)

    async def main():
        async with peer_of(handler) as peer:
            await peer.send(request("GET /1") + request("GET /2") + b"GET\0\r\n")
            assert [(await answer(peer)).body for _ in range(2)] == [b"/1", b"/2"]
            assert (await answer(peer)).status == 400
            assert await peer.receive(1) == b""

    run(main)


def test_half_closed_client_gets_the_error_response(run):
    async def slow(request, response):
        await asyncio.sleep(0.02)
        response.end(b"first")

    async def main():
        async with peer_of(slow) as peer:
            await peer.send(request("GET /") + b"GET / HTTP/1.1\r\nHost test\r\n\r\n")
            peer.half_close()
            assert (await answer(peer)).body == b"first"
            assert (await answer(peer)).status == 400
            assert await peer.receive(1) == b""

    run(main)


def test_a_blank_line_in_two_pieces(run):
    async def main():
        async with peer_of(hello) as peer:
            for _ in range(2):
                await peer.send(request("GET /") + b"\r")
                assert (await answer(peer)).body == b"hello /"
                await peer.send(b"\n" + request("GET /"))
                assert (await answer(peer)).body == b"hello /"
            await peer.send(b"\n" + request("GET /"))
            assert (await answer(peer)).status == 400

    run(main)


def test_bytes_after_the_last_request_are_ignored(run):
    seen = []

    def handler(request, response):
        seen.append(request.url)
        response.end()

    async def main():
        async with peer_of(handler) as peer:
            await peer.send(request("GET /last", "Connection: close") + request("GET /more"))
            assert (await answer(peer)).status == 200
            assert await peer.receive(1) == b""
        assert seen == ["/last"]

    run(main)


LIMITS = http.Limits(header_bytes=1000, headers=10, body_bytes=100)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (request("GET /" + "x" * 1000), 431),
        (request("GET /", "X: " + "x" * 1000), 431),
        (request("GET /", *[f"X-{n}: {'y' * 110}" for n in range(9)]), 431),
        (request("GET /", *[f"X: {n}" for n in range(10)]), 431),
        (request("POST /", "Content-Length: 101"), 413),
        (request("POST /", "Content-Length: 999999999999999999"), 413),
        (request("POST /", "Content-Length: 9999999999999999999"), 413),
        (
            request("POST /", "Transfer-Encoding: chunked", body=b"64\r\n" + b"x" * 100 + b"\r\n1\r\ny\r\n"),
            413,
        ),
        (
            request("POST /", "Transfer-Encoding: chunked", body=b"0\r\nX: " + b"x" * 1000 + b"\r\n\r\n"),
            431,
        ),
        (
            request("POST /", "Transfer-Encoding: chunked", body=b"0\r\n" + b"X: x\r\n" * 11 + b"\r\n"),
            431,
        ),
    ],
)
@pytest.mark.parametrize("cut", [None, 11])
def test_requests_over_a_limit_are_refused(run, data, status, cut):
    async def handler(request, response):
        response.end(await body_of(request))

    async def main():
        async with peer_of(handler, limits=LIMITS) as peer:
            for at in range(0, len(data), cut or len(data)):
                await peer.send(data[at : at + (cut or len(data))])
                await asyncio.sleep(0)
            assert (await answer(peer)).status == status
            assert await peer.receive(1) == b""

    run(main)


def test_requests_at_a_limit_are_accepted(run):
    async def main():
        async with peer_of(lambda request, response: request.pipe(response), limits=LIMITS) as peer:
            await peer.send(request("POST /", "X: " + "x" * 900, "Content-Length: 100", body=b"x" * 100))
            assert (await answer(peer)).body == b"x" * 100
            await peer.send(request("GET /", *[f"X: {n}" for n in range(9)]))
            assert (await answer(peer)).status == 200

    run(main)


@pytest.mark.parametrize("what", ["GET /" + "x" * 100, "GET / HTTP/1.1\r\nX: x", "\r\n"])
def test_endless_head_is_refused(run, what):
    """The server refuses it long before it fills the memory."""

    async def main():
        limits = http.Limits(header_bytes=10_000)
        async with peer_of(lambda request, response: None, limits=limits) as peer:
            await peer.send(what.encode())
            sent = 0
            with pytest.raises(ConnectionError):
                while sent < 100_000_000:
                    await peer.send(b"x" * 10_000 if what != "\r\n" else b"\r\n" * 5000)
                    sent += 10_000
                    await asyncio.sleep(0)
            assert sent < 50_000_000

    run(main)


def test_endless_chunk_extensions_are_refused(run):
    async def handler(request, response):
        response.end(await body_of(request))

    async def main():
        async with peer_of(handler) as peer:
            await peer.send(CHUNKED)
            with pytest.raises(ConnectionError):
                for _ in range(2000):
                    await peer.send((b"1;" + b"x" * 5000 + b"\r\ny\r\n") * 10)

    run(main)


RESPONSES = {
    "no HTTP": b"SMTP ready\r\n",
    "bare LF": b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    "repeated length": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
    "both lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "unknown coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nx",
    "chunked in 1.0": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "folded": b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n",
    "status below 100": b"HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n",
    "endless status": b"HTTP/1.1 99999 OK\r\n\r\n",
    "HTTP/2": b"HTTP/2.0 200 OK\r\n\r\n",
    "long head": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 40_000 + b"\r\n\r\n",
    "101 unasked": b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
}


@pytest.mark.parametrize("name", RESPONSES)
def test_client_refuses_malformed_responses(run, name):
    async def talk(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(RESPONSES[name])
        await reader.read()

    async def main():
        async with raw_server(talk) as url:
            with pytest.raises(HttpProtocolError):
                await http.get(url)

    run(main)


@pytest.mark.parametrize(
    "body", [b"5\r\nabc", b"3\r\nabc\r\n", b"3\r\nabc\r\n0\r\n", b"3\r\nabc\n0\r\n\r\n", b"g\r\n"]
)
def test_client_refuses_malformed_chunks(run, body):
    async def talk(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(0.01)
        writer.write(body)

    async def main():
        async with raw_server(talk) as url:
            response = await http.get(url)
            with pytest.raises((HttpProtocolError, IncompleteMessageError)):
                await body_of(response)

    run(main)


def test_unsolicited_bytes_close_an_idle_connection(run):
    async def talk(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx")
        await asyncio.sleep(0.01)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong")
        await reader.read()

    async def main():
        async with raw_server(talk) as url, http.Agent() as agent:
            assert await body_of(await agent.get(url)) == b"x"
            assert agent.free_connections == 1
            await until(lambda: agent.connections == 0)
            assert agent.free_connections == 0

    run(main)
