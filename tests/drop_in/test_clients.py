"""Unmodified libraries run on forebay's streams after install(): against real servers, or on both ends."""

import asyncio
import contextlib
import http.client
import os
import shutil
import socket
import subprocess
import time

import pytest

import forebay.asyncio

# Of the libraries, not of what is tested.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

BLOB = os.urandom(300_000)


@pytest.fixture(autouse=True)
def installed():
    with forebay.asyncio.installed():
        yield


# ---- redis


@pytest.fixture(scope="module")
def redis_socket(tmp_path_factory):
    """The path of the Unix socket of a Redis server that has just been started."""
    binary = shutil.which("redis-server")
    if binary is None:
        pytest.skip("no redis-server on this machine; apt-get install redis-server")
    folder = tmp_path_factory.mktemp("redis")
    path = folder / "socket"
    command = [
        binary,
        "--port",
        "0",
        "--unixsocket",
        path,
        "--save",
        "",
        "--appendonly",
        "no",
        "--dir",
        folder,
    ]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 20
        while not path.exists():
            assert server.poll() is None, "redis-server ended"
            assert time.monotonic() < deadline, "redis-server does not come up"
            time.sleep(0.02)
        yield str(path)
    finally:
        server.terminate()
        server.wait(10)


def test_redis(run, redis_socket):
    redis = pytest.importorskip("redis.asyncio")

    async def main():
        client = redis.Redis(unix_socket_path=redis_socket)
        await client.flushall()
        assert await client.set("key", b"value")
        assert await client.get("key") == b"value"
        await client.set("blob", BLOB)
        assert await client.get("blob") == BLOB
        assert await client.get("nothing") is None
        async with client.pipeline(transaction=False) as pipe:
            for number in range(1000):
                pipe.set(f"k{number}", f"v{number}")
                pipe.get(f"k{number}")
            results = await pipe.execute()
        assert results[1::2] == [f"v{number}".encode() for number in range(1000)]
        with pytest.raises(redis.ResponseError):
            await client.incr("blob")
        values = await asyncio.gather(*(client.get(f"k{number}") for number in range(50)))
        assert values == [f"v{number}".encode() for number in range(50)]
        connection = await client.connection_pool.get_connection()
        assert type(connection._reader) is forebay.asyncio.StreamReader
        await client.connection_pool.release(connection)
        await client.aclose()

    run(main)


def test_redis_publishes(run, redis_socket):
    redis = pytest.importorskip("redis.asyncio")

    async def main():
        client = redis.Redis(unix_socket_path=redis_socket)
        async with client.pubsub() as listening:
            await listening.subscribe("news")
            assert (await listening.get_message(timeout=10))["type"] == "subscribe"
            await client.publish("news", "hello")
            assert (await listening.get_message(timeout=10))["data"] == b"hello"
            assert await listening.get_message(timeout=0.01) is None
            await client.publish("news", "again")
            assert (await listening.get_message(timeout=10))["data"] == b"again"
        await client.aclose()

    run(main)


def test_redis_blocked_and_cancelled(run, redis_socket):
    redis = pytest.importorskip("redis.asyncio")

    async def main():
        client = redis.Redis(unix_socket_path=redis_socket)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.blpop(["empty"]), 0.05)
        assert await client.ping()
        waiting = asyncio.create_task(client.blpop(["queue"]))
        await asyncio.sleep(0.01)
        await client.rpush("queue", "item")
        assert await waiting in ((b"queue", b"item"), [b"queue", b"item"])
        await client.aclose()

    run(main)


# ---- FTP: aioftp is client and server, each on asyncio's streams


def test_aioftp(run, tmp_path):
    aioftp = pytest.importorskip("aioftp")

    async def main():
        (tmp_path / "shared").mkdir(exist_ok=True)
        user = aioftp.User(base_path=tmp_path / "shared", permissions=[aioftp.Permission("/", writable=True)])
        server = aioftp.Server([user])
        await server.start("127.0.0.1", 0)
        async with aioftp.Client.context("127.0.0.1", server.address[1]) as client:
            async with client.upload_stream("blob") as stream:
                for at in range(0, len(BLOB), 30_000):
                    await stream.write(BLOB[at : at + 30_000])
            assert (tmp_path / "shared" / "blob").read_bytes() == BLOB
            names = [str(path) for path, _ in await client.list()]
            assert names == ["blob"]
            async with client.download_stream("blob") as stream:
                assert b"".join([block async for block in stream.iter_by_block(8192)]) == BLOB
            await client.remove("blob")
        await server.close()

    run(main)


