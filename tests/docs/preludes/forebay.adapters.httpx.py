import pytest

httpx = pytest.importorskip("httpx")
pytest.importorskip("httptools")
from forebay import create_read_stream, create_write_stream, http, pipeline
from forebay.adapters.httpx import body_of, payload_of


async def answer(request, response):
    await pipeline(request, create_write_stream("received"))
    response.end("hello")


server = await stack.enter_async_context(await http.create_server(answer).listen(0, "127.0.0.1"))
client = await stack.enter_async_context(httpx.AsyncClient())
url = f"http://127.0.0.1:{server.port}/"
