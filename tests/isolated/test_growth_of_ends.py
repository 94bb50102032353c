"""Servers, clients, connections and agents that live long keep nothing of what is over."""

import asyncio
import contextlib
import sqlite3

import pytest

import forebay.asyncio
from forebay import PassThrough, Writable, consumers, finished, fs, http, net, pipeline, process, sql, threads
from support.growth import cancelled_after, growth
from support.streams import looped, quiet

websocket = pytest.importorskip("forebay.websocket")
pytest.importorskip("websockets")

HOST = "127.0.0.1"


async def echo(socket):
    with contextlib.suppress(Exception):
        await pipeline(socket, socket)


async def answer(request, response):
    if request.path == "/fail":
        response.destroy()
    elif request.path == "/slow":
        await asyncio.sleep(0.005)
        response.end(b"late")
    elif request.path == "/large":
        response.end(bytes(300_000))
    elif request.method == "POST":
        await pipeline(request, response)
    else:
        response.end(b"hello")


async def talk(connection):
    async for message in connection:
        connection.write(message)


class Place:
    """Servers, and clients that are connected to them."""

    def __init__(self, folder):
        self.file = folder / "file"
        self.file.write_bytes(bytes(300_000))
        self.database = f"sqlite:{folder / 'database'}"
        with contextlib.closing(sqlite3.connect(folder / "database")) as connection:
            connection.execute("CREATE TABLE t (id INTEGER, name TEXT)")
            connection.commit()

    async def __aenter__(self):
        self.echo = net.create_server(echo)
        await self.echo.listen(0, HOST)
        self.address = self.echo.address[:2]
        self.server = http.create_server(answer)
        await self.server.listen(0, HOST)
        self.url = f"http://{HOST}:{self.server.address[1]}"
        self.agent = http.Agent()
        self.reader, self.writer = await asyncio.open_connection(HOST, self.server.address[1])
        self.sockets = await websocket.serve(talk, HOST, 0)
        self.websocket = await websocket.connect(f"ws://{HOST}:{self.sockets.port}/")
        self.messages = aiter(self.websocket)
        self.waiting = await forebay.asyncio.open_connection(*self.address)
        return self

    async def __aexit__(self, *error):
        self.writer.close()
        self.waiting[1].close()
        await self.waiting[1].wait_closed()
        await self.websocket.aclose()
        await self.sockets.aclose()
        await self.agent.aclose()
        await self.server.aclose()
        await self.echo.aclose()

    def get(self, path):
        return http.get(self.url + path, agent=self.agent)


OPERATIONS = {}


def operation(function):
    OPERATIONS[function.__name__.replace("_", " ")] = function
    return function


def sink():
    return Writable(write=lambda chunk: None)


# ---- sockets


@operation
async def connection(it):
    async with await net.connect(*it.address) as socket:
        socket.write(b"a")
        assert await anext(socket.iterator(destroy_on_return=False)) == b"a"


@operation
async def connection_to_its_end(it):
    socket = await net.connect(*it.address)
    socket.end(b"abc")
    assert await consumers.bytes(socket) == b"abc"


@operation
async def cancelled_connect(it):
    await cancelled_after(1, net.connect(*it.address))


@operation
async def asyncio_connection(it):
    reader, writer = await forebay.asyncio.open_connection(*it.address)
    writer.write(b"abc")
    assert await reader.readexactly(3) == b"abc"
    writer.close()
    await writer.wait_closed()


@operation
async def cancelled_read_of_an_asyncio_connection(it):
    await cancelled_after(2, it.waiting[0].readline())


# ---- HTTP


@operation
async def get(it):
    assert await consumers.bytes(await it.get("/")) == b"hello"


@operation
async def post(it):
    response = await http.request(f"{it.url}/", method="POST", body=[b"abc", b"def"], agent=it.agent)
    assert await consumers.bytes(response) == b"abcdef"


@operation
async def request_on_a_kept_connection(it):
    it.writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    await it.reader.readuntil(b"hello")


@operation
async def cancelled_get(it):
    await cancelled_after(5, it.get("/slow"))


@operation
async def response_that_is_destroyed(it):
    response = await it.get("/large")
    response.destroy()
    await quiet(2)


@operation
async def request_that_fails(it):
    with pytest.raises(forebay.HttpError):
        await it.get("/fail")


# ---- WebSockets


@operation
async def message(it):
    it.websocket.write("message")
    assert await anext(it.messages) == "message"


@operation
async def websocket_connection(it):
    client = await websocket.connect(f"ws://{HOST}:{it.sockets.port}/")
    client.write("message")
    assert await anext(client.iterator(destroy_on_return=False)) == "message"
    await client.aclose()


@operation
async def websocket_that_is_destroyed(it):
    client = await websocket.connect(f"ws://{HOST}:{it.sockets.port}/")
    client.destroy()
    await client.aclose()


# ---- files, databases, threads, programs


@operation
async def copy(it):
    await pipeline(fs.create_read_stream(it.file), fs.create_write_stream(it.file.with_suffix(".copy")))


@operation
async def cancelled_copy(it):
    dest = fs.create_write_stream(it.file.with_suffix(".copy"))
    await cancelled_after(6, pipeline(fs.create_read_stream(it.file), PassThrough(), dest))


@operation
async def query(it):
    assert await sql.query(it.database, "SELECT 1", rows=tuple).to_list() == [(1,)]


@operation
async def query_that_is_left(it):
    async with sql.query(it.database, "SELECT 1 UNION SELECT 2") as rows:
        async for _ in rows:
            break


@operation
async def insert(it):
    await pipeline([(1, "a"), (2, "b")], sql.insert(it.database, "t", columns=["id", "name"]))


@operation
async def iterable_of_a_thread(it):
    assert await consumers.bytes(threads.from_thread(lambda: iter([b"a", b"b"]))) == b"ab"


@operation
async def stage_in_a_thread(it):
    await pipeline([b"a"], threads.through_thread(lambda chunk: chunk, each=True), sink())


@operation
async def writer_of_a_thread(it):
    dest = sink()
    async with threads.thread_writer(dest) as writer:
        await asyncio.to_thread(writer.write, b"a")
    await finished(dest)


@operation
async def program(it):
    await process.spawn("true").wait()


@looped
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("name", OPERATIONS)
async def test_nothing_is_kept(name, tmp_path):
    async with Place(tmp_path) as it:
        assert await growth(lambda: OPERATIONS[name](it)) == {}
