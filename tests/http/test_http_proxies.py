"""Proxies of a client, from the environment or by name, and its options for TLS."""

import asyncio
import contextlib
import ssl

import pytest

from forebay import (
    HttpError,
    HttpTimeoutError,
    InvalidArgTypeError,
    InvalidArgValueError,
    StreamDestroyedError,
    http,
    net,
    pipeline,
)
from forebay.http._client.proxies import Proxies
from forebay.http._client.url import parse_target
from support.http_peers import body_of, hello, raw_server, serving, until


@contextlib.asynccontextmanager
async def proxying(refuses=None, **options):
    """A proxy that answers http requests itself and makes tunnels; ``seen``: what it was asked, with the credentials."""
    seen = []

    def handler(request, response):
        seen.append((request.method, request.url, request.headers.get("proxy-authorization")))
        response.end(b"by proxy " + request.headers["host"].encode())

    def connect(request, client):
        seen.append((request.method, request.url, request.headers.get("proxy-authorization")))
        if refuses is not None:
            client.end(refuses)
            return
        host, port = request.url.rsplit(":", 1)
        far = net.Socket(allow_half_open=True).connect(host, int(port))
        client.write(b"HTTP/1.1 200 OK\r\n\r\n")
        for flow in (pipeline(client, far), pipeline(far, client)):
            flow.add_done_callback(lambda done: done.exception())

    async with serving(handler, **options) as server:
        server.on("connect", connect)
        server.seen = seen
        yield server


def test_http_through_a_proxy(run, monkeypatch):
    async def main():
        async with proxying() as proxy:
            monkeypatch.setenv("http_proxy", proxy.base.replace("//", "//me:se%20cret@"))
            for ask in (http.get, http.request):
                response = await ask("http://u:p@far.example:81/a?b#c")
                assert await body_of(response) == b"by proxy far.example:81"
            login = "Basic bWU6c2UgY3JldA=="
            assert proxy.seen == [("GET", "http://far.example:81/a?b", login)] * 2

    run(main)


def test_connections_to_a_proxy_are_kept_for_every_host(run):
    async def main():
        async with proxying() as proxy, http.Agent(proxy=proxy.base) as agent:
            for host in ("a.example", "b.example"):
                assert await body_of(await agent.get(f"http://{host}/")) == f"by proxy {host}".encode()
            assert agent.connections == 1

    run(main)


def test_https_through_a_proxy(run, monkeypatch, server_tls, client_tls):
    async def main():
        async with serving(hello, ssl=server_tls) as far, proxying() as proxy:
            monkeypatch.setenv("HTTPS_PROXY", proxy.base.replace("//", "//me:x@"))
            async with http.Agent(ssl=client_tls) as agent:
                for _ in range(2):
                    response = await agent.get(f"https://localhost:{far.port}/x")
                    assert await body_of(response) == b"hello /x"
                assert agent.connections == 1
            assert proxy.seen == [("CONNECT", f"localhost:{far.port}", "Basic bWU6eA==")]
            await until(lambda: not proxy.connections)

    run(main)


def test_proxy_credentials_are_not_sent_to_a_server(run, server_tls, client_tls):
    heads = []

    def handler(request, response):
        heads.append(request.headers)
        if request.url == "/from":
            response.write_head(302, headers={"Location": "/to"})
        response.end()

    async def main():
        async with serving(handler, ssl=server_tls) as far, proxying() as proxy:
            url = f"https://localhost:{far.port}/from"
            through = proxy.base.replace("//", "//me:x@")
            await http.get(url, ssl=client_tls, proxy=through, redirects=1)
            assert len(heads) == 2
            assert not [head for head in heads if "proxy-authorization" in head]

    run(main)


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 2\r\n\r\nno", HttpError),
        (b"HTTP/1.1 502 Bad Gateway\r\n\r\n", HttpError),
        (b"", HttpError),
        (b"SSH-2.0\r\n", HttpError),
    ],
)
def test_proxy_refuses_the_tunnel(run, said, error):
    async def main():
        async with proxying(said) as proxy, http.Agent(max_connections=1, proxy=proxy.base) as agent:
            for _ in range(2):
                with pytest.raises(error, match="407 Proxy" if b"407" in said else None):
                    await agent.get("https://far.example/", timeout=5)
            await until(lambda: not proxy.connections)
            assert agent._in_use == {}

    run(main)


