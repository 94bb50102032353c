"""Content-Encoding: decoded requests and responses, compressed responses, and hostile bodies."""

import asyncio
import functools
import gc
import gzip
import random
import sys
import zlib

import pytest

from forebay import (
    HeadersSentError,
    HttpProtocolError,
    IncompleteMessageError,
    InvalidArgTypeError,
    InvalidArgValueError,
    OutOfRangeError,
    Writable,
    consumers,
    http,
    pipeline,
)
from support.http_peers import body_of, raw_server, serving, until

brotli = pytest.importorskip("brotli")
pytest.importorskip("backports.zstd" if sys.version_info < (3, 14) else "compression.zstd")

DATA = b"".join(random.Random(1).choices([b"one ", b"two ", b"three "], k=60_000))
CODINGS = ["gzip", "x-gzip", "deflate", "br", "zstd"]


def raw_deflate(data):
    compressor = zlib.compressobj(6, zlib.DEFLATED, -15)
    return compressor.compress(data) + compressor.flush()


@functools.cache
def packed(coding, data=DATA):
    if coding == "zstd":
        from forebay.codecs._zstd import _load

        return _load().compress(data)
    return {"gzip": gzip.compress, "x-gzip": gzip.compress, "deflate": zlib.compress, "br": brotli.compress}[
        coding
    ](data)


def giving(coding, body, **fields):
    """A handler that answers with this body in this coding."""

    def handler(request, response):
        if coding is not None:
            response.set_header("Content-Encoding", coding)
        for name, value in fields.items():
            response.set_header(name.replace("_", "-"), value)
        response.end(body)

    return handler


# ---- the client


@pytest.mark.parametrize("coding", CODINGS)
def test_a_decoded_response(run, coding):
    async def main():
        async with serving(giving(coding, packed(coding))) as server, http.Agent() as agent:
            for _ in range(2):
                response = await agent.get(server.base, decompress=True)
                assert response.status_code == 200
                assert response.headers["content-encoding"] == coding
                assert response.url == server.base + "/"
                assert not response.complete
                assert response.decoded() is response
                assert await body_of(response) == DATA
                assert response.complete
            assert agent.connections == 1
            plain = await agent.get(server.base)
            assert await body_of(plain) == packed(coding)
            later = await agent.get(server.base)
            assert await consumers.bytes(later.decoded()) == DATA

    run(main)


def test_raw_deflate_and_several_codings(run):
    async def main():
        body = gzip.compress(zlib.compress(DATA))
        for coding, given in (
            ("deflate", raw_deflate(DATA)),
            ("deflate, gzip", body),
            ("identity", DATA),
            (None, DATA),
        ):
            async with serving(giving(coding, given)) as server:
                assert await body_of(await http.get(server.base, decompress=True)) == DATA
                response = await http.get(server.base)
                assert (response.decoded() is response) == (given is DATA)
                assert await consumers.bytes(response.decoded()) == DATA

    run(main)


def test_the_client_says_what_it_accepts(run):
    async def main():
        def handler(request, response):
            response.end(request.headers.get("accept-encoding", "none"))

        async with serving(handler) as server:

            async def ask(**options):
                return await body_of(await http.get(server.base, **options))

            assert await ask() == b"none"
            assert await ask(decompress=True) == b"gzip, deflate, br, zstd"
            assert await ask(decompress=True, headers={"accept-encoding": "br"}) == b"br"

    run(main)


def test_redirects_keep_the_option(run):
    async def main():
        def handler(request, response):
            if request.path == "/":
                response.write_head(302, {"Location": "/there"})
                response.end()
            else:
                giving("gzip", gzip.compress(request.headers["accept-encoding"].encode()))(request, response)

        async with serving(handler) as server:
            response = await http.get(server.base, decompress=True, redirects=1)
            assert await body_of(response) == b"gzip, deflate, br, zstd"

    run(main)