# ---- HTTP: hypercorn serves on asyncio.start_server


def test_hypercorn(run):
    pytest.importorskip("hypercorn")
    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            raise NotImplementedError
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [(b"content-length", b"%d" % len(body))],
            }
        )
        for at in range(0, len(body), 50_000):
            await send({"type": "http.response.body", "body": body[at : at + 50_000], "more_body": True})
        await send({"type": "http.response.body"})

    def visit(port):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        for body in (b"x", BLOB, b"", BLOB[:70_000]):
            connection.request("POST", "/", body)
            assert connection.getresponse().read() == body
        connection.close()

    async def main():
        config = Config()
        with socket.create_server(("127.0.0.1", 0)) as listening:
            port = listening.getsockname()[1]
            config.bind = [f"fd://{os.dup(listening.fileno())}"]
            done = asyncio.Event()
            serving = asyncio.create_task(serve(app, config, shutdown_trigger=done.wait))
            await asyncio.gather(*(asyncio.to_thread(visit, port) for _ in range(3)))
            done.set()
            await serving

    run(main)


# ---- mail: the server of aiosmtpd is a subclass of asyncio.StreamReaderProtocol


def test_aiosmtpd_and_aiosmtplib(run, tls):
    pytest.importorskip("aiosmtpd")
    aiosmtplib = pytest.importorskip("aiosmtplib")
    from aiosmtpd.smtp import SMTP

    received = []

    class Handler:
        async def handle_DATA(self, server, session, envelope):
            received.append(envelope.content)
            return "250 OK"

    text = "Subject: hello\r\n\r\n" + "a line of the message\r\n" * 3000

    async def main():
        received.clear()
        loop = asyncio.get_running_loop()
        server_context, client_context = tls
        server = await loop.create_server(
            lambda: SMTP(Handler(), loop=loop, tls_context=server_context), "127.0.0.1", 0
        )
        port = server.sockets[0].getsockname()[1]
        for start_tls in (False, True):
            client = aiosmtplib.SMTP(
                hostname="localhost",
                port=port,
                start_tls=start_tls,
                tls_context=client_context if start_tls else None,
            )
            await client.connect()
            await client.sendmail("me@example.org", ["you@example.org"], text)
            await client.quit()
        assert received == [text.encode()] * 2
        server.close()
        await server.wait_closed()

    run(main)


# ---- WebSockets: the older classes of websockets have a protocol of their own, which feeds asyncio's StreamReader


def test_websockets(run):
    server = pytest.importorskip("websockets.legacy.server")
    client = pytest.importorskip("websockets.legacy.client")
    readers = []

    async def echo(socket, *_):
        readers.append(type(socket.reader))
        async for message in socket:
            await socket.send(message)

    async def main():
        readers.clear()
        async with server.serve(echo, "127.0.0.1", 0, max_size=None) as serving:
            port = serving.sockets[0].getsockname()[1]
            async with client.connect(f"ws://127.0.0.1:{port}", max_size=None) as socket:
                for message in ("hello", BLOB, b"", "x" * 70_000):
                    await socket.send(message)
                    assert await socket.recv() == message
                await (await socket.ping())
                await socket.send([b"frag", b"ments"])
                assert await socket.recv() == b"fragments"
        assert readers == [forebay.asyncio.StreamReader]

    run(main)


# ---- memcached


def test_memcached(run, tmp_path):
    aiomcache = pytest.importorskip("aiomcache")
    binary = shutil.which("memcached")
    if binary is None:
        pytest.skip("no memcached on this machine; apt-get install memcached")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [binary, "-l", "127.0.0.1", "-p", str(port), "-U", "0", "-u", "nobody"]
    server = subprocess.Popen(command, stderr=subprocess.DEVNULL)

    async def main():
        deadline = time.monotonic() + 20
        while True:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port)).close()
                break
            assert time.monotonic() < deadline, "memcached does not come up"
            await asyncio.sleep(0.02)
        client = aiomcache.Client("127.0.0.1", port)
        await client.set(b"key", b"value")
        await client.set(b"blob", BLOB)
        assert await client.get(b"key") == b"value"
        assert await client.get(b"blob") == BLOB
        assert await client.multi_get(b"key", b"nothing") == (b"value", None)
        await client.close()

    try:
        run(main)
    finally:
        server.terminate()
        server.wait(10)
