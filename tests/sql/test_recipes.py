"""The recipes of docs/databases.md, against a real server."""

import asyncio
import gzip

import pytest

from forebay import codecs, fs, pipeline, sql
from support.databases import Postgres, connected

asyncpg = pytest.importorskip("asyncpg")


@pytest.fixture
def server(postgres):
    return Postgres(postgres, asyncpg)


def test_a_query_goes_to_a_compressed_file_and_back(run, server, tmp_path):
    path = tmp_path / "numbers.csv.gz"

    async def main():
        async with (
            connected(server) as connection,
            asyncpg.create_pool(server.url, min_size=1, max_size=2) as pool,
        ):
            await pipeline(
                sql.copy_out(pool, "select * from numbers where id < $1 order by id", 3, header=True),
                codecs.gzip(),
                fs.create_write_stream(path, atomic=True),
            )
            assert gzip.decompress(path.read_bytes()) == b"id,name\n0,name 0\n1,name 1\n2,name 2\n"
            load = sql.copy_in(pool, "target", header=True)
            await pipeline(fs.create_read_stream(path), codecs.gunzip(), load)
            assert load.rows_committed == 3
            assert await server.rows(connection, "select * from target") == [
                (n, f"name {n}") for n in range(3)
            ]

    run(main)


def test_rows_are_looked_up_on_the_way(run, server):
    async def with_length(rows):
        async for row in rows:
            await asyncio.sleep(0)
            yield {"id": row["id"], "name": str(len(row["name"]))}

    async def main():
        async with (
            connected(server) as connection,
            asyncpg.create_pool(server.url, min_size=1, max_size=2) as pool,
        ):
            source = sql.query(pool, "select id, name from numbers where id < 1000", rows=dict)
            await pipeline(source, with_length, sql.insert(pool, "target"))
            rows = await server.rows(connection, "select count(*), min(name), max(name) from target")
            assert rows == [(1000, "6", "8")]

    run(main)


def test_a_client_that_goes_away_frees_the_connection(run, server):
    http = pytest.importorskip("forebay.http")

    async def main():
        async with (
            connected(server) as connection,
            asyncpg.create_pool(server.url, min_size=1, max_size=1) as pool,
        ):

            async def rows(request, response):
                source = sql.copy_out(pool, "select repeat('x', 1000) from generate_series(1, 1000000)")
                await pipeline(source, response)

            async with await http.create_server(rows).listen(0, "127.0.0.1") as site:
                reader, writer = await asyncio.open_connection(*site.address[:2])
                writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                await reader.readexactly(100_000)
                writer.transport.abort()
                # The only connection of the pool is free again.
                async with asyncio.timeout(8):
                    assert await pool.fetchval("select 1") == 1
            assert await server.rows(connection, "select 1") == [(1,)]

    run(main)


def test_a_response_of_starlette_is_a_stream_of_bytes(run, server):
    pytest.importorskip("starlette")
    from forebay.adapters.asgi import StreamResponse

    async def main():
        async with connected(server):
            response = StreamResponse(
                sql.copy_out(server.url, "select 1 as one", header=True), media_type="text/csv"
            )
            sent = []

            async def send(message):
                sent.append(message)

            async def receive():
                await asyncio.sleep(60)

            await response({"type": "http", "method": "GET", "asgi": {"version": "3.0"}}, receive, send)
            assert b"".join(message.get("body", b"") for message in sent) == b"one\n1\n"

    run(main)
