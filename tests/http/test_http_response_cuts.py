"""The pieces in which bytes arrive do not change a response, and bytes after it are dropped."""

import asyncio
import random
from itertools import pairwise

import pytest

from forebay import HttpError, IncompleteMessageError, consumers, http
from support.http_peers import raw_server, until

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
ANSWER = OK + b"Content-Length: 6\r\n\r\nanswer"
POISON = OK + b"Content-Length: 6\r\nSet-Cookie: evil\r\n\r\npoison"

# What comes for which method, whether the server closes behind it, and what becomes of it: a status and a body or
# an error, and whether the connection is kept.
CORPUS = {
    "plain": ("GET", ANSWER, False, 200, b"answer", True),
    "nothing": ("GET", OK + b"Content-Length: 0\r\n\r\n", False, 200, b"", True),
    "until close": ("GET", OK + b"\r\nall of it", True, 200, b"all of it", False),
    "1.0": ("GET", b"HTTP/1.0 200 OK\r\n\r\nall of it", True, 200, b"all of it", False),
    "chunks": (
        "GET",
        CHUNKED + b"3;a=b;c\r\nabc\r\n002\r\nde\r\n0\r\nX-T: 1\r\n\r\n",
        False,
        200,
        b"abcde 1",
        True,
    ),
    "informed": (
        "GET",
        b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * 3 + ANSWER,
        False,
        200,
        b"answer",
        True,
    ),
    "continued": ("GET", b"HTTP/1.1 100 Continue\r\n\r\n" + ANSWER, False, 200, b"answer", True),
    "HEAD": ("HEAD", OK + b"Content-Length: 6\r\n\r\n", False, 200, b"", True),
    "HEAD chunked": ("HEAD", CHUNKED, False, 200, b"", True),
    "HEAD until close": ("HEAD", OK + b"\r\n", False, 200, b"", False),
    "204": ("GET", b"HTTP/1.1 204 No\r\n\r\n", False, 204, b"", True),
    "304": ("GET", b"HTTP/1.1 304 Not\r\nContent-Length: 6\r\n\r\n", False, 304, b"", True),
    # Bytes behind the response.
    "204 with a body": ("DELETE", b"HTTP/1.1 204 No\r\nContent-Length: 3\r\n\r\nabc", False, 204, b"", False),
    "304 with a body": ("GET", b"HTTP/1.1 304 Not\r\nContent-Length: 3\r\n\r\nabc", False, 304, b"", False),
    "HEAD with a body": ("HEAD", ANSWER, False, 200, b"", False),
    "HEAD with chunks": ("HEAD", CHUNKED + b"3\r\nabc\r\n0\r\n\r\n", False, 200, b"", False),
    "HEAD with no chunks": ("HEAD", CHUNKED + b"0\r\n\r\n", False, 200, b"", False),
    "longer than announced": ("GET", ANSWER + b"more", False, 200, b"answer", False),
    "more than nothing": ("GET", OK + b"Content-Length: 0\r\n\r\nmore", False, 200, b"", False),
    "more than chunks": ("GET", CHUNKED + b"1\r\na\r\n0\r\n\r\n1\r\n", False, 200, b"a", False),
    "two": ("GET", ANSWER + POISON, False, 200, b"answer", False),
    "two and the end": ("GET", ANSWER + POISON, True, 200, b"answer", False),
    "one and the head of another": ("GET", ANSWER + POISON[:20], False, 200, b"answer", False),
    "HEAD and another": ("HEAD", OK + b"Content-Length: 6\r\n\r\n" + POISON, False, 200, b"", False),
    "204 and another": ("GET", b"HTTP/1.1 204 No\r\n\r\n" + POISON, False, 204, b"", False),
    "chunks and another": ("GET", CHUNKED + b"1\r\na\r\n0\r\n\r\n" + POISON, False, 200, b"a", False),
    "an answer and 100": ("GET", ANSWER + b"HTTP/1.1 100 Continue\r\n\r\n", False, 200, b"answer", False),
    # What breaks off, or is broken.
    "shorter than announced": (
        "GET",
        OK + b"Content-Length: 9\r\n\r\nabc",
        True,
        200,
        IncompleteMessageError,
        False,
    ),
    "head only": ("GET", OK + b"Content-Length: 9\r\n\r\n", True, 200, IncompleteMessageError, False),
    "half a head": ("GET", OK + b"Content-Le", True, IncompleteMessageError, None, False),
    "nothing at all": ("GET", b"", True, IncompleteMessageError, None, False),
    "only 100": ("GET", b"HTTP/1.1 100 Continue\r\n\r\n", True, IncompleteMessageError, None, False),
    "half of the chunks": ("GET", CHUNKED + b"3\r\nabc\r\n2\r\nd", True, 200, IncompleteMessageError, False),
    "no last chunk": ("GET", CHUNKED + b"3\r\nabc\r\n", True, 200, IncompleteMessageError, False),
    "no last line": ("GET", CHUNKED + b"0\r\nX-T: 1\r\n", True, 200, IncompleteMessageError, False),
    "no chunks": ("GET", CHUNKED + b"3\r\nabc\r\nhello\r\n", False, 200, HttpError, False),
    "a wrong size": ("GET", CHUNKED + b"2\r\nabc\r\n0\r\n\r\n", False, 200, HttpError, False),
    "bad trailers": ("GET", CHUNKED + b"3\r\nabc\r\n0\r\nbad\r\n\r\n", False, 200, HttpError, False),
    "bad trailers and the end": ("GET", CHUNKED + b"0\r\nbad\r\n\r\n", True, 200, HttpError, False),
    "no HTTP": ("GET", b"SSH-2.0-OpenSSH\r\n", False, HttpError, None, False),
    "a bad field": ("GET", OK + b"X Y: z\r\n\r\n", False, HttpError, None, False),
    "two lengths": (
        "GET",
        OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\na",
        False,
        HttpError,
        None,
        False,
    ),
    "unasked for": (
        "GET",
        b"HTTP/1.1 101 Other\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nxyz",
        False,
        HttpError,
        None,
        False,
    ),
}


