import pytest

pytest.importorskip("httptools")
from forebay import create_write_stream, http, pipeline

stack.push_async_callback(lambda: server.aclose())
