"""Other programs as peers: curl, Node, aiohttp, httpx and nginx."""

import asyncio
import hashlib
import json
import shutil
import signal

import pytest

from forebay import create_read_stream, http, pipeline
from support.http_peers import body_of, echo, serving, until
from support.loops import with_programs
from support.sockets import HOST


def needs(program):
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")


async def output_of(*command, data=None):
    process = await asyncio.create_subprocess_exec(
        *map(str, command),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate(data)
    return process.returncode, out, err


@pytest.fixture
def run(run):
    return with_programs(run, 60)


def files(path):
    async def handler(request, response):
        if request.method in ("GET", "HEAD"):
            await response.send_file(path)
        else:
            sha = hashlib.sha256()
            async for chunk in request:
                sha.update(chunk)
            response.end(sha.hexdigest())

    return handler


@needs("curl")
def test_curl(run, big, tmp_path):
    path, content = big

    async def main():
        async with serving(files(path)) as server:
            code, out, err = await output_of("curl", "-sS", "--fail", server.base, server.base)
            assert (code, err) == (0, b"")
            assert out == content * 2
            code, out, _ = await output_of("curl", "-sS", "-r", "1000-1999", server.base)
            assert out == content[1000:2000]
            # Resumed where it stopped.
            part = tmp_path / "part"
            part.write_bytes(content[:1_000_000])
            code, _, err = await output_of("curl", "-sS", "-C", "-", "-o", part, server.base)
            assert (code, part.read_bytes()) == (0, content), err
            digest = hashlib.sha256(content).hexdigest().encode()
            for fields in ([], ["-H", "Transfer-Encoding: chunked"], ["-H", "Expect: 100-continue"]):
                code, out, err = await output_of("curl", "-sS", "-T", path, *fields, server.base + "/x")
                assert (code, out) == (0, digest), err
            code, out, err = await output_of("curl", "-sS", "--http1.0", server.base)
            assert out == content
            code, out, err = await output_of("curl", "-sS", "--http2", server.base)
            assert out == content, err
            code, out, err = await output_of("curl", "-sSI", server.base)
            assert b"Content-Length: %d\r\n" % len(content) in out

    run(main)


@needs("curl")
def test_curl_with_tls(run, big, certificate, server_tls):
    path, content = big

    async def main():
        async with serving(files(path), ssl=server_tls) as server:
            url = f"https://localhost:{server.port}/"
            code, out, err = await output_of("curl", "-sS", "--cacert", certificate[0], url, url)
            assert (code, out) == (0, content * 2), err

    run(main)


NODE_CLIENT = """
const http = require('http'), crypto = require('crypto');
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const base = process.argv[1];
const ask = (options, body) => new Promise((done, fail) => {
  const req = http.request(base + (options.path || '/'), { agent, ...options }, (res) => {
    const sha = crypto.createHash('sha256');
    let size = 0;
    res.on('data', (d) => { sha.update(d); size += d.length; });
    res.on('end', () => done({ status: res.statusCode, size, sha: sha.digest('hex'), reused: req.reusedSocket,
                               trailers: res.trailers }));
    res.on('error', fail);
  });
  req.on('error', fail);
  if (body) for (const part of body) req.write(part);
  req.end();
});
(async () => {
  const out = [];
  out.push(await ask({}));
  out.push(await ask({ method: 'POST' }, [Buffer.alloc(100000, 'a'), 'b']));
  out.push(await ask({ method: 'POST', headers: { 'Content-Length': 3 } }, ['a', 'bc']));
  out.push(await ask({ method: 'HEAD' }));
  agent.destroy();
  console.log(JSON.stringify(out));
})().catch((error) => { console.error(error); process.exit(1); });
"""


@needs("node")
def test_nodes_client(run, big):
    path, content = big

    async def handler(request, response):
        if request.method == "GET":
            await response.send_file(path)
        elif request.method == "HEAD":
            response.set_header("Content-Length", 5).end()
        else:
            response.add_trailers({"X-Done": "yes"})
            await pipeline(request, response)

    async def main():
        async with serving(handler) as server:
            code, out, err = await output_of("node", "-e", NODE_CLIENT, server.base)
            assert code == 0, err
            got = json.loads(out)
        sha = [hashlib.sha256(data).hexdigest() for data in (content, b"a" * 100_000 + b"b", b"abc", b"")]
        assert [each["sha"] for each in got] == sha
        assert [each["status"] for each in got] == [200] * 4
        assert [each["reused"] for each in got] == [False, True, True, True]
        assert got[1]["trailers"] == {"x-done": "yes"}

    run(main)


NODE_SERVER = """
const http = require('http');
const server = http.createServer((req, res) => {
  if (req.url === '/cut') { res.setHeader('Content-Length', 100); res.write('abc'); setTimeout(() => res.destroy(), 20); }
  else if (req.url === '/redirect') { res.writeHead(302, { Location: '/big' }); res.end(); }
  else if (req.url === '/big') { res.write(Buffer.alloc(3000000, 'x')); res.end('y'); }
  else { res.addTrailers({ 'X-Method': req.method }); req.pipe(res); }
});
server.on('upgrade', (req, socket) => {
  socket.write('HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: echo\\r\\nConnection: Upgrade\\r\\n\\r\\n');
  socket.pipe(socket);
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
process.stdin.on('end', () => process.exit()).resume();
"""


@needs("node")
def test_nodes_server(run):
    async def main():
        process = await asyncio.create_subprocess_exec(
            "node", "-e", NODE_SERVER, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        base = f"http://{HOST}:{int(await process.stdout.readline())}"
        async with http.Agent() as agent:
            for n in range(3):
                response = await agent.request(base, method="POST", body=b"%d" % n * 100_000)
                assert await body_of(response) == b"%d" % n * 100_000
                response = await agent.request(base, method="PUT", body=iter([b"a", b"b"]))
                assert await body_of(response) == b"ab"
                assert response.trailers["x-method"] == "PUT"
                response = await agent.get(base + "/redirect", redirects=1)
                assert await body_of(response) == b"x" * 3_000_000 + b"y"
            assert agent.connections == 1
            response = await agent.get(base + "/cut")
            with pytest.raises(ConnectionError):
                await body_of(response)
            given = []
            request = agent.get(base, headers={"Connection": "Upgrade", "Upgrade": "echo"})
            request.on("upgrade", lambda response, socket: given.append(socket))
            await until(lambda: given)
            given[0].end(b"echo")
            assert await body_of(given[0]) == b"echo"
        process.stdin.close()
        await process.wait()

    run(main)


def test_aiohttp_as_a_client(run, big):
    aiohttp = pytest.importorskip("aiohttp", reason="aiohttp is not installed")
    path, content = big

    async def main():
        async with serving(files(path)) as server, aiohttp.ClientSession() as session:
            for _ in range(2):
                async with session.get(server.base) as response:
                    assert await response.read() == content
            async with session.put(server.base, data=path.open("rb")) as response:
                assert await response.text() == hashlib.sha256(content).hexdigest()

            async def body():
                for at in range(0, len(content), 100_000):
                    yield content[at : at + 100_000]

            async with session.put(server.base, data=body()) as response:
                assert await response.text() == hashlib.sha256(content).hexdigest()

    run(main)


def test_aiohttp_as_a_server(run):
    web = pytest.importorskip("aiohttp.web", reason="aiohttp is not installed")

    async def handler(request):
        response = web.StreamResponse()
        await response.prepare(request)
        async for chunk in request.content.iter_chunked(10_000):
            await response.write(chunk)
        await response.write_eof()
        return response

    async def main():
        app = web.Application()
        app.router.add_route("*", "/", handler)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, HOST, 0)
        await site.start()
        base = f"http://{HOST}:{site._server.sockets[0].getsockname()[1]}/"
        async with http.Agent() as agent:
            for _ in range(3):
                response = await agent.request(base, method="POST", body=b"x" * 300_000)
                assert await body_of(response) == b"x" * 300_000
            assert agent.connections == 1
        await runner.cleanup()

    run(main)


def test_httpx(run, big):
    httpx = pytest.importorskip("httpx", reason="httpx is not installed")
    path, content = big

    async def main():
        async with serving(files(path)) as server, httpx.AsyncClient() as client:
            for _ in range(2):
                assert (await client.get(server.base)).content == content
            got = await client.put(server.base, content=content)
            assert got.text == hashlib.sha256(content).hexdigest()
        async with serving(echo) as server, httpx.AsyncClient() as client:
            assert (await client.post(server.base, content=b"abc")).content == b"abc"

    run(main)


NGINX = """
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s; client_max_body_size 0;
  server {{
    listen 127.0.0.1:{port};
    location /files/ {{ alias {folder}/files/; dav_methods PUT; }}
    location / {{ proxy_pass {backend}; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_request_buffering off;
                  proxy_buffering off; }}
  }}
}}
"""


@needs("nginx")
def test_nginx_as_client_and_server(run, big, tmp_path, unused_port):
    path, content = big
    (tmp_path / "files").mkdir()
    shutil.copy(path, tmp_path / "files" / "big.bin")

    async def main():
        async with serving(files(path)) as server:
            config = tmp_path / "nginx.conf"
            text = NGINX.format(folder=tmp_path, port=unused_port, backend=server.base)
            config.write_text(text.replace(" dav_methods PUT;", ""))
            process = await asyncio.create_subprocess_exec(
                "nginx", "-p", str(tmp_path), "-c", str(config), stderr=asyncio.subprocess.DEVNULL
            )
            try:
                base = f"http://{HOST}:{unused_port}"
                async with http.Agent() as agent:
                    for _ in range(500):
                        try:
                            response = await agent.get(base + "/files/big.bin")
                            break
                        except ConnectionRefusedError:
                            await asyncio.sleep(0.01)
                    assert await body_of(response) == content
                    response = await agent.get(base + "/files/big.bin", headers={"Range": "bytes=5-9"})
                    assert (response.status_code, await body_of(response)) == (206, content[5:10])
                    # Through nginx, to ourselves.
                    for _ in range(2):
                        assert await body_of(await agent.get(base)) == content
                        body = create_read_stream(path)
                        response = await agent.request(base, method="PUT", body=body)
                        assert await body_of(response) == hashlib.sha256(content).hexdigest().encode()
            finally:
                process.send_signal(signal.SIGQUIT)
                await process.wait()

    run(main)


@pytest.fixture
def unused_port():
    import socket

    with socket.socket() as sock:
        sock.bind((HOST, 0))
        return sock.getsockname()[1]
