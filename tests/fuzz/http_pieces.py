"""A server and a client of HTTP over streams in memory, for the targets of HTTP."""

import asyncio
import contextlib

from forebay import HttpError, StreamError, duplex_pair, http
from fuzz.oracles import Finding

#: Without times: a target must end by itself.
LIMITS = http.Limits(
    header_bytes=4000,
    headers=40,
    body_bytes=20_000,
    header_time=None,
    idle_time=None,
    keep_alive_time=None,
    request_time=None,
    body_rate=None,
)


async def body_of(message):
    """Return a body, and the name of the error that ended it."""
    parts = []
    try:
        async for chunk in message:
            parts.append(chunk)
    except (HttpError, StreamError, ConnectionError) as error:
        # How much comes before an error depends on the pieces.
        return None, type(error).__name__
    return b"".join(parts), None


async def served(pieces):
    """Return the requests that a server finds in the pieces, and its statuses."""
    seen, errors = [], []

    async def handler(request, response):
        entry = [request.method, request.url, request.http_version, list(request.raw_headers)]
        seen.append(entry)
        entry += await body_of(request)
        entry.append(list(request.raw_trailers) if request.complete else None)
        if not response.destroyed:
            response.end(b"ok")

    server = http.create_server(handler, limits=LIMITS)
    server.on("client_error", lambda error, socket: errors.append(type(error).__name__))
    near, far = duplex_pair()
    near.on("error", lambda error: None)
    far.on("error", lambda error: None)
    server.serve_connection(far)
    got = []
    near.on("data", got.append)
    for piece in pieces:
        if near.destroyed or near.writable_ended:
            break
        near.write(piece)
        await asyncio.sleep(0)
    if not near.destroyed:
        near.end()
    for _ in range(10_000):
        if not server.connections:
            break
        if near.readable_ended:
            # The server waits a while for the client to take the answer.
            near.destroy()
        await asyncio.sleep(0)
    else:
        raise Finding(f"the connection stays open: {server!r}")
    server.close_all_connections()
    statuses = [line[9:12] for line in b"".join(got).split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]
    # A body that is refused while it arrives fails its handler; one that was whole by then does not.
    return seen, statuses, errors


async def answered(pieces, method="GET"):
    """Return what a client makes of a response in these pieces."""
    near, far = duplex_pair()
    far.on("error", lambda error: None)
    far.resume()

    async def feed():
        for piece in pieces:
            if far.destroyed or far.writable_ended:
                return
            far.write(piece)
            await asyncio.sleep(0)
        if not far.destroyed:
            far.end()

    agent = http.Agent(limits=LIMITS, connect=lambda *where: near, keep_alive=False)
    informed = []
    try:
        request = agent.get("http://test/", method=method)
        request.on("information", lambda status, headers: informed.append(status))
        feeding = asyncio.ensure_future(feed())
        try:
            response = await request
            head = [
                response.status_code,
                response.status_message,
                response.http_version,
                list(response.raw_headers),
            ]
            body, error = await body_of(response)
            return head, body, error, list(response.raw_trailers) if response.complete else None, informed
        except (HttpError, StreamError, ConnectionError) as error:
            return type(error).__name__, informed
        except Exception as error:
            raise Finding(f"an error that is not documented: {error!r:.300}") from error
        finally:
            await feeding
    finally:
        with contextlib.suppress(StreamError):
            await agent.aclose()
        far.destroy()
