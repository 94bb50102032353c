"""CONNECT from the client's side: tunnels through a proxy."""

import asyncio
import contextlib

import pytest

from forebay import HttpProtocolError, IncompleteMessageError, http, net, once, pipeline
from support.http_peers import body_of, hello, raw_server, serving, until
from support.sockets import HOST


class Proxy:
    """A proxy that knows CONNECT only. ``answer``: what it says, the head and what follows at once."""

    def __init__(self, answer=b"HTTP/1.1 200 Connection established\r\n\r\n"):
        self.answer = answer
        self.heads = []

    def accept(self, client):
        head = b""

        def came(data):
            nonlocal head
            head += data
            if b"\r\n\r\n" not in head:
                return
            client.off("data", came)
            client.pause()
            head, _, rest = head.partition(b"\r\n\r\n")
            self.heads.append(head.decode())
            host, port = head.split()[1].decode().rsplit(":", 1)
            far = net.Socket(allow_half_open=True).connect(host, int(port))
            far.write(rest)
            client.write(self.answer)
            for flow in (pipeline(client, far), pipeline(far, client)):
                flow.add_done_callback(lambda done: done.exception())

        client.on("data", came)

    @contextlib.asynccontextmanager
    async def serving(self):
        async with await net.create_server(self.accept, allow_half_open=True).listen(0, HOST) as server:
            self.url = f"http://{HOST}:{server.address[1]}"
            yield self


@contextlib.asynccontextmanager
async def echoing():
    async with await net.create_server(lambda s: s.pipe(s), allow_half_open=True).listen(0, HOST) as server:
        yield f"{HOST}:{server.address[1]}"


def tunnel(url, authority, **options):
    """A request for a tunnel, and what will be its response and socket."""
    request = http.request(url, method="CONNECT", authority=authority, **options)
    opened = asyncio.ensure_future(once(request, "connect"))
    request.end()
    return opened


def test_connect_opens_a_tunnel(run):
    async def main():
        async with echoing() as there, Proxy().serving() as proxy:
            request = http.request(proxy.url, method="CONNECT", authority=there)
            given = []
            request.on("connect", lambda response, socket: given.append((response, socket)))
            response = await request
            assert (response.status_code, response.complete) == (200, True)
            await until(lambda: given)
            assert given[0][0] is response
            socket = given[0][1]
            data = bytes(range(256)) * 4000
            socket.end(data)
            assert await body_of(socket) == data
            assert proxy.heads == [f"CONNECT {there} HTTP/1.1\r\nHost: {there}"]

    run(main)


@pytest.mark.parametrize("fields", [b"", b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n"])
def test_bytes_after_the_head_belong_to_the_tunnel(run, fields):
    """The bytes belong to the tunnel, even if the head announces a body."""
    answer = b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\n%s\r\nfirst\r\n\r\n" % fields

    async def main():
        async with echoing() as there, Proxy(answer).serving() as proxy:
            _, socket = await tunnel(proxy.url, there)
            socket.end(b"second")
            assert await body_of(socket) == b"first\r\n\r\nsecond"

    run(main)


def test_connect_response_in_pieces(run):
    answer = b"HTTP/1.1 200 OK\r\nVia: x\r\n\r\nrest"

    async def main():
        async def talk(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            for n in range(len(answer)):
                writer.write(answer[n : n + 1])
                await asyncio.sleep(0.001)

        async with raw_server(talk) as url:
            response, socket = await tunnel(url, "there:1")
            assert response.headers["via"] == "x"
            socket.end()
            assert await body_of(socket) == b"rest"

    run(main)


def test_https_through_a_tunnel(run, server_tls, client_tls):
    """An agent uses a proxy."""

    async def main():
        async with serving(hello, ssl=server_tls) as server, Proxy().serving() as proxy:

            async def connect(hostname, port, context):
                _, socket = await tunnel(proxy.url, f"{HOST}:{port}")
                return await socket.start_tls(context, server_hostname=hostname)

            async with http.Agent(ssl=client_tls, connect=connect) as agent:
                for _ in range(3):
                    response = await agent.get(f"https://localhost:{server.port}/x")
                    assert await body_of(response) == b"hello /x"
                assert len(proxy.heads) == 1

    run(main)


def test_forebays_own_server_as_the_proxy(run):
    def accept(request, client):
        host, port = request.url.rsplit(":", 1)
        far = net.Socket(allow_half_open=True).connect(host, int(port))
        client.write(b"HTTP/1.1 200 OK\r\n\r\n")
        client.pipe(far).pipe(client)

    async def main():
        async with echoing() as there, serving() as server:
            server.on("connect", accept)
            _, socket = await tunnel(server.base, there)
            socket.end(b"there and back")
            assert await body_of(socket) == b"there and back"

    run(main)


def test_refused_connect_is_an_ordinary_response(run):
    """Any status but 2xx is an ordinary response, and the connection continues."""

    async def main():
        async def talk(reader, writer):
            for status in (b"407 Proxy Authentication Required", b"302 Found", b"200 OK"):
                head = await reader.readuntil(b"\r\n\r\n")
                heads.append(head.decode())
                writer.write(b"HTTP/1.1 %s\r\nContent-Length: 2\r\nLocation: /x\r\n\r\nno" % status)
            await reader.read()

        heads = []
        async with raw_server(talk) as url, http.Agent() as agent:
            response = await agent.request(url, method="CONNECT", authority="a:1")
            assert (response.status_code, await body_of(response)) == (407, b"no")
            url = url.replace("//", "//me:secret@")
            response = await agent.request(url, method="CONNECT", authority="[::1]:1", redirects=5)
            assert (response.status_code, await body_of(response)) == (302, b"no")
            response = await agent.get(url)
            assert (response.status_code, await body_of(response)) == (200, b"no")
            assert agent.connections == 1
        assert heads[1].startswith("CONNECT [::1]:1 HTTP/1.1\r\nHost: [::1]:1\r\nProxy-Authorization: Basic ")
        assert "\r\nAuthorization: Basic " in heads[2]

    run(main)


def test_tunnel_without_a_listener_fails_the_request(run):
    async def main():
        async with echoing() as there, Proxy().serving() as proxy:
            with pytest.raises(HttpProtocolError, match="connect"):
                await http.request(proxy.url, method="CONNECT", authority=there)

    run(main)


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 407 No\r\nContent-Length: 9\r\n\r\n"]
)
def test_connection_lost_during_connect(run, answer):
    async def main():
        async def talk(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)

        async with raw_server(talk) as url:
            with pytest.raises(IncompleteMessageError):
                await body_of(await http.request(url, method="CONNECT", authority="there:1"))

    run(main)


def test_destroyed_tunnel_request(run):
    async def main():
        gone = asyncio.Event()

        async def talk(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            assert await reader.read() == b""
            gone.set()

        async with raw_server(talk) as url:
            request = http.request(url, method="CONNECT", authority="there:1")
            asked = asyncio.ensure_future(_await(request))
            await until(lambda: request.writable_finished)
            asked.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asked
            await gone.wait()

    run(main)


async def _await(request):
    return await request
