"""Request smuggling and response splitting: two programs in a row see the same messages, or the first one refuses.

The proxy numbers each request that it passes on. A server that finds a request without a number, or with a known one, has found
it in the body of another.
"""

import asyncio
import contextlib
import hashlib
import itertools
import json
import shutil
import signal

import pytest

from forebay import http
from support.ambiguous_messages import HIDDEN, REQUESTS, RESPONSES
from support.http_peers import answer, body_of, raw_server, serving, until
from support.loops import with_programs
from support.recording_servers import recording_servers
from support.sockets import HOST, Peer

AFTER = b"GET /after HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"
# How many connections are open at once.
MOST = 16


@pytest.fixture(scope="module")
def servers():
    with recording_servers() as ports:
        yield ports


async def sent(port, data):
    """Send ``data`` on a connection of its own, and a last request behind it. Return what comes back, and the own port."""
    peer = await Peer.to(port)
    try:
        own = peer.sock.getsockname()[1]
        try:
            await peer.send(data + AFTER)
            peer.half_close()
            return own, await peer.rest()
        except ConnectionError:
            return own, b""
    finally:
        peer.close()


async def all_sent(port, cases):
    """Send each case. Return the responses by name, and the names by the own ports."""
    room = asyncio.Semaphore(MOST)
    back, names = {}, {}

    async def one(name, data):
        async with room:
            own, back[name] = await sent(port, data)
            names[own] = name

    await asyncio.gather(*(one(name, data) for name, data in cases.items()))
    return back, names


class Numbered:
    """A handler before another that numbers the requests, and keeps them."""

    def __init__(self, handler):
        self.passed = {}
        self._handler = handler
        self._counter = itertools.count(1)

    def number(self, request):
        seq = str(next(self._counter))
        request.raw_headers.append((b"X-Seq", seq.encode()))
        self.passed[seq] = (request, request.socket.remote_port)

    async def __call__(self, request, response):
        self.number(request)
        await self._handler(request, response)

    async def upgrade(self, request, socket):
        self.number(request)
        await self._handler.upgrade(request, socket)


def target_of(request):
    """The target as a proxy passes it on."""
    path = request.url.partition("#")[0]
    return "/" + path.split("/", 3)[3] if path.startswith("http://") else path


def check_same(passed, names, recorded, *, merges_slashes=False):
    """Each recorded request is one that was passed on, and it is the same."""
    seen = set()
    for record in recorded:
        assert record["seq"] in passed, f"smuggled: {record}"
        assert record["seq"] not in seen, f"twice: {record}"
        seen.add(record["seq"])
        request, port = passed[record["seq"]]
        name = names[port]
        assert record["method"] == request.method, name
        assert record["size"] == request.stats().bytes, name
        if not (merges_slashes and request.url.startswith("//")):
            assert record["target"] == target_of(request), name
    missing = {seq for seq, (request, _) in passed.items() if request.complete} - seen
    # A target that no URL can have is refused by the proxy itself; a request that broke off may not have been passed on.
    assert {passed[seq][0].url for seq in missing} <= {"*", "file:///smuggled"}


def check_refusals(back):
    """What is refused is refused with a status of the client's, and ends the connection."""
    for name, data in back.items():
        statuses = [int(line.split(b" ")[1]) for line in data.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]
        assert all(status in (100, 200, 400, 413, 417, 501, 505) for status in statuses), (name, statuses)
        assert all(status in (100, 200) for status in statuses[:-1]), (name, statuses)


@pytest.mark.parametrize("name", ["uvicorn-h11", "uvicorn-httptools", "hypercorn", "aiohttp", "node"])
def test_a_server_behind_the_proxy_sees_its_requests_only(run, servers, name):
    if name not in servers:
        pytest.skip(f"{name} is not installed")
    base = f"http://{HOST}:{servers[name]}"

    async def main():
        proxy = http.ReverseProxy(base)
        numbered = Numbered(proxy)
        async with serving(numbered) as server, http.Agent() as agent:
            back, names = await all_sent(server.port, REQUESTS)
            recorded = json.loads(await body_of(await agent.get(f"{base}/recorded")))
            check_same(numbered.passed, names, recorded, merges_slashes=name == "aiohttp")
            check_refusals(back)
            # Something came through.
            assert len(recorded) > 60
        await proxy.aclose()

    run(main)


def test_a_request_to_upgrade_hides_no_other_request(run, servers):
    name = next(iter(servers))
    base = f"http://{HOST}:{servers[name]}"
    cases = {name: data for name, data in REQUESTS.items() if b"pgrade" in data}
    assert len(cases) >= 5

    async def main():
        proxy = http.ReverseProxy(base)
        numbered = Numbered(proxy)
        async with serving(numbered) as server, http.Agent() as agent:
            server.on("upgrade", numbered.upgrade)
            _, names = await all_sent(server.port, cases)
            recorded = json.loads(await body_of(await agent.get(f"{base}/recorded")))
            # The server may take another one for a WebSocket.
            for seq, (request, _) in list(numbered.passed.items()):
                if "upgrade" in request.headers and seq not in {record["seq"] for record in recorded}:
                    del numbered.passed[seq]
            check_same(numbered.passed, names, recorded)
            hidden = [record for record in recorded if record["target"] == "/smuggled"]
            assert len(hidden) == len(
                [1 for request, _ in numbered.passed.values() if request.url == "/smuggled"]
            )
        await proxy.aclose()

    run(main)


