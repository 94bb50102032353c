"""URLs and redirects: the target of a request, the fields sent there, and the refused URLs."""

import pytest

from forebay import (
    HttpError,
    HttpProtocolError,
    InvalidArgValueError,
    PassThrough,
    Readable,
    http,
)
from forebay.http._client.url import parse_target
from support.http_peers import body_of, raw_server, serving, until


@pytest.mark.parametrize(
    ("url", "place", "host", "line"),
    [
        ("http://h", "h:80", "h", "/"),
        ("HTTPS://H.Example:443/A", "h.example:443", "h.example", "/A"),
        ("http://h:81?x", "h:81", "h:81", "/?x"),
        ("http://h/a?", "h:80", "h", "/a?"),
        ("http://h/a?#b", "h:80", "h", "/a?"),
        ("http://h/a#b?c", "h:80", "h", "/a"),
        ("http://h/a;b=c?d=/e?f", "h:80", "h", "/a;b=c?d=/e?f"),
        ("http://h/ü b?ü=%20", "h:80", "h", "/%C3%BC%20b?%C3%BC=%20"),
        ("http://bücher.example/", "xn--bcher-kva.example:80", "xn--bcher-kva.example", "/"),
        ("http://ex%41mple/", "example:80", "example", "/"),
        ("http://[::1]:8/", "::1:8", "[::1]:8", "/"),
        ("http://[fe80::1%25eth0]/", "fe80::1%eth0:80", "[fe80::1]", "/"),
        # As browsers have it, so that nobody is led elsewhere by what another program took for the host.
        ("http://good.example\\@evil.example/", "good.example:80", "good.example", "/@evil.example/"),
        ("http://h/a\\b?c\\d", "h:80", "h", "/a/b?c%5Cd"),
    ],
)
def test_the_parts_of_a_url(url, place, host, line):
    target = parse_target(url)
    assert (f"{target.hostname}:{target.port}", target.host, target.line) == (place, host, line)
    assert parse_target(target.url) == target


@pytest.mark.parametrize(
    "url",
    [
        "http://a..b/",
        "http://.a/",
        f"http://{'a' * 64}/",
        f"http://{'ü' * 64}/",
        f"http://{'abcdefg.' * 40}/",
        "http://a\x01b/",
        "http://a%00b/",
        "http://a%0d%0ab/",
        "http://a%2Fb/",
        "http://a b/",
        "http://a\u2100b/",
        "http://a/\udc80",
        "http://a/?\udc80",
        "http://a\udc80/",
        "http://\udc80@a/",
        "http://[v1.a]/",
        "http://[1.2.3.4]/",
        "http://[::1%25]/",
        "http://[::1%25a%0d]/",
        "http://[::1/",
        "http://a:b/",
        "http://a:1:2/",
        "http://a:-1/",
        "http://a/\r\n",
        "http://a/\0",
        "http:a",
        "//a/",
        "",
    ],
)
def test_invalid_urls_raise(run, url):
    async def main():
        with pytest.raises(InvalidArgValueError, match="url"):
            http.get(url)

    run(main)


def show(request, response):
    lines = [f"{request.method} {request.url}"]
    lines += [f"{name.decode()}: {value.decode()}" for name, value in request.raw_headers]
    response.end("\n".join(lines))


def leading(place, status=302):
    """A handler that leads from /from to a place, and shows any other request."""

    async def handler(request, response):
        if request.path != "/from":
            body = await body_of(request)
            response.set_header("Body", len(body))
            show(request, response)
            return
        response.write_head(status, headers={"Location": place(request) if callable(place) else place})
        response.end("elsewhere")

    return handler


