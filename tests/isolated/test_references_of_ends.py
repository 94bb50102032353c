"""No exchange over a socket and no flow of rows keeps a block of memory or a descriptor: counted over many runs of each."""

import sqlite3
import sys

import pytest

from forebay import http, net, pipeline, sql
from forebay.asyncio import open_connection, start_server
from support import http_peers
from support.references import assert_nothing_kept
from support.sockets import HOST, serving

pytestmark = pytest.mark.skipif(sys.implementation.name != "cpython", reason="counts the blocks of CPython")


def echo(stream):
    stream.on("error", lambda error: None)
    stream.pipe(stream)


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
def test_sockets(run, tls, secure):
    run.seconds = 100
    server_tls, client_tls = tls if secure else (None, None)

    async def main():
        async with serving(echo, **({"ssl": server_tls} if secure else {})) as server:

            async def exchange():
                options = {"ssl": client_tls, "server_hostname": "localhost"} if secure else {}
                stream = await net.connect(server.port, HOST, **options)
                stream.end(b"data")
                assert b"".join([chunk async for chunk in stream]) == b"data"

            await assert_nothing_kept(exchange)

    run(main)


async def answer(request, response):
    """Send back the body of the request."""
    await pipeline(request, response)


def test_http_with_connections_that_are_kept(run):
    run.seconds = 100

    async def main():
        async with http_peers.serving(answer) as server, http.Agent() as agent:

            async def exchange():
                request = http.request(server.base, method="POST", agent=agent)
                request.end(b"data")
                response = await request
                assert await http_peers.body_of(response) == b"data"

            await assert_nothing_kept(exchange)

    run(main)


def test_the_replacement_of_asyncio_streams(run):
    run.seconds = 100

    async def handle(reader, writer):
        writer.write(await reader.readline())
        writer.close()

    async def main():
        async with await start_server(handle, HOST, 0) as server:
            port = server.sockets[0].getsockname()[1]

            async def exchange():
                reader, writer = await open_connection(HOST, port)
                writer.write(b"line\n")
                assert await reader.read() == b"line\n"
                writer.close()
                await writer.wait_closed()

            await assert_nothing_kept(exchange)

    run(main)


def test_rows(run, tmp_path):
    run.seconds = 100
    path = tmp_path / "test.db"
    with sqlite3.connect(path) as connection:
        connection.execute("create table numbers (a, b)")
    connection.close()

    async def flow():
        await pipeline([(1, 2), (3, 4)], sql.insert(f"sqlite:{path}", "numbers"))
        assert len(await sql.query(f"sqlite:{path}", "select * from numbers limit 2").to_list()) == 2

    run(assert_nothing_kept, flow)