def cuts_of(data, chance):
    """Ways to cut it: not at all, byte by byte, and some others."""
    yield []
    yield list(range(1, len(data)))
    for _ in range(4):
        if len(data) > 1:
            yield sorted(chance.sample(range(1, len(data)), min(len(data) - 1, chance.randrange(1, 5))))


async def outcome(agent, url, method, late):
    """Status, body and trailers, each or the kind of error in its place; and what was given beside an error."""
    request = agent.request(url, method=method)
    try:
        # A task of its own gets the response some turns of the loop after it has come.
        response = (await asyncio.gather(request))[0] if late else await request
    except HttpError as error:
        return type(error), None, b""
    parts = []
    try:
        async for chunk in response:
            parts.append(chunk)
    except HttpError as error:
        return response.status_code, type(error), b"".join(parts)
    trailers = "".join(f" {value}" for value in response.trailers.values()).encode()
    assert "set-cookie" not in response.headers
    return response.status_code, b"".join(parts) + trailers, b""


@pytest.mark.parametrize("name", CORPUS)
def test_pieces_do_not_change_the_response(run, name):
    method, data, closes, status, body, kept = CORPUS[name]

    async def main():
        current = []

        async def talk(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            for begin, end in pairwise([0, *current, len(data)]):
                writer.write(data[begin:end])
                await writer.drain()
                await asyncio.sleep(0)
            if not closes:
                await reader.read()

        seen = []
        async with raw_server(talk) as url:
            for cuts in cuts_of(data, random.Random(name)):
                current[:] = cuts
                for late in (False, True):
                    async with http.Agent() as agent:
                        seen.append(await asyncio.wait_for(outcome(agent, url, method, late), 5))
                        if not kept:
                            await until(lambda agent=agent: not agent.connections)
                        assert agent.free_connections == kept
        assert len(set(seen)) == 1, set(seen)
        got = seen[0]
        for wanted, found in ((status, got[0]), (body, got[1])):
            assert issubclass(found, wanted) if isinstance(wanted, type) else found == wanted

    run(main)


def test_unsolicited_response_is_not_used_for_the_next_request(run):
    """The bytes arrived before the next request was sent, and the loop has not read them yet."""

    async def main():
        ready = asyncio.Event()

        async def talk(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(ANSWER)
            await writer.drain()
            await ready.wait()
            writer.write(POISON)
            await writer.drain()
            if await reader.read(100):
                writer.write(ANSWER)

        async with raw_server(talk) as url, http.Agent() as agent:
            assert await consumers.bytes(await agent.get(url)) == b"answer"
            (connection,) = agent._all
            connection.socket.pause()
            ready.set()
            await asyncio.sleep(0.02)
            response = await agent.get(url)
            assert await consumers.bytes(response) == b"answer"

    run(main)


def test_error_is_raised_to_a_late_reader(run):
    async def main():
        async def talk(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(OK + b"Content-Length: 9\r\n\r\nabc")

        async with raw_server(talk) as url:
            response = await http.get(url)
            await asyncio.sleep(0.02)
            assert not response.complete
            parts = []
            with pytest.raises(IncompleteMessageError):
                async for chunk in response:
                    parts.append(chunk)
            assert parts == [b"abc"]

            response = await http.get(url)
            await asyncio.sleep(0.02)
            with pytest.raises(IncompleteMessageError):
                await consumers.bytes(response)

            # Nobody reads, and nobody is told.
            await http.get(url)
            await asyncio.sleep(0.02)

            response = await http.get(url)
            await asyncio.sleep(0.02)
            errors = []
            response.on("error", errors.append)
            await until(lambda: response.closed)
            assert [type(error) for error in errors] == [IncompleteMessageError]

    run(main)


def test_data_before_a_reset_is_read(run):
    async def main():
        async def talk(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(OK + b"Content-Length: 150000\r\n\r\n" + bytes(150_000))
            await writer.drain()
            await asyncio.sleep(0.05)
            writer.transport.abort()

        async with raw_server(talk) as url:
            response = await http.get(url)
            await asyncio.sleep(0.1)
            size = 0
            try:
                async for chunk in response:
                    size += len(chunk)
            except (IncompleteMessageError, ConnectionError):
                assert not response.complete
            else:
                assert size == 150_000
            assert size >= 65536

    run(main)
