"""A server to be measured: ``python -m benchmarks.programs.http_server NAME LOOP PORT [FILE]``.

It listens on 127.0.0.1 and runs until it is killed.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
from typing import Any

HOST = "127.0.0.1"
BODY = b"x" * 1024


async def forebay_small(port: int, path: str) -> None:
    from forebay import http

    def handler(request: http.ServerRequest, response: http.ServerResponse) -> None:
        response.set_header("Content-Type", "text/plain")
        response.end(BODY)

    await http.create_server(handler).listen(port, HOST)


async def forebay_async(port: int, path: str) -> None:
    from forebay import http

    async def handler(request: http.ServerRequest, response: http.ServerResponse) -> None:
        response.set_header("Content-Type", "text/plain")
        response.end(BODY)

    await http.create_server(handler).listen(port, HOST)


async def forebay_file(port: int, path: str) -> None:
    from forebay import http

    await http.create_server(lambda request, response: response.send_file(path)).listen(port, HOST)


async def forebay_pipe(port: int, path: str) -> None:
    from forebay import create_read_stream, http

    await http.create_server(lambda request, response: create_read_stream(path).pipe(response)).listen(
        port, HOST
    )


async def asgi_app(scope: Any, receive: Any, send: Any) -> None:
    """The application of the servers for ASGI."""
    fields = [(b"content-type", b"text/plain"), (b"content-length", b"1024")]
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    await send({"type": "http.response.body", "body": BODY})


async def uvicorn(port: int, path: str) -> None:
    server = importlib.import_module("uvicorn")
    config = server.Config(
        asgi_app, host=HOST, port=port, http="httptools", access_log=False, log_level="error", lifespan="off"
    )
    instance = server.Server(config)
    tasks.append(asyncio.ensure_future(instance.serve()))
    while not instance.started:
        await asyncio.sleep(0.01)


async def granian(port: int, path: str) -> None:
    constants = importlib.import_module("granian.constants")
    embed = importlib.import_module("granian.server.embed")
    server = embed.Server(
        asgi_app,
        address=HOST,
        port=port,
        interface=constants.Interfaces.ASGINL,
        http=constants.HTTPModes.http1,
        websockets=False,
        log_enabled=False,
    )
    tasks.append(asyncio.ensure_future(server.serve()))


async def aiohttp_file(port: int, path: str) -> None:
    web = importlib.import_module("aiohttp.web")

    async def handler(request: Any) -> Any:
        return web.FileResponse(path)

    app = web.Application()
    app.router.add_get("/", handler)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, HOST, port).start()


SERVERS = {
    "forebay": forebay_small,
    "forebay, async": forebay_async,
    "uvicorn": uvicorn,
    "granian": granian,
    "forebay, send_file": forebay_file,
    "forebay, pipe": forebay_pipe,
    "aiohttp": aiohttp_file,
}
tasks: list[asyncio.Future[None]] = []


async def main(name: str, port: int, path: str) -> None:
    await SERVERS[name](port, path)
    await asyncio.Event().wait()


if __name__ == "__main__":
    name, loop, port = sys.argv[1:4]
    factory = importlib.import_module("uvloop").new_event_loop if loop == "uvloop" else None
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main(name, int(port), sys.argv[4] if len(sys.argv) > 4 else ""))
