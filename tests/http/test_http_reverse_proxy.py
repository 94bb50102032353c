"""A reverse proxy: forwarded fields, the X-Forwarded-* fields, and connections that break off."""

import asyncio
import contextlib

import pytest

from forebay import InvalidArgTypeError, InvalidArgValueError, OutOfRangeError, http
from support.http_peers import answer, body_of, peer_of, raw_server, request, serving, until


def show(request, response):
    lines = [f"{request.method} {request.url}"]
    lines += [
        f"{name.decode('latin-1').lower()}: {value.decode('latin-1')}" for name, value in request.raw_headers
    ]
    response.set_header("Content-Type", "text/plain; charset=latin-1")
    response.end("\n".join(lines).encode("latin-1"))


@contextlib.asynccontextmanager
async def proxied(handler=show, path="", **options):
    """A raw client of a proxy before a server."""
    async with serving(handler) as far:
        proxy = http.ReverseProxy(far.base + path, **options)
        async with peer_of(proxy) as peer:
            peer.far = far
            yield peer
        await proxy.aclose()


async def shown(peer, line, *fields):
    await peer.send("".join(f"{part}\r\n" for part in (f"{line} HTTP/1.1", *fields, "")).encode("latin-1"))
    got = await answer(peer)
    assert got.status == 200, got
    first, *lines = got.body.decode("latin-1").split("\n")
    return first, dict(line.split(": ", 1) for line in lines)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"target": "http://x/?a"}, InvalidArgValueError),
        ({"target": "http://x/?"}, InvalidArgValueError),
        ({"target": "http://x/#a"}, InvalidArgValueError),
        ({"target": "ftp://x/"}, InvalidArgValueError),
        ({"target": "x"}, InvalidArgValueError),
        ({"target": None}, InvalidArgTypeError),
        ({"agent": "x"}, InvalidArgTypeError),
        ({"timeout": 0}, OutOfRangeError),
    ],
)
def test_wrong_arguments(run, options, error):
    async def main():
        with pytest.raises(error):
            http.ReverseProxy(**{"target": "http://x/", **options})

    run(main)


@pytest.mark.parametrize(
    ("path", "asked", "wanted"),
    [
        ("", "/a?b=c", "/a?b=c"),
        ("", "/a?", "/a?"),
        ("/", "/", "/"),
        ("/app", "/", "/app/"),
        ("/app/", "/a?x=/../y", "/app/a?x=/../y"),
        ("", "/a%20b%2Fc?%20", "/a%20b%2Fc?%20"),
        ("", "/a\\..\\b", "/a%5C..%5Cb"),
        ("", "//evil/x", "//evil/x"),
        ("", "/../x", "/../x"),
        ("", "http://other:1/a?b", "/a?b"),
        ("", "http://other", "/"),
        ("", "http://other?b", "/?b"),
    ],
)
def test_path_is_added_to_the_target(run, path, asked, wanted):
    async def main():
        async with proxied(path=path) as peer:
            first, _ = await shown(peer, f"GET {asked}", "Host: client")
            assert first == f"GET {wanted}"

    run(main)


@pytest.mark.parametrize(
    "asked", ["/../x", "/a/..", "/%2e%2e/x", "/..%2fx", "/..\\x", "/a/..%5Cx", "/..;/x", "/a/..%3Bb/..;c=d"]
)
def test_path_outside_the_target_is_400(run, asked):
    async def main():
        async with proxied(path="/app") as peer:
            await peer.send(request(f"GET {asked}"))
            assert (await answer(peer)).status == 400

    run(main)


def test_a_request_without_a_path(run):
    async def main():
        async with proxied() as peer:
            await peer.send(request("OPTIONS *"))
            assert (await answer(peer)).status == 400

    run(main)


CLAIMS = (
    "X-Forwarded-For: 6.6.6.6",
    "x-forwarded-proto: https",
    "X-Forwarded-Host: evil",
    "X-Forwarded-Port: 1",
    "X_Forwarded_Host: evil",
    "X-Real-IP: 6.6.6.6",
    "Forwarded: for=6.6.6.6",
)


