"""Scenarios of HTTP and WebSockets."""

import gzip

from faults.place import DATA, Later, Place
from forebay import consumers, fs, http, pipeline, websocket

# The library websockets waits for itself only as long as this run lasts.
PATIENT = {"open_timeout": None, "close_timeout": 1, "ping_interval": None, "compression": None}


async def requested(place: Place, handler, ask, server_tls=None, client_tls=None):
    async def handle(request: http.ServerRequest, response: http.ServerResponse) -> None:
        response.on("error", place.errors.append)
        try:
            await handler(request, response)
        except Exception as error:
            place.errors.append(error)
            response.destroy()

    server = http.create_server(handle, ssl=server_tls)
    server.on("error", place.errors.append)
    server.on("client_error", lambda error, *_: place.errors.append(error))
    scheme = "https" if server_tls else "http"
    async with await server.listen(0, "127.0.0.1"), http.Agent(ssl=client_tls) as agent:
        return await ask(agent, f"{scheme}://localhost:{server.port}/")


async def http_upload(place: Place) -> Later:
    async def take(request, response) -> None:
        await pipeline(request, fs.create_write_stream(place.target, atomic=True))
        response.end(b"taken")

    async def ask(agent: http.Agent, url: str) -> Later:
        response = await agent.request(url, method="PUT", body=fs.create_read_stream(place.source))
        assert await consumers.bytes(response) == b"taken"
        return place.arrived

    return await requested(place, take, ask)


async def http_download(place: Place) -> bytes:
    async def give(request, response) -> None:
        await pipeline(fs.create_read_stream(place.source), response)

    async def ask(agent: http.Agent, url: str) -> bytes:
        return await consumers.bytes(await agent.get(url))

    return await requested(place, give, ask)


async def http_ranges(place: Place) -> bytes:
    async def give(request, response) -> None:
        await response.send_file(place.source)

    async def ask(agent: http.Agent, url: str) -> bytes:
        parts = []
        for start in range(0, len(DATA), 100_000):
            wanted = f"bytes={start}-{start + 99_999}"
            response = await agent.get(url, headers={"Range": wanted})
            if response.status_code != 206:
                raise OSError(f"the answer is {response.status_code}")
            parts.append(await consumers.bytes(response))
        return b"".join(parts)

    return await requested(place, give, ask)


async def http_continued(place: Place) -> Later:
    """The body is sent when the server has agreed."""

    async def take(request, response) -> None:
        response.write_continue()
        await pipeline(request, fs.create_write_stream(place.target, atomic=True))
        response.end(b"taken")

    async def ask(agent: http.Agent, url: str) -> Later:
        headers = {"Expect": "100-continue"}
        body = fs.create_read_stream(place.source)
        response = await agent.request(url, method="PUT", headers=headers, body=body)
        assert await consumers.bytes(response) == b"taken"
        return place.arrived

    return await requested(place, take, ask)


async def http_chunked(place: Place) -> bytes:
    """Both bodies are chunked, and flow at the same time."""

    async def give_back(request, response) -> None:
        await pipeline(request, response)

    async def body():
        for start in range(0, len(DATA), 20_000):
            yield DATA[start : start + 20_000]

    async def ask(agent: http.Agent, url: str) -> bytes:
        return await consumers.bytes(await agent.request(url, method="POST", body=body()))

    return await requested(place, give_back, ask)


async def http_compressed(place: Place) -> bytes:
    async def give(request, response) -> None:
        response.set_header("Content-Encoding", "gzip")
        response.end(gzip.compress(DATA, 1))

    async def ask(agent: http.Agent, url: str) -> bytes:
        return await consumers.bytes(await agent.get(url, decompress=True))

    return await requested(place, give, ask)


async def https_download(place: Place) -> bytes:
    async def give(request, response) -> None:
        await response.send_file(place.source)

    async def ask(agent: http.Agent, url: str) -> bytes:
        response = await agent.get(url)
        if response.status_code != 200:
            raise OSError(f"the answer is {response.status_code}")
        return await consumers.bytes(response)

    return await requested(place, give, ask, place.server_tls(), place.client_tls())


async def websocket_echo(place: Place) -> bytes:
    async def answer(stream: websocket.WebSocket) -> None:
        try:
            await pipeline(stream, stream)
        except Exception as error:
            place.errors.append(error)

    got = []
    async with await websocket.serve(answer, "127.0.0.1", 0, **PATIENT) as server:
        stream = await websocket.connect(f"ws://127.0.0.1:{server.port}/", **PATIENT)
        try:
            for start in range(0, len(DATA), 50_000):
                stream.write(DATA[start : start + 50_000])
                got.append(await anext(aiter(stream)))
            stream.end()
        finally:
            stream.on("error", place.errors.append)
            stream.destroy()
    return b"".join(got)


SCENARIOS = (
    http_upload,
    http_download,
    http_ranges,
    http_continued,
    http_chunked,
    http_compressed,
    https_download,
    websocket_echo,
)