@pytest.mark.parametrize(
    ("location", "wanted"),
    [
        ("/to", "/to"),
        ("to?x", "/to?x"),
        ("?x", "/from?x"),
        ("?", "/from?"),
        ("/to?", "/to?"),
        ("#top", "/from?before"),
        ("/to#top", "/to"),
        ("../../to", "/to"),
        ("\\to\\x", "/to/x"),
        ("/a b", "/a%20b"),
        ("/\xc3\xbc", "/%C3%BC"),
        ("/\xfc", "/%FC"),
        (";a", "/;a"),
    ],
)
def test_location_is_resolved_against_the_url(run, location, wanted):
    async def main():
        count = []

        async def handler(request, response):
            if count:
                response.end(request.url)
            else:
                count.append(1)
                response.write_head(302, headers={"Location": location})
                response.end()

        async with serving(handler) as server:
            response = await http.get(server.base + "/from?before#here", redirects=1)
            assert (await body_of(response)).decode() == wanted
            assert response.url == server.base + wanted

    run(main)


@pytest.mark.parametrize("slashes", ["//", "\\\\", "///", "/\\"])
def test_location_without_a_scheme(run, slashes):
    async def main():
        async with serving(show) as other:
            place = slashes + other.base.removeprefix("http://") + "/to"
            async with serving(leading(place)) as server:
                secret = {
                    "Authorization": "x",
                    "Cookie": "y",
                    "Proxy-Authorization": "z",
                    "Host": "w",
                    "X": "v",
                }
                got = await body_of(await http.get(server.base + "/from", headers=secret, redirects=1))
                host = other.base.removeprefix("http://")
                assert got.decode() == f"GET /to\nHost: {host}\nX: v\nConnection: close"

    run(main)