def test_forwarded_headers_of_a_client_are_dropped(run):
    async def main():
        async with proxied() as peer:
            _, fields = await shown(peer, "GET /", "Host: client:8", *CLAIMS, "X: y")
            assert fields == {
                "host": peer.far.base.removeprefix("http://"),
                "x": "y",
                "x-forwarded-for": "127.0.0.1",
                "x-forwarded-proto": "http",
                "x-forwarded-host": "client:8",
            }
            _, fields = await shown(peer, "GET http://asked/", "Host: client")
            assert fields["x-forwarded-host"] == "asked"

    run(main)


def test_fields_that_a_server_could_take_for_others_are_dropped(run):
    """Servers with variables for header fields treat an underscore as a hyphen."""
    fields = (
        "Content_Length: 5",
        "TRANSFER_ENCODING: chunked",
        "Host_: x",
        "HOST: client",
        "A_B: c",
        "Te_: y",
    )

    async def main():
        for trusted in (False, True):
            async with proxied(trust_forwarded=trusted) as peer:
                _, got = await shown(peer, "GET /", *fields, "Proxy_Authorization: z")
                assert {name for name in got if "_" in name} == {"a_b", "host_", "te_"}

    run(main)


def test_a_body_that_is_invalid_from_its_beginning_is_502(run):
    async def talk(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx")
        await reader.read()

    async def main():
        async with raw_server(talk) as url:
            proxy = http.ReverseProxy(url)
            async with peer_of(proxy) as peer:
                await peer.send(request("GET /"))
                assert (await answer(peer)).status == 502
                assert await peer.rest() == b""
            await proxy.aclose()

    run(main)


def test_forwarded_headers_of_a_trusted_client_are_kept(run):
    async def main():
        async with proxied(trust_forwarded=True, preserve_host=True) as peer:
            _, fields = await shown(peer, "GET /", "Host: client:8", *CLAIMS)
            assert fields["x-forwarded-for"] == "6.6.6.6, 127.0.0.1"
            assert fields["x-forwarded-proto"] == "https"
            assert fields["x-forwarded-host"] == "evil"
            assert fields["forwarded"] == "for=6.6.6.6"
            assert fields["host"] == "client:8"
            _, fields = await shown(peer, "GET /", "Host: client:8")
            assert fields["x-forwarded-for"] == "127.0.0.1"
            assert fields["x-forwarded-host"] == "client:8"

    run(main)


def test_hop_by_hop_headers_are_not_forwarded(run):
    hop = ("TE: gzip", "Keep-Alive: 1", "Proxy-Authorization: x", "Upgrade: h2c", "X-Hop: y")

    async def talk(reader, writer):
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(
            b"HTTP/1.1 200 Fine\r\nConnection: close, X-Own\r\nX-Own: a\r\nKeep-Alive: 1\r\nX-End: b\r\n"
            b"Content-Length: 2\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n\r\nok"
        )

    seen = []

    async def main():
        async with raw_server(talk) as url:
            proxy = http.ReverseProxy(url)
            async with peer_of(proxy) as peer:
                await peer.send(request("GET /", "Connection: keep-alive, X-Hop, X-Forwarded-For", *hop))
                got = await answer(peer)
            await proxy.aclose()
        assert not [name for name in (b"TE:", b"Keep-", b"Proxy-", b"Upgrade", b"X-Hop") if name in seen[0]]
        assert b"X-Forwarded-For: 127.0.0.1" in seen[0]
        assert "x-own" not in got.headers
        assert "close" not in got.headers.get("connection", "")
        assert got.headers["x-end"] == "b"
        assert [value for name, value in got.fields if name == "Set-Cookie"] == ["a", "b"]
        assert got.body == b"ok"

    run(main)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"", 502),
        (b"HTTP/1.1 200", 502),
        (b"SSH-2.0\r\n", 502),
        (b"HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n", 999),
        (b"HTTP/1.1 200 a\x01b\r\nContent-Length: 0\r\n\r\n", 502),
        (b"HTTP/1.1 200 OK\r\nX: a\x01b\r\nContent-Length: 0\r\n\r\n", 502),
        (b"HTTP/1.1 101 Other\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", 502),
        (b"HTTP/1.1 204 No\r\nContent-Length: 3\r\n\r\nabc", 204),
        (None, 504),
    ],
)
def test_statuses_for_invalid_and_missing_responses(run, sent, status):
    async def talk(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        if sent is None:
            await reader.read()
        else:
            writer.write(sent)

    async def main():
        async with raw_server(talk) as url:
            proxy = http.ReverseProxy(url, timeout=http.Timeouts(response=0.1))
            async with peer_of(proxy) as peer:
                await peer.send(request("GET /"))
                assert (await answer(peer)).status == status
            await proxy.aclose()

    run(main)


def test_unreachable_server_is_502(run):
    async def main():
        proxy = http.ReverseProxy("http://127.0.0.1:1")
        async with peer_of(proxy) as peer:
            await peer.send(request("GET /"))
            assert (await answer(peer)).status == 502
            await proxy.aclose()
            await peer.send(request("GET /"))
            assert (await answer(peer)).status == 502

    run(main)


@pytest.mark.parametrize(
    "head", [b"Content-Length: 9\r\n\r\nabc", b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"]
)
def test_truncated_response_is_truncated_for_the_client(run, head):
    async def talk(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n" + head)

    async def main():
        async with raw_server(talk) as url:
            proxy = http.ReverseProxy(url)
            async with peer_of(proxy) as peer:
                await peer.send(request("GET /"))
                got = b""
                with contextlib.suppress(ConnectionResetError):
                    got = await peer.rest()
                assert b"0\r\n\r\n" not in got
                assert not got.endswith(b"\r\n\r\n")
            await proxy.aclose()

    run(main)


def test_client_disconnect_destroys_the_forwarded_request(run):
    gone = []

    async def endless(request, response):
        response.on("close", lambda: gone.append(1))
        while not gone:
            await response.send(bytes(10_000))
            await asyncio.sleep(0)

    async def main():
        async with proxied(endless) as peer:
            await peer.send(request("GET /"))
            await peer.receive(100_000)
            peer.reset()
            await until(lambda: gone and not peer.far.connections)

    run(main)


def test_backpressure_in_both_directions(run):
    sent = []

    async def endless(request, response):
        with contextlib.suppress(Exception):
            while True:
                await response.send(bytes(50_000))
                sent.append(50_000)

    async def main():
        async with proxied(endless) as peer:
            await peer.send(request("GET /"))
            await peer.receive(10)
            count = -1
            while count != len(sent):
                count = len(sent)
                await asyncio.sleep(0.1)
            # Two pairs of socket buffers of the kernel, and the marks of some streams.
            assert sum(sent) < 40_000_000
            peer.reset()
            await until(lambda: not peer.far.connections)

    run(main)


def test_bodies_of_every_framing(run):
    async def count(request, response):
        response.end(str(len(await body_of(request))))

    async def main():
        async with proxied(count) as peer:
            await peer.send(request("POST /", "Content-Length: 3", body=b"abc"))
            assert (await answer(peer)).body == b"3"
            await peer.send(request("PUT /", "Transfer-Encoding: chunked", body=b"2\r\nab\r\n0\r\n\r\n"))
            assert (await answer(peer)).body == b"2"
            await peer.send(request("POST /"))
            assert (await answer(peer)).body == b"0"
            await peer.send(request("POST /", "Content-Length: 3", "Expect: 100-continue"))
            assert (await answer(peer)).status == 100
            await peer.send(b"abc")
            assert (await answer(peer)).body == b"3"

    run(main)
