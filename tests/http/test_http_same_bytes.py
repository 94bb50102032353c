"""The pieces in which bytes arrive do not change the responses: valid, odd and malicious requests."""

import asyncio
import random
import re
from itertools import pairwise

import pytest

from forebay import HttpError, duplex_pair, http
from support.http_peers import body_of, until

GET = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = b"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
POST = b"POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


def head(*lines, line=b"GET /h HTTP/1.1"):
    return b"".join(each + b"\r\n" for each in (line, *lines)) + b"\r\n"


STREAMS = {
    "one": GET,
    "three": GET + POST + LAST,
    "many": GET * 40 + LAST,
    "chunked": CHUNKED + b"5\r\nhello\r\n0\r\n\r\n" + LAST,
    "chunk extensions": CHUNKED + b"5;a=b;c\r\nhello\r\n0;x\r\n\r\n" + LAST,
    "trailers": CHUNKED + b"5\r\nhello\r\n0\r\nX-T: 1\r\nX-U: 2\r\n\r\n" + LAST,
    "empty lines in a chunk": CHUNKED + b"8\r\n\r\n\r\n\n\n\r\n\r\n0\r\n\r\n" + LAST,
    "empty lines in a body": head(b"Host: x", b"Content-Length: 9", line=b"PUT / HTTP/1.1") + b"\n\r\n\r\n\n\n\n\r" + LAST,
    "blank lines before": b"\r\n\r\n" + GET + b"\r\n" + LAST,
    "endless blank lines": b"\r\n" * 40_000 + GET,
    "bare LF before": b"\n" + GET,
    "bare LF between": GET + b"\n" + LAST,
    "bare LF after a body": POST + b"\n" + LAST,
    "bare LF after chunks": CHUNKED + b"0\r\n\r\n" + b"\n" + LAST,
    "bare CR before": b"\r" + GET,
    "bare CR between": GET + b"\r" + LAST,
    "two CR": GET + b"\r\r\n" + LAST,
    "LF after a blank line": GET + b"\r\n\n" + LAST,
    "bare LF in a head": b"GET / HTTP/1.1\nHost: x\n\n" + LAST,
    "bare LF at the end of a head": b"GET / HTTP/1.1\r\nHost: x\r\n\n" + LAST,
    "bare CR in a value": head(b"Host: x", b"X: a\rb") + LAST,
    "a fold": head(b"Host: x", b"X: a", b" b") + LAST,
    "a space before a colon": head(b"Host: x", b"X : a") + LAST,
    "no colon": head(b"Host: x", b"X") + LAST,
    "no host": head() + LAST,
    "two hosts": head(b"Host: x", b"Host: x") + LAST,
    "an empty host": head(b"Host:") + LAST,
    "a host with a path": head(b"Host: x/y") + LAST,
    "a host with a user": head(b"Host: u@x") + LAST,
    "a host with a comma": head(b"Host: x, y") + LAST,
    "a host with a port": head(b"Host: x:80") + LAST,
    "a host with a long port": head(b"Host: x:123456") + LAST,
    "an address": head(b"Host: [::1]:80") + LAST,
    "half an address": head(b"Host: [::1") + LAST,
    "length and chunked": head(b"Host: x", b"Content-Length: 5", b"Transfer-Encoding: chunked") + b"0\r\n\r\n" + LAST,
    "chunked and length": head(b"Host: x", b"Transfer-Encoding: chunked", b"Content-Length: 5") + b"0\r\n\r\n" + LAST,
    "two lengths": head(b"Host: x", b"Content-Length: 5", b"Content-Length: 6") + b"hello" + LAST,
    "a length twice": head(b"Host: x", b"Content-Length: 5", b"Content-Length: 5") + b"hello" + LAST,
    "a list of lengths": head(b"Host: x", b"Content-Length: 5, 5") + b"hello" + LAST,
    "a signed length": head(b"Host: x", b"Content-Length: +5") + b"hello" + LAST,
    "a length with an underscore": head(b"Host: x", b"Content-Length: 1_0") + b"hellohello" + LAST,
    "a huge length": head(b"Host: x", b"Content-Length: 99999999999999999999999") + LAST,
    "chunked twice": head(b"Host: x", b"Transfer-Encoding: chunked, chunked") + b"0\r\n\r\n" + LAST,
    "chunked not last": head(b"Host: x", b"Transfer-Encoding: chunked, gzip") + b"0\r\n\r\n" + LAST,
    "gzip": head(b"Host: x", b"Transfer-Encoding: gzip, chunked") + b"0\r\n\r\n" + LAST,
    "no chunk size": CHUNKED + b"\r\nhello\r\n0\r\n\r\n" + LAST,
    "a chunk size in words": CHUNKED + b"five\r\nhello\r\n0\r\n\r\n" + LAST,
    "a huge chunk size": CHUNKED + b"fffffffffffffffff\r\nhello\r\n0\r\n\r\n" + LAST,
    "a chunk without its end": CHUNKED + b"5\r\nhello0\r\n\r\n" + LAST,
    "a bare LF behind a chunk size": CHUNKED + b"5\nhello\r\n0\r\n\r\n" + LAST,
    "a bare LF behind a chunk": CHUNKED + b"5\r\nhello\n0\r\n\r\n" + LAST,
    "a bare LF behind the last chunk": CHUNKED + b"5\r\nhello\r\n0\r\n\n" + LAST,
    "HTTP/1.0": b"GET / HTTP/1.0\r\n\r\n" + LAST,
    "HTTP/1.0 kept": b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" + LAST,
    "HTTP/1.0 chunked": head(b"Transfer-Encoding: chunked", line=b"POST / HTTP/1.0") + b"0\r\n\r\n" + LAST,
    "HTTP/0.9": b"GET /\r\n" + LAST,
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + LAST,
    "HTTP/3.0": b"GET / HTTP/3.0\r\nHost: x\r\n\r\n" + LAST,
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + LAST,
    "a method that is none": b"BREW /pot HTTP/1.1\r\nHost: x\r\n\r\n" + LAST,
    "a small method": b"get / HTTP/1.1\r\nHost: x\r\n\r\n" + LAST,
    "a header of null": head(b"Host: x", b"X: a\0b") + LAST,
    "pipelined after an error": GET + b"GET / HTTP/1.1\r\n\r\n" + LAST,
    "pipelined after the last": LAST + GET + b"\n\n no HTTP",
    "rubbish after the last": LAST + b"rubbish \r\n\r\n" * 10,
    "the last with a body": head(b"Host: x", b"Connection: close", b"Content-Length: 5") + b"hello" + GET,
    "an upgrade that nobody takes": head(b"Host: x", b"Connection: Upgrade", b"Upgrade: other") + LAST,
    "an upgrade with a body": head(b"Host: x", b"Connection: Upgrade", b"Upgrade: h2c", b"Content-Length: 5") + b"hello" + LAST,
    "CONNECT": b"CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\n\r\n" + LAST,
    "unfinished head": GET + GET[:-2],
    "unfinished body": GET + POST[:-2],
    "unfinished chunk": GET + CHUNKED + b"5\r\nhel",
    "unfinished trailers": GET + CHUNKED + b"0\r\nX: y\r\n",
    "only a blank line": b"\r\n",
    "only a CR": GET + b"\r",
    "continue": head(b"Host: x", b"Expect: 100-continue", b"Content-Length: 5", line=b"PUT / HTTP/1.1") + b"hello" + LAST,
    "another expectation": head(b"Host: x", b"Expect: tea") + LAST,
    "absolute": b"GET http://h/x?y HTTP/1.1\r\nHost: h\r\n\r\n" + LAST,
    "asterisk": b"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n" + LAST,
    "too many headers": head(b"Host: x", *[b"X: y"] * 150) + LAST,
    "a long header": head(b"Host: x", b"X: " + b"y" * 40_000) + LAST,
    "a long target": b"GET /" + b"y" * 70_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n" + LAST,
}  # fmt: skip


