"""Every public object names its class and its state; the table has one line for each class and function that makes one."""

import asyncio
import importlib
import inspect
import re
from contextlib import AsyncExitStack

import pytest

import forebay
from forebay import codecs, consumers, fs, net, throttle
from forebay.asyncio import StreamReaderProtocol, as_duplex, as_pair, as_readable, open_connection
from forebay.net import BlockList
from support.streams import looped

pytest.importorskip("httptools", reason="httptools is not installed")
from forebay import http

MODULES = [
    "forebay",
    "forebay.asyncio",
    "forebay.codecs",
    "forebay.fs",
    "forebay.http",
    "forebay.net",
    "forebay.stats",
]
READABLE = r"<Readable paused 0 of 1 object>"
DUPLEX = r"<Duplex paused 0 .*, writing 0 .*>"
BYTES = r"paused 0 B of 64 KiB, writing 0 B of 64 KiB"


async def passed_on(source):
    async for item in source:
        yield item


def numbers():
    return forebay.Readable.from_([1, 2])


def sink():
    return forebay.Writable(write=lambda chunk: None, object_mode=True)


def streams():
    writable = sink()
    yield numbers().iterator(), f"<ReadableIterator of {READABLE}>"
    yield numbers().batches(), f"<Batches of {READABLE}>"
    yield forebay.Readable.from_("text"), r"<Readable paused 0 of 16 objects>"
    for derived in (
        numbers().map(str),
        numbers().filter(str),
        numbers().flat_map(lambda item: [item]),
        numbers().take(1),
        numbers().drop(1),
        numbers().tap(str),
        forebay.merge(numbers(), numbers()),
        forebay.share(numbers()).subscribe(),
    ):
        yield derived, READABLE
    yield forebay.share(numbers()), f"<Shared of {READABLE} 0 consumers>"
    yield numbers() | passed_on, r"<Chain Readable\.from_\(\) \| passed_on>"
    yield forebay.compose(passed_on, forebay.PassThrough(object_mode=True)), DUPLEX
    yield forebay.Duplex.from_(passed_on), DUPLEX
    yield forebay.duplex_pair()[0], DUPLEX
    yield writable, r"<Writable writing 0 of 16 objects>"
    yield writable.corked(), r"<corked <Writable writing 0 of 16 objects>>"
    yield writable.drain(), r"<awaitable done>"
    yield forebay.Duplex(), rf"<Duplex {BYTES}>"
    yield forebay.Transform(), rf"<Transform {BYTES}>"
    yield forebay.PassThrough(), rf"<PassThrough {BYTES}>"
    yield forebay.OverflowBuffer(), r"<OverflowBuffer paused .*, writing .*>"
    yield codecs.gzip(), rf"<Gzip {BYTES}>"
    yield codecs.gunzip(), rf"<Gunzip {BYTES}>"
    yield codecs.zstd(), rf"<Zstd {BYTES}>"
    yield codecs.unzstd(), rf"<Unzstd {BYTES}>"
    yield codecs.hashing(), rf"<Hashing {BYTES}>"
    yield throttle.throttle(1000), rf"<Throttle {BYTES}>"
    yield consumers.lines(numbers()), rf"<Lines of <ReadableIterator of {READABLE}>>"


def others():
    controller = forebay.AbortController()
    yield forebay.EventEmitter(), r"<EventEmitter 0 listeners>"
    yield controller, r"<AbortController <AbortSignal not aborted>>"
    yield controller.signal, r"<AbortSignal not aborted>"
    yield forebay.Completion(), r"<Completion pending>"
    yield forebay.RingBuffer(8), r"<RingBuffer 0 of 8 bytes>"
    yield forebay.ChunkQueue(), r"<ChunkQueue chunks=0 nbytes=0>"
    yield forebay.finished(numbers()), r"<Finished pending>"
    yield forebay.on(numbers(), "x"), f"<on of {READABLE}>"
    yield numbers().stats(), r"StreamStats\(name='Readable', readable=SideStats\(.*"
    yield numbers().stats().readable, r"SideStats\(chunks=0, .*"
    yield BlockList(), r"<BlockList addresses 0, .*>"
    yield http.Limits(), r"Limits\(header_bytes=.*"
    yield http.Timeouts(), r"Timeouts\(connect=.*"
    yield http.Headers([(b"a", b"b")]), r"Headers\(\{'a': 'b'\}\)"
    yield http.ReverseProxy("http://localhost"), r"<ReverseProxy to 'http://localhost'>"
    yield http.StaticFiles("/"), r"<StaticFiles '/'>"