NGINX = """
daemon off; worker_processes 1; pid {folder}/pid; error_log /dev/null;
events {{ worker_connections 256; }}
http {{
  access_log off; lingering_close off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/t; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s; merge_slashes off;
  log_format seen '$request_id';
  upstream behind {{ server 127.0.0.1:{backend}; keepalive 4; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      access_log {folder}/seen seen;
      proxy_pass http://behind; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_request_buffering off;
      {number} proxy_ignore_client_abort on;
    }}
  }}
}}
"""


@contextlib.asynccontextmanager
async def nginx(folder, port, backend, number=""):
    if shutil.which("nginx") is None:
        pytest.skip("nginx is not installed")
    config = folder / "nginx.conf"
    config.write_text(NGINX.format(folder=folder, port=port, backend=backend, number=number))
    process = await asyncio.create_subprocess_exec(
        "nginx", "-p", str(folder), "-c", str(config), stderr=asyncio.subprocess.DEVNULL
    )
    try:
        for _ in range(1000):
            try:
                (await Peer.to(port)).close()
                break
            except ConnectionRefusedError:
                await asyncio.sleep(0.01)
        yield
    finally:
        process.send_signal(signal.SIGQUIT)
        await process.wait()


class Recorded:
    """A handler that records requests, as the other servers do."""

    def __init__(self):
        self.requests = []

    async def __call__(self, request, response):
        body = await body_of(request)
        seq = request.headers.get("x-seq", "")
        response.set_header("X-Seq", seq)
        response.end(body)
        self.requests.append(
            {
                "method": request.method,
                "target": request.url,
                "seq": seq,
                "size": len(body),
                "sha": hashlib.sha256(body).hexdigest(),
            }
        )


@pytest.fixture
def run(run):
    return with_programs(run, 120)


@pytest.fixture
def unused_port():
    import socket

    with socket.socket() as sock:
        sock.bind((HOST, 0))
        return sock.getsockname()[1]


def test_nginx_behind_the_proxy_sees_its_requests_only(run, tmp_path, unused_port):
    async def main():
        recorded = Recorded()
        async with serving(recorded) as last, nginx(tmp_path, unused_port, last.port):
            proxy = http.ReverseProxy(f"http://{HOST}:{unused_port}")
            numbered = Numbered(proxy)
            async with serving(numbered) as server:
                _, names = await all_sent(server.port, REQUESTS)
            await proxy.aclose()
            # nginx refuses TRACE.
            numbered.passed = {
                seq: entry for seq, entry in numbered.passed.items() if entry[0].method != "TRACE"
            }
            check_same(numbered.passed, names, recorded.requests)
            assert len(recorded.requests) > 60

    run(main)


def test_the_server_behind_nginx_sees_the_requests_of_nginx_only(run, tmp_path, unused_port):
    async def main():
        recorded = Recorded()
        number = "proxy_set_header X-Seq $request_id;"
        async with (
            serving(recorded) as server,
            nginx(tmp_path, unused_port, server.port, number),
        ):
            await all_sent(unused_port, REQUESTS)
        numbers = (tmp_path / "seen").read_text().split()
        seen = [record["seq"] for record in recorded.requests]
        assert len(seen) > 60
        assert len(set(seen)) == len(seen)
        assert set(seen) <= set(numbers)

    run(main)


@pytest.mark.parametrize("method", RESPONSES)
def test_a_response_cannot_bring_the_next_one(run, method):
    """The next request gets its own answer, whatever came behind the one before; the client's connection stays in order."""
    body = b"Content-Length: 5\r\n\r\nhello" if method == "POST" else b"\r\n"
    first = b"%b /1 HTTP/1.1\r\nHost: test\r\n%b" % (method.encode(), body)
    second = b"GET /2 HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"

    async def one(name, data):
        async def talk(reader, writer):
            with contextlib.suppress(asyncio.IncompleteReadError):
                while True:
                    head = await reader.readuntil(b"\r\n\r\n")
                    honest = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhonest"
                    writer.write(honest if b" /2 " in head else data)

        async with raw_server(talk) as url:
            proxy = http.ReverseProxy(url)
            async with serving(proxy) as server:
                peer = await Peer.to(server.port)
                await peer.send(first + second)
                try:
                    got = await answer(peer, head=method == "HEAD")
                except EOFError:
                    # The answer broke off, and so does the connection.
                    got = None
                if got is not None:
                    assert b"wrong" not in got.body, name
                    assert got.status != 500, name
                if got is not None and got.headers.get("connection") != "close":
                    assert (await answer(peer)).body == b"honest", name
                assert await peer.rest() == b"", name
                peer.close()
                # Another client of the proxy.
                other = await Peer.to(server.port)
                await other.send(second)
                assert (await answer(other)).body == b"honest", name
                other.close()
                await until(lambda: server.connections == 0)
            await proxy.aclose()

    async def main():
        for name, data in RESPONSES[method].items():
            await one(name, data)

    run(main)


def test_what_is_hidden_is_a_request_of_its_own():
    """The cases are of use only if a lax reader would take this for a request."""
    assert sum(HIDDEN in data for data in REQUESTS.values()) > 100
