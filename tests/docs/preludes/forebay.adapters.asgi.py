import pytest

starlette = pytest.importorskip("starlette")
from starlette.requests import Request

from forebay import create_read_stream, create_write_stream, pipeline
from forebay.adapters.asgi import StreamResponse, request_body


class App:
    """The two decorators of FastAPI that the example uses."""

    def get(self, path):
        return lambda function: function

    put = get


app = App()