def test_bodies_that_are_not_there(run):
    async def main():
        def handler(request, response):
            response.set_header("Content-Encoding", "gzip")
            response.status_code = int(request.path[1:])
            response.end()

        async with serving(handler) as server, http.Agent() as agent:
            for path, method in (("/204", "GET"), ("/304", "GET"), ("/200", "HEAD"), ("/200", "GET")):
                response = await agent.request(server.base + path, method=method, body=b"", decompress=True)
                assert await body_of(response) == b""
            assert agent.connections == 1

    run(main)


def test_a_body_that_is_damaged_or_cut(run):
    async def main():
        whole = gzip.compress(DATA)
        damaged = whole[:-5] + bytes([whole[-5] ^ 1]) + whole[-4:]
        for body in (damaged, whole[:-1], b"no gzip at all", whole + b"more"):
            async with serving(giving("gzip", body)) as server:
                for options in ({"decompress": True}, {}):
                    response = await http.get(server.base, **options)
                    with pytest.raises(
                        HttpProtocolError, match="not what its Content-Encoding says"
                    ) as caught:
                        await consumers.bytes(response.decoded())
                    assert caught.value.__cause__ is not None

        async def talk(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(whole)}\r\n\r\n"
            writer.write(head.encode() + whole[:-100])

        async with raw_server(talk) as url:
            for options in ({"decompress": True}, {}):
                response = await http.get(url, **options)
                with pytest.raises(IncompleteMessageError):
                    await consumers.bytes(response.decoded())

    run(main)


def test_the_limit_of_a_decoded_body(run):
    async def main():
        bomb = gzip.compress(bytes(30_000_000))
        async with serving(giving("gzip", bomb)) as server:
            seen = 0

            def count(chunk):
                nonlocal seen
                seen += len(chunk)

            response = await http.get(server.base, decompress=True, decompress_limit=1_000_000)
            with pytest.raises(HttpProtocolError, match=r"too large: .* 1,000,000 bytes"):
                await pipeline(response, Writable(write=count))
            assert seen <= 1_000_000
            async with http.Agent(limits=http.Limits(body_bytes=2_000_000)) as agent:
                response = await agent.get(server.base, decompress=True)
                with pytest.raises(HttpProtocolError, match="2,000,000 bytes"):
                    await body_of(response)
                response = await agent.get(server.base)
                with pytest.raises(HttpProtocolError, match="more than the 100 times"):
                    await consumers.bytes(response.decoded(max_ratio=100, limit=10**9))

    run(main)


def test_a_coding_that_is_unknown(run):
    async def main():
        for coding, words in (
            ("compress", "'compress', which cannot be decoded"),
            ("gzip," * 4, "4 codings"),
        ):
            async with serving(giving(coding, b"data")) as server:
                with pytest.raises(HttpProtocolError, match=words):
                    await http.get(server.base, decompress=True)
                response = await http.get(server.base)
                with pytest.raises(HttpProtocolError, match=words) as caught:
                    response.decoded()
                assert caught.value.status == 415
                assert await body_of(response) == b"data"

    run(main)


@pytest.mark.parametrize("end", ["dropped", "destroyed", "destroyed later", "cancelled"])
def test_a_decoded_response_that_is_not_read_frees_its_connection(run, end):
    async def main():
        body = gzip.compress(random.Random(2).randbytes(3_000_000))
        async with serving(giving("gzip", body)) as server, http.Agent(max_connections=1) as agent:
            response = await agent.get(server.base, decompress=True)
            if end == "destroyed":
                await response.aclose()
            elif end == "destroyed later":
                async for _ in response:
                    break
                await response.aclose()
            elif end == "cancelled":
                task = asyncio.ensure_future(consumers.bytes(response))
                for _ in range(20):
                    await asyncio.sleep(0)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
            if end == "dropped":
                # The connection sees that the response is not read once its buffer is full.
                for _ in range(200):
                    await asyncio.sleep(0)
                del response
                with pytest.warns(ResourceWarning, match="dropped before it was read"):
                    await until(lambda: gc.collect() >= 0 and agent.connections == 0)
            else:
                del response
            again = await agent.get(server.base, decompress=True, timeout=10)
            assert len(await body_of(again)) == 3_000_000

    run(main)


