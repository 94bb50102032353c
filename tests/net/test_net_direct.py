"""Transfers inside the kernel have the same bytes, and a new listener continues without loss."""

import asyncio
import contextlib
import os
import sys

import pytest
from direct_cases import DATA, MARK, SIZE, pipe_ends

from forebay import (
    PassThrough,
    StreamError,
    create_read_stream,
    create_write_stream,
    finished,
    net,
    pipeline,
)
from forebay._system import file_sender
from forebay._system.syscalls import in_memory
from forebay.net._direct import socket_to_file
from support.sockets import HOST, Peer, closed, pair, received, serving, until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="sendfile and splice as Linux has them")


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "data"
    path.write_bytes(DATA)
    return path


@pytest.fixture
def trips(monkeypatch):
    """The trips of files into sockets."""
    made = []
    begin = file_sender.FileSender.__init__

    def noted(self, *args):
        made.append(self)
        begin(self, *args)

    monkeypatch.setattr(file_sender.FileSender, "__init__", noted)
    return made


@pytest.fixture
def pipes(monkeypatch):
    """The pipes that splice has made."""
    made = []
    from forebay.net._direct import socket_to_socket

    opened = socket_to_socket.open_pipe

    def noted():
        made.append(opened())
        return made[-1]

    # Compiled code does not look its own names up anew; the file route does.
    monkeypatch.setattr(socket_to_file, "open_pipe", noted)
    return made


# ---- a file into a socket


@contextlib.asynccontextmanager
async def sending(path, place, **options):
    """A server that pipes a file into every connection."""
    readers = []

    def serve(stream):
        readers.append(create_read_stream(path))
        readers[-1].pipe(stream)

    async with net.create_server(serve, **options) as server:
        yield await server.listen(*place)
        await closed(*readers)


@pytest.mark.parametrize(
    "reading", [{}, {"start": 100_001}, {"end": 4_999_999}, {"start": 7, "end": 7}, {"start": SIZE}]
)
def test_file_to_socket(run, file, trips, reading):
    async def main():
        async def serve(stream):
            reader = create_read_stream(file, **reading)
            readers.append(reader)
            await pipeline(reader, stream)
            assert reader.bytes_read == stream.bytes_written == len(want)
            assert reader.stats().readable.bytes == len(want)
            assert stream.stats().writable.bytes == len(want)

        async with serving(serve) as server, net.connect(server.port, HOST) as client:
            assert await received(client) == want
            await closed(*readers)

    readers = []
    want = DATA[reading.get("start", 0) : reading.get("end", SIZE) + 1]
    run(main)
    assert trips


def test_writes_before_and_after_the_file(run, file, trips):
    async def main():
        async def serve(stream):
            stream.write(b"before ")
            reader = create_read_stream(file)
            readers.append(reader)
            reader.pipe(stream, end=False)
            await finished(reader)
            stream.end(b" after")

        async with serving(serve) as server, net.connect(server.port, HOST) as client:
            assert await received(client) == b"before " + DATA + b" after"
            await closed(*readers)

    readers = []
    run(main)
    assert trips


def test_write_during_a_transfer_follows_the_sent_bytes(run, file, trips):
    async def main():
        async with pair() as (client, there):
            reader = create_read_stream(file)
            reader.pipe(there)
            await until(lambda: there.bytes_written)
            there.write(MARK)
            before, after = (await received(client)).split(MARK)
            assert before + after == DATA
            assert before
            await closed(reader)

    run(main)
    assert len(trips) > 1


def test_listener_added_in_the_middle_gets_the_rest(run, file, trips):
    async def main():
        async with pair() as (client, there):
            reader = create_read_stream(file)
            reader.pipe(there)
            await until(lambda: there.bytes_written)
            seen = []
            reader.on("data", seen.append)
            assert await received(client) == DATA
            rest = b"".join(seen)
            assert rest
            assert DATA.endswith(rest)
            await closed(reader)

    run(main)
    assert trips


def test_unpipe_in_the_middle(run, file, trips):
    async def main():
        async with pair() as (client, there):
            reader = create_read_stream(file)
            reader.pipe(there)
            await until(lambda: there.bytes_written)
            reader.unpipe(there)
            there.end()
            start = await received(client)
            rest = await received(reader)
            assert start + rest == DATA
            assert start
            await closed(reader)

    run(main)
    assert trips


