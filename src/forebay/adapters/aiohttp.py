"""aiohttp: Readables as bodies of its server's responses and its client's requests, and the other way round.

aiohttp's own flow control is used: a write to a slow peer waits in ``drain``, and a body that is not read stops the
socket.

::

    async def download(request):
        return await send_stream(request, create_read_stream("large.bin"))

    async def upload(request):
        await pipeline(body_of(request), create_write_stream("large.bin"))

    async with session.get(url) as response:
        await pipeline(body_of(response), create_write_stream("copy"))

    await session.put(url, data=payload_of(create_read_stream("copy")))
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any

from forebay.adapters._bodies import body_bytes, body_stream, payload
from forebay.errors import InvalidArgTypeError
from forebay.streams.readable import Readable

if TYPE_CHECKING:
    from aiohttp import web

__all__ = ["ContentBody", "body_of", "payload_of", "send_stream"]


class ContentBody(Readable):
    """What `body_of` returns."""

    def __init__(self, content: Any, high_water_mark: int | None) -> None:
        super().__init__(high_water_mark=high_water_mark)
        self._content = content

    async def _read(self, size: int) -> bytes:
        # What is there, and b"" at the end.
        data: bytes = await self._content.readany()
        return data


def body_of(message: Any, *, high_water_mark: int | None = None) -> ContentBody:
    """The body of a server's request (``web.Request``) or a client's response (``ClientResponse``) as a Readable.

    A body that is cut short fails the stream with aiohttp's ClientPayloadError or ConnectionResetError. Destroying the
    stream leaves the message to whoever has it: leave its ``async with``. Raises InvalidArgTypeError for anything else.
    """
    content = getattr(message, "content", None)
    if not hasattr(content, "readany"):
        raise InvalidArgTypeError(
            f"body_of() needs a Request or a ClientResponse of aiohttp, got {message!r}"
        )
    return ContentBody(content, high_water_mark)


async def send_stream(
    request: web.BaseRequest,
    source: Any,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> web.StreamResponse:
    """Answer ``request`` with ``source``, and return the response, for a handler to return.

    ``source``: a Readable, a chain, an iterable or async iterable of bytes, or a function that returns one.
    Without a Content-Length among ``headers`` the body is chunked. A client that goes destroys the stream; the write
    that meets it raises aiohttp's ConnectionResetError. Raises what the stream fails with: before its first chunk that
    is an error page, later the connection is cut.
    """
    from aiohttp import web

    readable = body_stream(source)
    response = web.StreamResponse(status=status, headers=headers)
    try:
        if request.method == "HEAD":
            await response.prepare(request)
        else:
            async for chunk in readable:
                if not response.prepared:
                    await response.prepare(request)
                await response.write(body_bytes(chunk))
            if not response.prepared:
                await response.prepare(request)
        await response.write_eof()
    except BaseException:
        transport = request.transport
        if response.prepared and transport is not None:
            # Its end would look like the end of the body.
            transport.abort()
        raise
    finally:
        if not readable.destroyed:
            readable.destroy()
    return response


def payload_of(source: Any) -> AsyncIterator[bytes]:
    """``source`` as the ``data`` of a request of aiohttp's client; it is destroyed when the request is over.

    ``source``: a Readable, a chain, an iterable or async iterable of bytes, or a function that returns one. Raises
    InvalidArgTypeError for anything else.
    """
    return payload(source)
