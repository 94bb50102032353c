"""The loads: what is done again and again, with clients that leave, files that are missing and handlers that fail."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from benchmarks.soaks.sampling import Sampler, repeat
from forebay import PassThrough, consumers, fs, http, net, pipeline
from forebay.errors import StreamError

__all__ = ["LOADS"]

HOST = "127.0.0.1"
AT_ONCE = 16
SMALL = b"x" * 1000
UPLOAD = b"u" * 20_000
FILE = b"0123456789abcdef" * 4096
LARGE = FILE * 16

Load = Callable[[int, float], Awaitable[dict[str, Any]]]
LOADS: dict[str, Load] = {}


def load(function: Load) -> Load:
    LOADS[function.__name__] = function
    return function


class HandlerFailed(Exception):
    """The fault of a handler."""


def expected(context: dict[str, Any]) -> bool:
    return isinstance(context.get("exception"), (HandlerFailed, OSError, StreamError))


@contextlib.contextmanager
def reports() -> Any:
    """The errors that reach the loop and are no faults of the soak's own making."""
    loop = asyncio.get_running_loop()
    found: list[str] = []

    def heard(_: Any, context: dict[str, Any]) -> None:
        if not expected(context):
            found.append(f"{context.get('message')}: {context.get('exception')!r}")

    loop.set_exception_handler(heard)
    try:
        yield found
    finally:
        loop.set_exception_handler(None)


@load
async def requests(count: int, seconds: float) -> dict[str, Any]:
    """Requests of an agent to a server: small bodies, uploads, files, streams, faults."""
    with tempfile.TemporaryDirectory() as folder, reports() as found:
        path = Path(folder, "file")
        path.write_bytes(FILE)

        async def handler(request: http.ServerRequest, response: http.ServerResponse) -> None:
            match request.path:
                case "/small":
                    response.end(SMALL)
                case "/file":
                    await response.send_file(path)
                case "/upload":
                    response.end(str(len(await consumers.bytes(request))))
                case "/stream":
                    await pipeline(fs.create_read_stream(path), PassThrough(), response)
                case "/cut":
                    response.write(SMALL)
                    await asyncio.sleep(0)
                    raise HandlerFailed
                case _:
                    raise HandlerFailed

        sampler = Sampler(count)
        async with await http.create_server(handler).listen(0, HOST) as server, http.Agent() as agent:
            url = f"http://{HOST}:{server.port}"

            async def one(number: int) -> None:
                await REQUESTS[number % len(REQUESTS)](agent, url)
                sampler.count()

            await repeat(count, AT_ONCE, one)
            result = sampler.end()
    return {**result, "errors": found}


async def get_small(agent: http.Agent, url: str) -> None:
    assert await consumers.bytes(await agent.get(f"{url}/small")) == SMALL


async def get_file(agent: http.Agent, url: str) -> None:
    assert await consumers.bytes(await agent.get(f"{url}/file")) == FILE


async def get_stream(agent: http.Agent, url: str) -> None:
    assert await consumers.bytes(await agent.get(f"{url}/stream")) == FILE


async def upload(agent: http.Agent, url: str) -> None:
    response = await agent.request(f"{url}/upload", method="POST", body=UPLOAD)
    assert await consumers.bytes(response) == b"%d" % len(UPLOAD)


async def fail(agent: http.Agent, url: str) -> None:
    response = await agent.get(f"{url}/fault")
    assert response.status_code == 500
    await consumers.bytes(response)


async def be_cut(agent: http.Agent, url: str) -> None:
    with contextlib.suppress(StreamError, OSError):
        await consumers.bytes(await agent.get(f"{url}/cut"))
        raise AssertionError("a body that was cut short looked whole")


async def leave(agent: http.Agent, url: str) -> None:
    (await agent.get(f"{url}/file")).destroy()


async def be_cancelled(agent: http.Agent, url: str) -> None:
    task = asyncio.ensure_future(get_stream(agent, url))
    for _ in range(5):
        await asyncio.sleep(0)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


