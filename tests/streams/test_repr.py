"""The repr of public objects names the public class and the state, and works at any time."""

import asyncio
import importlib

import pytest

from forebay import (
    AbortController,
    Completion,
    Duplex,
    EventEmitter,
    Readable,
    Writable,
    create_read_stream,
    create_write_stream,
    finished,
    pipeline,
    share,
)
from forebay.codecs import gzip
from forebay.net import connect, create_server
from support.streams import looped

MODULES = ("forebay", "forebay.asyncio", "forebay.codecs", "forebay.fs", "forebay.http", "forebay.net")


@looped
async def test_file_stream_shows_path_state_and_buffer(tmp_path):
    path = tmp_path / "big.bin"
    path.write_bytes(b"x" * 300_000)
    stream = create_read_stream(str(path))
    assert repr(stream) == f"<ReadStream {str(path)!r} opening>"
    while stream.readable_length < 65536:
        stream.read(0)
        await asyncio.sleep(0.001)
    assert repr(stream) == f"<ReadStream {str(path)!r} paused 64 KiB of 64 KiB>"
    stream.resume()
    assert "flowing" in repr(stream)
    await finished(stream)
    assert repr(stream) == f"<ReadStream {str(path)!r} closed>"


@looped
async def test_the_states_of_a_readable():
    stream = Readable(read=lambda size: None, auto_destroy=False)
    assert repr(stream) == "<Readable paused 0 B of 64 KiB>"
    stream.push(b"x" * 1536)
    assert repr(stream) == "<Readable paused 1.5 KiB of 64 KiB>"
    stream.resume()
    assert repr(stream) == "<Readable flowing 1.5 KiB of 64 KiB>"
    stream.push(None)
    await finished(stream)
    assert repr(stream) == "<Readable ended>"
    assert repr(Readable(object_mode=True, high_water_mark=1)) == "<Readable paused 0 of 1 object>"


@looped
async def test_the_states_of_a_writable(tmp_path):
    held = Completion()
    stream = Writable(write=lambda chunk: held, auto_destroy=False)
    stream.write(b"x" * 1024)
    assert repr(stream) == "<Writable writing 1 KiB of 64 KiB>"
    stream.end()
    assert repr(stream) == "<Writable ending 1 KiB of 64 KiB>"
    held.resolve()
    await finished(stream)
    assert repr(stream) == "<Writable finished>"
    failed = Writable()
    failed.on("error", lambda error: None)
    failed.destroy(ValueError("x"))
    assert repr(failed) == "<Writable errored ValueError>"
    given_up = Writable(construct=Completion)
    assert repr(given_up) == "<Writable opening>"
    given_up.destroy()
    assert repr(given_up) == "<Writable destroyed>"
    file = create_write_stream(tmp_path / "x")
    assert repr(file) == f"<WriteStream {tmp_path / 'x'!r} opening>"
    await file.aclose()


@looped
async def test_a_duplex_has_two_states():
    assert repr(Duplex(high_water_mark=8)) == "<Duplex paused 0 B of 8 B, writing 0 B of 8 B>"
    assert repr(gzip(high_water_mark=2048)) == "<Gzip paused 0 B of 2 KiB, writing 0 B of 2 KiB>"
    assert repr(Duplex(readable=False, high_water_mark=8)) == "<Duplex writing 0 B of 8 B>"


@looped
async def test_pipelines_chains_and_shared_streams():
    assert repr(Readable.from_([1])) == "<Readable paused 0 of 1 object>"
    assert repr(Readable.from_([1]).map(str)) == "<Readable paused 0 of 1 object>"
    flow = pipeline([b"x"], gzip(), Writable(write=lambda chunk: None))
    assert repr(flow) == "<Pipeline list | Gzip | Writable pending>"
    await flow
    assert repr(flow) == "<Pipeline list | Gzip | Writable done>"
    assert repr(Readable.from_([b"x"]) | gzip()) == "<Chain Readable.from_() | Gzip>"
    assert repr(share([1])) == "<Shared of <Readable paused 0 of 1 object> 0 consumers>"


@looped
async def test_objects_other_than_streams():
    emitter = EventEmitter()
    emitter.on("x", print)
    assert repr(emitter) == "<EventEmitter 1 listener>"
    controller = AbortController()
    assert repr(controller.signal) == "<AbortSignal not aborted>"
    controller.abort()
    assert repr(controller.signal) == "<AbortSignal aborted AbortError>"
    completion = Completion()
    assert repr(completion) == "<Completion pending>"
    completion.resolve()
    assert repr(completion) == "<Completion resolved>"


@looped
async def test_a_socket_and_its_server():
    async with await create_server(lambda socket: socket.end()).listen(0, "127.0.0.1") as server:
        assert repr(server) == f"<Server listening on {server.addresses}, 0 connections>"
        async with connect(server.port, "127.0.0.1") as socket:
            assert repr(socket).startswith(f"<Socket {socket.address} -> ('127.0.0.1', {server.port}) ")
            socket.resume()
    assert repr(server) == "<Server closed, 0 connections>"


@looped
async def test_user_class_keeps_its_name_and_its_repr():
    class Mine(Readable):
        path = property(lambda self: 1 / 0)

    assert repr(Mine()) == "<Mine paused 0 B of 64 KiB>"

    class Named(Readable):
        def __repr__(self):
            return "mine"

    assert repr(Named()) == "mine"


@pytest.mark.parametrize("module", MODULES)
def test_the_repr_of_an_object_whose_constructor_has_not_run(module):
    module = importlib.import_module(module)
    for name in module.__all__:
        cls = getattr(module, name)
        if isinstance(cls, type) and not issubclass(cls, (BaseException, tuple)) and name != "RingBuffer":
            if cls.__module__.startswith("forebay.asyncio"):
                # Those have the repr of asyncio's own.
                continue
            if not hasattr(cls, "__dataclass_fields__"):
                assert repr(cls.__new__(cls)).startswith((f"<{cls.__name__}", f"{cls.__name__}("))