async def outcome_of(pieces):
    """What is answered to these pieces, one after the other, and what the handler has seen."""
    seen = []

    async def handler(request, response):
        try:
            body = await body_of(request)
        except HttpError as error:
            seen.append((request.method, request.url, type(error).__name__))
            raise
        seen.append((request.method, request.url, body, dict(request.trailers)))
        response.end(request.url)

    server = http.create_server(handler)
    faults = []
    server.on("client_error", lambda error, socket: faults.append(str(error)))
    client, there = duplex_pair()
    server.serve_connection(there)
    answers = []
    client.on("data", answers.append)
    client.on("error", lambda error: None)
    for piece in pieces:
        if client.writable_ended or client.destroyed:
            break
        if not client.write(piece):
            await until(lambda: not client.writable_need_drain or there.destroyed)
        await turn()
    if not client.destroyed:
        client.end()
    await until(lambda: not server.connections or there.destroyed)
    client.destroy()
    there.destroy()
    await until(lambda: not server.connections)
    # Whether a client is told to go on depends on what it has sent by then.
    text = re.sub(rb"Date: [^\r]*\r\n|HTTP/1.1 100 Continue\r\n\r\n", b"", b"".join(answers))
    return text, seen, faults


async def turn():
    await asyncio.sleep(0)


