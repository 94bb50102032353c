import pytest

pytest.importorskip("httptools")
from forebay import create_write_stream, http, pipeline


async def answer(request, response):
    if request.method == "PUT":
        await pipeline(request, create_write_stream("received"))
    response.end("hello")


far = await stack.enter_async_context(await http.create_server(answer).listen(8000, "127.0.0.1"))