def test_silent_proxy_times_out(run):
    async def silent(reader, writer):
        await reader.read()

    async def main():
        async with raw_server(silent) as url, http.Agent(proxy=url) as agent:
            with pytest.raises(HttpTimeoutError, match="no connection within"):
                await agent.get("https://far.example/", timeout=http.Timeouts(connect=0.1))
            task = asyncio.ensure_future(agent.get("https://far.example/"))
            await asyncio.sleep(0.05)
            await agent.aclose()
            with pytest.raises(StreamDestroyedError, match="agent was closed"):
                await task

    run(main)


def test_proxy_over_tls(run, server_tls, client_tls):
    async def main():
        async with proxying(ssl=server_tls) as proxy:
            through = f"https://localhost:{proxy.port}"
            response = await http.get("http://far.example/", proxy=through, ssl=client_tls)
            assert await body_of(response) == b"by proxy far.example"
            with pytest.raises(InvalidArgValueError, match="one inside the other"):
                await http.get("https://far.example/", proxy=through, ssl=client_tls)

    run(main)


def test_no_proxy(run, monkeypatch, tmp_path):
    async def main():
        async with serving(hello) as far:
            monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
            with pytest.raises(OSError, match="1"):
                await http.get(far.base)
            assert await body_of(await http.get(far.base, proxy=False)) == b"hello /"
            async with http.Agent(proxy=False) as agent:
                assert await body_of(await agent.get(far.base)) == b"hello /"
                with pytest.raises(OSError, match="1"):
                    await agent.get(far.base, proxy=True)

            async def connect(hostname, port, context):
                return await net.connect(far.port, hostname)

            async with http.Agent(connect=connect) as agent:
                assert await body_of(await agent.get("http://127.0.0.1:9/")) == b"hello /"
            proxy = http.ReverseProxy(far.base)
            async with serving(proxy) as front:
                assert await body_of(await http.get(front.base, proxy=False)) == b"hello /"
            await proxy.aclose()
            monkeypatch.setenv("NO_PROXY", "127.0.0.1")
            assert await body_of(await http.get(far.base)) == b"hello /"

    run(main)