def cuts_of(data, chance, count):
    places = sorted({0, len(data), *(chance.randrange(len(data) + 1) for _ in range(count))})
    return [data[begin:end] for begin, end in pairwise(places)]


@pytest.mark.parametrize("name", STREAMS)
def test_pieces_do_not_change_the_responses(run, name):
    data = STREAMS[name]

    async def main():
        chance = random.Random(name)
        whole = await outcome_of([data])
        step = 1 if len(data) < 2000 else 997
        pieces = [data[at : at + step] for at in range(0, len(data), step)]
        assert await outcome_of(pieces) == whole
        for count in (1, 1, 2, 3, 5, 10, 20):
            pieces = cuts_of(data, chance, count)
            assert await outcome_of(pieces) == whole, pieces
        # At the end of every line, before it and inside of it.
        for mark in (b"\r\n", b"\r", b"\n"):
            if data.count(mark) < 200:
                parts = data.split(mark)
                pieces = [part + mark for part in parts[:-1]] + [parts[-1]]
                assert await outcome_of([piece for piece in pieces if piece]) == whole, pieces

    run(main)


def statuses(answers):
    return [int(each) for each in re.findall(rb"HTTP/1\.1 (\d{3})", answers)]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("three", [200, 200, 200]),
        ("bare LF before", [400]),
        ("bare LF between", [200, 400]),
        ("bare LF after a body", [200, 400]),
        ("bare LF after chunks", [200, 400]),
        ("bare CR between", [200, 400]),
        ("LF after a blank line", [200, 400]),
        ("blank lines before", [200, 200]),
        ("a host with a path", [400]),
        ("a host with a comma", [400]),
        ("a host with a long port", [400]),
        ("half an address", [400]),
        ("an address", [200, 200]),
        ("an empty host", [200, 200]),
        ("length and chunked", [400]),
        ("a length twice", [400]),
        ("pipelined after an error", [200, 400]),
        ("pipelined after the last", [200]),
        ("an upgrade that nobody takes", [200, 200]),
        ("many", [200] * 41),
    ],
)
def test_statuses_of_the_streams(run, name, expected):
    async def main():
        answers, _, faults = await outcome_of([STREAMS[name]])
        assert statuses(answers) == expected
        assert len(faults) == (expected[-1] == 400)

    run(main)


@pytest.mark.parametrize(
    "head",
    [
        b"GET /u HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n",
        b"CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\n\r\n",
        b"\r\n" + POST + b"\r\nGET /u HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n",
    ],
)
def test_bytes_after_an_upgrade_are_not_parsed(run, head):
    """These bytes are not parsed as HTTP, and none is lost, even if they look like HTTP."""
    rest = b"\n\r\n\r\nGET / HTTP/1.1\r\n\r\n\0\xff" * 3

    async def outcome(pieces):
        server = http.create_server(lambda request, response: response.end(request.url))
        got = []

        async def take(request, socket):
            got.append((request.method, request.url, b"".join([chunk async for chunk in socket])))
            socket.end()

        tasks = []
        for event in ("upgrade", "connect"):
            server.on(
                event, lambda request, socket: tasks.append(asyncio.ensure_future(take(request, socket)))
            )
        client, there = duplex_pair()
        server.serve_connection(there)
        client.resume()
        for piece in pieces:
            client.write(piece)
            await turn()
        client.end()
        await until(lambda: got)
        await asyncio.gather(*tasks)
        client.destroy()
        there.destroy()
        return got

    async def main():
        chance = random.Random(1)
        data = head + rest
        whole = await outcome([data])
        assert whole[0][2] == rest
        assert await outcome([data[at : at + 1] for at in range(len(data))]) == whole
        for count in (1, 2, 3, 5, 10) * 4:
            pieces = cuts_of(data, chance, count)
            assert await outcome(pieces) == whole, pieces

    run(main)
