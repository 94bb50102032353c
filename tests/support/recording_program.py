"""Servers of other projects that record the requests that they receive, in one process.

The program prints the port of each as a JSON object, and ends when its standard input does. ``/recorded`` of each server returns
its requests and forgets them.
"""

import asyncio
import hashlib
import json
import os
import socket
import sys

HOST = "127.0.0.1"


class Recorder:
    """An ASGI application that records requests and returns their bodies."""

    def __init__(self):
        self.requests = []

    def record(self, method, target, seq, body):
        """Note a request. Return the body of its response."""
        if target == "/recorded":
            requests, self.requests = self.requests, []
            return json.dumps(requests).encode()
        digest = hashlib.sha256(body).hexdigest()
        self.requests.append(
            {"method": method, "target": target, "seq": seq, "size": len(body), "sha": digest}
        )
        return body

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
        seq = dict(scope["headers"]).get(b"x-seq", b"").decode("latin-1")
        target = scope["raw_path"].decode("latin-1")
        answer = self.record(scope["method"], target, seq, body)
        fields = [(b"x-seq", seq.encode("latin-1")), (b"content-length", b"%d" % len(answer))]
        await send({"type": "http.response.start", "status": 200, "headers": fields})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else answer})


def listening():
    sock = socket.socket()
    sock.bind((HOST, 0))
    sock.listen(128)
    return sock


async def uvicorn(sock, parser):
    import uvicorn

    config = uvicorn.Config(Recorder(), http=parser, log_level="critical", lifespan="off")
    server = uvicorn.Server(config)
    # The program ends by its input and not by a signal.
    server.install_signal_handlers = lambda: None
    await server.serve([sock])


async def hypercorn(sock):
    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    config = Config()
    config.bind = [f"fd://{sock.fileno()}"]
    config.errorlog = config.accesslog = None
    await serve(Recorder(), config, shutdown_trigger=asyncio.Event().wait)


async def aiohttp(sock):
    from aiohttp import web

    recorder = Recorder()

    async def handle(request):
        seq = request.headers.get("x-seq", "")
        body = recorder.record(request.method, request.path_qs, seq, await request.read())
        return web.Response(body=body, headers={"x-seq": seq})

    runner = web.ServerRunner(web.Server(handle))
    await runner.setup()
    await web.SockSite(runner, sock).start()
    await asyncio.Event().wait()


async def main():
    starts = {
        "uvicorn-h11": lambda sock: uvicorn(sock, "h11"),
        "uvicorn-httptools": lambda sock: uvicorn(sock, "httptools"),
        "hypercorn": hypercorn,
        "aiohttp": aiohttp,
    }
    ports = {}
    tasks = []
    for name, start in starts.items():
        sock = listening()
        ports[name] = sock.getsockname()[1]
        tasks.append(asyncio.create_task(start(sock)))
    print(json.dumps(ports), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    os._exit(0)


asyncio.run(main())