def test_pause_and_resume(run, file, trips):
    async def main():
        async with pair() as (client, there):
            reader = create_read_stream(file)
            reader.pipe(there)
            coming = asyncio.create_task(received(client))
            for _ in range(3):
                await until(lambda: there.bytes_written)
                reader.pause()
                await asyncio.sleep(0.01)
                before = there.bytes_written
                await asyncio.sleep(0.01)
                assert there.bytes_written == before
                reader.resume()
            assert await coming == DATA
            await closed(reader)

    run(main)
    assert trips


def test_slow_client_pauses_the_file(run, tmp_path, trips):
    path = tmp_path / "large"
    with path.open("wb") as made:
        made.truncate(1 << 30)

    async def main():
        async with serving(lambda stream: streams.append((create_read_stream(path), stream))) as server:
            peer = await Peer.to(server.port)
            await until(lambda: streams)
            reader, stream = streams[0]
            stream.on("error", lambda error: None)
            reader.pipe(stream)
            for _ in range(10):
                await peer.receive(100_000)
                await asyncio.sleep(0.005)
            # No further than what the socket's buffers hold.
            assert 1_000_000 <= stream.bytes_written < 20_000_000
            assert reader.bytes_read <= stream.bytes_written + 65536
            reader.destroy()
            peer.close()
            await closed(reader)
            stream.destroy()

    streams = []
    run(main)
    assert trips


@pytest.mark.parametrize("who", ["reader", "stream", "peer"])
def test_destroyed_in_the_middle(run, file, trips, who):
    async def main():
        async with serving(lambda stream: streams.append(stream)) as server:
            peer = await Peer.to(server.port)
            await until(lambda: streams)
            (stream,) = streams
            reader = create_read_stream(file)
            flow = pipeline(reader, stream)
            await until(lambda: stream.bytes_written)
            if who == "peer":
                peer.reset()
            else:
                (reader if who == "reader" else stream).destroy()
            with pytest.raises((OSError, StreamError)) as caught:
                await flow
            await closed(reader, stream)
            if who == "peer":
                assert isinstance(caught.value, ConnectionError)
            peer.close()

    streams = []
    run(main)
    assert trips


def test_uncached_file_is_loaded_by_a_worker(run, file, trips, monkeypatch):
    """A worker loads the file, and the loop does not wait for the disk."""

    async def main():
        async with sending(file, (0, HOST)) as server, net.connect(server.port, HOST) as client:
            assert await received(client) == DATA

    fetched = []
    fetch = file_sender._fetch

    def noted(opened, at):
        fetched.append(at)
        return fetch(opened, at)

    monkeypatch.setattr(file_sender, "_fetch", noted)
    monkeypatch.setattr(file_sender, "in_memory", lambda *args: 0)
    run(main)
    assert len(fetched) >= SIZE // file_sender._FETCH_BYTES


@pytest.mark.parametrize("offset", [0, 1, 4095, 131_071, 5_000_000])
@pytest.mark.parametrize("size", [1, 131_072, 1_000_000, 8_000_000])
def test_cached_ranges_are_found(file, offset, size):
    """A file that has just been written is cached, and a range behind its end counts as cached."""
    with open(file, "rb") as opened:
        assert in_memory(opened.fileno(), offset, size, 131_072) == size


def test_uncached_ranges_are_found(file):
    with open(file, "rb") as opened:
        fd = opened.fileno()
        os.fsync(fd)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        if in_memory(fd, SIZE - 1, 1, 1):
            pytest.skip("this file system keeps its files in memory")
        assert in_memory(fd, 0, SIZE, 131_072) == 0
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_RANDOM)
        os.pread(fd, 1 << 20, 0)
        assert in_memory(fd, 0, SIZE, 131_072) == in_memory(fd, 0, 1 << 20, 131_072) == 1 << 20


def test_transfer_to_a_fast_peer_returns_to_the_loop(run, file, trips, monkeypatch):
    """A new listener then sees the bytes, however fast the peer is."""

    async def main():
        async with sending(file, (0, HOST)) as server, net.connect(server.port, HOST) as client:
            assert await received(client) == DATA

    monkeypatch.setattr(file_sender, "_SLICE_BYTES", 10_000)
    monkeypatch.setattr(file_sender, "_TURN_BYTES", 100_000)
    monkeypatch.setattr(file_sender, "_TRANSFER_SECONDS", 0.0)
    run(main)
    assert len(trips) >= SIZE // 200_000


