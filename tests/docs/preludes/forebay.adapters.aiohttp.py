import pytest

aiohttp = pytest.importorskip("aiohttp")
pytest.importorskip("httptools")
from forebay import create_read_stream, create_write_stream, http, pipeline
from forebay.adapters.aiohttp import body_of, payload_of, send_stream


async def answer(request, response):
    await pipeline(request, create_write_stream("received"))
    response.end("hello")


server = await stack.enter_async_context(await http.create_server(answer).listen(0, "127.0.0.1"))
session = await stack.enter_async_context(aiohttp.ClientSession())
url = f"http://127.0.0.1:{server.port}/"
