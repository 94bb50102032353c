"""httpx with streams as bodies."""

import asyncio
import gzip

import pytest

httpx = pytest.importorskip("httpx", reason="httpx is not installed")
pytest.importorskip("httptools", reason="the other end is forebay.http")

from forebay import InvalidArgTypeError, consumers, create_read_stream, http, pipeline  # noqa: E402
from forebay.adapters.httpx import body_of, payload_of  # noqa: E402


def test_request_and_response_bodies_are_streams(run, big):
    path, content = big

    async def handler(request, response):
        if request.method == "GET":
            await response.send_file(path)
        else:
            await pipeline(request, response)

    async def main():
        async with await http.create_server(handler).listen(0, "127.0.0.1") as server:
            url = f"http://127.0.0.1:{server.port}/"
            async with httpx.AsyncClient() as client:
                async with client.stream("GET", url) as response:
                    assert await consumers.bytes(body_of(response)) == content
                source = create_read_stream(path)
                async with client.stream("PUT", url, content=payload_of(source)) as response:
                    assert await consumers.bytes(body_of(response)) == content
                assert source.destroyed

    run(main)


def test_response_is_decoded_or_raw(run):
    packed = gzip.compress(b"text" * 1000)

    def handler(request, response):
        response.set_header("Content-Encoding", "gzip")
        response.end(packed)

    async def main():
        async with await http.create_server(handler).listen(0, "127.0.0.1") as server:
            url = f"http://127.0.0.1:{server.port}/"
            async with httpx.AsyncClient() as client:
                async with client.stream("GET", url) as response:
                    assert await consumers.bytes(body_of(response)) == b"text" * 1000
                async with client.stream("GET", url) as response:
                    assert await consumers.bytes(body_of(response, raw=True)) == packed

    run(main)


def test_truncated_response_raises(run):
    def handler(request, response):
        response.set_header("Content-Length", 10)
        response.write(b"abc")
        asyncio.get_running_loop().call_later(0.02, response.destroy)

    async def main():
        async with await http.create_server(handler).listen(0, "127.0.0.1") as server:
            url = f"http://127.0.0.1:{server.port}/"
            async with httpx.AsyncClient() as client, client.stream("GET", url) as response:
                with pytest.raises(httpx.TransportError):
                    await consumers.bytes(body_of(response))

    run(main)


def test_wrong_arguments_raise(run):
    async def main():
        with pytest.raises(InvalidArgTypeError):
            body_of(b"x")

    run(main)