@pytest.mark.parametrize(
    ("environ", "url", "host"),
    [
        ({}, "http://x/", None),
        ({"HTTP_PROXY": "http://p/"}, "http://x/", "p"),
        ({"HTTP_PROXY": "http://p/"}, "https://x/", None),
        ({"HTTPS_PROXY": "http://p/"}, "https://x/", "p"),
        ({"ALL_PROXY": "http://p/"}, "https://x/", "p"),
        ({"all_proxy": "p:3128"}, "http://x/", "p"),
        ({"HTTP_PROXY": "http://p/", "http_proxy": "http://q/"}, "http://x/", "q"),
        ({"HTTP_PROXY": "http://p/", "http_proxy": ""}, "http://x/", None),
        ({"HTTP_PROXY": "", "ALL_PROXY": "http://p"}, "http://x/", "p"),
        # A client's header "Proxy", which a CGI program finds there.
        ({"HTTP_PROXY": "http://p/", "REQUEST_METHOD": "GET"}, "http://x/", None),
        ({"http_proxy": "http://p/", "REQUEST_METHOD": "GET"}, "http://x/", "p"),
        ({"HTTPS_PROXY": "http://p/", "REQUEST_METHOD": "GET"}, "https://x/", "p"),
        ({"HTTP_PROXY": "p", "NO_PROXY": "*"}, "http://x/", None),
        ({"HTTP_PROXY": "p", "NO_PROXY": "a, x.example ,b"}, "http://x.example/", None),
        ({"HTTP_PROXY": "p", "NO_PROXY": "x.example"}, "http://y.x.example/", None),
        ({"HTTP_PROXY": "p", "NO_PROXY": ".x.example"}, "http://y.x.example/", None),
        ({"HTTP_PROXY": "p", "NO_PROXY": "*.x.example"}, "http://y.x.example/", None),
        ({"HTTP_PROXY": "p", "NO_PROXY": "X.Example"}, "http://x.EXAMPLE./", None),
        ({"HTTP_PROXY": "p", "NO_PROXY": "x.example"}, "http://yx.example/", "p"),
        ({"HTTP_PROXY": "p", "NO_PROXY": "x.example:80"}, "http://x.example/", None),
        ({"HTTP_PROXY": "p", "NO_PROXY": "x.example:81"}, "http://x.example/", "p"),
        ({"HTTP_PROXY": "p", "NO_PROXY": "10.0.0.0/8"}, "http://10.1.2.3/", None),
        ({"HTTP_PROXY": "p", "NO_PROXY": "10.0.0.0/8"}, "http://11.1.2.3/", "p"),
        ({"HTTP_PROXY": "p", "NO_PROXY": "10.0.0.0/8"}, "http://ten.example/", "p"),
        ({"HTTP_PROXY": "p", "NO_PROXY": "::1"}, "http://[::1]/", None),
        ({"HTTP_PROXY": "p", "NO_PROXY": "[::1]:80"}, "http://[::1]/", None),
        ({"HTTP_PROXY": "p", "NO_PROXY": "x", "no_proxy": ""}, "http://x/", "p"),
        ({"HTTP_PROXY": "p", "NO_PROXY": ","}, "http://x/", "p"),
    ],
)
def test_proxy_from_the_environment(environ, url, host):
    proxy = Proxies.of_environment(environ).proxy_for(parse_target(url))
    assert (None if proxy is None else proxy.hostname) == host


@pytest.mark.parametrize(
    "value", ["socks5://x:1080", "http://", "http://a b/", "x:y:z", "http://me:secret@a..b/"]
)
def test_invalid_proxy_raises(run, monkeypatch, value):
    async def main():
        with pytest.raises(InvalidArgValueError, match=r"^proxy must be") as caught:
            http.Agent(proxy=value)
        assert "secret" not in str(caught.value)
        monkeypatch.setenv("http_proxy", value)
        with pytest.raises(InvalidArgValueError, match="environment variable http_proxy"):
            http.get("http://x/")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        async with serving(hello) as server:
            assert await body_of(await http.get(server.base)) == b"hello /"

    run(main)


def test_wrong_options_raise(run):
    async def main():
        for options in ({"proxy": 5}, {"ssl": "x"}, {"ssl": 1}):
            with pytest.raises(InvalidArgTypeError):
                http.Agent(**options)
            with pytest.raises(InvalidArgTypeError):
                http.get("http://x/", **options)
        with pytest.raises(InvalidArgValueError, match="exclude"):
            http.Agent(proxy="http://x/", socket_path="/x")

    run(main)


def test_ssl_verifies_the_certificate_or_not(run, server_tls, client_tls):
    async def main():
        async with serving(hello, ssl=server_tls) as server, http.Agent() as agent:
            url = f"https://localhost:{server.port}/"
            for ask in (agent.get, http.get):
                assert await body_of(await ask(url, ssl=client_tls)) == b"hello /"
                assert await body_of(await ask(url, ssl=False)) == b"hello /"
                # A connection whose peer was not checked is none for those who ask for it.
                for checked in (None, True):
                    with pytest.raises(ssl.SSLCertVerificationError):
                        await ask(url, ssl=checked)
            async with http.Agent(ssl=False) as careless:
                assert await body_of(await careless.get(url)) == b"hello /"
                with pytest.raises(ssl.SSLCertVerificationError):
                    await careless.get(url, ssl=True)

    run(main)
