"""The scenarios that run while a system call fails: each moves known bytes, and says what arrived."""

import asyncio
import gzip
import hashlib
import sqlite3
import ssl
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import forebay
from forebay import asyncio as drop_in
from forebay import codecs, consumers, fs, http, net, pipeline, sql
from forebay.formats import csv

# Not a multiple of any buffer's size, and larger than each.
DATA = b"".join(hashlib.sha256(number.to_bytes(4, "big")).digest() for number in range(9000)) + b"end"
ROWS = [(number, f"row {number}") for number in range(3000)]


@dataclass
class Place:
    """What the scenarios share: a folder with the source file, and the certificate of the server."""

    folder: Path
    certificate: str
    key: str
    #: Errors that reached a server or another far end.
    errors: list[BaseException] = field(default_factory=list)

    @property
    def source(self) -> Path:
        return self.folder / "source"

    @property
    def target(self) -> Path:
        return self.folder / "work" / "target"

    def prepare(self) -> None:
        self.source.write_bytes(DATA)
        (self.folder / "source.gz").write_bytes(gzip.compress(DATA, 1))
        with closing(sqlite3.connect(self.folder / "source.db")) as connection:
            connection.execute("create table source (id int, name text)")
            connection.executemany("insert into source values (?, ?)", ROWS)
            connection.commit()
        tree = self.folder / "tree"
        for number in range(5):
            inner = tree / f"folder {number}"
            inner.mkdir(parents=True)
            (inner / "file").write_bytes(DATA[: number * 40_000])

    def clear(self) -> None:
        """Leave an empty folder for the next run."""
        work = self.folder / "work"
        remove(work)
        work.mkdir()
        self.errors.clear()

    def arrived(self) -> bytes:
        return self.target.read_bytes()

    def server_tls(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context

    def client_tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.certificate)
        context.check_hostname = False
        return context


#: Reads what has arrived, when no system call fails any more.
Later = Callable[[], bytes]


def remove(path: Path) -> None:
    """Remove a folder with all that is in it, by few calls."""
    if not path.exists():
        return
    for inner in sorted(path.rglob("*"), reverse=True):
        if inner.is_dir() and not inner.is_symlink():
            inner.rmdir()
        else:
            inner.unlink()
    path.rmdir()


async def copy(place: Place) -> Later:
    await pipeline(fs.create_read_stream(place.source), fs.create_write_stream(place.target))
    return place.arrived


async def atomic_copy(place: Place) -> Later:
    await pipeline(fs.create_read_stream(place.source), fs.create_write_stream(place.target, atomic=True))
    return place.arrived


async def copy_through_python(place: Place) -> Later:
    source = fs.create_read_stream(place.source, high_water_mark=4096)
    await pipeline(source, forebay.PassThrough(), fs.create_write_stream(place.target, flush=True))
    return place.arrived


async def copy_tree(place: Place) -> Later:
    target = place.folder / "work" / "tree"
    await fs.copy_tree(place.folder / "tree", target, on_error=place.errors.append)
    if place.errors:
        raise place.errors[0]

    def arrived() -> bytes:
        copies = [(target / f"folder {number}" / "file").read_bytes() for number in range(5)]
        return DATA if copies == [DATA[: number * 40_000] for number in range(5)] else b""

    return arrived


async def read_all(place: Place) -> bytes:
    return b"".join([chunk async for chunk in fs.create_read_stream(place.source)])


async def gzip_file(place: Place) -> Later:
    await pipeline(
        fs.create_read_stream(place.source), codecs.gzip(level=1), fs.create_write_stream(place.target)
    )
    return lambda: gzip.decompress(place.arrived())


async def gunzip_file(place: Place) -> Later:
    source = fs.create_read_stream(place.folder / "source.gz")
    await pipeline(source, codecs.gunzip(), fs.create_write_stream(place.target))
    return place.arrived


async def served(place: Place, listener, **options) -> net.Server:
    """A server whose connections report their errors to the place."""

    def connected(socket: net.Socket) -> object:
        socket.on("error", place.errors.append)
        return listener(socket)

    server = net.create_server(connected, **options)
    server.on("error", place.errors.append)
    return await server.listen(0, "127.0.0.1")


async def echoed(place: Place, server: net.Server, **options) -> bytes:
    """Send the data to a server that sends it back."""
    async with server:
        socket = await net.connect(server.port, "127.0.0.1", **options)
        try:
            sent = asyncio.ensure_future(pipeline(forebay.Readable.from_([DATA]), socket))
            try:
                got = b"".join([chunk async for chunk in socket])
            except BaseException:
                sent.cancel()
                await asyncio.wait([sent])
                heard(sent)
                raise
            await sent
            return got
        finally:
            socket.destroy()


def heard(task: asyncio.Task) -> None:
    if not task.cancelled():
        task.exception()


async def echo(place: Place) -> bytes:
    server = await served(place, lambda socket: socket.pipe(socket), allow_half_open=True)
    return await echoed(place, server, allow_half_open=True)


async def tls_echo(place: Place) -> bytes:
    server = await served(
        place, lambda socket: socket.pipe(socket), ssl=place.server_tls(), allow_half_open=True
    )
    return await echoed(place, server, ssl=place.client_tls(), allow_half_open=True)


async def proxy(place: Place) -> bytes:
    behind = await served(place, lambda socket: socket.pipe(socket), allow_half_open=True)

    async def passed_on(socket: net.Socket) -> None:
        try:
            other = await net.connect(behind.port, "127.0.0.1", allow_half_open=True)
        except OSError as error:
            place.errors.append(error)
            socket.destroy()
            return
        other.on("error", place.errors.append)
        other.on("close", socket.destroy)
        socket.on("close", other.destroy)
        socket.pipe(other).pipe(socket)

    async with behind:
        front = await served(place, passed_on, allow_half_open=True)
        return await echoed(place, front, allow_half_open=True)