def test_a_timeout_reaches_the_reader_of_a_decoded_body(run):
    async def main():
        body = gzip.compress(DATA)

        async def talk(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n"
            writer.write(head.encode() + body[:2000])
            await reader.read()

        async with raw_server(talk) as url:
            response = await http.get(url, decompress=True, timeout=0.2)
            with pytest.raises(TimeoutError):
                await body_of(response)

    run(main)


def test_wrong_options(run):
    async def main():
        for options, error in (
            ({"decompress": 1}, InvalidArgTypeError),
            ({"decompress_limit": 5}, InvalidArgValueError),
            ({"decompress": True, "decompress_limit": -1}, OutOfRangeError),
            ({"decompress": True, "decompress_limit": 1.5}, InvalidArgTypeError),
        ):
            with pytest.raises(error):
                http.get("http://localhost/", **options)

    run(main)


# ---- requests


def test_decoded_requests(run):
    async def main():
        async def handler(request, response):
            response.end(str(len(await consumers.bytes(request.decoded(limit=1_000_000)))))

        async with serving(handler) as server, http.Agent() as agent:

            async def send(coding, body):
                response = await agent.request(
                    server.base,
                    method="POST",
                    body=body,
                    headers={"Content-Encoding": coding} if coding else None,
                )
                return response.status_code, await body_of(response)

            for coding in CODINGS:
                assert await send(coding, packed(coding)) == (200, str(len(DATA)).encode())
            assert await send(None, DATA) == (200, str(len(DATA)).encode())
            assert (await send("compress", DATA))[0] == 415
            assert (await send("gzip", DATA))[0] == 400
            assert (await send("gzip", gzip.compress(DATA)[:-1]))[0] == 400
            assert (await send("gzip", gzip.compress(bytes(1_000_001))))[0] == 413
            assert await send("gzip", gzip.compress(bytes(1_000_000))) == (200, b"1000000")

    run(main)


def test_the_limit_of_a_server_counts_for_decoded_requests(run):
    async def main():
        async def handler(request, response):
            response.end(await consumers.bytes(request.decoded()))

        async with serving(handler, limits=http.Limits(body_bytes=100_000)) as server:
            for size, status in ((100_000, 200), (100_001, 413)):
                body = gzip.compress(bytes(size))
                response = await http.request(
                    server.base, method="POST", body=body, headers={"Content-Encoding": "gzip"}
                )
                assert response.status_code == status

    run(main)


# ---- responses of a server


@pytest.mark.parametrize(
    ("accepts", "coding"),
    [
        ("gzip", "gzip"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip;q=1, br;q=0.5", "gzip"),
        ("br, gzip", "br"),
        ("*", "zstd"),
        ("zstd;q=0, *;q=0.5", "br"),
        ("x-gzip", "gzip"),
        ("deflate", "deflate"),
        ("identity", None),
        ("gzip;q=0", None),
        ("gzip;q=0.5, identity;q=0.8", None),
        ("", None),
        (None, None),
    ],
)
def test_a_compressed_response(run, accepts, coding):
    async def main():
        async def handler(request, response):
            response.set_header("Content-Type", "text/csv")
            response.set_header("Content-Length", len(DATA))
            response.set_header("ETag", '"1"')
            await pipeline([DATA[:1000], DATA[1000:]], response.compressed())

        async with serving(handler) as server:
            fields = {} if accepts is None else {"Accept-Encoding": accepts}
            response = await http.get(server.base, headers=fields)
            assert response.headers.get("content-encoding") == coding
            assert response.headers["vary"] == "Accept-Encoding"
            assert response.headers["etag"] == ('"1"' if coding is None else 'W/"1"')
            assert ("content-length" in response.headers) == (coding is None)
            assert await consumers.bytes(response.decoded()) == DATA

    run(main)


def test_text_and_one_chunk(run):
    async def main():
        def handler(request, response):
            body = response.compressed()
            body.write("ü")
            body.end(b"!" * 1000)

        async with serving(handler) as server:
            response = await http.get(server.base, decompress=True)
            assert response.headers["content-encoding"] == "zstd"
            assert await body_of(response) == "ü".encode() + b"!" * 1000

    run(main)


@pytest.mark.parametrize(
    "change",
    [
        lambda response: setattr(response, "status_code", 206),
        lambda response: setattr(response, "status_code", 204),
        lambda response: setattr(response, "status_code", 304),
        lambda response: response.set_header("Content-Range", "bytes 0-1/4"),
        lambda response: response.set_header("Cache-Control", "public, No-Transform"),
        lambda response: response.set_header("Content-Encoding", "br"),
        lambda response: response.set_header("Content-Type", "image/png"),
        lambda response: response.set_header("Content-Type", "application/zip; x=y"),
        lambda response: response.set_header("Content-Type", "text/event-stream"),
    ],
)
def test_what_is_not_compressed(run, change):
    async def main():
        def handler(request, response):
            change(response)
            assert response.compressed() is response
            assert not response.has_header("vary")
            response.end(b"data")

        async with serving(handler) as server:
            response = await http.get(server.base, headers={"Accept-Encoding": "gzip"})
            assert response.status_code != 500
            await body_of(response)

    run(main)


def test_what_is_compressed_nevertheless(run):
    async def main():
        def handler(request, response):
            response.set_header("Content-Type", "image/svg+xml")
            response.set_header("Content-Encoding", "identity")
            response.set_header("Vary", "Origin")
            response.compressed(["gzip"], level=9).end(DATA)

        async with serving(handler) as server:
            response = await http.get(server.base, decompress=True)
            assert response.headers["content-encoding"] == "gzip"
            assert response.headers["vary"] == "Origin, Accept-Encoding"
            assert await body_of(response) == DATA
            head = await http.request(server.base, method="HEAD", headers={"Accept-Encoding": "gzip"})
            assert head.headers["vary"] == "Origin, Accept-Encoding"
            assert await body_of(head) == b""

    run(main)


def test_wrong_arguments_of_compressed(run):
    async def main():
        async def handler(request, response):
            for codings, error in (("gzip", InvalidArgTypeError), (["lz4"], InvalidArgValueError)):
                with pytest.raises(error):
                    response.compressed(codings)
            with pytest.raises(OutOfRangeError):
                response.compressed(["gzip"], level=10)
            response.flush_headers()
            with pytest.raises(HeadersSentError):
                response.compressed()
            response.end(b"done")

        async with serving(handler) as server:
            response = await http.get(server.base, headers={"Accept-Encoding": "gzip"})
            assert await body_of(response) == b"done"

    run(main)


def test_a_client_that_leaves_ends_the_compressor(run):
    async def main():
        gone = asyncio.get_running_loop().create_future()

        async def handler(request, response):
            async def source():
                while True:
                    yield random.Random(1).randbytes(100_000)

            try:
                await pipeline(source(), response.compressed(["gzip"]))
            except Exception as error:
                gone.set_result(error)
                raise

        async with serving(handler) as server:
            response = await http.get(server.base, headers={"Accept-Encoding": "gzip"})
            async for _ in response:
                break
            await response.aclose()
            assert isinstance(await gone, Exception)

    run(main)


def test_a_source_that_fails_cuts_the_response_short(run):
    run.errors_wanted = True

    async def main():
        async def handler(request, response):
            async def source():
                while not response.headers_sent:
                    yield random.Random(1).randbytes(100_000)
                raise KeyError("gone")

            await pipeline(source(), response.compressed(["gzip"]))

        async with serving(handler) as server:
            response = await http.get(server.base, decompress=True, headers={"Accept-Encoding": "gzip"})
            with pytest.raises(IncompleteMessageError):
                await body_of(response)

    run(main)