#: Of 50 requests, four go wrong.
REQUESTS = [get_small, get_file, upload, get_small, get_stream] * 9
REQUESTS += [get_small, fail, be_cut, leave, be_cancelled]


@load
async def connections(count: int, seconds: float) -> dict[str, Any]:
    """Short connections: a greeting and its echo. Of 50, one is reset and one is cancelled."""
    with reports() as found:
        sampler = Sampler(count)
        async with net.create_server(echo) as server:
            await server.listen(0, HOST)

            async def one(number: int) -> None:
                await converse(server.port, number)
                sampler.count()

            await repeat(count, AT_ONCE, one)
            result = sampler.end()
    return {**result, "errors": found}


async def echo(socket: net.Socket) -> None:
    with contextlib.suppress(OSError, StreamError):
        await pipeline(socket, socket)


async def converse(port: int, number: int) -> None:
    if number % 50 == 0:
        task = asyncio.ensure_future(say(port))
        await asyncio.sleep(0)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    elif number % 50 == 1:
        socket = await net.connect(port, HOST)
        socket.write(SMALL)
        socket.reset_and_destroy()
    else:
        await say(port)


async def say(port: int) -> None:
    async with net.connect(port, HOST) as socket:
        socket.end(SMALL)
        assert await consumers.bytes(socket) == SMALL


@load
async def copies(count: int, seconds: float) -> dict[str, Any]:
    """Copies of files, every other one atomic. Of 50, one has no source, one is destroyed, one has no folder to go to."""
    with tempfile.TemporaryDirectory() as folder, reports() as found:
        sources = [Path(folder, f"source {size}") for size in (0, 1000, 70_000, 300_000)]
        for path in sources:
            path.write_bytes(LARGE[: int(path.name.split()[1])])
        sampler = Sampler(count)

        async def one(number: int) -> None:
            await copy(sources[number % len(sources)], Path(folder, f"target {number % AT_ONCE}"), number)
            sampler.count()

        await repeat(count, AT_ONCE, one)
        left = len(list(Path(folder).iterdir())) - len(sources)
        if left > AT_ONCE:
            found.append(f"{left - AT_ONCE} files are left")
        result = sampler.end()
    return {**result, "errors": found}


async def copy(source: Path, target: Path, number: int) -> None:
    if number % 50 == 47:
        source = source.with_name("missing")
    elif number % 50 == 48:
        target = target / "missing" / "target"
    reading = fs.create_read_stream(source)
    writing = fs.create_write_stream(target, atomic=number % 2 == 0)
    if number % 50 == 49:
        writing.on("open", lambda *_: writing.destroy())
    with contextlib.suppress(OSError, StreamError):
        await pipeline(reading, writing)
        assert number % 50 < 47, "a copy that failed looked whole"


@load
async def clients(count: int, seconds: float) -> dict[str, Any]:
    """Connections that are open at once: half ask again and again, half are slow, silent, torn or reset."""
    with reports() as found:

        def handler(request: http.ServerRequest, response: http.ServerResponse) -> None:
            sampler.done += 1
            response.end(LARGE if request.path == "/large" else SMALL)

        sampler = Sampler(sys.maxsize, 1000)
        # The slow ones are what is tried, not how soon they are ended.
        limits = http.Limits(header_time=20, idle_time=20, body_rate=None)
        async with await http.create_server(handler, limits=limits).listen(0, HOST, backlog=1024) as server:
            others = await asyncio.create_subprocess_exec(
                *[
                    sys.executable,
                    "-m",
                    "benchmarks.soaks.clients",
                    str(server.port),
                    str(count),
                    str(seconds),
                ],
                stdout=asyncio.subprocess.PIPE,
            )
            assert others.stdout is not None
            answer = asyncio.ensure_future(others.stdout.read())
            most = 0
            while not answer.done():
                await asyncio.wait([answer], timeout=0.5)
                most = max(most, server.connections)
                if most >= 0.99 * count:
                    sampler.take(sampler.done)
            assert await others.wait() == 0
            result = sampler.end()
    asked = json.loads(answer.result())
    return {**result, **asked, "most": most, "errors": found}
