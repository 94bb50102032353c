"""A small exchange cut at every byte: received data is right, missing data is an error, and no resource is left."""

import asyncio
import random
from itertools import pairwise

import pytest

from forebay import IncompleteMessageError, http
from support.http_peers import body_of, raw_server, request, serving
from support.sockets import Peer

REQUEST = request("POST /x", "Transfer-Encoding: chunked", body=b"3\r\nabc\r\n2\r\nde\r\n0\r\nX-T: 1\r\n\r\n")
RESPONSE = (
    b"HTTP/1.1 100 Continue\r\n\r\n"
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX: y\r\n\r\n"
    b"3\r\nabc\r\n2\r\nde\r\n0\r\nX-T: 1\r\n\r\n"
)
FIXED = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: y\r\n\r\nabcde"


@pytest.mark.parametrize("way", ["half_close", "reset"])
def test_request_cut_at_every_byte(run, way):
    outcomes = []

    async def handler(request, response):
        try:
            outcomes.append(await body_of(request))
        except IncompleteMessageError as error:
            outcomes.append(error)
            raise
        response.end(b"ok")

    async def main():
        async with serving(handler) as server:
            for cut in range(len(REQUEST) + 1):
                outcomes.clear()
                peer = await Peer.to(server.port)
                if cut:
                    await peer.send(REQUEST[:cut])
                if way == "reset":
                    await asyncio.sleep(0.002)
                    peer.reset()
                else:
                    peer.half_close()
                    got = await peer.rest()
                    assert got.startswith(b"HTTP/1.1 200") == (cut == len(REQUEST))
                    peer.close()
                while server.connections:
                    await asyncio.sleep(0.001)
                await asyncio.sleep(0.001)
                if cut == len(REQUEST):
                    assert outcomes == [b"abcde"]
                else:
                    assert all(isinstance(outcome, IncompleteMessageError) for outcome in outcomes)

    run(main)


def test_a_request_split_at_every_byte(run):
    async def handler(request, response):
        body = await body_of(request)
        response.end(body + request.trailers["x-t"].encode())

    async def main():
        async with serving(handler) as server:
            peer = await Peer.to(server.port)
            for cut in range(1, len(REQUEST)):
                await peer.send(REQUEST[:cut])
                await asyncio.sleep(0.001)
                await peer.send(REQUEST[cut:])
                got = await peer.receive(len(b"HTTP/1.1 200 OK\r\n"))
                assert got == b"HTTP/1.1 200 OK\r\n"
                while not got.endswith(b"abcde1"):
                    got += await peer.receive(1)
            peer.close()

    run(main)


def some_requests(chance):
    """Requests of several kinds in a row, in one case of four with a byte that makes one of them bad."""
    data = b""
    for _ in range(chance.randrange(1, 6)):
        method = chance.choice(["GET", "POST", "PUT", "M-SEARCH"])
        version = chance.choice(["1.1", "1.1", "1.1", "1.0"])
        head = chance.choice(["", "", "", "\r\n", "\r\n\r\n"])
        head += f"{method}{chance.choice([' ', ' ', '  '])}/{'a' * chance.randrange(9)} HTTP/{version}\r\nHost: x\r\n"
        head += "".join(f"X{n}: {'v' * chance.randrange(9)} \r\n" for n in range(chance.randrange(4)))
        if version == "1.0":
            head += "Connection: keep-alive\r\n"
        body = chance.randbytes(chance.randrange(1, 50))
        if method in ("POST", "PUT") and chance.random() < 0.5:
            head += f"Content-Length: {len(body)}\r\n"
        elif method in ("POST", "PUT") and version == "1.1":
            head += "Transfer-Encoding: chunked\r\n"
            body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        else:
            body = b""
        data += head.encode() + b"\r\n" + body
    if chance.random() < 0.25:
        at = chance.randrange(len(data))
        data = data[:at] + chance.randbytes(1) + data[at + 1 :]
    return data


@pytest.mark.parametrize("seed", range(2))
def test_pieces_of_requests_do_not_change_the_responses(run, seed):
    async def handler(request, response):
        body = await body_of(request)
        response.end(f"{request.method} {request.url} {request.http_version} {body.hex()}\n")

    async def main():
        run.errors_wanted = True
        chance = random.Random(seed)
        async with serving(handler) as server:

            async def ask(data, cuts):
                peer = await Peer.to(server.port)
                for begin, end in pairwise([0, *sorted(cuts), len(data)]):
                    await peer.send(data[begin:end])
                    await asyncio.sleep(0)
                peer.half_close()
                got = await peer.rest()
                peer.close()
                # Status lines and bodies; a 400 may be the connection's or come by the handler.
                return [line for line in got.splitlines() if b": " not in line]

            for _ in range(40):
                data = some_requests(chance)
                expected = await ask(data, [])
                for _ in range(3):
                    cuts = chance.sample(range(1, len(data)), chance.randrange(1, 10))
                    assert await ask(data, cuts) == expected, (data, cuts)
        assert not [each for each in run.errors if not isinstance(each["exception"], IncompleteMessageError)]

    run(main)


@pytest.mark.parametrize("whole", [RESPONSE, FIXED], ids=["chunked", "fixed"])
@pytest.mark.parametrize("way", ["end", "reset"])
def test_response_cut_at_every_byte(run, whole, way):
    async def main():
        cut = 0

        async def talk(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(whole[:cut])
            await writer.drain()
            if way == "reset":
                await asyncio.sleep(0.002)
                writer.transport.abort()

        async with raw_server(talk) as url:
            for cut in range(len(whole) + 1):
                outcome = None
                try:
                    outcome = await body_of(await http.get(url))
                except (IncompleteMessageError, ConnectionError) as error:
                    outcome = error
                if cut == len(whole):
                    assert outcome == b"abcde"
                else:
                    assert isinstance(outcome, Exception), cut

    run(main)


@pytest.mark.parametrize("whole", [RESPONSE, FIXED], ids=["chunked", "fixed"])
def test_a_response_split_at_every_byte(run, whole):
    async def main():
        async def talk(reader, writer):
            cut = 0
            while True:
                try:
                    await reader.readuntil(b"\r\n\r\n")
                except asyncio.IncompleteReadError:
                    return
                cut += 1
                writer.write(whole[:cut])
                await writer.drain()
                await asyncio.sleep(0.001)
                writer.write(whole[cut:])

        async with raw_server(talk) as url, http.Agent() as agent:
            for _ in range(len(whole) - 1):
                response = await agent.get(url)
                assert await body_of(response) == b"abcde"
                assert response.headers["x"] == "y"
            assert agent.connections == 1

    run(main)