def test_tls_uses_the_ordinary_path(run, file, trips, server_tls, client_tls):
    async def main():
        async with (
            sending(file, (0, HOST), ssl=server_tls) as server,
            net.connect(server.port, "localhost", ssl=client_tls) as client,
        ):
            assert await received(client) == DATA

    run(main)
    assert not trips


def test_file_to_unix_socket(run, file, trips, tmp_path):
    async def main():
        place = tmp_path / "socket"
        async with sending(file, (place,)), net.connect(place) as client:
            assert await received(client) == DATA

    run(main)
    assert trips


# ---- a socket into a file


@pytest.mark.parametrize("writing", [{}, {"flags": "a"}, {"flags": "r+", "start": 5}, {"atomic": True}])
def test_socket_to_file(run, tmp_path, pipes, writing):
    path = tmp_path / "out"
    if "flags" in writing:
        path.write_bytes(b"01234")

    async def main():
        async with pair() as (client, there):
            writer = create_write_stream(path, **writing)
            flow = pipeline(there, writer)
            for at in range(0, SIZE, 100_000):
                await client.send(DATA[at : at + 100_000])
            client.end()
            client.resume()
            await flow
            assert there.bytes_read == writer.bytes_written == SIZE

    run(main)
    assert path.read_bytes() == (b"01234" if "flags" in writing else b"") + DATA
    assert pipes


def test_listener_added_during_a_download(run, tmp_path, pipes):
    path = tmp_path / "out"

    async def main():
        async with pair() as (client, there):
            writer = create_write_stream(path)
            flow = pipeline(there, writer)
            seen = []
            for at in range(0, SIZE, 100_000):
                await client.send(DATA[at : at + 100_000])
                if pipes and seen.append not in there.listeners("data"):
                    there.on("data", seen.append)
            client.end()
            client.resume()
            await flow
            assert DATA.endswith(b"".join(seen))
            assert seen

    run(main)
    assert path.read_bytes() == DATA


def test_a_full_disk(run, pipes):
    async def main():
        async with pair() as (client, there):
            client.on("error", lambda error: None)
            writer = create_write_stream("/tmp/forebay-full", flags="w")
            flow = pipeline(there, writer)
            sending = asyncio.ensure_future(pump(client))
            with pytest.raises(OSError, match=r"large|space") as caught:
                await flow
            assert caught.value.filename == "/tmp/forebay-full"
            await closed(there, writer)
            with contextlib.suppress(Exception):
                await sending

    async def pump(client):
        for _ in range(200):
            await client.send(bytes(100_000))

    import resource
    import signal

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, limits[1]))
    try:
        run(main)
        assert os.path.getsize("/tmp/forebay-full") == 3_000_000
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
        os.unlink("/tmp/forebay-full")
    assert pipes


@pytest.mark.parametrize("who", ["source", "writer"])
def test_destroyed_download(run, tmp_path, pipes, who):
    async def main():
        async with pair() as (client, there):
            client.on("error", lambda error: None)
            writer = create_write_stream(tmp_path / "out")
            flow = pipeline(there, writer)
            sending = asyncio.ensure_future(pump(client))
            await until(lambda: pipes)
            (there if who == "source" else writer).destroy()
            with pytest.raises((OSError, StreamError)):
                await flow
            await closed(there, writer)
            with contextlib.suppress(Exception):
                await sending

    async def pump(client):
        for _ in range(1000):
            await client.send(bytes(100_000))

    run(main)


# ---- what stands between takes the ordinary way


def test_transform_prevents_the_direct_path(run, file, trips):
    async def main():
        async def serve(stream):
            readers.append(create_read_stream(file))
            await pipeline(readers[0], PassThrough(), stream)

        async with serving(serve) as server, net.connect(server.port, HOST) as client:
            through = PassThrough()
            client.pipe(through)
            assert await received(through) == DATA
            assert pipe_ends() == []
            await closed(*readers)

    readers = []

    run(main)
    assert not trips
