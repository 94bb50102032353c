"""The values that the adapters accept as a body."""

import pathlib

import pytest

from forebay import InvalidArgTypeError, PassThrough, Readable
from forebay.adapters import aiohttp, httpx


async def chunks():
    yield b"ab"
    yield bytearray(b"c")
    yield memoryview(b"d")


BODIES = {
    "stream": lambda: Readable.from_([b"ab", b"cd"]),
    "list": lambda: [b"ab", bytearray(b"cd")],
    "bytes": lambda: b"abcd",
    "async": chunks,
    "function": lambda: chunks,
    "chain": lambda: Readable.from_([b"ab", b"cd"], object_mode=False) | PassThrough(),
}


@pytest.mark.parametrize("adapter", [aiohttp, httpx], ids=["aiohttp", "httpx"])
@pytest.mark.parametrize("body", BODIES)
def test_payload_accepts_every_pipeline_source(run, adapter, body):
    async def main():
        parts = [part async for part in adapter.payload_of(BODIES[body]())]
        assert all(type(part) is bytes for part in parts)
        return b"".join(parts)

    assert run(main) == b"abcd"


@pytest.mark.parametrize("wrong", ["text", 5, None, pathlib.Path("x"), Readable])
def test_wrong_payload_raises(run, wrong):
    async def main():
        with pytest.raises(InvalidArgTypeError, match="got "):
            httpx.payload_of(wrong)

    run(main)


@pytest.mark.parametrize("chunk", [5, "text", [1]])
def test_chunks_other_than_bytes_raise(run, chunk):
    async def main():
        with pytest.raises(InvalidArgTypeError, match="bytes-like"):
            await anext(httpx.payload_of([chunk]))

    run(main)