async def ends(tmp_path, stack):
    """Files, sockets and messages."""
    path = tmp_path / "data"
    path.write_bytes(b"x")
    file = fs.create_read_stream(path)
    yield file, rf"<ReadStream {re.escape(repr(path))} opening>"
    await file.aclose()
    file = fs.follow(path)
    yield file, rf"<Follow {re.escape(repr(path))} .*>"
    await file.aclose()
    file = fs.create_write_stream(path)
    yield file, rf"<WriteStream {re.escape(repr(path))} opening>"
    await file.aclose()

    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "file").write_bytes(b"xyz")
    tree = await fs.copy_tree(tmp_path / "tree", tmp_path / "copy")
    yield tree, r"CopiedTree\(files=1, folders=1, links=0, bytes=3, failed=0, seconds=.*\)"

    flow = forebay.pipeline([1], passed_on, sink())
    yield flow, r"<Pipeline list \| passed_on \| Writable pending>"
    await flow

    server = net.create_server(lambda socket: socket.resume())
    yield server, r"<Server closed, 0 connections>"
    listening = server.listen(0, "127.0.0.1")
    yield listening, r"<Listening pending>"
    await stack.enter_async_context(await listening)
    yield server, r"<Server listening on .*, 0 connections>"
    connecting = net.connect(server.port, "127.0.0.1")
    yield connecting, r"<Connecting pending>"
    socket = await connecting
    yield socket, r"<Socket \(.*\) -> \(.*\) paused .*, writing .*>"
    await socket.aclose()

    reader, writer = await open_connection("127.0.0.1", server.port)
    yield reader, r"<StreamReader transport=<.*>>"
    yield writer, r"<StreamWriter transport=<.*> reader=<StreamReader .*>>"
    protocol = StreamReaderProtocol(reader, loop=asyncio.get_running_loop())
    yield protocol, r"<StreamReaderProtocol not connected>"
    yield as_readable(reader), r"<Readable paused 0 B of 64 KiB>"
    yield as_duplex(reader, writer), rf"<Duplex {BYTES}>"
    _, of_stream = as_pair(forebay.duplex_pair()[0])
    yield of_stream.transport, r"<StreamTransport of <Duplex .*>>"
    of_stream.transport.abort()
    writer.close()
    await writer.wait_closed()


async def messages(stack):
    seen = []

    def answer(request, response):
        seen.append((request, r"<ServerRequest GET /p\?q (ended|paused .*)>"))
        seen.append((response, r"<ServerResponse 200 writing 0 B of 64 KiB>"))
        seen[:] = [(subject, repr(subject), expected) for subject, expected in seen]
        response.end(b"x")

    server = await stack.enter_async_context(await http.create_server(answer).listen(0, "127.0.0.1"))
    yield server, repr(server), r"<Server listening on \('127\.0\.0\.1', \d+\), 0 connections>"
    agent = await stack.enter_async_context(http.Agent())
    request = agent.get(f"http://127.0.0.1:{server.address[1]}/p?q")
    yield request, repr(request), r"<ClientRequest GET /p\?q ending 0 B of 64 KiB>"
    response = await request
    yield response, repr(response), r"<ClientResponse 200 .*>"
    await response.to_list()
    yield agent, repr(agent), r"<Agent 1 connection, \d free>"
    for each in seen:
        yield each


# Made by others or never made: protocols, mappings of types and what only has class attributes.
ELSEWHERE = {"forebay.asyncio.Process"}


def public_classes():
    for module in map(importlib.import_module, MODULES):
        for name in getattr(module, "__all__", [name for name in vars(module) if not name.startswith("_")]):
            cls = getattr(module, name)
            ours = inspect.isclass(cls) and cls.__module__.startswith("forebay")
            if ours and not issubclass(cls, BaseException) and f"{module.__name__}.{name}" not in ELSEWHERE:
                yield cls


@looped
async def test_every_public_object_names_its_class_and_its_state(tmp_path):
    shown = []
    wrong = []

    def look(subject, text, expected):
        shown.append(subject)
        if not re.fullmatch(expected, text):
            wrong.append((text, expected))

    async with AsyncExitStack() as stack:
        for subject, expected in (*streams(), *others()):
            look(subject, repr(subject), expected)
        async for subject, expected in ends(tmp_path, stack):
            look(subject, repr(subject), expected)
        async for subject, text, expected in messages(stack):
            look(subject, text, expected)
    for subject in shown:
        if isinstance(subject, forebay.Readable | forebay.Writable):
            await subject.aclose()
    assert wrong == []
    kinds = {base for subject in shown for base in type(subject).__mro__}
    assert [cls.__name__ for cls in public_classes() if cls not in kinds] == []


@looped
async def test_the_awaitable_of_drain_says_what_it_waits_for():
    held = forebay.Completion()
    stream = forebay.Writable(write=lambda chunk: held, high_water_mark=1)
    assert not stream.write(b"x")
    assert repr(stream.drain()) == "<drain of <Writable writing 1 B of 1 B>>"
    stream.on("error", lambda error: None)
    stream.destroy(ValueError("x"))
    assert repr(stream.drain()) == "<awaitable failed ValueError>"


@looped
async def test_the_drawing_and_the_counters_name_public_classes():
    flow = forebay.pipeline(numbers(), forebay.PassThrough(object_mode=True), sink())
    await flow
    assert [each.name for each in flow.stats()] == ["Readable", "PassThrough", "Writable"]
    assert "FromIterator" not in flow.draw()
