"""Servers, raw peers and responses for the tests of HTTP."""

import asyncio
import contextlib
import re

from forebay import consumers, http
from forebay._system import worker_pool
from support.sockets import HOST, Peer

HEAD = b"Host: test\r\n\r\n"


def request(line, *fields, body=b""):
    """The bytes of a request."""
    head = "".join(f"{field}\r\n" for field in (f"{line} HTTP/1.1", "Host: test", *fields))
    return head.encode("latin-1") + b"\r\n" + body


@contextlib.asynccontextmanager
async def serving(handler=None, **options):
    """A server on a free port; closed in the end. ``server.base`` is its URL."""
    server = await http.create_server(handler, **options).listen(0, HOST)
    server.base = f"http://{HOST}:{server.port}"
    try:
        yield server
    finally:
        await server.aclose()
        # Files that were being sent are closed in a thread, a moment later.
        await until(lambda: not worker_pool.at_work())


@contextlib.asynccontextmanager
async def peer_of(handler=None, **options):
    """A raw client of a server, closed in the end."""
    async with serving(handler, **options) as server:
        peer = await Peer.to(server.port)
        peer.server = server
        try:
            yield peer
        finally:
            peer.close()


@contextlib.asynccontextmanager
async def raw_server(talk):
    """A server of the standard library's that runs ``talk(reader, writer)``; yields its URL."""

    tasks = set()

    async def connected(reader, writer):
        tasks.add(asyncio.current_task())
        try:
            with contextlib.suppress(ConnectionError):
                await talk(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    server = await asyncio.start_server(connected, HOST, 0)
    try:
        yield f"http://{HOST}:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await server.wait_closed()
        if tasks:
            await asyncio.wait(tasks)


class Answer:
    """One response, taken apart by hand."""

    def __init__(self, status, fields, body, trailers=()):
        self.status = status
        self.fields = fields
        self.headers = {name.lower(): value for name, value in fields}
        self.body = body
        self.trailers = dict(trailers)

    def __repr__(self):
        return f"<{self.status} {self.headers} {self.body[:80]!r}>"


async def answer(peer, *, head=False):
    """Read one response from a raw peer, byte by byte where its end is not known."""
    data = await _until(peer, b"\r\n\r\n")
    lines = data[:-4].decode("latin-1").split("\r\n")
    status = int(re.fullmatch(r"HTTP/1\.1 (\d{3}) ?.*", lines[0])[1])
    fields = [tuple(line.split(": ", 1)) for line in lines[1:]]
    headers = {name.lower(): value for name, value in fields}
    if head or status in (204, 304) or status < 200:
        return Answer(status, fields, b"")
    if headers.get("transfer-encoding") == "chunked":
        parts = []
        while True:
            size = int(await _until(peer, b"\r\n"), 16)
            if size == 0:
                break
            parts.append(await peer.receive(size))
            assert await peer.receive(2) == b"\r\n"
        trailers = []
        while (line := await _until(peer, b"\r\n")) != b"\r\n":
            trailers.append(tuple(line[:-2].decode().split(": ", 1)))
        return Answer(status, fields, b"".join(parts), trailers)
    if "content-length" in headers:
        return Answer(status, fields, await peer.receive(int(headers["content-length"])))
    return Answer(status, fields, await peer.rest())


async def _until(peer, mark):
    data = b""
    while not data.endswith(mark):
        more = await peer.receive(1)
        if not more:
            raise EOFError(data)
        data += more
    return data


async def body_of(stream):
    return await consumers.bytes(stream)


async def echo(request, response):
    response.set_header("Content-Type", "application/octet-stream")
    async for chunk in request:
        await response.send(chunk)
    response.end()


def sending(path, **options):
    """A handler that answers with a file."""

    async def handler(request, response):
        await response.send_file(path, **options)

    return handler


def hello(request, response):
    response.end(b"hello " + request.url.encode())


async def until(check, turns=4000):
    """Wait for something that is to come soon."""
    for _ in range(turns):
        if check():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it did not come")