@pytest.mark.parametrize(
    ("head", "error"),
    [
        (b"Location: ftp://x/", InvalidArgValueError),
        (b"Location: javascript:alert(1)", InvalidArgValueError),
        (b"Location: http://a..b/", InvalidArgValueError),
        (b"Location: http://[x/", InvalidArgValueError),
        (b"Location: /a\r\nLocation: /b", HttpProtocolError),
    ],
)
@pytest.mark.parametrize("body", [b"", b"a long answer that is not whole"])
def test_invalid_location_raises(run, head, error, body):
    async def talk(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        length = 1_000_000 if body else 0
        writer.write(b"HTTP/1.1 302 Found\r\nContent-Length: %d\r\n%s\r\n\r\n%s" % (length, head, body))
        await reader.read()

    async def main():
        async with raw_server(talk) as url, http.Agent() as agent:
            with pytest.raises(error):
                await agent.get(url, redirects=1)
            await until(lambda: not body or not agent.connections)

    run(main)


def test_empty_location_repeats_until_the_redirect_limit(run):
    asked = []

    async def talk(reader, writer):
        while await reader.readuntil(b"\r\n\r\n"):
            asked.append(1)
            writer.write(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: \r\n\r\n")

    async def main():
        run.errors_wanted = True
        async with raw_server(talk) as url, http.Agent() as agent:
            response = await agent.get(url, redirects=4)
            assert response.status_code == 302
            assert len(asked) == 5
            assert agent.connections == 1

    run(main)


def test_url_credentials_apply_to_their_origin(run):
    async def main():
        async with serving(show) as other:

            def place(request):
                return "/to" if request.query_string == "near" else other.base + "/to"

            async with serving(leading(place)) as server:
                login = server.base.replace("http://", "http://me:secret@")
                for where, has_it in (("near", True), ("away", False)):
                    response = await http.get(f"{login}/from?{where}", redirects=1)
                    assert (b"Authorization: Basic bWU6c2VjcmV0" in await body_of(response)) == has_it
                    assert "secret" not in response.url

    run(main)


def test_credentials_in_a_location(run):
    async def main():
        async with serving(show) as other:
            handler = leading(other.base.replace("http://", "http://a:b@") + "/")
            async with serving(handler) as server:
                got = await body_of(await http.get(server.base + "/from", redirects=1))
                assert b"Authorization: Basic YTpi" in got

    run(main)


async def gives():
    yield b"da"
    yield b"ta"


KINDS = {
    "bytes": lambda: b"data",
    "str": lambda: "data",
    "bytearray": lambda: bytearray(b"data"),
    "memoryview": lambda: memoryview(b"data"),
    "list": lambda: [b"da", b"ta"],
    "async generator": gives,
    "readable": lambda: Readable.from_([b"data"], object_mode=False),
}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_redirected_body_is_sent_whole_or_not_at_all(run, status, method):
    to_get = status == 303 or (status < 303 and method == "POST")

    async def send(agent, url, kind, expect):
        headers = {"Content-Type": "text/x", **({"Expect": "100-continue"} if expect else {})}
        request = agent.request(url, method=method, body=KINDS[kind](), headers=headers, redirects=1)
        # What was not begun can be sent.
        whole = kind in ("bytes", "str", "bytearray", "memoryview") or expect
        if not to_get and not whole:
            with pytest.raises(HttpError, match="cannot be sent again"):
                await request
            return
        response = await request
        text = await body_of(response)
        if to_get:
            assert text.startswith(b"GET /to\n")
            assert b"Content-" not in text
            assert b"Expect" not in text
            assert response.headers["body"] == "0"
        else:
            assert text.startswith(method.encode() + b" /to\n")
            assert b"Content-Type: text/x" in text
            assert response.headers["body"] == "4"

    async def main():
        async with serving(leading("/to", status)) as server, http.Agent() as agent:
            for kind in KINDS:
                for expect in (False, True):
                    await send(agent, server.base + "/from", kind, expect)

    run(main)


def test_early_redirect_stops_the_body(run):
    """The rest of the body is sent neither to the old place nor to the new one."""

    async def endless():
        try:
            while True:
                yield bytes(10_000)
        finally:
            ended.append(1)

    ended = []

    async def talk(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        if head.startswith(b"POST"):
            writer.write(b"HTTP/1.1 303 See Other\r\nLocation: /to\r\nContent-Length: 0\r\n\r\n")
            await reader.read()
        else:
            assert b"chunked" not in head
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    async def main():
        async with raw_server(talk) as url, http.Agent() as agent:
            response = await agent.request(url, method="POST", body=endless(), redirects=1)
            assert await body_of(response) == b"ok"
            await until(lambda: ended)

    run(main)


def test_body_written_by_hand_is_not_redirected(run):
    async def main():
        async with serving(leading("/to", 307)) as server:
            request = http.request(server.base + "/from", method="POST", redirects=1)
            source = PassThrough()
            source.pipe(request)
            source.end(b"data")
            with pytest.raises(HttpError, match="the written data was not kept"):
                await request

    run(main)


def test_listeners_get_events_of_every_redirect(run):
    async def talk(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        if head.startswith(b"GET /to"):
            writer.write(b"HTTP/1.1 103 Hints\r\nLink: x\r\n\r\n")
            writer.write(b"HTTP/1.1 101 Other\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nhello")
        else:
            writer.write(b"HTTP/1.1 302 Found\r\nLocation: /to\r\nContent-Length: 0\r\n\r\n")
        await reader.read()

    async def main():
        async with raw_server(talk) as url:
            seen = []
            request = http.get(url, redirects=1, headers={"Connection": "upgrade", "Upgrade": "x"})
            request.on("information", lambda status, headers: seen.append(status))
            request.on("socket", lambda socket: seen.append("socket"))
            request.on("upgrade", lambda response, socket: seen.append(socket))
            response = await request
            assert response.status_code == 101
            assert seen[:3] == ["socket", "socket", 103]
            async for chunk in seen[3]:
                assert chunk == b"hello"
                break

    run(main)


@pytest.mark.parametrize("kind", ["array", "mapped", "strided"])
def test_every_bytes_like_object_is_a_body(run, kind, tmp_path):
    import array
    import mmap

    async def main():
        path = tmp_path / "f"
        path.write_bytes(b"\1\0\0\0\2\0\0\0")
        async with serving(leading("/to", 307)) as server:
            with open(path, "r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
                bodies = {
                    "array": array.array("I", [1, 2]),
                    "mapped": mapped,
                    "strided": memoryview(b"\1x\0x\0x\0x\2x\0x\0x\0x")[::2],
                }
                for headers in ({}, {"Expect": "100-continue"}):
                    response = await http.request(
                        server.base + "/from", method="PUT", body=bodies[kind], redirects=1, headers=headers
                    )
                    assert response.headers["body"] == "8"
                    await body_of(response)
                del bodies, response

    run(main)
