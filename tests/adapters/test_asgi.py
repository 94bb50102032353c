"""Starlette and FastAPI applications on uvicorn, and an ASGI application without a framework."""

import asyncio
import contextlib
import hashlib
import pathlib
import socket

import pytest

uvicorn = pytest.importorskip("uvicorn", reason="uvicorn is not installed")
pytest.importorskip("starlette", reason="starlette is not installed")
pytest.importorskip("httptools", reason="the client is forebay.http")

from starlette.applications import Starlette  # noqa: E402
from starlette.background import BackgroundTask  # noqa: E402
from starlette.responses import PlainTextResponse  # noqa: E402
from starlette.routing import Route  # noqa: E402

from forebay import IncompleteMessageError, InvalidArgTypeError, Readable, consumers, create_read_stream, http  # noqa: E402
from forebay.adapters.asgi import StreamResponse, request_body, send_stream  # noqa: E402
from support.files import gone  # noqa: E402


@contextlib.asynccontextmanager
async def serving(app):
    """uvicorn with ``app``, in this loop; yields its URL."""
    config = uvicorn.Config(
        app, http="httptools", lifespan="off", log_config=None, timeout_graceful_shutdown=2
    )
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    task = asyncio.ensure_future(server._serve(sockets=[sock]))
    while not server.started:
        await asyncio.sleep(0.001)
    try:
        yield f"http://127.0.0.1:{sock.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
        sock.close()


class Slow(Readable):
    """Gives chunks as long as anybody takes them; ``given`` counts the bytes."""

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

    done = []

    async def note():
        done.append(1)

    async def download(request):
        task = BackgroundTask(note)
        headers = {"X-One": "1", "Content-Length": str(len(content))}
        response = StreamResponse(
            opened(path), 201, headers, media_type="application/x-test", background=task
        )
        response.set_cookie("a", "b")
        return response

    async def main():
        async with serving(Starlette(routes=[Route("/", download)])) as url:
            response = await http.get(url)
            assert response.status_code == 201
            assert response.headers["x-one"] == "1"
            assert response.headers["content-type"] == "application/x-test"
            assert response.headers["set-cookie"].startswith("a=b")
            assert await consumers.bytes(response) == content
            head = await http.request(url, method="HEAD")
            assert head.headers["content-length"] == str(len(content))
            assert await consumers.bytes(head) == b""
            await gone(*sources)
        assert done

    run(main)


def test_request_body_into_a_stream(run, content):
    async def upload(request):
        sha = hashlib.sha256()
        async for chunk in request_body(request):
            sha.update(chunk)
        return PlainTextResponse(sha.hexdigest())

    async def main():
        async with serving(Starlette(routes=[Route("/", upload, methods=["PUT"])])) as url:
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
        return StreamResponse(source)

    async def main():
        async with serving(Starlette(routes=[Route("/", endless)])) as url:
            response = await http.get(url)
            before = -1
            while before != source.given:
                before = source.given
                await asyncio.sleep(0.2)
            assert source.given < 30_000_000
            # And one that goes destroys it.
            response.destroy()
            while not source.destroyed:
                await asyncio.sleep(0.001)

    run(main)


def test_source_error_breaks_the_response(run):
    def failing(after):
        async def endpoint(request):
            async def chunks():
                for _ in range(after):
                    yield b"x" * 10
                raise LookupError("lost")

            return StreamResponse(Readable.from_(chunks(), object_mode=False))

        return endpoint

    async def main():
        app = Starlette(routes=[Route("/0", failing(0)), Route("/1", failing(1))])
        async with serving(app) as url:
            assert (await http.get(url + "/0")).status_code == 500
            with pytest.raises(IncompleteMessageError):
                await consumers.bytes(await http.get(url + "/1"))

    run(main)


def test_client_disconnect_fails_the_upload(run):
    outcomes = []

    async def upload(request):
        try:
            await consumers.bytes(request_body(request))
        except ConnectionError as error:
            outcomes.append(error)
        return PlainTextResponse("")

    async def main():
        async with serving(Starlette(routes=[Route("/", upload, methods=["PUT"])])) as url:
            request = http.request(url, method="PUT", headers={"Content-Length": "1000"})
            request.write(b"x")
            await asyncio.sleep(0.05)
            request.destroy()
            while not outcomes:
                await asyncio.sleep(0.001)

    run(main)


def test_fastapi(run, content):
    fastapi = pytest.importorskip("fastapi", reason="fastapi is not installed")
    app = fastapi.FastAPI()

    @app.get("/")
    async def download():
        return StreamResponse(Readable.from_(content), media_type="application/octet-stream")

    async def main():
        async with serving(app) as url:
            assert await consumers.bytes(await http.get(url)) == content

    run(main)


def test_an_application_without_a_framework(run):
    async def app(scope, receive, send):
        body = await consumers.bytes(request_body(receive))
        await send_stream(Readable.from_([body, body], object_mode=False), send, headers=[(b"x-a", b"b")])

    async def main():
        async with serving(app) as url:
            response = await http.request(url, method="POST", body=b"twice ")
            assert response.headers["x-a"] == "b"
            assert await consumers.bytes(response) == b"twice twice "

    run(main)


def test_wrong_arguments_raise(run):
    async def main():
        for wrong in (5, "text", pathlib.Path("x"), Readable):
            with pytest.raises(InvalidArgTypeError):
                StreamResponse(wrong)
        with pytest.raises(InvalidArgTypeError):
            request_body(5)

    run(main)