async def file_to_socket(place: Place) -> bytes:
    def send(socket: net.Socket) -> None:
        source = fs.create_read_stream(place.source)
        source.on("error", place.errors.append)
        source.on("error", socket.destroy)
        socket.on("close", source.destroy)
        source.pipe(socket)

    async with await served(place, send) as server:
        socket = await net.connect(server.port, "127.0.0.1")
        return b"".join([chunk async for chunk in socket])


async def socket_to_file(place: Place) -> Later:
    def send(socket: net.Socket) -> None:
        socket.end(DATA)

    async with await served(place, send) as server:
        socket = await net.connect(server.port, "127.0.0.1")
        await pipeline(socket, fs.create_write_stream(place.target))
    # Without an error of the sender, TCP says whether all has come.
    return place.arrived


async def requested(place: Place, handler, ask):
    async def handle(request: http.ServerRequest, response: http.ServerResponse) -> None:
        response.on("error", place.errors.append)
        try:
            await handler(request, response)
        except Exception as error:
            place.errors.append(error)
            response.destroy()

    server = http.create_server(handle)
    server.on("error", place.errors.append)
    server.on("client_error", lambda error, *_: place.errors.append(error))
    async with await server.listen(0, "127.0.0.1"), http.Agent() as agent:
        return await ask(agent, f"http://127.0.0.1:{server.port}/")


async def http_upload(place: Place) -> Later:
    async def take(request, response) -> None:
        await pipeline(request, fs.create_write_stream(place.target, atomic=True))
        response.end(b"taken")

    async def ask(agent: http.Agent, url: str) -> Later:
        response = await agent.request(url, method="PUT", body=fs.create_read_stream(place.source))
        assert await consumers.bytes(response) == b"taken"
        return place.arrived

    return await requested(place, take, ask)


async def http_download(place: Place) -> bytes:
    async def give(request, response) -> None:
        await pipeline(fs.create_read_stream(place.source), response)

    async def ask(agent: http.Agent, url: str) -> bytes:
        return await consumers.bytes(await agent.get(url))

    return await requested(place, give, ask)


async def http_ranges(place: Place) -> bytes:
    async def give(request, response) -> None:
        await response.send_file(place.source)

    async def ask(agent: http.Agent, url: str) -> bytes:
        parts = []
        for start in range(0, len(DATA), 100_000):
            wanted = f"bytes={start}-{start + 99_999}"
            response = await agent.get(url, headers={"Range": wanted})
            if response.status_code != 206:
                raise OSError(f"the answer is {response.status_code}")
            parts.append(await consumers.bytes(response))
        return b"".join(parts)

    return await requested(place, give, ask)


async def asyncio_echo(place: Place) -> bytes:
    async def answer(reader, writer) -> None:
        try:
            while block := await reader.read(30_000):
                writer.write(block)
                await writer.drain()
            writer.write_eof()
            await reader.read()
        except Exception as error:
            place.errors.append(error)
        finally:
            writer.close()

    server = await drop_in.start_server(answer, "127.0.0.1", 0)
    async with server:
        if not server.sockets:
            raise OSError("asyncio could not listen")
        reader, writer = await drop_in.open_connection(*server.sockets[0].getsockname())
        try:
            writer.write(DATA)
            writer.write_eof()
            got = await reader.read()
            assert reader.at_eof()
            return got
        finally:
            writer.close()
            try:
                await writer.wait_closed()
            except OSError as error:
                place.errors.append(error)


async def rows_out(place: Place) -> Later:
    with closing(sqlite3.connect(place.folder / "source.db", check_same_thread=False)) as connection:
        query = sql.query(connection, "select id, name from source order by id")
        await pipeline(query, csv.stringify(header=False), fs.create_write_stream(place.target))

    def arrived() -> bytes:
        lines = place.arrived().decode().splitlines()
        return DATA if lines == [f"{number},{name}" for number, name in ROWS] else b""

    return arrived


async def rows_in(place: Place) -> bytes:
    with closing(sqlite3.connect(":memory:", check_same_thread=False)) as connection:
        connection.execute("create table target (id int, name text)")
        connection.commit()
        try:
            await pipeline(forebay.Readable.from_(ROWS), sql.insert(connection, "target"))
        except BaseException:
            # A cancellation during the commit does not undo it.
            assert connection.execute("select count(*) from target").fetchone() in ((0,), (len(ROWS),))
            raise
        assert connection.execute("select * from target order by id").fetchall() == ROWS
    return DATA


SCENARIOS = {
    scenario.__name__: scenario
    for scenario in (
        copy,
        atomic_copy,
        copy_through_python,
        copy_tree,
        read_all,
        gzip_file,
        gunzip_file,
        echo,
        tls_echo,
        proxy,
        file_to_socket,
        socket_to_file,
        http_upload,
        http_download,
        http_ranges,
        asyncio_echo,
        rows_out,
        rows_in,
    )
}
#: Functions whose errors asyncio itself reports to the loop or does not survive, in the scenarios that use its sockets.
OF_ASYNCIO = {"asyncio_echo": {"accept", "accept4", "setsockopt", "close", "epoll_ctl"}}
#: Scenarios in which asyncio itself leaves a socket open when it is cancelled.
LEAKING_IN_ASYNCIO = {"asyncio_echo"}
#: Scenarios whose target is replaced at once: it is whole or not there.
ATOMIC = {"atomic_copy", "http_upload"}
