"""aiohttp's server and client with streams as bodies."""

import asyncio
import contextlib
import hashlib

import pytest

aiohttp = pytest.importorskip("aiohttp", reason="aiohttp is not installed")
pytest.importorskip("httptools", reason="the other end is forebay.http")

from aiohttp import web  # noqa: E402

from forebay import InvalidArgTypeError, Readable, consumers, create_read_stream, http, pipeline  # noqa: E402
from forebay.adapters.aiohttp import body_of, payload_of, send_stream  # noqa: E402
from support.files import gone  # noqa: E402


@contextlib.asynccontextmanager
async def serving(handler):
    """An aiohttp application with one handler; yields its URL."""
    app = web.Application()
    app.router.add_route("*", "/", handler)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


class Slow(Readable):
    given = 0

    def _read(self, size):
        self.given += 65536
        self.push(bytes(65536))


def test_response_body_from_a_stream(run, big):
    path, content = big
    sources = []

    def opened(path):
        sources.append(create_read_stream(path))
        return sources[-1]

    async def download(request):
        return await send_stream(request, opened(path), status=201, headers={"X-One": "1"})

    async def main():
        async with serving(download) as url, http.Agent() as agent:
            for _ in range(2):
                response = await agent.get(url)
                assert (response.status_code, response.headers["x-one"]) == (201, "1")
                assert await consumers.bytes(response) == content
            assert await consumers.bytes(await agent.request(url, method="HEAD")) == b""
            await gone(*sources)

    run(main)


def test_request_body_into_a_stream(run, content):
    async def upload(request):
        sha = hashlib.sha256()
        async for chunk in body_of(request):
            sha.update(chunk)
        return web.Response(text=sha.hexdigest())

    async def main():
        async with serving(upload) as url:
            for body in (content, [content[:100], content[100:]], b""):
                response = await http.request(url, method="PUT", body=body)
                whole = body if isinstance(body, bytes) else content
                assert await consumers.text(response) == hashlib.sha256(whole).hexdigest()

    run(main)


def test_a_slow_client_pauses_the_source(run):
    source = None

    async def endless(request):
        nonlocal source
        source = Slow()
        return await send_stream(request, source)

    async def main():
        async with serving(endless) as url:
            response = await http.get(url)
            before = -1
            while before != source.given:
                before = source.given
                await asyncio.sleep(0.2)
            assert source.given < 30_000_000
            response.destroy()
            while not source.destroyed:
                await asyncio.sleep(0.001)

    run(main)


def test_source_error_breaks_the_response(run):
    async def failing(request):
        async def chunks():
            if "1" in request.query_string:
                yield b"x" * 10
            raise LookupError("lost")

        return await send_stream(request, Readable.from_(chunks(), object_mode=False))

    async def main():
        async with serving(failing) as url:
            assert (await http.get(url)).status_code == 500
            with pytest.raises(ConnectionError):
                await consumers.bytes(await http.get(url + "?1"))

    run(main)


def test_client_sends_and_receives_streams(run, big):
    path, content = big

    async def handler(request, response):
        if request.method == "GET":
            await response.send_file(path)
        else:
            await pipeline(request, response)

    async def main():
        async with await http.create_server(handler).listen(0, "127.0.0.1") as server:
            url = f"http://127.0.0.1:{server.port}/"
            async with aiohttp.ClientSession() as session:
                async with session.get(url) as response:
                    assert await consumers.bytes(body_of(response)) == content
                source = create_read_stream(path)
                async with session.put(url, data=payload_of(source)) as response:
                    assert await consumers.bytes(body_of(response)) == content
                assert source.destroyed
            await asyncio.sleep(0.01)

    run(main)


def test_truncated_response_raises(run):
    def handler(request, response):
        response.set_header("Content-Length", 10)
        response.write(b"abc")
        asyncio.get_running_loop().call_later(0.02, response.destroy)

    async def main():
        async with await http.create_server(handler).listen(0, "127.0.0.1") as server:
            url = f"http://127.0.0.1:{server.port}/"
            async with aiohttp.ClientSession() as session, session.get(url) as response:
                with pytest.raises(aiohttp.ClientPayloadError):
                    await consumers.bytes(body_of(response))
            await asyncio.sleep(0.01)

    run(main)


def test_wrong_arguments_raise(run):
    async def main():
        with pytest.raises(InvalidArgTypeError):
            body_of(b"x")

    run(main)
